//! The types in Rust, with serde.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::model::{Field, Kind, Model, Named, Shape};
use super::words::{is_plain, pascal, plain, wrapped};

const WIDTH: usize = 110;

/// Words that a field cannot be called.
const KEYWORDS: [&str; 39] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum", "extern", "false",
    "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "override", "pub", "ref", "return",
    "static", "struct", "trait", "true", "type", "use", "where",
];
const MORE_KEYWORDS: [&str; 8] = ["macro", "priv", "try", "typeof", "unsafe", "unsized", "virtual", "yield"];
/// Those that no `r#` makes a name.
const NEVER: [&str; 4] = ["self", "super", "crate", "while"];

/// The whole module.
pub(super) fn render(model: &Model, schema: &str) -> String {
    let mut text = format!(
        "//! The records of `{schema}`, as `lienthong plugin new` wrote them from the schema. Whether a text is too long or a number too\n\
         //! small, the channel's schema knows: it checks each record again.\n\nuse serde::{{Deserialize, Serialize}};\n"
    );
    for named in &model.types {
        text.push('\n');
        write(named, &mut text);
    }
    text
}

fn write(named: &Named, text: &mut String) {
    document("", &named.doc, text);
    match &named.shape {
        Shape::Words(words) => {
            let _ = writeln!(text, "#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]\npub enum {} {{", named.name);
            let mut taken = BTreeSet::new();
            for word in words {
                let variant = pascal(word);
                let variant = if taken.contains(&variant) { format!("{variant}{}", taken.len()) } else { variant };
                if variant != *word {
                    let _ = writeln!(text, "    #[serde(rename = {word:?})]");
                }
                let _ = writeln!(text, "    {variant},");
                taken.insert(variant);
            }
        }
        Shape::Object { fields, closed } => {
            text.push_str("#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]\n");
            if *closed {
                text.push_str("#[serde(deny_unknown_fields)]\n");
            }
            let _ = writeln!(text, "pub struct {} {{", named.name);
            fields.iter().for_each(|field| write_field(field, text));
        }
    }
    text.push_str("}\n");
}

fn write_field(field: &Field, text: &mut String) {
    document("    ", &field.doc, text);
    let name = match field.name.as_str() {
        never if NEVER.contains(&never) => format!("{never}_"),
        keyword if KEYWORDS.contains(&keyword) || MORE_KEYWORDS.contains(&keyword) => format!("r#{keyword}"),
        usable if is_plain(usable) => usable.to_owned(),
        other => plain(other),
    };
    if name.trim_start_matches("r#") != field.name {
        let _ = writeln!(text, "    #[serde(rename = {:?})]", field.name);
    }
    let kind = kind(&field.kind);
    if field.required {
        let _ = writeln!(text, "    pub {name}: {kind},");
    } else {
        let kind = kind.strip_prefix("Option<").and_then(|kind| kind.strip_suffix('>')).unwrap_or(&kind);
        let _ = writeln!(text, "    #[serde(skip_serializing_if = \"Option::is_none\")]\n    pub {name}: Option<{kind}>,");
    }
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::Text => "String".to_owned(),
        Kind::Whole => "i64".to_owned(),
        Kind::Number => "f64".to_owned(),
        Kind::Truth => "bool".to_owned(),
        Kind::Named(name) => name.clone(),
        Kind::List(of) => format!("Vec<{}>", kind(of)),
        Kind::Nullable(of) => format!("Option<{}>", kind(of)),
        Kind::Any => "serde_json::Value".to_owned(),
    }
}

fn document(indent: &str, doc: &str, text: &mut String) {
    for line in wrapped(doc, WIDTH) {
        let _ = writeln!(text, "{indent}/// {line}");
    }
}
