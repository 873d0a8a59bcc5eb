//! The table: channels, connectors and what to try, as lines for a terminal of a width and a height.

use std::collections::BTreeMap;
use std::time::Duration;

use super::paint::{Line, Style, number};
use super::status::{Channel, Connector, Status};
use super::trend::Trend;

/// What the table is drawn from.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The hub's last word.
    pub status: &'a Status,
    /// How fast each channel grows.
    pub trends: &'a BTreeMap<String, Trend>,
    /// Since the hub was ready.
    pub elapsed: Duration,
    /// What the simulators did, in a few words.
    pub traffic: &'a str,
    /// Commands to try: what for, and its lines.
    pub commands: &'a [(String, Vec<String>)],
}

/// A line and how much it may be missed when the terminal is low.
struct Ranked {
    line: Line,
    rank: Rank,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Shown as long as there is room at all.
    Needed,
    /// Copied from the terminal, so never cut to its width.
    Whole,
    /// Explains a command.
    Label,
    /// Space between parts.
    Space,
}

/// The table's lines, none wider than `columns`, but for commands: those are left whole, and the terminal wraps them.
/// What has no room within `rows` is left out, the least needed first.
pub fn frame(view: &View<'_>, columns: usize, rows: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut push = |rank, line| lines.push(Ranked { line, rank });
    push(Rank::Needed, title(view, columns));
    push(Rank::Space, Line::default());
    for line in channels(view, columns) {
        push(Rank::Needed, line);
    }
    push(Rank::Space, Line::default());
    for line in connectors(&view.status.connectors, columns) {
        push(Rank::Needed, line);
    }
    push(Rank::Space, Line::default());
    push(Rank::Needed, Line::of(Style::Dim, format!(" {}", view.traffic)));
    if !view.commands.is_empty() {
        push(Rank::Space, Line::default());
    }
    for (label, command) in view.commands {
        push(Rank::Label, Line::of(Style::Dim, format!(" # {label}")));
        for line in command {
            push(Rank::Whole, Line::of(Style::Plain, line.clone()));
        }
    }
    for rank in [Rank::Space, Rank::Label] {
        if height(&lines, columns) > rows {
            lines.retain(|one| one.rank != rank);
        }
    }
    while height(&lines, columns) > rows && lines.pop().is_some() {}
    let fitted = |one: Ranked| if one.rank == Rank::Whole { one.line } else { one.line.within(columns) };
    lines.into_iter().map(fitted).collect()
}

fn height(lines: &[Ranked], columns: usize) -> usize {
    let rows = |one: &Ranked| if one.rank == Rank::Whole { rows_of(&one.line, columns) } else { 1 };
    lines.iter().map(rows).sum()
}

/// How many rows of a terminal a line takes.
pub fn rows_of(line: &Line, columns: usize) -> usize {
    line.width().div_ceil(columns.max(1)).max(1)
}

fn title(view: &View<'_>, columns: usize) -> Line {
    let seconds = view.elapsed.as_secs();
    let health = &view.status.health;
    let (sign, style) = if health == "ready" { ("●", Style::Good) } else { ("▲", Style::Bad) };
    let clock = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    let right = Line::of(Style::Dim, clock).then(style, format!("  {sign} ")).then(Style::Plain, format!("{health} "));
    let left = Line::of(Style::Bold, format!(" Lienthong · {}", view.status.city));
    let gap = columns.saturating_sub(left.width() + right.width());
    left.then(Style::Plain, " ".repeat(gap)).append(right)
}

fn channels(view: &View<'_>, columns: usize) -> Vec<Line> {
    // What the figures leave free shows the trend, if it is enough to show one.
    let name = view.status.channels.iter().map(|one| one.channel.len()).max().unwrap_or(0).clamp(12, 32);
    let used = 3 + name + 10 + 13 + 13 + 8;
    let wide = columns >= used + 11 + 16;
    let bars = columns.saturating_sub(used + if wide { 11 } else { 0 } + 3);
    let bars = if bars >= 5 { bars.min(30) } else { 0 };
    let row = |style: Style, quarantine: Style, cells: &[String; 6], trend: &str| {
        let [channel, accepted, quarantined, landed, pending, rate] = cells;
        let mut line = Line::of(Style::Plain, "   ").left(style, channel, name);
        line = line.right(style, accepted, 10).right(quarantine, quarantined, 13).right(style, landed, 13);
        if wide {
            line = line.right(Style::Dim, pending, 11);
        }
        line = line.right(style, rate, 8);
        if bars > 0 { line.then(Style::Plain, "  ").then(Style::Good, trend) } else { line }
    };
    let header = row(Style::Dim, Style::Dim, &["channel", "in", "quarantined", "in the lake", "pending", "rate/s"].map(str::to_owned), "");
    let mut lines = vec![header];
    for one in &view.status.channels {
        let Channel { channel, accepted, quarantined, landed, pending, .. } = one;
        let trend = view.trends.get(channel);
        let rate = trend.map_or(0.0, Trend::rate);
        let rate = if rate > 0.0 { format!("{rate:.1}") } else { "–".to_owned() };
        let cells = [channel.clone(), number(*accepted), number(*quarantined), number(*landed), number(*pending), rate];
        let warning = if *quarantined > 0 { Style::Warn } else { Style::Plain };
        lines.push(row(Style::Plain, warning, &cells, &trend.map(|trend| trend.picture(bars)).unwrap_or_default()));
        if !one.sums_hold {
            lines.push(Line::of(Style::Bad, format!("   the sums of {channel} do not hold")));
        }
    }
    lines
}

