//! The schemas a city may name: those built into the program, and its own under `schemas/`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lienthong_core::id::SchemaId;
use lienthong_core::schema::{ChannelSchema, keywords};
use serde_json::Value;

use super::files;
use super::findings::{Findings, Hint};
use super::node::Node;
use super::problem::Problem;
use super::source::{FileId, Place, Sources};
use super::suggest::nearest;
use super::yaml;

// `BUILT_IN: &[(&str, &str)]`: (`domain/name.vN`, the document), every `schemas/<domain>/<name>.v<N>.json` of the project.
include!(concat!(env!("OUT_DIR"), "/built_in_schemas.rs"));

/// The schemas built into the program: `(domain/name.vN, JSON text)`.
pub fn built_in() -> &'static [(&'static str, &'static str)] {
    BUILT_IN
}

/// Every schema a channel may name, compiled when it is first wanted.
pub(super) struct Schemas {
    documents: BTreeMap<SchemaId, Document>,
    compiled: BTreeMap<SchemaId, Option<Arc<ChannelSchema>>>,
}

struct Document {
    value: Value,
    /// The city's own have a file to point at.
    file: Option<FileId>,
}

impl Schemas {
    /// The built-in ones and those below `dir/schemas`; files that cannot be read are reported.
    pub(super) fn read(dir: &Path, sources: &mut Sources, findings: &mut Findings) -> Self {
        let mut documents = BTreeMap::new();
        for (id, text) in BUILT_IN {
            // A test holds that each of them parses.
            if let (Ok(id), Ok(value)) = (SchemaId::new(id), serde_json::from_str(text)) {
                documents.insert(id, Document { value, file: None });
            }
        }
        for (name, path) in files::schema_files(dir, sources, findings) {
            let Some(file) = files::read(&path, name.clone(), sources, findings) else { continue };
            let stem = name.strip_prefix("schemas/").and_then(|name| name.strip_suffix(".json"));
            let Some(id) = stem.and_then(|stem| SchemaId::new(stem).ok()) else {
                findings.error(Place::start(file), Problem::SchemaFileName { path: name });
                continue;
            };
            if documents.get(&id).is_some_and(|known| known.file.is_none()) {
                findings.error(Place::start(file), Problem::SchemaBuiltIn { id });
                continue;
            }
            match serde_json::from_str(&sources.get(file).text) {
                Ok(value) => {
                    documents.insert(id, Document { value, file: Some(file) });
                }
                Err(error) => {
                    let [line, column] = [error.line(), error.column()].map(|n| u32::try_from(n.max(1)).unwrap_or(1));
                    // The JSON reader puts its position at the end of its own message, too.
                    let why = error.to_string();
                    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
                    findings.error(Place { file, line, column, width: 1 }, Problem::SchemaJson { why });
                    findings.cut(file);
                    documents.insert(id, Document { value: Value::Null, file: Some(file) });
                }
            }
        }
        let mut schemas = Self { documents, compiled: BTreeMap::new() };
        let own: Vec<_> = schemas.documents.iter().filter_map(|(id, d)| d.file.map(|file| (id.clone(), file))).collect();
        for (id, file) in own {
            if !schemas.documents[&id].value.is_null() {
                schemas.compile(&id, Place::start(file), sources, findings);
                words(file, &schemas.documents[&id].value, sources, findings);
            }
        }
        schemas
    }

    pub(super) fn contains(&self, id: &SchemaId) -> bool {
        self.documents.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &SchemaId> {
        self.documents.keys()
    }

    /// The document, where it could be read.
    pub(super) fn document(&self, id: &SchemaId) -> Option<&Value> {
        self.documents.get(id).map(|document| &document.value).filter(|value| value.is_object())
    }

    /// Compiles once; a schema that cannot be used is reported once, at its own file or else where it was first wanted.
    pub(super) fn compile(
        &mut self,
        id: &SchemaId,
        wanted: Place,
        sources: &Sources,
        findings: &mut Findings,
    ) -> Option<Arc<ChannelSchema>> {
        if let Some(known) = self.compiled.get(id) {
            return known.clone();
        }
        let document = self.documents.get(id).filter(|document| !document.value.is_null())?;
        let others: Vec<(&str, &Value)> = self
            .documents
            .iter()
            .filter(|(other, _)| *other != id)
            .filter_map(|(_, other)| Some((other.value.get("$id")?.as_str()?, &other.value)))
            .collect();
        let compiled = match ChannelSchema::compile(id.clone(), document.value.clone(), &others) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(error) => {
                let place = document.file.map_or(wanted, |file| place_in(file, &error.pointer, sources));
                findings.error(place, Problem::SchemaUnusable { id: id.clone(), pointer: error.pointer, why: error.message });
                None
            }
        };
        self.compiled.insert(id.clone(), compiled.clone());
        compiled
    }
}

