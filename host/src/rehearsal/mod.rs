//! A plugin alone, before any city: its calls go through the hub's own sandbox, limits and schemas, and nothing is kept.
//!
//! There is no second host that could differ from the first one: [`Rehearsal`] puts together the same engine, intake and
//! schemas that a hub runs with. Only the last step, the commit, never comes. The world is a [`Fixture`]'s recording, or the
//! real one.

pub mod certify;
mod difference;
mod fixture;
mod line;
mod run;

pub use difference::difference;
pub use fixture::{Fixture, Input, read_all};
pub use run::{Ran, Rehearsal, World};
