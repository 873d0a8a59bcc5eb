//! The table of connectors: as many as there is room for, those that fail first, then those that brought the most.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::paint::{Line, Style, number};
use super::status::Connector;

/// Lines of the whole table, without its heading.
pub fn height(all: &[Connector]) -> usize {
    all.iter().map(rows_of).sum()
}

/// The table with its heading and at most `room` lines below it, one of which says how many are left out.
pub fn lines(all: &[Connector], columns: usize, room: usize) -> Vec<Line> {
    let shown = most_needed(all, room);
    let name = all.iter().map(|one| one.connector.len()).max().unwrap_or(0).clamp(12, 32);
    let row = |style: Style, cells: &[String; 6]| {
        let [connector, transport, state, waiting, records, rejected] = cells;
        let line = Line::default().left(style, connector, name).then(style, "  ").left(style, transport, 11).left(style, state, 7);
        line.right(style, waiting, 9).right(style, records, 10).right(style, rejected, 10)
    };
    let header = row(Style::Dim, &["connector", "transport", "state", "waiting", "records", "rejected"].map(str::to_owned));
    let mut lines = vec![Line::of(Style::Plain, "   ").append(header)];
    for one in all.iter().filter(|one| shown.contains(one.connector.as_str())) {
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
    let hidden: Vec<&Connector> = all.iter().filter(|one| !shown.contains(one.connector.as_str())).collect();
    if !hidden.is_empty() && room > 0 {
        let failing = hidden.iter().filter(|one| one.state == "failing").count();
        let (style, failing) = if failing > 0 { (Style::Bad, format!(", {failing} of them failing")) } else { (Style::Dim, String::new()) };
        lines.push(Line::of(style, format!("   and {} more{failing}", hidden.len())));
    }
    lines
}

fn rows_of(one: &Connector) -> usize {
    1 + usize::from(one.last_error.is_some())
}

fn most_needed(all: &[Connector], room: usize) -> BTreeSet<&str> {
    let mut ranked: Vec<&Connector> = all.iter().collect();
    ranked.sort_by_key(|one| (one.state != "failing", one.last_error.is_none(), Reverse(one.records)));
    // The line that says how many are left out needs a place, too.
    let mut left = if height(all) <= room { room } else { room.saturating_sub(1) };
    let fits = |one: &&Connector| {
        let fits = rows_of(one) <= left;
        left = left.saturating_sub(rows_of(one));
        fits
    };
    ranked.into_iter().take_while(fits).map(|one| one.connector.as_str()).collect()
}
