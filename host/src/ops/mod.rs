//! What an operator can do. The command line and the API call the same functions.

pub mod connectors;
pub mod dead_letters;
pub mod keys;
pub mod log_name;
pub mod plugins;
pub mod roster;
pub mod status;
