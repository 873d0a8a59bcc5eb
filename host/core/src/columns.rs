//! What the lake makes of a schema: one typed column for each top-level property.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::schema::{Documents, Fault, Place, subschemas};
use crate::tape::escape;

/// A column's type in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// `type: boolean`
    Boolean,
    /// `type: integer`
    Integer,
    /// `type: number`
    Double,
    /// `type: string`, or anything of several types
    Text,
    /// `type: string` with `format: date-time`: microseconds, UTC
    Timestamp,
    /// `type: string` with `format: date`
    Date,
    /// `type: array` or `object`: its JSON text
    Json,
}

/// One typed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The property's name, which is the column's name.
    pub name: String,
    /// Its type; null is always allowed.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Tagged `x-personal` in the schema: kept out of statistics.
    pub personal: bool,
    /// The property's `title`, else its `description`, for the column's comment.
    pub comment: Option<String>,
}

/// Characters that Delta forbids in a column's name.
const FORBIDDEN: &str = " ,;{}()\n\t=`";

/// Columns of the envelope, which no property may be named like, in any case.
const ENVELOPE: [&str; 9] = ["_offset", "_epoch", "_id", "_time", "_received_at", "_date", "_agency", "_connector", "_extra"];

/// The columns of a schema, and whether the lake can hold it.
///
/// # Errors
/// A schema whose records are not all objects, and property names that the lake cannot tell apart or not hold.
pub(crate) fn of_schema(documents: &Documents<'_>) -> Result<Vec<Column>, Fault> {
    let root = documents.root();
    if Types::of(documents, root).0 != Types::OBJECT {
        return Err(Fault::new("/type", "a record is an object: write \"type\": \"object\" at the top of the schema"));
    }
    let mut columns: Vec<Column> = Vec::new();
    for place in all_of(documents, root) {
        let properties = place.node.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, node) in properties.filter(|(_, node)| **node != Value::Bool(false)) {
            if columns.iter().any(|column| column.name == *name) {
                continue;
            }
            usable(name, &columns).map_err(|message| Fault::new(format!("/properties/{}", escape(name)), message))?;
            let described = Place { document: place.document, node };
            columns.push(Column {
                name: name.clone(),
                column_type: column_type(documents, described),
                personal: is_personal(documents, described),
                comment: ["title", "description"].iter().find_map(|key| text_of(documents, described, key)),
            });
        }
    }
    Ok(columns)
}

fn usable(name: &str, columns: &[Column]) -> Result<(), String> {
    if name.is_empty() {
        return Err("the empty name cannot be a column of the lake: name the property".into());
    }
    if let Some(bad) = name.chars().find(|c| FORBIDDEN.contains(*c)) {
        return Err(format!("the property {name:?} has the character {bad:?}, which a column of the lake cannot have: use _ in its place"));
    }
    let folded = name.to_lowercase();
    if ENVELOPE.contains(&folded.as_str()) {
        return Err(format!("the property {name:?} has the name of an envelope column of the lake: choose another"));
    }
    if let Some(same) = columns.iter().find(|column| column.name.to_lowercase() == folded) {
        return Err(format!(
            "the properties {:?} and {name:?} differ only in case, which the lake cannot tell apart: rename one",
            same.name
        ));
    }
    Ok(())
}

/// A subschema with what it refers to and the members of its `allOf`: all of them hold at once.
fn all_of<'a>(documents: &Documents<'a>, place: Place<'a>) -> Vec<Place<'a>> {
    let mut pending = vec![place];
    let mut found: Vec<Place<'a>> = Vec::new();
    while let Some(place) = pending.pop() {
        if found.iter().any(|known| known.identity() == place.identity()) {
            continue;
        }
        found.push(place);
        let members = place.node.get("allOf").and_then(Value::as_array).into_iter().flatten().rev();
        pending.extend(members.map(|node| Place { document: place.document, node }));
        pending.extend(documents.follow(place));
    }
    found
}

/// The JSON types that a value may have, null left out; a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Types(u8);

impl Types {
    const BOOLEAN: u8 = 1;
    const INTEGER: u8 = 2;
    const NUMBER: u8 = 4;
    const STRING: u8 = 8;
    const ARRAY: u8 = 16;
    const OBJECT: u8 = 32;
    const NULL: u8 = 64;
    const ANY: u8 = 127;

