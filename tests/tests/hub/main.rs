//! The whole hub through its real doors.

#![allow(clippy::unwrap_used)]

mod agencies;
mod attachments;
mod bad_input;
mod bucket;
mod circus;
mod compile;
mod connectors;
mod deliveries;
mod description;
mod disk;
mod doors;
mod durability;
mod hostile;
mod install;
mod keys;
mod languages;
mod many_channels;
mod mllp;
mod operators;
mod overload;
mod replay;
mod routes;
mod slow;
mod soak;
mod stop;
mod supervision;
mod towns;
mod tutorial;
mod vendors;
mod wire;
