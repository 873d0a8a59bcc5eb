//! The table: channels, connectors and what to try, as lines for a terminal of a width and a height.

use std::collections::BTreeMap;
use std::time::Duration;

use super::paint::{Line, Style};
use super::status::Status;
use super::trend::Trend;
use super::{channel_rows, connector_rows};

/// What the table is drawn from.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The hub's last word.
    pub status: &'a Status,
    /// How fast each channel and each domain grows.
    pub trends: &'a BTreeMap<String, Trend>,
    /// Since the hub was ready.
    pub elapsed: Duration,
    /// What the simulators did, in a few words.
    pub traffic: &'a str,
    /// Commands to try: what for, and its lines.
    pub commands: &'a [(String, Vec<String>)],
}

/// What is shown beside the figures, where there is room.
#[derive(Debug, Clone, Copy)]
struct Extras {
    commands: bool,
    labels: bool,
    space: bool,
}

/// From all to nothing; space is worth more than labels, and commands more than space.
const EXTRAS: [Extras; 5] = [
    Extras { commands: true, labels: true, space: true },
    Extras { commands: true, labels: false, space: true },
    Extras { commands: true, labels: false, space: false },
    Extras { commands: false, labels: false, space: true },
    Extras { commands: false, labels: false, space: false },
];

/// Before so many channels and connectors are shown, or all there are, nothing beside them is.
const WISHED: usize = 16;

/// The table's lines, none wider than `columns`, but for commands: those are left whole, and the terminal wraps them.
///
/// Every domain has a line. Where not all channels and connectors fit into `rows`, the busiest are shown, and those that fail.
pub fn frame(view: &View<'_>, columns: usize, rows: usize) -> Vec<Line> {
    let status = view.status;
    let (all_channels, domains) = channel_rows::heights(status);
    let (below, connectors) = (all_channels - domains, connector_rows::height(&status.connectors));
    // Title, two headings, the line of the traffic.
    let always = 4 + domains;
    let wished = (below + connectors).min(WISHED);
    let fits = |extras: &Extras| always + wished + height(view, *extras, columns) <= rows;
    let extras = EXTRAS.into_iter().find(fits).unwrap_or(EXTRAS[EXTRAS.len() - 1]);
    let room = rows.saturating_sub(always + height(view, extras, columns));
    // Each gets half, and what the other does not need.
    let room_of_channels = below.min((room / 2).max(room.saturating_sub(connectors)));
    let room_of_connectors = room - room_of_channels;

    let space = || extras.space.then(Line::default);
    let mut lines = vec![title(view, columns)];
    lines.extend(space());
    lines.extend(channel_rows::lines(status, view.trends, columns, room_of_channels));
    lines.extend(space());
    lines.extend(connector_rows::lines(&status.connectors, columns, room_of_connectors));
    lines.extend(space());
    lines.push(Line::of(Style::Dim, format!(" {}", view.traffic)));
    let mut lines: Vec<Line> = lines.into_iter().map(|line| line.within(columns)).take(rows).collect();
    if extras.commands {
        if !view.commands.is_empty() {
            lines.extend(space());
        }
        for (label, command) in view.commands {
            lines.extend(extras.labels.then(|| Line::of(Style::Dim, format!(" # {label}")).within(columns)));
            lines.extend(command.iter().map(|line| Line::of(Style::Plain, line.clone())));
        }
    }
    lines
}

/// How many rows the extras take.
fn height(view: &View<'_>, extras: Extras, columns: usize) -> usize {
    let commands = view.commands.iter().flat_map(|(_, lines)| lines).map(|line| rows_of(&Line::of(Style::Plain, line.clone()), columns));
    let commands = if extras.commands { commands.sum() } else { 0 };
    let labels = if extras.commands && extras.labels { view.commands.len() } else { 0 };
    let spaces = match extras {
        Extras { space: false, .. } => 0,
        Extras { commands: true, .. } if !view.commands.is_empty() => 4,
        _ => 3,
    };
    commands + labels + spaces
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

#[cfg(test)]
mod tests {
    use super::super::status::{Channel, Connector, sample};
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

    /// Six domains and eleven connectors, as the example city has them.
    fn city() -> Status {
        let few = sample();
        let channels = [
            ("education", "academic-sessions classes courses enrollments line-items orgs results roles users"),
            ("egov", "document-status documents dossier-steps dossiers"),
            ("environment", "observations"),
            ("health", "appointments encounters immunizations insurance-episodes insurance-items observations patients"),
            ("planning", "admin-units"),
            ("transport", "routes stop-times stops trips"),
        ];
        let names = channels.iter().flat_map(|(domain, names)| names.split(' ').map(move |name| format!("{domain}/{name}")));
        let like = |(nth, channel): (usize, String)| Channel { channel, accepted: 100 * nth as u64, ..few.channels[3].clone() };
        let channels = names.enumerate().map(like).collect();
        let like =
            |nth: usize| Connector { connector: format!("domain/system-{nth:02}"), records: nth as u64, ..few.connectors[nth % 4].clone() };
        Status { channels, connectors: (0..11).map(like).collect(), ..few }
    }

    #[test]
    fn a_whole_city_at_80_by_24() {
        let (status, trends) = (city(), BTreeMap::new());
        let view = View { status: &status, trends: &trends, elapsed: Duration::from_secs(5), traffic: "sent: 48 files", commands: &[] };
        let lines = frame(&view, 80, 23);
        assert_eq!(lines.len(), 23);
        insta::assert_snapshot!(text(&lines));
        // All of it, where there is room.
        let lines = text(&frame(&view, 80, usize::MAX));
        assert_eq!((lines.matches("domain/system").count(), lines.matches("\n     ").count()), (11, 24));
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
    fn a_low_terminal_keeps_a_line_for_every_domain_and_whatever_fails() {
        let has = |rows: usize, what: &str| text(&drawn(80, rows)).contains(what);
        let whole = drawn(80, 60).len();
        assert!(has(whole, "# push a record") && has(whole, "stop-times") && has(whole, "bus-operator"));
        assert!(!has(whole - 1, "# push a record") && has(whole - 1, "curl"));
        assert!(!has(14, "curl") && has(14, "12,468") && has(14, "stop-times") && has(14, "answered 503"));
        // The routes have the fewest records.
        assert!(!has(11, "routes") && has(11, "stop-times") && has(11, "answered 503") && has(11, "and 3 more"));
        assert!(has(6, "environment/observations") && has(6, "transport 3 channels") && !has(6, "stop-times"));
    }
}
