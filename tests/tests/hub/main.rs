//! The whole hub through its real doors.

#![allow(clippy::unwrap_used)]

mod agencies;
mod attachments;
mod connectors;
mod description;
mod doors;
mod durability;
mod keys;
mod languages;
mod mllp;
mod operators;
mod overload;
mod stop;
mod towns;
