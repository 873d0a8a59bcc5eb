//! The hub. Modules stand on floors, lowest first, and a module imports only what stands lower:
//!
//! `clock` `net` → `store` → `wasm` → `transport` → `lake` → `pipeline` → `ops` → `http` → `config` → `app`.
//!
//! `store`, `wasm`, `transport` and `lake` never import each other: the pipeline introduces them. A test reads every
//! `use crate::` and fails on an arrow that runs up or sideways.

pub mod app;
pub mod clock;
pub mod config;
pub mod http;
pub mod lake;
pub mod net;
pub mod ops;
pub mod pipeline;
pub mod store;
pub mod toolchain;
pub mod transport;
pub mod wasm;
