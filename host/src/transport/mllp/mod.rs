//! The Minimal Lower Layer Protocol (HL7 Transport Specification: MLLP, releases 1 and 2) over TCP, with or without TLS.
//!
//! A message travels as `<VT> bytes <FS><CR>`, and so does the reply to it. That the sender waits for the reply is the whole
//! of the protocol's reliability: what was not answered is sent again. Nothing here looks into a message.

#[cfg(any(test, fuzzing))]
pub mod bad_input;
mod frame;
mod frames;
mod listener;
mod replies;
#[cfg(test)]
mod tests;

pub use frames::{Ended, Frames, Patience};
pub use listener::{HANDSHAKE_TIME, Listener};
pub use replies::Replies;
