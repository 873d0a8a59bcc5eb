//! The table of channels: a line for each domain, and below it as many of its channels as there is room for, the busiest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::paint::{Line, Style, number};
use super::status::{Channel, Status};
use super::trend::Trend;

/// The columns that are shown, for a width of the terminal.
struct Columns {
    name: usize,
    pending: bool,
    bars: usize,
}

/// What stands in a line.
struct Row<'a> {
    name: &'a str,
    style: Style,
    note: String,
    accepted: u64,
    quarantined: u64,
    landed: u64,
    pending: u64,
    trend: Option<&'a Trend>,
}

/// How many lines the table has when every channel has one, and when only the domains do; both without the heading.
pub fn heights(status: &Status) -> (usize, usize) {
    let domains = domains(status);
    let below = |channels: &[&Channel]| if channels.len() > 1 { channels.len() } else { 0 };
    let broken = status.channels.iter().filter(|one| !one.sums_hold).count();
    (domains.values().map(|channels| 1 + below(channels)).sum::<usize>() + broken, domains.len() + broken)
}

/// The table with its heading; of the channels below domains at most `room`.
pub fn lines(status: &Status, trends: &BTreeMap<String, Trend>, columns: usize, room: usize) -> Vec<Line> {
    let domains = domains(status);
    let shown = busiest(status, trends, room);
    let table = columns_for(status, columns);
    let headings = ["channel", "in", "quarantined", "in the lake", "pending", "rate/s"];
    let mut lines = vec![line(&table, Style::Dim, Style::Dim, "", &headings.map(str::to_owned), "")];
    for (domain, channels) in domains {
        match channels[..] {
            // A domain of one channel is that channel.
            [one] => lines.push(row(&table, &of_channel(one, &one.channel, trends))),
            _ => {
                let below: Vec<&Channel> = channels.iter().copied().filter(|one| shown.contains(one.channel.as_str())).collect();
                let note = match channels.len() - below.len() {
                    0 => String::new(),
                    hidden if below.is_empty() => format!(" {hidden} channels"),
                    hidden => format!(" and {hidden} more"),
                };
                lines.push(row(&table, &of_domain(domain, note, &channels, trends)));
                for one in below {
                    let name = format!("  {}", one.channel.split_once('/').map_or(one.channel.as_str(), |(_, name)| name));
                    lines.push(row(&table, &of_channel(one, &name, trends)));
                }
            }
        }
        for one in channels.iter().filter(|one| !one.sums_hold) {
            lines.push(Line::of(Style::Bad, format!("   the sums of {} do not hold", one.channel)));
        }
    }
    lines
}

fn domains(status: &Status) -> BTreeMap<&str, Vec<&Channel>> {
    let mut domains: BTreeMap<&str, Vec<&Channel>> = BTreeMap::new();
    for one in &status.channels {
        domains.entry(one.domain()).or_default().push(one);
    }
    domains
}

/// Those that grew most lately, then those that have the most, of the domains with more than one.
fn busiest<'a>(status: &'a Status, trends: &BTreeMap<String, Trend>, room: usize) -> BTreeSet<&'a str> {
    let mut ranked: Vec<&Channel> = domains(status).into_values().filter(|channels| channels.len() > 1).flatten().collect();
    let lately = |one: &Channel| trends.get(&one.channel).map_or(0, Trend::lately);
    ranked.sort_by_key(|one| (Reverse(lately(one)), Reverse(one.accepted)));
    ranked.into_iter().take(room).map(|one| one.channel.as_str()).collect()
}

fn columns_for(status: &Status, columns: usize) -> Columns {
    let name = domains(status)
        .into_iter()
        .map(|(domain, channels)| match channels[..] {
            [one] => one.channel.len(),
            // The name below the domain is indented by as much as the domain and the slash are shorter than two columns.
            _ => channels.iter().map(|one| one.channel.len() + 1 - domain.len()).max().unwrap_or_default().max(domain.len() + 12),
        })
        .max()
        .unwrap_or_default()
        .clamp(12, 32);
    // What the figures leave free shows the trend, if it is enough to show one.
    let used = 3 + name + 10 + 13 + 13 + 8;
    let pending = columns >= used + 11 + 16;
    let bars = columns.saturating_sub(used + if pending { 11 } else { 0 } + 3);
    Columns { name, pending, bars: if bars >= 5 { bars.min(30) } else { 0 } }
}

fn of_channel<'a>(one: &Channel, name: &'a str, trends: &'a BTreeMap<String, Trend>) -> Row<'a> {
    let Channel { channel, accepted, quarantined, landed, pending, .. } = one;
    Row {
        name,
        style: Style::Plain,
        note: String::new(),
        accepted: *accepted,
        quarantined: *quarantined,
        landed: *landed,
        pending: *pending,
        trend: trends.get(channel),
    }
}

fn of_domain<'a>(domain: &'a str, note: String, channels: &[&Channel], trends: &'a BTreeMap<String, Trend>) -> Row<'a> {
    let sum = |of: fn(&Channel) -> u64| channels.iter().map(|one| of(one)).sum();
    Row {
        name: domain,
        style: Style::Bold,
        note,
        accepted: sum(|one| one.accepted),
        quarantined: sum(|one| one.quarantined),
        landed: sum(|one| one.landed),
        pending: sum(|one| one.pending),
        trend: trends.get(domain),
    }
}

fn row(table: &Columns, row: &Row<'_>) -> Line {
    let rate = row.trend.map_or(0.0, Trend::rate);
    // A rate that would be shown as nothing is none.
    let rate = if rate >= 0.05 { format!("{rate:.1}") } else { "–".to_owned() };
    let cells = [row.name.to_owned(), number(row.accepted), number(row.quarantined), number(row.landed), number(row.pending), rate];
    let warning = if row.quarantined > 0 { Style::Warn } else { row.style };
    let picture = row.trend.map(|trend| trend.picture(table.bars)).unwrap_or_default();
    line(table, row.style, warning, &row.note, &cells, &picture)
}

fn line(table: &Columns, style: Style, warning: Style, note: &str, cells: &[String; 6], picture: &str) -> Line {
    let [name, accepted, quarantined, landed, pending, rate] = cells;
    let mut line = Line::of(Style::Plain, "   ");
    line = if note.is_empty() {
        line.left(style, name, table.name)
    } else {
        line.then(style, name.clone()).left(Style::Dim, note, table.name.saturating_sub(name.len()))
    };
    line = line.right(style, accepted, 10).right(warning, quarantined, 13).right(style, landed, 13);
    if table.pending {
        line = line.right(Style::Dim, pending, 11);
    }
    line = line.right(style, rate, 8);
    if table.bars > 0 { line.then(Style::Plain, "  ").then(Style::Good, picture) } else { line }
}
