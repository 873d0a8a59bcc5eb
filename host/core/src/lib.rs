//! The domain of Lienthong, pure: ids, records, schemas, manifests, the city and what moves between the hub's parts.
//!
//! Nothing here knows HTTP, SQL, WebAssembly, a clock or a disk. `now` is always an argument.

#[cfg(any(test, fuzzing))]
pub mod bad_input;
pub mod city;
pub mod columns;
pub mod decode;
pub mod hash;
pub mod id;
pub mod lang;
pub mod log;
pub mod manifest;
pub mod ports;
pub mod record;
pub mod retry;
pub mod schema;
#[cfg(test)]
#[path = "../../../tests/suites/suite.rs"]
mod suite;
pub mod tape;
pub mod time;
pub mod units;