fn connectors(all: &[Connector], columns: usize) -> Vec<Line> {
    let name = all.iter().map(|one| one.connector.len()).max().unwrap_or(0).clamp(12, 32);
    let row = |style: Style, cells: &[String; 6]| {
        let [connector, transport, state, waiting, records, rejected] = cells;
        let line = Line::default().left(style, connector, name).then(style, "  ").left(style, transport, 11).left(style, state, 7);
        line.right(style, waiting, 9).right(style, records, 10).right(style, rejected, 10)
    };
    let header = row(Style::Dim, &["connector", "transport", "state", "waiting", "records", "rejected"].map(str::to_owned));
    let mut lines = vec![Line::of(Style::Plain, "   ").append(header)];
    for one in all {
        let (sign, style) = match one.state.as_str() {
            "failing" => ("✕", Style::Bad),
            _ if one.last_error.is_some() => ("●", Style::Warn),
            _ => ("●", Style::Good),
        };
        let cells = [
            one.connector.clone(),
            one.transport.clone(),
            one.state.clone(),
            number(one.waiting),
            number(one.records),
            number(one.rejected),
        ];
        lines.push(Line::of(style, format!(" {sign} ")).append(row(Style::Plain, &cells)));
        if let Some(error) = &one.last_error {
            lines.push(Line::of(style, format!("   {error}")).within(columns));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::status::sample;
    use super::*;

    fn drawn(columns: usize, rows: usize) -> Vec<Line> {
        let status = sample();
        let mut trend = Trend::default();
        for second in 0..30u64 {
            trend.see(Duration::from_secs(second), second * second * 3);
        }
        let trends = BTreeMap::from([("environment/observations".to_owned(), trend)]);
        let commands = [
            (
                "push a record".to_owned(),
                vec![
                    "curl -H @target/demo/keys/environment-department -d @target/demo/reading.json \\".to_owned(),
                    "  127.0.0.1:8700/v1/channels/environment/observations/records".to_owned(),
                ],
            ),
            (
                "what was refused, and why".to_owned(),
                vec!["curl -H @target/demo/keys/operator '127.0.0.1:8700/v1/quarantine?limit=3'".to_owned()],
            ),
        ];
        let view = View {
            status: &status,
            trends: &trends,
            elapsed: Duration::from_secs(125),
            traffic: "ten stations: 240 files, 60 posts",
            commands: &commands,
        };
        frame(&view, columns, rows)
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.render(false)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn at_80_columns() {
        insta::assert_snapshot!(text(&drawn(80, 40)));
    }

    #[test]
    fn at_120_columns() {
        insta::assert_snapshot!(text(&drawn(120, 40)));
    }

    #[test]
    fn nothing_but_commands_is_wider_or_higher_than_the_terminal() {
        for columns in [20, 40, 60, 79, 80, 81, 100, 120, 200] {
            for rows in [1, 5, 12, 15, 17, 20, 24, 50] {
                let lines = drawn(columns, rows);
                let height: usize = lines.iter().map(|line| rows_of(line, columns)).sum();
                assert!(height <= rows, "{height} rows in {columns}×{rows}");
                let wide = lines.iter().filter(|line| line.width() > columns).map(|line| line.render(false));
                let wide: Vec<_> = wide.filter(|line| !line.contains("curl") && !line.starts_with("  127.")).collect();
                assert!(wide.is_empty(), "at {columns}×{rows}: {wide:?}");
            }
        }
    }

    #[test]
    fn a_low_terminal_loses_space_first_and_figures_last() {
        let whole = drawn(80, 40).len();
        let has = |rows: usize, what: &str| text(&drawn(80, rows)).contains(what);
        assert!(has(whole - 1, "# push a record") && has(whole - 1, "curl"));
        assert!(!has(whole - 6, "# push a record") && has(whole - 6, "curl"));
        assert!(!has(11, "curl") && has(11, "12,468"));
    }
}