/// Reports keywords that mean nothing. An annotation of the city's own (`x-…`) is one only where it looks like one that the hub reads.
fn words(file: FileId, document: &Value, sources: &Sources, findings: &mut Findings) {
    let near = |word: &str| nearest(word, &keywords::KEYWORDS).map(|near| Hint::Nearest(near.to_owned()));
    let unknown = keywords::unknown(document).into_iter().map(|(pointer, word)| (pointer, word, near(word)));
    let mut unknown = unknown.filter(|(_, word, hint)| hint.is_some() || !word.starts_with("x-")).peekable();
    if unknown.peek().is_none() {
        return;
    }
    let root = places(file, sources);
    for (pointer, word, hint) in unknown {
        let (above, _) = pointer.rsplit_once('/').unwrap_or_default();
        let above = root.as_ref().map(|root| root.at(above));
        let entry = above.and_then(|above| Some(above.entry(word)?.key_place).or(Some(above.place)));
        findings.error_with(entry.unwrap_or(Place::start(file)), Problem::SchemaKeyword { word: word.to_owned() }, hint);
    }
}

/// JSON is read as YAML once more, for the sake of its places; where that fails, the file's beginning will do.
fn places(file: FileId, sources: &Sources) -> Option<Node> {
    yaml::read(file, &sources.get(file).text, &mut Findings::default())
}

fn place_in(file: FileId, pointer: &str, sources: &Sources) -> Place {
    let pointer = pointer.strip_prefix('#').unwrap_or(pointer);
    places(file, sources).map_or(Place::start(file), |root| root.at(pointer).place)
}

/// What a schema says of the value at a JSON pointer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pointed<'v> {
    /// It lists the property; its schema.
    Listed(&'v Value),
    /// It neither lists nor forbids it, or says it in a way that is not followed here.
    Open,
    /// It forbids it, or records could not have it; the properties there are.
    Absent(Vec<&'v str>),
}

/// Follows a JSON pointer through `properties`, `items` and local references.
pub(super) fn pointed<'v>(document: &'v Value, pointer: &str) -> Pointed<'v> {
    let mut schema = follow(document, document);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(next) = properties.and_then(|properties| properties.get(&token)) {
            schema = follow(document, next);
            continue;
        }
        let combined = ["allOf", "anyOf", "oneOf", "$ref", "then", "else", "patternProperties", "dependentSchemas", "prefixItems"];
        if combined.iter().any(|keyword| schema.get(*keyword).is_some()) {
            return Pointed::Open;
        }
        if let (Some(items), true) = (schema.get("items"), token.parse::<usize>().is_ok()) {
            schema = follow(document, items);
            continue;
        }
        // A property that the schema does not list but lets pass would be missing from most records: a spelling mistake.
        return match properties {
            Some(properties) => Pointed::Absent(properties.keys().map(String::as_str).collect()),
            None if schema.get("type").is_none_or(|kind| kind == "object" || kind == "array") => Pointed::Open,
            None => Pointed::Absent(Vec::new()),
        };
    }
    Pointed::Listed(schema)
}

/// Follows `$ref: "#/…"`, a few steps at most so that a loop ends.
fn follow<'v>(document: &'v Value, mut schema: &'v Value) -> &'v Value {
    for _ in 0..16 {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        match target.and_then(|to| document.pointer(to)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn built_in_schemas_parse_and_have_valid_ids() {
        for (id, text) in built_in() {
            SchemaId::new(id).unwrap();
            assert!(serde_json::from_str::<Value>(text).unwrap().is_object(), "{id}");
        }
    }

    #[test]
    fn pointers_are_followed_through_properties_items_and_references() {
        let schema = json!({
            "type": "object",
            "properties": {
                "station": { "type": "string" },
                "place": { "$ref": "#/$defs/place" },
                "list": { "type": "array", "items": { "type": "object", "properties": { "a/b": { "type": "integer" } } } },
                "any": {},
            },
            "$defs": { "place": { "type": "object", "properties": { "lat": { "type": "number" } } }, "loop": { "$ref": "#/$defs/loop" } },
        });
        assert_eq!(pointed(&schema, "/station"), Pointed::Listed(&json!({ "type": "string" })));
        assert_eq!(pointed(&schema, "/place/lat"), Pointed::Listed(&json!({ "type": "number" })));
        assert_eq!(pointed(&schema, "/list/0/a~1b"), Pointed::Listed(&json!({ "type": "integer" })));
        assert_eq!(pointed(&schema, "/any/thing"), Pointed::Open);
        assert_eq!(pointed(&schema, "/place/lon"), Pointed::Absent(vec!["lat"]));
        assert_eq!(pointed(&schema, "/station/x"), Pointed::Absent(vec![]));
    }
}