    /// What a subschema allows. `null` beside something else is left out, for every column takes it.
    fn of(documents: &Documents<'_>, place: Place<'_>) -> Self {
        let all = Self::narrowed(documents, place, 0);
        Self(if all == Self::NULL { all } else { all & !Self::NULL })
    }

    fn narrowed(documents: &Documents<'_>, place: Place<'_>, depth: u8) -> u8 {
        // References that go round say nothing more.
        if depth > 16 {
            return Self::ANY;
        }
        all_of(documents, place).into_iter().fold(Self::ANY, |allowed, place| {
            let node = place.node;
            let mut allowed = allowed;
            match node.get("type") {
                Some(Value::String(one)) => allowed &= Self::named(one),
                Some(Value::Array(several)) => {
                    allowed &= several.iter().filter_map(Value::as_str).fold(0, |sum, one| sum | Self::named(one))
                }
                _ => {}
            }
            if let Some(listed) = node.get("enum").and_then(Value::as_array) {
                allowed &= Self::with_number(listed.iter().fold(0, |sum, value| sum | Self::of_value(value)), allowed);
            }
            if let Some(value) = node.get("const") {
                allowed &= Self::with_number(Self::of_value(value), allowed);
            }
            for keyword in ["anyOf", "oneOf"] {
                if let Some(list) = node.get(keyword).and_then(Value::as_array) {
                    let one = |node| Self::narrowed(documents, Place { document: place.document, node }, depth + 1);
                    allowed &= list.iter().fold(0, |sum, node| sum | one(node));
                }
            }
            allowed
        })
    }

    fn named(name: &str) -> u8 {
        match name {
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER | Self::INTEGER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            "null" => Self::NULL,
            _ => 0,
        }
    }

