//! What all simulated systems have in common: they take turns, and can say what the hub has not taken from them yet.

use std::time::Duration;

use futures::future::BoxFuture;

use super::clock::{self, LocalTime};

/// One turn of a system.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// From 0, one more each time.
    pub number: u64,
    /// The moment it is about, as [`clock`] counts steps.
    pub step: i64,
    /// That of the turn before; none in the first.
    pub previous: Option<i64>,
    /// What is sent in it is spread over so long.
    pub spread: Duration,
}

impl Turn {
    /// The moment it is about.
    pub fn at(&self) -> LocalTime {
        clock::at_step(self.step)
    }
}

/// A system of an agency, or several of one kind.
pub trait System: Send + Sync {
    /// Does all that falls into one turn, and enters what it sends in the ledger first.
    ///
    /// The error says what could not be sent, or what the hub answered that it should not have.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>>;

    /// So many turns may be under way at once: in some, what is sent halts, and must not hold up the next.
    fn turns_at_once(&self) -> usize {
        1
    }

    /// What the hub has neither taken nor asked for yet, in words.
    ///
    /// # Errors
    /// When that can not be seen.
    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
