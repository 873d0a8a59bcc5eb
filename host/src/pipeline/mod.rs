//! Receive → decode → validate → append, and read → land → commit. The pipeline introduces the store, the sandbox, the
//! transports and the lake to each other; none of them knows another.

mod breaker;
mod budget;
pub mod call;
pub mod channels;
pub mod fault;
pub mod gate;
pub mod intake;
pub mod landing;
pub mod messages;
mod mllp;
pub mod post;
pub mod reply;
mod restart;
mod scorecard;
pub mod supervision;
pub mod supervisor;
