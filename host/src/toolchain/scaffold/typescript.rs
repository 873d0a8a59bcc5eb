//! The types in TypeScript: a file of declarations, for TypeScript itself and for JavaScript with JSDoc.

use std::fmt::Write;

use super::model::{Field, Kind, Model, Named, Shape};
use super::words::is_plain;

/// The whole file.
pub(super) fn render(model: &Model, schema: &str) -> String {
    let mut text = format!(
        "// The records of `{schema}`, as `lienthong plugin new` wrote them from the schema. Whether a text is too long or a number too small,\n\
         // the channel's schema knows: it checks each record again.\n"
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
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            let _ = writeln!(text, "export type {} = {};", named.name, words.join(" | "));
        }
        Shape::Object { fields, .. } => {
            let _ = writeln!(text, "export interface {} {{", named.name);
            fields.iter().for_each(|field| write_field(field, text));
            text.push_str("}\n");
        }
    }
}

fn write_field(field: &Field, text: &mut String) {
    document("  ", &field.doc, text);
    let name = if is_plain(&field.name) { field.name.clone() } else { quoted(&field.name) };
    let _ = writeln!(text, "  {name}{}: {};", if field.required { "" } else { "?" }, kind(&field.kind));
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::Text => "string".to_owned(),
        Kind::Whole | Kind::Number => "number".to_owned(),
        Kind::Truth => "boolean".to_owned(),
        Kind::Named(name) => name.clone(),
        Kind::List(of) => match kind(of) {
            simple if simple.contains(' ') => format!("({simple})[]"),
            simple => format!("{simple}[]"),
        },
        Kind::Nullable(of) => format!("{} | null", kind(of)),
        Kind::Any => "unknown".to_owned(),
    }
}

fn document(indent: &str, doc: &str, text: &mut String) {
    if !doc.is_empty() {
        let _ = writeln!(text, "{indent}/** {} */", doc.replace("*/", "* /"));
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
