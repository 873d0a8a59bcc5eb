//! The hub. Modules stand on floors, lowest first; a module imports only what stands lower (`tests` guard it).
//!
//! `net` → `store` → `wasm` → `transport` → `lake` → `delivery` → `pipeline` → `ops` → `http` → `config` → `app`;
//! `store`, `wasm`, `transport` and `lake` never import each other.


pub mod clock;
pub mod config;
pub mod lake;
pub mod net;
pub mod ops;
pub mod pipeline;
pub mod store;
pub mod toolchain;
pub mod transport;
pub mod wasm;
pub mod http;
