//! Runnable cities, the simulators of their agencies, and the benchmark's records.

pub mod corpus;
