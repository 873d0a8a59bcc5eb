//! Whether the sums are right: the hub's own, against what was sent, and against what lies in the lake.

use std::collections::BTreeMap;
use std::path::Path;

use super::delta_log;
use super::status::{Channel, Status};
use crate::sim::ledger::Sent;

/// What [`lake`] calls the rows it counted.
pub const LAKE_ROWS: &str = "rows in the lake";

/// Two figures that must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The channel they are about.
    pub channel: String,
    /// What the first figure is, and it.
    pub left: (&'static str, u64),
    /// What the second figure is, and it.
    pub right: (&'static str, u64),
}

impl Check {
    /// Whether they are the same.
    pub fn holds(&self) -> bool {
        self.left.1 == self.right.1
    }
}

/// The hub's promises about its sums, each channel against what the simulators sent to it or what a route made for it, and each
/// delivering route against what it had to deliver.
pub fn sums(status: &Status, sent: &BTreeMap<&'static str, Sent>) -> Vec<Check> {
    let mut checks = Vec::new();
    for one in &status.channels {
        let sent = sent.get(one.channel.as_str()).copied().unwrap_or_default();
        let mut check = |left, right| checks.push(Check { channel: one.channel.clone(), left, right });
        check(("accepted", one.accepted), ("stored + quarantined + discarded", one.stored + one.quarantined + one.discarded));
        check(("stored", one.stored), ("landed + pending", one.landed + one.pending));
        match status.routes.iter().find(|route| !route.delivers() && route.to.contains(&one.channel)) {
            None => {
                check(("stored", one.stored), ("good items sent", sent.good));
                check(("quarantined", one.quarantined), ("bad items sent", sent.bad));
            }
            Some(route) => {
                check(("stored", one.stored), ("records of its route", route.records));
                check(("quarantined", one.quarantined), ("rejections of its route", route.rejected));
            }
        }
        for route in status.routes.iter().filter(|route| route.delivers() && route.from == one.channel) {
            check(("stored", one.stored), ("delivered + given up + behind", route.records + route.dead_letters + route.behind));
        }
    }
    for (channel, sent) in sent {
        if !status.channels.iter().any(|one| one.channel == *channel) {
            checks.push(Check {
                channel: (*channel).to_owned(),
                left: ("accepted, of a channel that the hub does not have", 0),
                right: ("items sent", sent.all()),
            });
        }
    }
    checks
}

/// The rows of every channel's lake table against what the hub says it landed, and the last offset committed with them.
///
/// # Errors
/// When a table's log can not be read.
pub fn lake(status: &Status, lake: &Path) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    for one in &status.channels {
        let table = delta_log::read(&lake.join(&one.channel))?;
        // A table commits the last offset it holds; an empty one has committed none.
        let committed = table.transactions.values().max().map_or(0, |last| last.saturating_add(1).unsigned_abs());
        let mut check = |left, right| checks.push(Check { channel: one.channel.clone(), left, right });
        check((LAKE_ROWS, table.rows), ("landed", one.landed));
        check(("offsets committed to the lake", committed), ("offsets given", one.next_offset));
    }
    Ok(checks)
}

/// What was sent and is not yet where it belongs, in words; empty when all of it arrived and landed.
pub fn missing(status: &Status, sent: &BTreeMap<&'static str, Sent>) -> Vec<String> {
    let mut missing = Vec::new();
    for (channel, sent) in sent {
        match status.channels.iter().find(|one| one.channel == *channel) {
            None => missing.push(format!("{channel}: the hub has no such channel")),
            Some(one) => missing.extend(missing_in(one, *sent)),
        }
    }
    for connector in &status.connectors {
        if connector.waiting > 0 {
            missing.push(format!("{}: {} still waiting", connector.connector, connector.waiting));
        }
    }
    for route in status.routes.iter().filter(|route| route.behind > 0) {
        missing.push(format!("{}: {} records behind", route.route, route.behind));
    }
    missing
}

fn missing_in(one: &Channel, sent: Sent) -> Option<String> {
    let Channel { channel, accepted, pending, .. } = one;
    if *accepted < sent.all() {
        Some(format!("{channel}: {accepted} of {} items accepted", sent.all()))
    } else if *pending > 0 {
        Some(format!("{channel}: {pending} of {} records not in the lake yet", one.stored))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::sample;
    use super::*;

    fn sent() -> BTreeMap<&'static str, Sent> {
        BTreeMap::from([
            ("environment/observations", Sent { good: 12_345, bad: 123 }),
            ("transport/routes", Sent { good: 8, bad: 0 }),
            ("transport/stop-times", Sent { good: 58, bad: 0 }),
            ("transport/stops", Sent { good: 22, bad: 2 }),
        ])
    }

    fn broken(status: &Status) -> Vec<(String, u64, u64)> {
        sums(status, &sent()).into_iter().filter(|check| !check.holds()).map(|check| (check.channel, check.left.1, check.right.1)).collect()
    }

    #[test]
    fn right_sums_hold_and_each_wrong_one_is_named_with_both_figures() {
        assert_eq!(broken(&sample()), []);
        let mut lost = sample();
        lost.channels[0].stored -= 1;
        let of = |left, right| ("environment/observations".to_owned(), left, right);
        assert_eq!(broken(&lost), [of(12_468, 12_467), of(12_344, 12_345), of(12_344, 12_345)]);
        let mut doubled = sample();
        doubled.channels[1].accepted += 8;
        doubled.channels[1].stored += 8;
        doubled.channels[1].landed += 8;
        assert_eq!(broken(&doubled), [("transport/routes".to_owned(), 16, 8)]);
    }

    #[test]
    fn a_channel_the_hub_does_not_have_is_not_forgotten() {
        let mut status = sample();
        status.channels.remove(1);
        assert_eq!(broken(&status), [("transport/routes".to_owned(), 0, 8)]);
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let mut status = sample();
        for connector in &mut status.connectors {
            connector.waiting = 0;
        }
        status.connectors[0].waiting = 3;
        status.channels[3].accepted -= 1;
        let expected = [
            "environment/observations: 45 of 12345 records not in the lake yet",
            "transport/stops: 23 of 24 items accepted",
            "environment/air-stations: 3 still waiting",
        ];
        assert_eq!(missing(&status, &sent()), expected);
    }
}
