//! The table on the screen.

use crate::lineup::{About, Series};
use crate::row::{Against, Row, Spread};

/// All rows, as people read them on a screen: a heading for each, and a line for each contender.
pub(crate) fn table(rows: &[Row]) -> String {
    let blocks: Vec<_> = rows.iter().map(lines).collect();
    let mut widths = [0; 5];
    for texts in blocks.iter().flatten() {
        for (width, text) in widths.iter_mut().zip(texts) {
            *width = text.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for (row, texts) in rows.iter().zip(&blocks) {
        out += &format!("{} {}, {}\n", row.measure, row.what, row.unit);
        for [name, median, ratio, target, reached] in texts {
            let [w0, w1, w2, w3, _] = widths;
            let line = format!("  {name:w0$}  {median:>w1$}  {ratio:>w2$}  {target:w3$}  {reached}");
            out += line.trim_end();
            out.push('\n');
        }
    }
    out
}

/// The same in Markdown, for a page to quote.
pub(crate) fn markdown<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = "| | | median (range) | ratio (range) | to reach | reached |\n|---|---|--:|--:|---|---|\n".to_owned();
    for row in rows {
        for (nth, texts) in lines(row).into_iter().enumerate() {
            let what = if nth == 0 { format!("{} {}, {}", row.measure, row.what, row.unit) } else { String::new() };
            text += &format!("| {what} | {} |\n", texts.join(" | "));
        }
    }
    text
}

/// A row's own line and one for each peer: name, median, ratio, target, whether it is reached.
fn lines(row: &Row) -> Vec<[String; 5]> {
    let target = row.target.map(|target| format!("{} {}", row.better.sign(), number(target))).unwrap_or_default();
    let own = [row.name.clone(), spread(row.spread), String::new(), target, yes(row.reached)];
    std::iter::once(own).chain(row.against.iter().map(|peer| against(row, peer))).collect()
}

fn against(row: &Row, peer: &Against) -> [String; 5] {
    if peer.values.is_empty() {
        let why: String = peer.missing.iter().flat_map(|why| why.chars()).take(50).collect();
        return [peer.name.clone(), "missing".to_owned(), why, String::new(), String::new()];
    }
    let ratio = peer.ratio.map_or_else(String::new, |ratio| spread_of(ratio, "×"));
    let target = peer.target.map_or_else(String::new, |target| format!("{} {target}×", row.better.sign()));
    [peer.name.clone(), spread(peer.spread), ratio, target, yes(peer.reached)]
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "not measured".to_owned(), |spread| spread_of(spread, ""))
}

fn spread_of(Spread { median, least, most }: Spread, sign: &str) -> String {
    if least == most {
        format!("{}{sign}", number(median))
    } else {
        format!("{}{sign} ({} to {})", number(median), number(least), number(most))
    }
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
        let decimals = if value.abs() < 1.0 {
            3
        } else if value.abs() < 10.0 {
            2
        } else {
            1
        };
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
        let pairs = [
            (0.0, "0"),
            (0.0461, "0.046"),
            (1.5, "1.5"),
            (9.996, "10"),
            (64.0, "64"),
            (85.24, "85.2"),
            (999.0, "999"),
            (1234567.0, "1,234,567"),
        ];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
    }
}
