//! Runnable cities, the simulators of the agencies' systems that feed them, and the benchmark's records.
//!
//! Nothing here is part of the hub. The simulators ([`sim`]) speak the formats that real systems speak and keep a
//! ledger of all they sent; the demonstration ([`demo`]) starts a hub as a child process, lets them loose on it
//! through its public doors, shows what happens, and holds the hub's own sums against the ledger.

pub mod client;
pub mod corpus;
pub mod demo;
pub mod sim;
