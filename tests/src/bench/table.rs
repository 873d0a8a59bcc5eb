//! The table on the screen.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, Table};

use crate::lineup::{About, Series};
use crate::row::{Against, Row, Spread};

const HEADER: [&str; 6] = ["measure", "who", "median (range)", "ratio (range)", "to reach", "reached"];

/// All rows, as people read them on a screen.
pub(crate) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(HEADER);
    let numeric = |nth| matches!(nth, 2 | 3);
    for texts in rows.iter().flat_map(lines) {
        let cell = |(nth, text)| Cell::new(text).set_alignment(if numeric(nth) { CellAlignment::Right } else { CellAlignment::Left });
        table.add_row(texts.into_iter().enumerate().map(cell));
    }
    table
}

/// The same in Markdown, for a page to quote.
pub(crate) fn markdown<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let line = |texts: &[String]| format!("| {} |\n", texts.join(" | "));
    let mut text = line(&HEADER.map(str::to_owned)) + "|---|---|--:|--:|---|---|\n";
    text.extend(rows.flat_map(lines).map(|texts| line(&texts)));
    text
}

/// A row's own line and one for each peer.
fn lines(row: &Row) -> Vec<[String; 6]> {
    let target = row.target.map(|target| format!("{} {}", row.better.sign(), number(target)));
    let what = format!("{} {}, {}", row.measure, row.what, row.unit);
    let own = [what, row.name.to_owned(), spread(row.spread), String::new(), target.unwrap_or_default(), yes(row.reached)];
    std::iter::once(own).chain(row.against.iter().map(|peer| against(row, peer))).collect()
}

fn against(row: &Row, peer: &Against) -> [String; 6] {
    if let Some(missing) = peer.missing.as_ref().filter(|_| peer.values.is_empty()) {
        let why = missing.lines().next().unwrap_or_default().chars().take(60).collect();
        return [String::new(), peer.name.to_owned(), "missing".to_owned(), why, String::new(), String::new()];
    }
    let ratio = peer.ratio.map_or_else(String::new, |r| format!("{}× ({} to {})", number(r.median), number(r.least), number(r.most)));
    let target = peer.target.map_or_else(String::new, |target| format!("{} {target}×", row.better.sign()));
    [String::new(), peer.name.to_owned(), spread(peer.spread), ratio, target, yes(peer.reached)]
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "not measured".to_owned(), |s| format!("{} ({} to {})", number(s.median), number(s.least), number(s.most)))
}

fn yes(reached: Option<bool>) -> String {
    reached.map_or("", |reached| if reached { "yes" } else { "no" }).to_owned()
}

/// What people must know of a contender, in a line.
pub(crate) fn about(contender: &Series) -> String {
    let About { name, version, durability } = &contender.about;
    match &contender.missing {
        Some(why) => format!("{name}: missing: {why}"),
        None => format!("{name} ({version}): {durability}"),
    }
}

/// Three digits that mean something, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let decimals = if value.abs() < 1.0 { 3 } else if value.abs() < 10.0 { 2 } else { 1 };
        let text = format!("{value:.decimals$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_as_long_as_they_mean_something() {
        let pairs = [(0.0, "0"), (0.0461, "0.046"), (1.5, "1.5"), (9.996, "10"), (64.0, "64"), (85.24, "85.2"), (999.0, "999"), (1234567.0, "1,234,567")];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
    }
}
