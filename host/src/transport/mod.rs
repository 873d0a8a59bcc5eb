//! How bytes reach a connector. Transports know nothing of what the bytes mean.

pub mod body;
pub mod inbox;
pub mod name_pattern;
