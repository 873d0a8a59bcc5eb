//! Calls of the battery, and what holds of every one of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::report::Check;
use crate::rehearsal::difference::difference;
use crate::rehearsal::fixture::Fixture;
use crate::rehearsal::run::{Ran, Rehearsal, World};
use crate::wasm::{Cause, Failure, Replay};

pub(super) struct Battery<'a> {
    pub(super) rehearsal: &'a Rehearsal,
    pub(super) fixtures: &'a [Fixture],
    /// What came of each fixture as it is.
    pub(super) usual: Vec<Vec<Value>>,
    calls: usize,
    invalid: BTreeSet<String>,
}

impl<'a> Battery<'a> {
    pub(super) fn new(rehearsal: &'a Rehearsal, fixtures: &'a [Fixture]) -> Self {
        Self { rehearsal, fixtures, usual: Vec::new(), calls: 0, invalid: BTreeSet::new() }
    }

    /// One call in the world that the fixture describes.
    pub(super) async fn call(&mut self, fixture: &Fixture, what: &str) -> anyhow::Result<Ran> {
        let ran = self.rehearsal.run(fixture, World::Recorded(fixture.replay())).await?;
        self.look_at(fixture, &ran, what);
        Ok(ran)
    }

    /// One call with input that is wrong: what comes of it may be refused, for that is what schemas are for.
    pub(super) async fn call_with_damage(&mut self, fixture: &Fixture) -> anyhow::Result<Ran> {
        self.rehearsal.run(fixture, World::Recorded(fixture.replay())).await
    }

    /// Keeps what no schema accepts, unless the vendor says that it comes.
    fn look_at(&mut self, fixture: &Fixture, ran: &Ran, what: &str) {
        self.calls += 1;
        for line in ran.lines.iter().filter(|line| line.get("refused").is_some()) {
            if fixture.expected.as_ref().is_some_and(|expected| expected.contains(line)) {
                continue;
            }
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
            self.invalid.insert(format!("{}, {what}: {} at {:?}: {}", fixture.name, text("port"), text("pointer"), text("message")));
        }
    }

    /// Every fixture as it is: all else is measured by this.
    pub(super) async fn fixtures(&mut self) -> anyhow::Result<Check> {
        let mut wrong = Vec::new();
        for fixture in self.fixtures {
            let replay = fixture.replay();
            let ran = self.rehearsal.run(fixture, World::Recorded(replay.clone())).await?;
            self.look_at(fixture, &ran, "as it is");
            match &fixture.expected {
                None => wrong.push(format!("{} has no expect.ndjson: `plugin test --update` writes it", fixture.name)),
                Some(expected) if !difference(expected, &ran.lines).is_empty() => {
                    wrong.push(format!("{} brings something else than it says: `plugin test` shows it", fixture.name));
                }
                Some(_) => {}
            }
            wrong.extend(requests(&replay).into_iter().map(|what| format!("{}: {what}", fixture.name)));
            self.usual.push(ran.lines);
        }
        Ok(Check::of("fixtures", &wrong, format!("of {}, what comes is what is expected", several(self.fixtures.len(), "fixture"))))
    }

    /// Whether all that any call emitted is valid.
    pub(super) fn schemas(&self) -> Check {
        let wrong: Vec<_> = self.invalid.iter().cloned().collect();
        Check::of("schemas", &wrong, format!("every record of {} with sound input fits its channel", several(self.calls, "call")))
    }
}

/// Requests that were not to be, and those that were to be.
fn requests(replay: &Replay) -> Vec<String> {
    let unexpected = replay.unexpected().into_iter().map(|request| format!("no exchange answers {request}"));
    let unused = replay.unused().into_iter().map(|exchange| format!("nobody asked for {} {}", exchange.method, exchange.url));
    unexpected.chain(unused).collect()
}

/// Whether the call ended in a way that a hub can live with: well, or with the plugin's word on whose fault it is. What it must
/// not do is break, break a limit, or call itself broken.
pub(super) fn sound(ran: &Ran) -> Result<(), String> {
    match &ran.cause {
        None => Ok(()),
        Some(Cause::Plugin(failure)) if !matches!(failure, Failure::Internal(_)) => Ok(()),
        Some(cause) => Err(cause.to_string()),
    }
}

/// `1 call`, `2 calls`
pub(super) fn several(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The fixture with something else in it.
pub(super) fn with(fixture: &Fixture, change: impl FnOnce(&mut Fixture)) -> Fixture {
    let mut changed = fixture.clone();
    change(&mut changed);
    changed
}