    fn of_value(value: &Value) -> u8 {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() => Self::NUMBER | Self::INTEGER,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// A list of whole numbers in a place declared `number` stays a number.
    fn with_number(listed: u8, declared: u8) -> u8 {
        let declared_number = declared != Self::ANY && declared & Self::NUMBER != 0;
        if declared_number && listed & Self::INTEGER != 0 { listed | Self::NUMBER } else { listed }
    }
}

fn column_type(documents: &Documents<'_>, place: Place<'_>) -> ColumnType {
    match Types::of(documents, place).0 {
        Types::BOOLEAN => ColumnType::Boolean,
        Types::INTEGER => ColumnType::Integer,
        types if types & Types::NUMBER != 0 && types & !(Types::NUMBER | Types::INTEGER) == 0 => ColumnType::Double,
        Types::STRING => match format(documents, place).as_deref() {
            Some("date-time") => ColumnType::Timestamp,
            Some("date") => ColumnType::Date,
            _ => ColumnType::Text,
        },
        types if types & (Types::ARRAY | Types::OBJECT) != 0 => ColumnType::Json,
        _ => ColumnType::Text,
    }
}

/// The format that every text of a place has: said of all of it, or by each alternative that is not null.
fn format(documents: &Documents<'_>, place: Place<'_>) -> Option<String> {
    fn within(documents: &Documents<'_>, place: Place<'_>, depth: u8) -> Option<String> {
        if depth > 16 {
            return None;
        }
        all_of(documents, place).into_iter().find_map(|place| {
            if let Some(format) = place.node.get("format").and_then(Value::as_str) {
                return Some(format.to_owned());
            }
            ["anyOf", "oneOf"].iter().find_map(|keyword| {
                let mut formats = place.node.get(keyword)?.as_array()?.iter().filter_map(|node| {
                    let place = Place { document: place.document, node };
                    (Types::of(documents, place).0 != Types::NULL).then(|| within(documents, place, depth + 1))
                });
                let first = formats.next()??;
                formats.all(|format| format.as_ref() == Some(&first)).then_some(first)
            })
        })
    }
    within(documents, place, 0)
}

/// Is it, or anything within it, tagged `x-personal`?
pub(crate) fn is_personal(documents: &Documents<'_>, place: Place<'_>) -> bool {
    let mut pending = vec![place];
    let mut seen = HashSet::new();
    while let Some(place) = pending.pop() {
        if !seen.insert(place.identity()) {
            continue;
        }
        if place.node.get("x-personal") == Some(&Value::Bool(true)) {
            return true;
        }
        pending.extend(subschemas(place.node, true).into_iter().map(|(_, node)| Place { document: place.document, node }));
        pending.extend(documents.follow(place));
    }
    false
}

fn text_of(documents: &Documents<'_>, place: Place<'_>, keyword: &str) -> Option<String> {
    all_of(documents, place).into_iter().find_map(|place| place.node.get(keyword)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns(schema: &Value) -> Result<Vec<Column>, Fault> {
        of_schema(&Documents::new(schema, &[]))
    }

    #[test]
    fn each_property_becomes_the_column_its_types_allow() {
        use ColumnType::*;
        let cases = [
            (json!({"type": "boolean"}), Boolean),
            (json!({"type": "integer"}), Integer),
            (json!({"type": ["integer", "null"]}), Integer),
            (json!({"type": "number"}), Double),
            (json!({"type": ["number", "null"]}), Double),
            (json!({"type": ["number", "integer"]}), Double),
            (json!({"type": "number", "enum": [1, 2]}), Double),
            (json!({"type": "string"}), Text),
            (json!({"type": ["string", "number"]}), Text),
            (json!({"type": ["boolean", "integer"]}), Text),
            (json!({"type": "string", "format": "date-time"}), Timestamp),
            (json!({"type": ["string", "null"], "format": "date"}), Date),
            (json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}), Date),
            (json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "string"}]}), Text),
            (json!({"type": "string", "format": "time"}), Text),
            (json!({"type": "array"}), Json),
            (json!({"type": "object"}), Json),
            (json!({"type": ["string", "array"]}), Json),
            (json!({}), Json),
            (json!(true), Json),
            (json!({"enum": ["a", "b", null]}), Text),
            (json!({"const": 3}), Integer),
            (json!({"oneOf": [{"type": "integer"}, {"type": "null"}]}), Integer),
            (json!({"anyOf": [{"type": "integer"}, {"type": "number"}]}), Double),
            (json!({"$ref": "#/$defs/at"}), Timestamp),
            (json!({"allOf": [{"$ref": "#/$defs/at"}], "title": "when"}), Timestamp),
            (json!({"$ref": "#/$defs/loop"}), Json),
            (json!({"type": "null"}), Text),
        ];
        for (property, expected) in cases {
            let schema = json!({"type": "object", "properties": {"p": property},
                "$defs": {"at": {"type": "string", "format": "date-time"}, "loop": {"anyOf": [{"$ref": "#/$defs/loop"}]}}});
            assert_eq!(columns(&schema).unwrap()[0].column_type, expected, "{property}");
        }
    }

    #[test]
    fn a_column_is_personal_when_anything_in_it_is() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "string", "x-personal": true},
            "b": {"type": "array", "items": {"$ref": "#/$defs/person"}},
            "c": {"type": "object", "properties": {"d": {"type": "integer", "x-personal": false}}},
            "e": {"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/person"}]}},
        }, "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string", "x-personal": true}, "of": {"$ref": "#/$defs/person"}}}}});
        let personal: Vec<_> = columns(&schema).unwrap().into_iter().filter(|c| c.personal).map(|c| c.name).collect();
        assert_eq!(personal, ["a", "b", "e"]);
    }

    #[test]
    fn names_the_lake_cannot_hold_are_refused() {
        for names in [
            ["Aqi", "aqi"],
            ["a b", "c"],
            ["a,b", "c"],
            ["_offset", "c"],
            ["_Time", "c"],
            ["", "c"],
            ["x=y", "c"],
            ["x`", "c"],
            ["_epoch", "c"],
        ] {
            let schema = json!({"type": "object", "properties": {names[0]: {}, names[1]: {}}});
            assert!(columns(&schema).unwrap_err().pointer.starts_with("/properties/"), "{names:?}");
        }
        let fine = json!({"type": "object", "properties": {"a.b": {}, "độ_ẩm": {}, "_custom": {}, "PM2-5": {}}});
        assert_eq!(columns(&fine).unwrap().len(), 4);
    }

    #[test]
    fn a_record_schema_is_one_of_objects() {
        for schema in
            [json!(true), json!({}), json!({"type": "array"}), json!({"type": ["object", "array"]}), json!({"properties": {"a": {}}})]
        {
            assert!(columns(&schema).is_err(), "{schema}");
        }
        let through = json!({"$ref": "#/$defs/r", "$defs": {"r": {"type": "object", "properties": {"a": {"title": "A"}}}}});
        assert_eq!(columns(&through).unwrap()[0].comment.as_deref(), Some("A"));
        let merged =
            json!({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "string"}}}]});
        assert_eq!(columns(&merged).unwrap().len(), 2);
    }
}
