//! A page as HTML that stands alone: no script, no font and no picture from elsewhere.

use std::fmt::Write;

use super::words::words;
use super::{Field, Page};
use crate::lang::Lang;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --mark: #b3261e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
nav { display: flex; justify-content: space-between; font-size: .9rem; }
h1 { margin-bottom: 0; } h1 + code { opacity: .7; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .45rem .6rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; } td small { opacity: .75; display: block; }
code, pre { font: .875em/1.45 ui-monospace, monospace; } pre { background: var(--soft); padding: 1rem; overflow-x: auto; border-radius: 6px; }
.mark { font-size: .75rem; border: 1px solid currentColor; border-radius: 4px; padding: 0 .3rem; margin-left: .3rem; }
.personal { color: var(--mark); } .note { border-left: 3px solid var(--mark); padding-left: .8rem; }
@media (max-width: 40rem) { tr, td { display: block; } td { border: 0; padding: .1rem 0; } tr { border-bottom: 1px solid var(--line); padding: .5rem 0; } thead { display: none; } }
";

/// Where a page will lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Alone: it links to nothing.
    Nothing,
    /// Beside those of other schemas and the other language, as [`index`] lists them: `<domain>/<name>.v<N>.<lang>.html`.
    Pages,
}

/// The whole page.
pub fn html(page: &Page, among: Among) -> String {
    let words = words(page.lang);
    let name = page.id.to_string();
    let mut body = if among == Among::Pages { links(page) } else { String::new() };
    let _ = write!(body, "<h1>{}</h1><code>{}</code><p>{}</p>", escape(&page.title), escape(&name), escape(&page.description));
    if page.is_personal() {
        let _ = write!(body, r#"<p class="note">{}</p>"#, words.has_personal);
    }
    let _ = write!(
        body,
        "<h2>{}</h2><table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead><tbody>",
        words.fields, words.field, words.holds, words.meaning
    );
    for field in &page.fields {
        row(&mut body, field, page.lang);
    }
    body.push_str("</tbody></table>");
    if page.closed {
        let _ = write!(body, "<p>{}</p>", words.closed);
    }
    if !page.examples.is_empty() {
        let _ = write!(body, "<h2>{}</h2>", words.examples);
    }
    for example in &page.examples {
        let _ = write!(body, "<pre>{}</pre>", escape(example));
    }
    document(&page.title, page.lang, &body)
}

/// The list of all pages: `<domain>/<name>.v<N>.<lang>.html` each.
pub fn index(pages: &[Page], lang: Lang) -> String {
    let words = words(lang);
    let other = other(lang);
    let mut body = format!(
        r#"<nav><span></span><a href="index.{}.html" hreflang="{}">{}</a></nav><h1>{}</h1><table><tbody>"#,
        other.code(),
        other.code(),
        words.other_language,
        words.schemas,
    );
    for page in pages {
        let (id, personal) = (escape(&page.id.to_string()), mark(page.is_personal(), "personal", words.personal));
        let (title, description) = (escape(&page.title), escape(&page.description));
        let link = format!(r#"<a href="{id}.{}.html">{title}</a>"#, lang.code());
        let _ = write!(body, "<tr><td>{link}{personal}<small><code>{id}</code></small></td><td>{description}</td></tr>");
    }
    body.push_str("</tbody></table>");
    document(words.schemas, lang, &body)
}

fn links(page: &Page) -> String {
    let (words, other, name) = (words(page.lang), other(page.lang), page.id.to_string());
    format!(
        r#"<nav><a href="../index.{}.html">{}</a><a href="{}.{}.html" hreflang="{}">{}</a></nav>"#,
        page.lang.code(),
        words.schemas,
        escape(name.rsplit('/').next().unwrap_or(&name)),
        other.code(),
        other.code(),
        words.other_language,
    )
}

fn row(body: &mut String, field: &Field, lang: Lang) {
    let words = words(lang);
    let marks = mark(field.required, "required", words.required) + &mark(field.personal, "personal", words.personal);
    let limits: String = field.limits.iter().map(|limit| format!("<small>{}</small>", with_code(limit))).collect();
    let _ = write!(body, "<tr><td><code>{}</code>{marks}</td><td>{}{limits}</td><td>", escape(&field.path), escape(&field.kind));
    if !field.title.is_empty() {
        let _ = write!(body, "<strong>{}</strong> ", escape(&field.title));
    }
    body.push_str(&escape(&field.description));
    if let Some(source) = &field.source {
        let _ = write!(body, "<small>{}: <code>{}</code></small>", words.source, escape(source));
    }
    body.push_str("</td></tr>");
}

fn mark(is: bool, class: &str, word: &str) -> String {
    if is { format!(r#"<span class="mark {class}">{word}</span>"#) } else { String::new() }
}

fn document(title: &str, lang: Lang, body: &str) -> String {
    format!(
        r#"<!doctype html><html lang="{}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{}</title><style>{STYLE}</style></head><body>{body}</body></html>
"#,
        lang.code(),
        escape(title),
    )
}

const fn other(lang: Lang) -> Lang {
    match lang {
        Lang::En => Lang::Vi,
        Lang::Vi => Lang::En,
    }
}

/// Escaped, and what stands between the first and the last backtick as code.
fn with_code(text: &str) -> String {
    match (text.find('`'), text.rfind('`')) {
        (Some(start), Some(end)) if start < end => {
            let (before, code, after) = (&text[..start], &text[start + 1..end], &text[end + 1..]);
            format!("{}<code>{}</code>{}", escape(before), escape(code), escape(after))
        }
        _ => escape(text),
    }
}

/// Text in an element or a quoted attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
