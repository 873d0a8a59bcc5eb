//! The agencies' systems: monitoring stations, a bus operator, one-stop shops, offices, schools, a hospital, a planning
//! department; a tourist office, venues, food inspectors.
//!
//! Everything is a function of a seed and of the time it is given; nothing here reads a clock to decide what to send. Systems that
//! must name the time they are asked at, as web servers do, name the machine's.

pub mod archive;
pub mod base64;
pub mod chance;
pub mod clock;
pub mod door;
pub mod education;
pub mod egov;
pub mod environment;
pub mod foodsafety;
pub mod health;
pub mod inbox;
pub mod ledger;
pub mod people;
pub mod planning;
pub mod publisher;
pub mod server;
pub mod system;
pub mod tourism;
pub mod transport;
