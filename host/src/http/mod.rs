//! The agency API and the operator API: who may enter, what comes in, what goes out, and how it is told when it fails.

mod admission;
mod attachments;
#[cfg(any(test, fuzzing))]
pub mod bad_input;
mod channels;
mod cloud_events;
mod connectors;
mod cursor;
mod dead_letters;
mod doors;
mod intake;
mod keys;
mod messages;
mod metrics;
mod openapi;
mod operators;
mod patience;
mod permission;
mod pieces;
mod plugins;
mod problem;
mod records;
mod routes;
mod runs;
pub mod serve;
mod state;

pub use doors::router;
pub use permission::LocalOperator;
pub use state::{Api, Parts};
