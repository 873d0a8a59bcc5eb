//! What the simulators sent, told apart by channel: the oracle that the hub's sums are held against.

use std::collections::BTreeMap;
use std::io::Write;
use std::iter::Sum;
use std::ops::AddAssign;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// One thing sent. A repetition of it is no second entry: the hub must count it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `inbox`, `webhook`, `poll`, `api` or `mllp`.
    pub way: &'static str,
    /// The file's name, or the feed's version.
    pub name: String,
    /// What it should come to, by channel.
    pub sent: BTreeMap<&'static str, Sent>,
}

/// Items sent to one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Items that must become records.
    pub good: u64,
    /// Items that must be in quarantine.
    pub bad: u64,
}

impl Sent {
    /// All of it.
    pub fn all(self) -> u64 {
        self.good + self.bad
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }
}

impl Sum for Sent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

/// Totals in memory and every entry as a line of JSON in a file.
#[derive(Debug)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<std::fs::File>,
    totals: BTreeMap<&'static str, Sent>,
    entries: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// A ledger that is kept in memory alone.
    pub fn in_memory() -> Self {
        Self { state: Mutex::new(State { file: None, totals: BTreeMap::new(), entries: BTreeMap::new() }) }
    }

    /// A ledger that also writes each entry to a new file.
    ///
    /// # Errors
    /// When the file can not be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let ledger = Self::in_memory();
        ledger.lock().file = Some(std::fs::File::create(path)?);
        Ok(ledger)
    }

    /// Enters what is about to be sent. To be called before the sending, so that the hub is never ahead of the ledger.
    ///
    /// # Errors
    /// When the file can not be written.
    pub fn enter(&self, entry: &Entry) -> std::io::Result<()> {
        let mut state = self.lock();
        if let Some(file) = &mut state.file {
            let mut line = serde_json::to_vec(entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        for (channel, sent) in &entry.sent {
            *state.totals.entry(channel).or_default() += *sent;
        }
        *state.entries.entry(entry.way).or_default() += 1;
        Ok(())
    }

    /// What each channel should have by now.
    pub fn totals(&self) -> BTreeMap<&'static str, Sent> {
        self.lock().totals.clone()
    }

    /// How many entries travelled this way.
    pub fn entries(&self, way: &str) -> u64 {
        self.lock().entries.get(way).copied().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Every change above leaves the totals whole, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_and_the_file_tell_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.ndjson");
        let ledger = Ledger::create(&path).unwrap();
        for (name, good, bad) in [("a.txt", 7, 1), ("b.txt", 8, 0)] {
            let sent = BTreeMap::from([("environment/observations", Sent { good, bad })]);
            ledger.enter(&Entry { way: "inbox", name: name.to_owned(), sent }).unwrap();
        }
        assert_eq!(ledger.totals(), BTreeMap::from([("environment/observations", Sent { good: 15, bad: 1 })]));
        assert_eq!((ledger.entries("inbox"), ledger.entries("webhook")), (2, 0));
        let written = std::fs::read_to_string(&path).unwrap();
        let bad: u64 = written
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter_map(|entry| entry["sent"]["environment/observations"]["bad"].as_u64())
            .sum();
        assert_eq!(bad, 1);
    }
}
