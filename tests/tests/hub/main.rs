//! The whole hub through its real doors.

#![allow(clippy::unwrap_used)]

mod agencies;
mod attachments;
mod bucket;
mod connectors;
mod description;
mod doors;
mod durability;
mod keys;
mod mllp;
mod operators;
mod overload;
mod stop;
mod towns;
