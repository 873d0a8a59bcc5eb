//! The tables and the schemas say the same.

use std::path::Path;

use serde_json::Value;

use super::*;

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/health/insurance-{name}.v1.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A property as its field makes it.
fn expected(form: Form) -> Value {
    let text = |max: usize| serde_json::json!({ "type": "string", "maxLength": max });
    let list = |items: Value| serde_json::json!({ "type": "array", "maxItems": MAX_VALUES, "items": items });
    let number = serde_json::json!({ "type": "number" });
    match form {
        Text(max) => text(max),
        Codes => list(text(LONG_CODE)),
        Moment => serde_json::json!({ "type": "string", "format": "date-time" }),
        Day | DayOrMoment(_) | CardDay(_) => serde_json::json!({ "type": "string", "format": "date" }),
        Days => list(serde_json::json!({ "type": "string", "format": "date" })),
        Birth(_) => serde_json::json!({ "type": "string", "maxLength": 10 }),
        Gender => serde_json::json!({ "type": "string", "enum": ["male", "female", "unknown"] }),
        Money | Number => number,
        Numbers => list(number),
        Percent => serde_json::json!({ "type": "number", "minimum": 0, "maximum": 100 }),
        Whole(max) => serde_json::json!({ "type": "integer", "minimum": 0, "maximum": max }),
        Card(_) => text(CODE),
    }
}

/// Every key of `part` is in `whole` with the same value.
fn has(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Object(members) => members.iter().all(|(key, value)| whole.get(key).is_some_and(|other| has(other, value))),
        _ => whole == part,
    }
}

fn check(schema: &Value, field: &Field) {
    let top = &schema["properties"][field.name];
    let property = match field.form {
        Card(name) | CardDay(name) => &top["items"]["properties"][name],
        _ => top,
    };
    assert!(has(property, &expected(field.form)), "{}: {property}", field.source);
    let sources = property["x-source"].as_str().unwrap_or_default();
    assert!(sources.split(", ").any(|source| source == field.source), "{}: {property}", field.source);
    if let DayOrMoment(name) | Birth(name) = field.form {
        let second = &schema["properties"][name];
        assert!(has(second, &expected(Moment)) && second["x-source"] == field.source, "{}: {second}", field.source);
    }
}

#[test]
fn every_field_has_its_property_and_every_property_its_field() {
    for (name, tables) in [("episodes", [CHECK_IN, SUMMARY]), ("items", [MEDICINE, SERVICE])] {
        let schema = schema(name);
        tables.into_iter().flatten().for_each(|field| check(&schema, field));
        let made: Vec<&str> = tables
            .into_iter()
            .flatten()
            .flat_map(|field| match field.form {
                DayOrMoment(second) | Birth(second) => vec![field.name, second],
                _ => vec![field.name],
            })
            .chain(["stage", "parts", "signed", "sender_code", "created_on", "kind", "facility_code", "other_fields"])
            .collect();
        for property in schema["properties"].as_object().unwrap().keys() {
            assert!(made.contains(&property.as_str()), "{name}: {property}");
        }
        // A field is required where all of the schema's tables have it so, and only there.
        for property in schema["required"].as_array().unwrap() {
            let of = |table: &[Field]| table.iter().filter(|field| property == field.name).all(|field| field.required);
            assert!(tables.into_iter().all(of), "{name}: {property}");
        }
    }
}

#[test]
fn no_table_has_a_field_twice() {
    for table in [CHECK_IN, SUMMARY, MEDICINE, SERVICE] {
        for (index, field) in table.iter().enumerate() {
            assert!(table[..index].iter().all(|other| other.source != field.source), "{}", field.source);
        }
    }
}
