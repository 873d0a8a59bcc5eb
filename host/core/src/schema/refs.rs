//! Where a reference leads, within a schema document and the ones beside it, and what stands below a subschema.

use serde_json::Value;

use super::Fault;
use crate::tape::{escape, unescape};

/// A schema document and the ones it may refer to.
pub(crate) struct Documents<'a> {
    root: &'a Value,
    others: Vec<(&'a str, &'a Value)>,
}

/// A subschema and the document it stands in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) document: &'a Value,
    pub(crate) node: &'a Value,
}

impl Place<'_> {
    /// Tells one place from another.
    pub(crate) fn identity(&self) -> usize {
        std::ptr::from_ref(self.node) as usize
    }
}

impl<'a> Documents<'a> {
    pub(crate) fn new(root: &'a Value, others: &[(&'a str, &'a Value)]) -> Self {
        Self { root, others: others.to_vec() }
    }

    /// The whole schema.
    pub(crate) fn root(&self) -> Place<'a> {
        Place { document: self.root, node: self.root }
    }

    /// Does some document at hand carry this `$id` (no fragment)?
    pub(crate) fn knows(&self, uri: &str) -> bool {
        self.others.iter().any(|(id, _)| id.trim_end_matches('#') == uri)
            || subschemas_deep(self.root).any(|(_, node)| id_of(node) == Some(uri))
    }

    /// The place `$ref` (or `$dynamicRef`, taken as if it were static) leads to from a place; `None` where there is
    /// none, it dangles, or it leads to a published meta-schema.
    pub(crate) fn follow(&self, from: Place<'a>) -> Option<Place<'a>> {
        let reference = ["$ref", "$dynamicRef", "$recursiveRef"].iter().find_map(|key| from.node.get(key)?.as_str())?;
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = if uri.is_empty() { from.document } else { self.document(from.document, uri)? };
        let node = if fragment.is_empty() {
            document
        } else if fragment.starts_with('/') {
            document.pointer(&percent_decoded(fragment)?)?
        } else {
            subschemas_deep(document).map(|(_, node)| node).find(|node| {
                ["$anchor", "$dynamicAnchor"].iter().any(|key| node.get(key).and_then(Value::as_str) == Some(fragment))
                    || id_of(node).and_then(|id| id.strip_prefix('#')) == Some(fragment)
            })?
        };
        Some(Place { document, node })
    }

    fn document(&self, base: &'a Value, uri: &str) -> Option<&'a Value> {
        let joined = id_of(base).and_then(|id| id.rsplit_once('/')).map(|(folder, _)| format!("{folder}/{uri}"));
        let is_it = |id: &str| id.trim_end_matches('#') == uri || Some(id.trim_end_matches('#')) == joined.as_deref();
        let beside = self.others.iter().find(|(id, _)| is_it(id)).map(|(_, other)| *other);
        beside.or_else(|| subschemas_deep(self.root).map(|(_, node)| node).find(|node| id_of(node).is_some_and(is_it)))
    }
}

fn id_of(node: &Value) -> Option<&str> {
    node.get("$id").and_then(Value::as_str)
}

fn percent_decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| (b? as char).to_digit(16);
            bytes.push(u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Keywords whose value is a subschema.
const ONE: [&str; 12] = [
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
/// Keywords whose value is a list of subschemas.
const LIST: [&str; 5] = ["items", "allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value holds named subschemas.
const NAMED: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "dependencies"];
/// Keywords whose named subschemas only apply where something refers to them.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// The subschemas right below one, each with the pointer from there; without the definitions where only what is
/// `applied` is asked for.
pub(crate) fn subschemas(node: &Value, applied: bool) -> Vec<(String, &Value)> {
    let Value::Object(keywords) = node else { return Vec::new() };
    let mut found = Vec::new();
    for (keyword, value) in keywords {
        let word = keyword.as_str();
        match value {
            Value::Object(_) | Value::Bool(_) if ONE.contains(&word) => found.push((format!("/{word}"), value)),
            Value::Array(list) if LIST.contains(&word) => {
                found.extend(list.iter().enumerate().map(|(nth, one)| (format!("/{word}/{nth}"), one)))
            }
            Value::Object(named) if NAMED.contains(&word) || !applied && DEFINITIONS.contains(&word) => {
                let schemas = named.iter().filter(|(_, one)| one.is_object() || one.is_boolean());
                found.extend(schemas.map(|(name, one)| (format!("/{word}/{}", escape(name)), one)));
            }
            _ => {}
        }
    }
    found
}

/// A subschema and every one below it, with its pointer, without following references.
pub(crate) fn subschemas_deep(node: &Value) -> impl Iterator<Item = (String, &Value)> {
    let mut pending = vec![(String::new(), node)];
    std::iter::from_fn(move || {
        let (pointer, node) = pending.pop()?;
        pending.extend(subschemas(node, false).into_iter().rev().map(|(below, one)| (format!("{pointer}{below}"), one)));
        Some((pointer, node))
    })
}

/// The keyword's places in the schema where a record's value at `pointer` is described, for each of its steps.
pub(crate) fn below<'a>(documents: &Documents<'a>, places: &[Place<'a>], token: &str) -> Vec<Place<'a>> {
    let key = unescape(token);
    let index = token.parse::<usize>().ok();
    let mut found = Vec::new();
    for place in in_place(documents, places) {
        let at = |node: &'a Value| Place { document: place.document, node };
        let named = place.node.get("properties").and_then(|properties| properties.get(&key));
        found.extend(named.map(at));
        if named.is_none() {
            let patterns = place.node.get("patternProperties").and_then(Value::as_object);
            found.extend(patterns.into_iter().flat_map(|patterns| patterns.values()).map(at));
            found.extend(["additionalProperties", "unevaluatedProperties"].iter().filter_map(|keyword| place.node.get(keyword)).map(at));
        }
        if let Some(index) = index {
            let listed = ["prefixItems", "items"].iter().find_map(|keyword| place.node.get(keyword)?.get(index));
            found.extend(listed.map(at));
            let rest = ["items", "additionalItems", "contains", "unevaluatedItems"].iter().filter_map(|keyword| place.node.get(keyword));
            found.extend(rest.filter(|node| node.is_object()).map(at));
        }
    }
    found
}

/// These places and all that describe the same value: through references and the keywords that apply in place.
pub(crate) fn in_place<'a>(documents: &Documents<'a>, places: &[Place<'a>]) -> Vec<Place<'a>> {
    let mut pending = places.to_vec();
    let mut seen = std::collections::HashSet::new();
    let mut found = Vec::new();
    while let Some(place) = pending.pop() {
        if !seen.insert(place.identity()) {
            continue;
        }
        found.push(place);
        pending.extend(documents.follow(place));
        for keyword in ["if", "then", "else"] {
            pending.extend(place.node.get(keyword).map(|node| Place { document: place.document, node }));
        }
        for keyword in ["oneOf", "anyOf", "allOf"] {
            let list = place.node.get(keyword).and_then(Value::as_array).into_iter().flatten();
            pending.extend(list.rev().map(|node| Place { document: place.document, node }));
        }
        let dependent = place.node.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
        pending.extend(dependent.map(|node| Place { document: place.document, node }));
    }
    found
}

/// A reference that leads nowhere, with the place of the `$ref` where it can be found.
pub(crate) fn fault(document: &Value, error: &jsonschema::ReferencingError) -> Fault {
    use jsonschema::ReferencingError as E;
    let (target, what) = match error {
        E::Unretrievable { uri, .. } => {
            (uri.as_str(), format!("the reference to {uri} leads outside the schemas at hand, and nothing is ever fetched"))
        }
        E::PointerToNowhere { pointer } => (pointer.as_str(), format!("the reference to {pointer} leads nowhere")),
        E::NoSuchAnchor { anchor } | E::InvalidAnchor { anchor } => {
            (anchor.as_str(), format!("the reference to the anchor {anchor} leads nowhere"))
        }
        other => ("", other.to_string()),
    };
    let target = target.trim_start_matches("json-schema:///");
    let keyword = |node: &Value| {
        ["$ref", "$dynamicRef", "$schema", "$id"]
            .into_iter()
            .find(|key| node.get(key).and_then(Value::as_str).is_some_and(|r| r.contains(target)))
    };
    let place = (!target.is_empty())
        .then(|| subschemas_deep(document).find_map(|(pointer, node)| Some(format!("{pointer}/{}", keyword(node)?))))
        .flatten();
    Fault::new(place.unwrap_or_default(), format!("{what}: define it under $defs, or put its schema beside this one under that $id"))
}
