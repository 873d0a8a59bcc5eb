//! What is asked of a schema before it is compiled: that it is bounded, reaches nothing outside, and says what it means.

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::Fault;
use super::refs::{self, Documents, Place, subschemas, subschemas_deep};
use crate::tape::escape;

/// Bytes of a schema document, and of all that it may refer to together.
const MAX_BYTES: usize = 1 << 20;
/// Levels of a schema document.
const MAX_DEPTH: usize = 100;
/// Subschemas once every reference is replaced by what it refers to: what one record may cost.
const MAX_EXPANDED: usize = 100_000;

/// Refuses documents too large or too deep to work with.
pub(super) fn bounded(document: &Value, others: &[(&str, &Value)]) -> Result<(), Fault> {
    let mut bytes = 0;
    for (name, document) in std::iter::once(("", document)).chain(others.iter().copied()) {
        let mut pending = vec![(document, 1, String::new())];
        while let Some((value, depth, pointer)) = pending.pop() {
            if depth > MAX_DEPTH {
                let pointer = if name.is_empty() { pointer } else { String::new() };
                return Err(Fault::new(pointer, format!("nested deeper than {MAX_DEPTH} levels: move parts to $defs and refer to them")));
            }
            bytes += match value {
                Value::String(text) => text.len() + 3,
                Value::Array(items) => {
                    pending.extend(items.iter().enumerate().map(|(nth, item)| (item, depth + 1, format!("{pointer}/{nth}"))));
                    3
                }
                Value::Object(members) => {
                    pending.extend(members.iter().map(|(key, member)| (member, depth + 1, format!("{pointer}/{}", escape(key)))));
                    members.keys().map(|key| key.len() + 4).sum::<usize>() + 3
                }
                _ => 5,
            };
            if bytes >= MAX_BYTES {
                return Err(Fault::new("", "the schema with all beside it has 1 MiB or more: keep code lists in a channel of their own"));
            }
        }
    }
    Ok(())
}

/// Refuses what compiles but would reach outside, mean nothing, or never end. Gives the ways in which the schema recurses.
pub(super) fn keywords(documents: &Documents<'_>) -> Result<usize, Fault> {
    let root = documents.root();
    if let Some(dialect) = root.node.get("$schema").and_then(Value::as_str) {
        let known = ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];
        if !known.contains(&dialect.trim_end_matches('#')) {
            return Err(Fault::new(
                "/$schema",
                "only the dialects 2020-12 and draft 7 are understood: write https://json-schema.org/draft/2020-12/schema",
            ));
        }
    }
    for (pointer, node) in subschemas_deep(root.node) {
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(reference) = node.get(keyword).and_then(Value::as_str) else { continue };
            let uri = reference.split('#').next().unwrap_or_default();
            let published = uri.starts_with("https://json-schema.org/draft/") || uri.starts_with("http://json-schema.org/draft-");
            if uri.contains(':') && !published && !documents.knows(uri) {
                let message = format!(
                    "the reference to {reference} leads outside the schemas at hand, and nothing is ever fetched: \
                    define it under $defs, or put its schema beside this one under that $id"
                );
                return Err(Fault::new(format!("{pointer}/{keyword}"), message));
            }
        }
        if let Some(format) = node.get("format").and_then(Value::as_str)
            && !FORMATS.contains(&format)
        {
            let message =
                format!("the format {format} is not known, so nothing would check it: use one of {}, or a pattern", FORMATS.join(", "));
            return Err(Fault::new(format!("{pointer}/format"), message));
        }
    }
    let expanded = Expansion::of(documents);
    if expanded.size > MAX_EXPANDED {
        let message = format!(
            "references multiply to more than {MAX_EXPANDED} subschemas, which every record would pay for: refer to each part once"
        );
        return Err(Fault::new(expanded.worst, message));
    }
    Ok(expanded.recursions)
}

/// The formats the validator asserts (2020-12, section 7.3 of the validation vocabulary).
pub(super) const FORMATS: [&str; 19] = [
    "date",
    "date-time",
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
    "uuid",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// How a schema unfolds when references are replaced by what they refer to.
struct Expansion {
    /// Subschemas then; recursion counts once.
    size: usize,
    /// Ways in which it recurses.
    recursions: usize,
    /// Where the largest of the root's parts begins.
    worst: String,
}

impl Expansion {
    fn of(documents: &Documents<'_>) -> Self {
        let root = documents.root();
        let mut known = HashMap::new();
        let (size, recursions) = unfold(documents, root, &mut known, 0);
        let mut worst = (0, String::new());
        for (pointer, node) in subschemas(root.node, true) {
            let size = known.get(&Place { document: root.document, node }.identity()).and_then(|known| *known).map_or(0, |(size, _)| size);
            if size > worst.0 {
                worst = (size, pointer);
            }
        }
        Self { size, recursions, worst: worst.1 }
    }
}

/// Size and recursions of a subschema; `None` in `known` while it is being counted.
fn unfold<'a>(
    documents: &Documents<'a>,
    place: Place<'a>,
    known: &mut HashMap<usize, Option<(usize, usize)>>,
    depth: usize,
) -> (usize, usize) {
    match known.get(&place.identity()) {
        Some(Some(counted)) => return *counted,
        Some(None) => return (1, 1),
        None => {}
    }
    // Longer chains of references than this are taken for endless, which keeps the stack small too.
    if depth > 400 {
        return (MAX_EXPANDED + 1, 1);
    }
    known.insert(place.identity(), None);
    let below = subschemas(place.node, true).into_iter().map(|(_, node)| Place { document: place.document, node });
    let mut sum = (1usize, 0usize);
    for next in below.chain(documents.follow(place)).collect::<Vec<_>>() {
        let (size, recursions) = unfold(documents, next, known, depth + 1);
        sum = (sum.0.saturating_add(size), sum.1.saturating_add(recursions));
    }
    known.insert(place.identity(), Some(sum));
    sum
}

/// Says why a schema did not compile.
pub(super) fn build_fault(document: &Value, error: &jsonschema::ValidationError<'_>) -> Fault {
    if let ValidationErrorKind::Referencing(error) = error.kind() {
        return refs::fault(document, error);
    }
    let pointer = error.instance_path().to_string();
    let pointer = if pointer.is_empty() { error.schema_path().to_string() } else { pointer };
    let at = document.pointer(&pointer);
    if pointer.ends_with("/pattern")
        || pointer.contains("/patternProperties/") && at.is_none_or(|node| !node.is_object())
        || is_regex(error.kind())
    {
        let message = format!(
            "the pattern cannot be used: {error}; patterns match in linear time and in at most 4 MiB, so look-around, \
            back-references and large repetitions are not possible: simplify it"
        );
        return Fault::new(pointer, message);
    }
    Fault::new(pointer, format!("no valid JSON Schema here: {error}"))
}

fn is_regex(kind: &ValidationErrorKind) -> bool {
    matches!(kind, ValidationErrorKind::Format { format } if format == "regex") || matches!(kind, ValidationErrorKind::Pattern { .. })
}
