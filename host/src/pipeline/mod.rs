//! Receive → decode → validate → append, read → land → commit, and read → fold or deliver → commit. The pipeline introduces the store, the sandbox, the
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
pub mod recording;
pub mod recordings;
pub mod replay;
pub mod reply;
mod restart;
pub mod routes;
mod scorecard;
pub mod supervision;
pub mod supervisor;
mod taping;
pub mod version;
