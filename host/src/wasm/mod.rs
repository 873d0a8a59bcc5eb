//! The sandbox: the only place that knows wasmtime.
//!
//! [`Engine`] is one a hub. It turns a component's bytes into a [`Plugin`], and a [`Plugin`] answers [`Call`]s. Every call
//! gets a fresh instance, a budget, and nothing of the machine: no files, environment, arguments or sockets; its output
//! goes to the call's `Emit` and its requests through the call's [`crate::net::Door`]. Whatever a guest does, the call
//! ends with an [`Outcome`] that says why, and the next call knows nothing of it.

mod bindings;
mod cache;
mod call;
pub mod compile;
pub mod component;
mod contract;
mod engine;
mod http;
mod imports;
mod lanes;
mod meter;
mod plugin;
mod recording;
mod senses;
mod state;
mod stdio;
#[cfg(test)]
mod tests;

pub use call::{
    Batch, CURSOR_BYTES, Call, Cause, Failed, Failure, Folded, ItemStatus, Keyed, Message, Outcome, Output, Progress, Rejected, Reply,
    Usage,
};
pub use component::{Facts, LoadError};
pub use engine::{Engine, EngineOptions, Error};
pub use plugin::Plugin;
pub use recording::{Exchange, NoAnswer, Octets, Recorder, Replay, Senses, Tape};
