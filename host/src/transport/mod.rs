//! How bytes reach a connector. Transports know nothing of what the bytes mean.

pub mod body;
pub mod failed;
pub mod inbox;
pub mod memory;
pub mod mllp;
pub mod name_pattern;
