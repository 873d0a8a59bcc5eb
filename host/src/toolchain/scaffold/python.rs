//! The types in Python: typed dictionaries, for a record is a `dict`.

use std::fmt::Write;

use super::model::{Field, Kind, Model, Named, Shape};
use super::words::is_plain;

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
    "while", "with", "yield",
];

/// The whole module.
pub(super) fn render(model: &Model, schema: &str) -> String {
    let mut text = format!(
        "\"\"\"The records of ``{schema}``, as ``lienthong plugin new`` wrote them from the schema. Whether a text is too long or a number\n\
         too small, the channel's schema knows: it checks each record again.\"\"\"\n\n\
         from typing import Any, Literal, TypedDict  # noqa: F401\n"
    );
    for named in &model.types {
        write(named, &mut text);
    }
    text
}

fn write(named: &Named, text: &mut String) {
    let name = &named.name;
    match &named.shape {
        Shape::Words(words) => {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let _ = writeln!(text, "\n\n{name} = Literal[{}]", words.join(", "));
            document("", &named.doc, text);
        }
        Shape::Object { fields, .. } => {
            // A field that is a keyword can only be told in a call.
            let (odd, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|field| !is_usable(&field.name));
            let (required, optional): (Vec<_>, Vec<_>) = plain.into_iter().partition(|field| field.required);
            let mut bases = Vec::new();
            if !odd.is_empty() {
                let own: Vec<_> = odd.iter().map(|field| format!("{}: {}", quoted(&field.name), quoted(&kind(&field.kind)))).collect();
                let _ = writeln!(text, "\n\n_{name}Keywords = TypedDict(\"_{name}Keywords\", {{{}}}, total=False)", own.join(", "));
                bases.push(format!("_{name}Keywords"));
            }
            if !required.is_empty() && !optional.is_empty() {
                let _ = writeln!(text, "\n\nclass _{name}Required(TypedDict):");
                write_fields(&required, text);
                bases.push(format!("_{name}Required"));
            }
            let (own, total) = if optional.is_empty() { (required, "") } else { (optional, ", total=False") };
            let bases = if bases.is_empty() { "TypedDict".to_owned() } else { bases.join(", ") };
            let _ = writeln!(text, "\n\nclass {name}({bases}{total}):");
            document("    ", &named.doc, text);
            text.push('\n');
            write_fields(&own, text);
            if own.is_empty() {
                text.push_str("    pass\n");
            }
        }
    }
}

fn write_fields(fields: &[&Field], text: &mut String) {
    for field in fields {
        // Quoted: a field may be called as its type is.
        let _ = writeln!(text, "    {}: {}", field.name, quoted(&kind(&field.kind)));
        document("    ", &field.doc, text);
    }
}

fn is_usable(name: &str) -> bool {
    is_plain(name) && !KEYWORDS.contains(&name) && !name.starts_with("__")
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::Text => "str".to_owned(),
        Kind::Whole => "int".to_owned(),
        Kind::Number => "float".to_owned(),
        Kind::Truth => "bool".to_owned(),
        Kind::Named(name) => name.clone(),
        Kind::List(of) => format!("list[{}]", kind(of)),
        Kind::Nullable(of) => format!("{} | None", kind(of)),
        Kind::Any => "Any".to_owned(),
    }
}

fn document(indent: &str, doc: &str, text: &mut String) {
    if !doc.is_empty() {
        let _ = writeln!(text, "{indent}\"\"\"{}\"\"\"", doc.replace('\\', "\\\\").replace('"', "'"));
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
