//! Receive → decode → validate → append, and read → land → commit. The pipeline introduces the store, the sandbox, the
//! transports and the lake to each other; none of them knows another.

pub mod call;
pub mod channels;
pub mod fault;
pub mod intake;
pub mod landing;
pub mod messages;
mod mllp;
pub mod post;
pub mod recording;
pub mod recordings;
pub mod replay;
pub mod reply;
pub mod supervision;
pub mod supervisor;
mod taping;
pub mod version;
