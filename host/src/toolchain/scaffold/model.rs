//! What a schema says, as types that any language can write down.

use std::collections::BTreeMap;

use serde_json::Value;

use super::words::{one, pascal};

/// All types of one schema, each behind those that it names; the record itself is the last.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) types: Vec<Named>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) shape: Shape,
}

#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    Object { fields: Vec<Field>, closed: bool },
    Words(Vec<String>),
}

#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// As the record has it.
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) required: bool,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text,
    Whole,
    Number,
    Truth,
    Named(String),
    List(Box<Kind>),
    Nullable(Box<Kind>),
    /// What the schema leaves open, or says in a way that has no type.
    Any,
}

impl Model {
    /// Reads a schema document. `name` is its own, `encounters` of `health/encounters.v1`.
    pub(super) fn read(name: &str, document: &Value) -> Self {
        let mut reader = Reader { document, types: Vec::new(), definitions: BTreeMap::new() };
        reader.object(one(&pascal(name)), document);
        Self { types: reader.types }
    }

    /// What one record is called.
    pub(super) fn record(&self) -> &str {
        self.types.last().map_or("Record", |named| &named.name)
    }
}

struct Reader<'a> {
    document: &'a Value,
    types: Vec<Named>,
    /// By pointer; none while its own types are read, for what contains itself has no end.
    definitions: BTreeMap<String, Option<Kind>>,
}

impl Reader<'_> {
    fn kind(&mut self, node: &Value, within: &str, hint: &str) -> Kind {
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return self.definition(reference);
        }
        let (names, nullable) = types(node);
        let kind = match (node.get("enum").and_then(Value::as_array), &names[..]) {
            (Some(values), _) => self.words(values, within, hint, node),
            (None, ["string"]) => Kind::Text,
            (None, ["integer"]) => Kind::Whole,
            (None, ["number"]) => Kind::Number,
            (None, ["boolean"]) => Kind::Truth,
            (None, ["array"]) => {
                let none = Value::Null;
                Kind::List(Box::new(self.kind(node.get("items").unwrap_or(&none), within, &one(hint))))
            }
            (None, ["object"]) if node.get("properties").is_some() => {
                let name = self.free(within, hint);
                self.object(name.clone(), node);
                Kind::Named(name)
            }
            _ => Kind::Any,
        };
        if nullable && kind != Kind::Any { Kind::Nullable(Box::new(kind)) } else { kind }
    }

    fn definition(&mut self, reference: &str) -> Kind {
        let Some(pointer) = reference.strip_prefix('#') else { return Kind::Any };
        if let Some(known) = self.definitions.get(pointer) {
            return known.clone().unwrap_or(Kind::Any);
        }
        let Some(node) = self.document.pointer(pointer) else { return Kind::Any };
        self.definitions.insert(pointer.to_owned(), None);
        let hint = pascal(pointer.rsplit('/').next().unwrap_or_default());
        let kind = self.kind(node, "", &hint);
        self.definitions.insert(pointer.to_owned(), Some(kind.clone()));
        kind
    }

    fn words(&mut self, values: &[Value], within: &str, hint: &str, node: &Value) -> Kind {
        let words: Vec<String> = values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
        if words.len() != values.iter().filter(|value| !value.is_null()).count() || words.is_empty() {
            return Kind::Any;
        }
        let shape = Shape::Words(words);
        let same = |named: &&Named| named.name == hint && named.shape == shape;
        if let Some(known) = self.types.iter().find(same) {
            return Kind::Named(known.name.clone());
        }
        let name = self.free(within, hint);
        self.types.push(Named { name: name.clone(), doc: doc(node), shape });
        Kind::Named(name)
    }

    fn object(&mut self, name: String, node: &Value) {
        let required = node.get("required").and_then(Value::as_array);
        let is_required = |field: &str| required.is_some_and(|names| names.iter().any(|name| name == field));
        let properties = node.get("properties").and_then(Value::as_object);
        let fields = properties.into_iter().flatten().map(|(field, node)| Field {
            name: field.clone(),
            doc: doc(node),
            required: is_required(field),
            kind: self.kind(node, &name, &pascal(field)),
        });
        let fields = fields.collect();
        let closed = node.get("additionalProperties") == Some(&Value::Bool(false));
        self.types.push(Named { name, doc: doc(node), shape: Shape::Object { fields, closed } });
    }

    /// The short name, or the one with its owner's before it, or one with a number.
    fn free(&self, within: &str, hint: &str) -> String {
        let taken = |name: &str| name == within || self.types.iter().any(|named| named.name == name);
        let longer = format!("{within}{hint}");
        let numbered = (2..).map(|number| format!("{longer}{number}"));
        [hint.to_owned(), longer.clone()].into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }
}

/// The node's types but for null, and whether null is one.
fn types(node: &Value) -> (Vec<&str>, bool) {
    let all: Vec<&str> = match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let nullable = all.contains(&"null");
    (all.into_iter().filter(|name| *name != "null").collect(), nullable)
}

fn doc(node: &Value) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    text("description").or_else(|| text("title")).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_becomes_types_in_an_order_that_can_be_written() {
        let schema = json!({
            "description": "A visit.", "type": "object", "additionalProperties": false, "required": ["id", "kind"],
            "$defs": { "concept": { "type": "object", "properties": { "code": { "type": "string" }, "parent": { "$ref": "#/$defs/concept" } } } },
            "properties": {
                "id": { "type": "string", "title": "Id" },
                "kind": { "enum": ["in", "out"] },
                "reasons": { "type": "array", "items": { "$ref": "#/$defs/concept" } },
                "place": { "type": "object", "properties": { "kind": { "enum": ["a"] } } },
                "value": { "type": ["number", "null"] },
                "open": { "type": "object" },
                "mixed": { "enum": ["a", 1] },
            },
        });
        let model = Model::read("visits", &schema);
        assert_eq!(model.record(), "Visit");
        let names: Vec<_> = model.types.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["Kind", "PlaceKind", "Place", "Concept", "Visit"]);
        let Some(Shape::Object { fields, closed: true }) = model.types.last().map(|named| &named.shape) else { panic!("no closed record") };
        let field = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
        assert!(field("id").required && !field("value").required);
        assert_eq!(field("reasons").kind, Kind::List(Box::new(Kind::Named("Concept".into()))));
        assert_eq!(field("value").kind, Kind::Nullable(Box::new(Kind::Number)));
        assert_eq!((&field("open").kind, &field("mixed").kind), (&Kind::Any, &Kind::Any));
        let Shape::Object { fields, .. } = &model.types[3].shape else { panic!("a concept is an object") };
        assert_eq!(fields[1].kind, Kind::Any, "what contains itself has no end");
    }
}
