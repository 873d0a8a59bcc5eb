//! The harness of the trials: a temporary city, the real program `lienthong` running on it, and clients at its doors.
//!
//! What goes wrong here panics: a trial has nobody to hand an error to.

#![allow(clippy::missing_panics_doc)]

pub mod board;
pub mod chance;
pub mod city;
pub mod client;
pub mod fault_proxy;
pub mod feed_server;
pub mod growth;
#[path = "../plugins/guest.rs"]
pub mod guest;
pub mod hub;
pub mod lake;
pub mod ledger;
pub mod measure;
pub mod mllp;
pub mod neighbours;
pub mod object_store;
pub mod program;
pub mod small_disk;
pub mod versions;
pub mod wait;
mod web;
