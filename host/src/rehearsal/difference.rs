//! How what came of a call differs from what was expected: record by record, field by field.

use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// What is shown of one value, characters.
const SHOWN: usize = 160;

/// A line for each difference, none where there is none. Numbers are equal by value: `20` is `20.0`.
pub fn difference(expected: &[Value], got: &[Value]) -> Vec<String> {
    let texts = |values: &[Value]| values.iter().map(|value| comparable(value).to_string()).collect::<Vec<_>>();
    let (before, after) = (texts(expected), texts(got));
    let mut told = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, &before, &after) {
        match operation {
            DiffOp::Equal { .. } => {}
            DiffOp::Delete { old_index, old_len, .. } => told.extend(missing(expected, old_index..old_index + old_len)),
            DiffOp::Insert { new_index, new_len, .. } => told.extend(surplus(got, new_index..new_index + new_len)),
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                let shared = old_len.min(new_len);
                for place in 0..shared {
                    let (before, after) = (old_index + place, new_index + place);
                    if kind(&expected[before]) != kind(&got[after]) {
                        told.extend(missing(expected, before..before + 1));
                        told.extend(surplus(got, after..after + 1));
                        continue;
                    }
                    told.push(format!("  line {} differs", before + 1));
                    fields("", Some(&expected[before]), Some(&got[after]), &mut told);
                }
                told.extend(missing(expected, old_index + shared..old_index + old_len));
                told.extend(surplus(got, new_index + shared..new_index + new_len));
            }
        }
    }
    told
}

/// What a line is about, so that a record is not compared with a reply.
fn kind(line: &Value) -> Option<&'static str> {
    const KINDS: [&str; 9] = ["record", "rejected", "refused", "attachment", "reply", "next", "state", "status", "failed"];
    KINDS.into_iter().find(|kind| line.get(*kind).is_some())
}

fn missing(expected: &[Value], places: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    places.map(|place| format!("  line {} did not come: {}", place + 1, shown(&expected[place])))
}

fn surplus(got: &[Value], places: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    places.map(|place| format!("  nobody expected: {}", shown(&got[place])))
}

/// The fields that differ, by JSON pointer.
fn fields(pointer: &str, expected: Option<&Value>, got: Option<&Value>, told: &mut Vec<String>) {
    match (expected, got) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for name in names {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                fields(&pointer, before.get(name), after.get(name), told);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for place in 0..before.len().max(after.len()) {
                fields(&format!("{pointer}/{place}"), before.get(place), after.get(place), told);
            }
        }
        (Some(before), Some(after)) if comparable(before) == comparable(after) => {}
        (before, after) => {
            let side = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), shown);
            told.push(format!("    {pointer}: expected {}, got {}", side(before), side(after)));
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// With whole numbers written as such.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => value.clone(),
        },
        Value::Array(values) => values.iter().map(comparable).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), comparable(value))).collect(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_is_no_difference() {
        let lines = [json!({ "port": "a", "record": { "value": 20 } })];
        assert_eq!(difference(&lines, &[json!({ "record": { "value": 20.0 }, "port": "a" })]), [""; 0]);
    }

    #[test]
    fn a_record_too_few_or_too_many_leaves_the_others_alone() {
        let line = |n: i32| json!({ "record": { "n": n } });
        let told = difference(&[line(1), line(2), line(3)], &[line(1), line(3), line(4)]);
        assert_eq!(told, ["  line 2 did not come: {\"record\":{\"n\":2}}", "  nobody expected: {\"record\":{\"n\":4}}"]);
    }

    #[test]
    fn things_of_two_kinds_are_not_compared_field_by_field() {
        let told = difference(&[json!({ "record": { "a": 1 } })], &[json!({ "failed": "upstream" })]);
        assert_eq!(told, ["  line 1 did not come: {\"record\":{\"a\":1}}", "  nobody expected: {\"failed\":\"upstream\"}"]);
    }

    #[test]
    fn a_field_is_named_with_both_its_values() {
        let expected = json!({ "record": { "unit": "mg", "codes": ["a", "b"], "gone": 1 } });
        let told = difference(&[expected], &[json!({ "record": { "unit": "µg", "codes": ["a"], "new": true } })]);
        assert_eq!(
            told,
            [
                "  line 1 differs",
                "    /record/codes/1: expected \"b\", got nothing",
                "    /record/gone: expected 1, got nothing",
                "    /record/new: expected nothing, got true",
                "    /record/unit: expected \"mg\", got \"µg\"",
            ]
        );
    }
}
