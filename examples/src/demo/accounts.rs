//! The sums at the end of a bounded run, as a table for people.

use std::collections::BTreeMap;

use super::check::Check;
use super::paint::{Line, Style, number};
use super::status::Status;
use crate::sim::ledger::Sent;

/// A line for each channel with its figures, below it every check that failed, and the verdict.
pub fn lines(status: &Status, sent: &BTreeMap<&'static str, Sent>, checks: &[Check]) -> Vec<Line> {
    let mut channels: Vec<&str> = checks.iter().map(|one| one.channel.as_str()).collect();
    channels.sort_unstable();
    channels.dedup();
    let name = channels.iter().map(|channel| channel.len()).max().unwrap_or_default().clamp(26, 36);
    let row = |style, sign, cells| row(style, sign, name, cells);
    let mut lines = vec![
        Line::default(),
        row(Style::Dim, "   ", ["the sums", "sent", "accepted", "stored", "quarantined", "lake rows"].map(str::to_owned)),
    ];
    for channel in channels {
        let broken: Vec<&Check> = checks.iter().filter(|one| one.channel == channel && !one.holds()).collect();
        let figures = status.channels.iter().find(|one| one.channel == channel);
        let figure = |of: fn(&super::status::Channel) -> u64| figures.map_or_else(|| "–".to_owned(), |one| number(of(one)));
        let rows = checks.iter().find(|one| one.channel == channel && one.left.0 == super::check::LAKE_ROWS);
        let cells = [
            channel.to_owned(),
            number(
                status
                    .maker(channel)
                    .map_or_else(|| sent.get(channel).map_or(0, |sent| sent.all()), |route| route.records + route.rejected),
            ),
            figure(|one| one.accepted),
            figure(|one| one.stored),
            figure(|one| one.quarantined),
            rows.map_or_else(|| "–".to_owned(), |one| number(one.left.1)),
        ];
        let (sign, style) = if broken.is_empty() { (" ✓ ", Style::Good) } else { (" ✕ ", Style::Bad) };
        lines.push(Line::of(style, sign).append(row(Style::Plain, "", cells)));
        for one in broken {
            lines.push(Line::of(
                Style::Bad,
                format!("     {} {} ≠ {} {}", one.left.0, number(one.left.1), one.right.0, number(one.right.1)),
            ));
        }
    }
    lines.push(Line::default());
    let broken = checks.iter().filter(|one| !one.holds()).count();
    if broken == 0 {
        lines.push(Line::of(Style::Good, " ✓ ").then(Style::Bold, "All sums hold, for every channel:"));
        lines.push(Line::of(Style::Plain, "   sent, by a system or by a route = accepted = stored + quarantined + discarded"));
        lines.push(Line::of(Style::Plain, "   stored = landed + pending, and landed = rows of the lake's table"));
    } else {
        lines.push(Line::of(Style::Bad, format!(" ✕ {broken} of {} sums do not hold", checks.len())));
    }
    lines
}

fn row(style: Style, sign: &str, name: usize, cells: [String; 6]) -> Line {
    let [channel, sent, accepted, stored, quarantined, rows] = cells;
    let line = Line::of(style, sign).left(style, &channel, name).right(style, &sent, 8).right(style, &accepted, 10);
    line.right(style, &stored, 9).right(style, &quarantined, 13).right(style, &rows, 11)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::status::sample;
    use super::*;

    fn text(status: &Status) -> String {
        let sent = BTreeMap::from([
            ("environment/observations", Sent { good: 12_345, bad: 123 }),
            ("transport/routes", Sent { good: 8, bad: 0 }),
            ("transport/stop-times", Sent { good: 58, bad: 0 }),
            ("transport/stops", Sent { good: 22, bad: 2 }),
        ]);
        let mut checks = check::sums(status, &sent);
        let rows =
            |channel: &str, rows, landed| Check { channel: channel.to_owned(), left: (check::LAKE_ROWS, rows), right: ("landed", landed) };
        checks.push(rows("environment/observations", 12_300, 12_300));
        checks.push(rows("transport/stops", 22, 22));
        lines(status, &sent, &checks).iter().map(|line| line.render(false)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn sums_that_hold() {
        insta::assert_snapshot!(text(&sample()));
    }

    #[test]
    fn sums_that_do_not() {
        let mut status = sample();
        status.channels[0].stored -= 5;
        status.channels.remove(1);
        insta::assert_snapshot!(text(&status));
    }
}
