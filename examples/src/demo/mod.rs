//! The demonstration: a hub as a child process, the city's systems in small, and a table of what happens.
//!
//! The hub is reached through its public doors alone: its command line, HTTP, folders, and the files of its lake.

pub mod accounts;
mod bao_loc;
pub mod channel_rows;
pub mod check;
pub mod connector_rows;
mod da_lat;
pub mod delta_log;
pub mod draw;
pub mod folder;
pub mod hub;
pub mod paint;
pub mod run;
pub mod screen;
pub mod status;
pub mod systems;
pub mod traffic;
pub mod trend;
