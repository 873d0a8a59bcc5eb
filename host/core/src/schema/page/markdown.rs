//! A page as Markdown: for a terminal, a repository, a message.

use std::fmt::Write;

use super::words::words;
use super::{Field, Page};

/// The whole page.
pub fn markdown(page: &Page) -> String {
    let words = words(page.lang);
    let mut out = format!("# {}\n\n`{}`\n\n{}\n", page.title, page.id, page.description);
    if page.is_personal() {
        let _ = write!(out, "\n**{}**\n", words.has_personal);
    }
    let _ = write!(out, "\n## {}\n\n| {} | {} | {} |\n|---|---|---|\n", words.fields, words.field, words.holds, words.meaning);
    for field in &page.fields {
        let _ =
            writeln!(out, "| `{}`{} | {} | {} |", field.path, marks(field, page), cell(&holds(field)), cell(&meaning(field, words.source)));
    }
    if page.closed {
        let _ = write!(out, "\n{}\n", words.closed);
    }
    if !page.examples.is_empty() {
        let _ = write!(out, "\n## {}\n", words.examples);
    }
    for example in &page.examples {
        let _ = write!(out, "\n```json\n{example}\n```\n");
    }
    out
}

fn marks(field: &Field, page: &Page) -> String {
    let words = words(page.lang);
    let marks = [(field.required, words.required), (field.personal, words.personal)];
    marks.iter().filter(|(is, _)| *is).map(|(_, word)| format!(" *{word}*")).collect()
}

fn holds(field: &Field) -> String {
    std::iter::once(&field.kind).chain(&field.limits).map(String::as_str).collect::<Vec<_>>().join("; ")
}

fn meaning(field: &Field, from: &str) -> String {
    let mut text = match (field.title.as_str(), field.description.as_str()) {
        ("", description) => description.to_owned(),
        (title, "") => title.to_owned(),
        (title, description) => format!("{title}. {description}"),
    };
    if let Some(source) = &field.source {
        let _ = write!(text, " ({from}: `{source}`)");
    }
    text
}

/// A bar would end the table's cell.
fn cell(text: &str) -> String {
    text.replace('|', r"\|").replace('\n', " ")
}
