//! The agencies' systems: ten monitoring stations and a transport operator.
//!
//! Everything is a function of a seed and of the time it is given; nothing here reads a clock to decide what to send.

pub mod chance;
pub mod clock;
pub mod feed;
pub mod inbox;
pub mod ledger;
pub mod operator;
pub mod round;
pub mod stations;
pub mod tt10;
pub mod webhook;

/// What the stations' readings become.
pub const OBSERVATIONS: &str = "environment/observations";
/// The four channels a GTFS feed fills, each with the feed's file it comes from.
pub const GTFS_CHANNELS: [(&str, &str); 4] = [
    ("transport/routes", "routes.txt"),
    ("transport/stop-times", "stop_times.txt"),
    ("transport/stops", "stops.txt"),
    ("transport/trips", "trips.txt"),
];
