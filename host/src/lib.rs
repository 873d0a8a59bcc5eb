//! The hub. Modules stand on floors, and a module imports only what stands on a lower one:
//!
//! 1. `clock` `disk` `failpoint` `fair` `net` `toolchain`
//! 2. `store` `wasm` `transport` `lake`
//! 3. `pipeline`
//! 4. `ops`
//! 5. `http`
//! 6. `config`
//! 7. `app` `rehearsal`
//!
//! Modules of one floor never import each other: the pipeline introduces the four of the second. `tests/floors.rs` reads
//! this list and every path in the sources, and fails on an arrow that runs up or sideways.

#![cfg_attr(test, expect(clippy::duplicate_mod, reason = "kept inputs are read beside each door"))]

pub mod app;
pub mod clock;
pub mod config;
pub mod disk;
pub mod failpoint;
pub mod fair;
pub mod http;
pub mod lake;
pub mod net;
pub mod ops;
pub mod pipeline;
pub mod rehearsal;
pub mod store;
pub mod toolchain;
pub mod transport;
pub mod wasm;
