//! What a run did, counted.

use std::collections::BTreeMap;

/// Numbers by name, in the order of the names.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts more of something.
    pub fn add(&mut self, what: impl Into<String>, number: u64) {
        if number > 0 {
            *self.0.entry(what.into()).or_default() += number;
        }
    }

    /// Keeps the highest of several figures.
    pub fn highest(&mut self, what: impl Into<String>, number: u64) {
        let highest = self.0.entry(what.into()).or_default();
        *highest = number.max(*highest);
    }

    /// How many of something.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds another trial's numbers; what begins with `most ` is no sum.
    pub fn merge(&mut self, other: Self) {
        for (what, number) in other.0 {
            if what.starts_with("most ") { self.highest(what, number) } else { self.add(what, number) }
        }
    }

    /// One number a line.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(what, number)| format!("{number:>10}  {what}"))
    }

    /// In one line, of those that matter there.
    pub fn short(&self, names: &[&str]) -> String {
        names.iter().map(|name| format!("{} {name}", self.of(name))).collect::<Vec<_>>().join(", ")
    }
}
