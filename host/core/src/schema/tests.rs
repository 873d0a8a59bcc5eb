//! Verdicts on the tape against verdicts on documents, what compiling refuses, and what violations say.

use std::path::{Path, PathBuf};

use jsonschema::json::SerdeJson;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::decode::DecodeLimits;
use crate::suite::suite;

fn compiled(document: Value) -> Result<ChannelSchema, Error> {
    ChannelSchema::compile(SchemaId::new("test/things.v1").unwrap(), document, &[])
}

fn violation(schema: &ChannelSchema, record: &Value) -> Violation {
    let text = record.to_string();
    schema.validate(&mut Decoder::new(DecodeLimits::default()), text.as_bytes()).expect_err("refused")
}

#[test]
fn the_tape_keeps_the_contract_of_a_representation() {
    let text = jsonschema::json::conformance::document().to_string();
    let mut decoder = Decoder::new(DecodeLimits::default());
    let tape = decoder.decode(text.as_bytes()).unwrap();
    jsonschema::json::conformance::assert_conformance::<TapeJson>(&tape.root());
}

/// The validators of one schema for both representations, the record wrapped in an object, as the decoder wants it.
fn agree(schema: &Value, others: &[(&str, &Value)], instance: &Value) -> Option<bool> {
    let wrapped = json!({ "v": instance });
    let text = wrapped.to_string();
    let mut decoder = Decoder::new(DecodeLimits::default());
    let tape = decoder.decode(text.as_bytes()).ok()?;
    let on_tape = build_validator::<TapeJson>(schema, others).map_err(|fault| fault.message);
    let on_value = build_validator::<SerdeJson>(schema, others).map_err(|fault| fault.message);
    let (on_tape, on_value) = match (on_tape, on_value) {
        (Ok(on_tape), Ok(on_value)) => (on_tape, on_value),
        (on_tape, on_value) => {
            assert_eq!(on_tape.err(), on_value.err(), "{schema}");
            return None;
        }
    };
    let node = tape.root().get("v").unwrap();
    let verdict = on_value.is_valid(instance);
    assert_eq!(on_tape.is_valid(node), verdict, "{schema}\n{instance}");
    assert_eq!(on_tape.validate(node).is_ok(), verdict, "{schema}\n{instance}");
    let pointer = on_value.validate(instance).err().map(|error| (error.instance_path().to_string(), error.keyword_name()));
    assert_eq!(
        on_tape.validate(node).err().map(|error| (error.instance_path().to_string(), error.keyword_name())),
        pointer,
        "{schema}\n{instance}"
    );
    Some(verdict)
}

trait KeywordName {
    fn keyword_name(&self) -> String;
}

impl KeywordName for jsonschema::ValidationError<'_> {
    fn keyword_name(&self) -> String {
        self.kind().keyword().to_owned()
    }
}

#[test]
fn both_representations_agree_on_the_keywords() {
    let long: Vec<i64> = (0..40).collect();
    let table = [
        (json!({"type": "integer"}), vec![json!(1), json!(1.0), json!(1.5), json!(-0.0), json!("1"), json!(null)]),
        (json!({"multipleOf": 0.01}), vec![json!(0.07), json!(0.075), json!(1e300), json!(i64::MIN)]),
        (json!({"maximum": 3, "exclusiveMinimum": -1}), vec![json!(3), json!(3.0000001), json!(-1), json!(-1.0), json!("4")]),
        (json!({"const": {"a": [1, 2.0]}}), vec![json!({"a": [1.0, 2]}), json!({"a": [1, 2], "b": 0}), json!({"a": [2, 1]})]),
        (
            json!({"enum": ["a", 1, null, [1], {"x": 0}]}),
            vec![json!("a"), json!(1.0), json!(null), json!([1]), json!({"x": 0.0}), json!(true)],
        ),
        (
            json!({"uniqueItems": true}),
            vec![json!([1, 1.0]), json!(["a", "b", "a"]), json!([{"a": 1}, {"a": 2}]), json!(long), json!([[1], [1]]), json!([0, false])],
        ),
        (
            json!({"uniqueItems": true, "items": {"type": "string"}}),
            vec![
                Value::from((0..40).map(|n| format!("{n}")).collect::<Vec<_>>()),
                Value::from((0..40).map(|n| format!("{}", n % 39)).collect::<Vec<_>>()),
            ],
        ),
        (
            json!({"minLength": 2, "maxLength": 3}),
            vec![json!("é"), json!("éé"), json!("😀😀😀"), json!("😀😀😀😀"), json!("abc"), json!("")],
        ),
        (
            json!({"propertyNames": {"maxLength": 2, "pattern": "^[a-z]+$"}}),
            vec![json!({"ab": {"long": 1}}), json!({"ab": [1, 2], "abc": 1}), json!({"1": 1}), json!({})],
        ),
        (
            json!({"required": ["a", "b", "c", "d"]}),
            vec![json!({"a": 1, "b": {"c": 1}, "d": 1}), json!({"d": 1, "c": 1, "b": 1, "a": 1, "e": [1]})],
        ),
        (
            json!({"patternProperties": {"^n": {"type": "number"}}, "additionalProperties": false}),
            vec![json!({"n1": 1}), json!({"n1": "x"}), json!({"x": 1})],
        ),
        (
            json!({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}),
            vec![json!(["a", 1, 2]), json!([1]), json!(["a", "b"])],
        ),
        (json!({"contains": {"const": 2}, "minContains": 2, "maxContains": 3}), vec![json!([2, 2]), json!([2]), json!([2, 2, 2, 2])]),
        (json!({"properties": {"a": true}, "unevaluatedProperties": false}), vec![json!({"a": 1}), json!({"b": 1})]),
        (
            json!({"if": {"properties": {"k": {"const": 1}}}, "then": {"required": ["x"]}, "else": {"required": ["y"]}}),
            vec![json!({"k": 1, "x": 0}), json!({"k": 2}), json!({})],
        ),
        (json!({"dependentRequired": {"a": ["b"]}}), vec![json!({"a": 1}), json!({"a": 1, "b": 2})]),
        (json!({"oneOf": [{"type": "number"}, {"minimum": 3}]}), vec![json!(1), json!(5), json!("x")]),
        (
            json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"l": {"$ref": "#/$defs/tree"}, "v": {"type": "integer"}}}}}),
            vec![json!({"l": {"l": {"v": 1}}}), json!({"l": {"l": {"v": "x"}}})],
        ),
        (
            json!({"format": "date-time"}),
            vec![json!("2026-11-23T10:00:00+07:00"), json!("2026-11-23T25:00:00Z"), json!("2026-02-30T00:00:00Z"), json!(5)],
        ),
        (json!({"format": "uuid"}), vec![json!("0190163d-8694-739b-aea5-966c26f8ad91"), json!("0190163d8694739baea5966c26f8ad91")]),
        (json!({"format": "email"}), vec![json!("a@b.vn"), json!("a@"), json!("a b@c")]),
    ];
    for (schema, instances) in table {
        let verdicts: Vec<_> = instances.iter().map(|instance| agree(&schema, &[], instance).expect("compiles and decodes")).collect();
        assert!(verdicts.len() < 2 || verdicts.contains(&false), "a table row that refuses nothing: {schema}");
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The JSON files in a folder and below, in order.
fn files_under(folder: &Path) -> Vec<PathBuf> {
    let (mut pending, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => pending.push(path),
                false => files.extend(path.extension().is_some_and(|e| e == "json").then_some(path)),
            }
        }
    }
    files.sort();
    files
}

/// Where verdicts are others than the public suite's, and why that is right here.
const OTHERWISE: [(&str, &str); 1] = [
    // The suite says what a validator does that takes formats for remarks; the hub asserts those it knows, and refuses a schema with
    // another.
    ("draft2020-12/format.json", "is only an annotation by default"),
];

/// Formats that no schema may have.
const NOT_ASSERTED: [&str; 2] = ["idn-email format", "idn-hostname format"];

/// Of what is optional, this is claimed: the formats that are asserted.
fn is_claimed(file: &Path) -> bool {
    let optional = file.components().any(|part| part.as_os_str() == "optional");
    let format = file.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| check::FORMATS.contains(&stem));
    !optional || format && file.components().any(|part| part.as_os_str() == "format")
}

#[test]
fn verdicts_are_those_of_the_public_suite_on_both_representations() {
    let Some(folder) = suite("json-schema") else { return };
    let folder = folder.join("json");
    let remotes_folder = folder.join("remotes");
    let remotes: Vec<(String, Value)> = files_under(&remotes_folder)
        .into_iter()
        .map(|path| (format!("http://localhost:1234/{}", path.strip_prefix(&remotes_folder).unwrap().display()), read(&path)))
        .filter(|(uri, _)| ["draft2020-12", "draft7"].iter().any(|d| uri.contains(d)) || !uri.contains("/draft"))
        .collect();
    let (mut compared, mut passed_over, mut wrong) = (0, Vec::new(), Vec::new());
    for (dialect, uri) in
        [("draft2020-12", "https://json-schema.org/draft/2020-12/schema"), ("draft7", "http://json-schema.org/draft-07/schema#")]
    {
        for file in files_under(&folder.join("tests").join(dialect)) {
            let name = file.strip_prefix(folder.join("tests")).unwrap().display().to_string();
            for group in read(&file).as_array().unwrap() {
                let mut schema = group["schema"].clone();
                if let Some(members) = schema.as_object_mut() {
                    members.entry("$schema").or_insert(uri.into());
                }
                let text = schema.to_string();
                let remotes: Vec<_> = if text.contains("localhost:1234") || text.contains("$ref") {
                    remotes.iter().map(|(u, v)| (u.as_str(), v)).collect()
                } else {
                    Vec::new()
                };
                for test in group["tests"].as_array().unwrap() {
                    let what = format!("{name}: {} / {}", group["description"], test["description"]);
                    let Some(verdict) = agree(&schema, &remotes, &test["data"]) else {
                        passed_over.push(what);
                        continue;
                    };
                    compared += 1;
                    let is_asserted = !NOT_ASSERTED.iter().any(|format| group["description"] == *format);
                    let otherwise = is_asserted && OTHERWISE.iter().any(|(file, part)| name == *file && what.contains(part));
                    if is_claimed(&file) && (test["valid"] == json!(verdict)) == otherwise {
                        wrong.push(what);
                    }
                }
            }
        }
    }
    eprintln!("{compared} verdicts equal on both representations; not comparable, for the decoder or compiling refused: {passed_over:#?}");
    assert_eq!(wrong, [] as [String; 0]);
    assert!(compared > 3_000 && passed_over.len() < 100, "{compared}, {}", passed_over.len());
}

#[test]
fn hostile_and_useless_schemas_do_not_compile() {
    let object = |property: Value| json!({"type": "object", "properties": {"p": property}});
    let doubling: serde_json::Map<String, Value> = (0..40)
        .map(|n| (format!("d{n}"), json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"$ref": format!("#/$defs/d{}", n + 1)}]})))
        .collect();
    let mut doubling = Value::Object(doubling);
    doubling["d40"] = json!({"type": "integer"});
    let deep = (0..120).fold(json!({"type": "integer"}), |inner, _| json!({"items": inner}));
    let table = [
        (object(json!({"$ref": "http://example.com/s.json"})), "/properties/p/$ref", "nothing is ever fetched"),
        (object(json!({"$ref": "file:///etc/passwd"})), "/properties/p/$ref", "nothing is ever fetched"),
        (object(json!({"$ref": "#/$defs/none"})), "/properties/p/$ref", "leads nowhere"),
        (object(json!({"$ref": "#none"})), "/properties/p/$ref", "leads nowhere"),
        (object(json!({"$ref": "other.json"})), "/properties/p/$ref", "outside the schemas at hand"),
        (object(json!({"pattern": "^(?=a)b"})), "/properties/p/pattern", "linear time"),
        (object(json!({"pattern": "(a)\\1"})), "/properties/p/pattern", "linear time"),
        (object(json!({"pattern": "(a"})), "/properties/p/pattern", "pattern"),
        (object(json!({"pattern": "((\\p{L}{1000}){1000}){1000}"})), "/properties/p/pattern", "4 MiB"),
        (object(json!({"patternProperties": {"(?!x)": true}})), "/properties/p/patternProperties", "linear time"),
        (object(json!({"format": "datetime"})), "/properties/p/format", "is not known"),
        (object(json!({"format": "idn-hostname"})), "/properties/p/format", "is not known"),
        (object(json!({"type": "text"})), "/properties/p/type", "no valid JSON Schema"),
        (object(json!({"minLength": -1})), "/properties/p/minLength", "no valid JSON Schema"),
        (object(deep), "/properties/p/items", "nested deeper"),
        (json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}), "/$schema", "2020-12 and draft 7"),
        (json!({"type": "array"}), "/type", "a record is an object"),
        (json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": doubling}), "/properties/a", "multiply"),
        (json!({"type": "object", "description": "x".repeat(1 << 20)}), "", "1 MiB"),
        (json!({"type": "object", "properties": {"a b": {}}}), "/properties/a b", "cannot have"),
    ];
    for (schema, pointer, message) in table {
        let shown = schema.to_string().chars().take(200).collect::<String>();
        let error = compiled(schema).err().unwrap_or_else(|| panic!("compiled: {shown}"));
        assert!(error.pointer.starts_with(pointer) && error.message.contains(message), "{shown}\n{error:?}");
    }
}

#[test]
fn recursion_ends_whatever_the_record_is() {
    let loops = [
        json!({"type": "object", "$ref": "#"}),
        json!({"type": "object", "allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"type": "object", "anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}], "properties": {"z": {"type": "integer"}}}),
    ];
    let nested = (0..62).fold(json!({"z": "no integer"}), |inner, _| json!({"a": inner}));
    for schema in loops {
        if let Ok(schema) = compiled(schema) {
            let _ = schema.validate(&mut Decoder::new(DecodeLimits::default()), nested.to_string().as_bytes());
        }
    }
}

#[test]
fn references_reach_the_schemas_beside() {
    let place = json!({"$id": "https://city.example/place.json", "type": "object", "required": ["lat"],
        "properties": {"lat": {"type": "number", "maximum": 90}, "who": {"type": "string", "x-personal": true}}});
    let at = json!({"$id": "https://city.example/at.json", "$defs": {"at": {"type": "string", "format": "date-time"}}});
    let schema = json!({"$id": "https://city.example/reading.json", "type": "object",
        "properties": {"place": {"$ref": "place.json"}, "at": {"$ref": "https://city.example/at.json#/$defs/at"}}});
    let others = [("https://city.example/place.json", &place), ("https://city.example/at.json", &at)];
    let schema = ChannelSchema::compile(SchemaId::new("test/readings.v1").unwrap(), schema, &others).unwrap();
    assert_eq!(violation(&schema, &json!({"place": {"lat": 91}})).pointer, "/place/lat");
    let at = schema.columns().iter().find(|column| column.name == "at").unwrap();
    assert_eq!(at.column_type, crate::columns::ColumnType::Timestamp);
    assert!(schema.columns().iter().any(|column| column.name == "place" && column.personal));
}

#[test]
fn violations_say_where_and_what_was_expected() {
    let schema = compiled(json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "level": {"enum": ["good", "bad"]},
        "value": {"type": ["number", "null"], "minimum": 0, "maximum": 500},
        "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string", "maxLength": 3}},
        "at": {"type": "string", "format": "date-time"},
        "shape": {"oneOf": [{"type": "string"}, {"type": "object", "required": ["r"]}]},
        "n": {"type": "object", "properties": {"a/b": {"type": "integer", "multipleOf": 5}}},
    }}))
    .unwrap();
    let table = [
        (json!({}), "", "required", "the property \"id\" is missing"),
        (json!({"id": 5}), "/id", "type", "expected string"),
        (json!({"id": "abc"}), "/id", "pattern", "expected text of the pattern ^[A-Z]{2}$"),
        (json!({"id": "AB", "level": "ugly"}), "/level", "enum", "expected one of \"good\", \"bad\""),
        (json!({"id": "AB", "value": -1}), "/value", "minimum", "expected 0 or more"),
        (json!({"id": "AB", "value": "x"}), "/value", "type", "expected one of null, number"),
        (json!({"id": "AB", "tags": ["a", "a"]}), "/tags", "uniqueItems", "expected elements that all differ"),
        (json!({"id": "AB", "tags": ["a", "long"]}), "/tags/1", "maxLength", "expected 3 characters or fewer"),
        (json!({"id": "AB", "at": "now"}), "/at", "format", "expected text of the format date-time"),
        (
            json!({"id": "AB", "shape": {"x": 1}}),
            "/shape",
            "oneOf",
            "fits none of the alternatives: alternative 0: expected string; alternative 1: the property \"r\" is missing",
        ),
        (json!({"id": "AB", "n": {"a/b": 3}}), "/n/a~1b", "multipleOf", "expected a multiple of 5"),
        (json!({"id": "AB", "extra": 3}), "", "additionalProperties", "the schema knows no property \"extra\""),
    ];
    for (record, pointer, keyword, message) in table {
        let found = violation(&schema, &record);
        assert_eq!((found.pointer.as_str(), found.keyword.as_str(), found.message.as_str()), (pointer, keyword, message), "{record}");
    }
}

#[test]
fn violations_never_hold_a_value_of_the_record() {
    let secret = "NGUYEN-THI-CANARY";
    let schemas = [
        json!({"type": "integer"}),
        json!({"const": "x"}),
        json!({"enum": ["x"]}),
        json!({"pattern": "^x$"}),
        json!({"format": "date"}),
        json!({"maxLength": 2}),
        json!({"not": {"type": "string"}}),
        json!({"anyOf": [{"type": "integer"}, {"const": 1}]}),
        json!(false),
        json!({"contentEncoding": "base64", "type": "null"}),
        json!({"oneOf": [{"minLength": 1}, {"minLength": 2}]}),
        json!({"allOf": [{"type": "null"}]}),
    ];
    for property in schemas {
        let schema = compiled(json!({"type": "object", "properties": {"p": property}})).unwrap();
        let found = violation(&schema, &json!({"p": secret}));
        assert!(!format!("{found:?}").contains("CANARY"), "{found:?}");
    }
    // Keys below a personal property may be personal too: the pointer ends at the tag, and names are not listed.
    let schema = compiled(json!({"type": "object", "$defs": {"p": {"type": "object", "x-personal": true, "additionalProperties": {"type": "integer"}, "maxProperties": 3}},
        "properties": {"people": {"$ref": "#/$defs/p"}, "closed": {"type": "object", "x-personal": true, "additionalProperties": false}}}))
    .unwrap();
    let found = violation(&schema, &json!({"people": {secret: "x"}}));
    assert_eq!((found.pointer.as_str(), found.message.as_str()), ("/people", "expected integer"));
    let found = violation(&schema, &json!({"closed": {secret: 1}}));
    assert_eq!((found.pointer.as_str(), found.message.as_str()), ("/closed", "the schema does not know this property"));
}

#[test]
fn a_valid_record_is_the_trimmed_line() {
    let schema = compiled(json!({"type": "object", "properties": {"a": {"type": "string"}}})).unwrap();
    let mut decoder = Decoder::new(DecodeLimits::default());
    for (line, kept) in [(" {\"a\" : \"\\u0041\"}\t\r\n", "{\"a\" : \"\\u0041\"}"), ("{}", "{}"), ("\n{\"b\":\t1.0}", "{\"b\":\t1.0}")] {
        assert_eq!(schema.validate(&mut decoder, line.as_bytes()).unwrap().bytes(), kept.as_bytes());
    }
    assert!(schema.validate(&mut decoder, b"{\n}").unwrap_err().message.contains("one line"));
    let mut pretty = b"{\r\n \"a\": \"x\"\n}".to_vec();
    flatten_line(&mut pretty);
    assert!(schema.validate(&mut decoder, &pretty).is_ok());
}

#[test]
fn schemas_are_shared_between_tasks() {
    fn shared<T: Send + Sync>() {}
    fn owned<T: Send>() {}
    shared::<ChannelSchema>();
    owned::<Decoder>();
}

proptest! {
    #[test]
    fn any_record_gets_the_same_verdict_on_both(value in crate::decode::tests::any_value(), extra in crate::decode::tests::any_value()) {
        let schemas = [
            json!({"type": ["object", "array", "string"], "maxProperties": 3, "maxItems": 4, "minLength": 1, "properties": {"a": {"type": "integer"}, "b": {"$ref": "#"}}, "items": {"$ref": "#"}}),
            json!({"uniqueItems": true, "additionalProperties": {"not": {"const": null}}, "anyOf": [{"minimum": 0}, {"propertyNames": {"maxLength": 1}}]}),
        ];
        let both = json!({"a": value, "b": extra});
        for schema in &schemas {
            agree(schema, &[], &both);
            // A schema that says what the value is must take it, and refuse another.
            prop_assert_eq!(agree(&json!({"const": both}), &[], &both), Some(true));
        }
    }

    #[test]
    fn a_valid_record_keeps_its_bytes(value in crate::decode::tests::any_value(), before in "[ \t\r\n]{0,3}", after in "[ \t\r\n]{0,3}") {
        let schema = compiled(json!({"type": "object"})).unwrap();
        let text = json!({"v": value}).to_string();
        let line = format!("{before}{text}{after}");
        let mut decoder = Decoder::new(DecodeLimits::default());
        prop_assert_eq!(schema.validate(&mut decoder, line.as_bytes()).unwrap().bytes(), text.as_bytes());
    }
}

#[test]
fn personal_data_is_found_however_deep_and_only_where_it_is_referred_to() {
    let id = || SchemaId::new("a/b.v1").unwrap();
    let (plain, marked) = (json!({ "type": "string" }), json!({ "type": "string", "x-personal": true }));
    let others = [("https://a.vn/plain", &plain), ("https://a.vn/marked", &marked)];
    let personal = |property: Value| {
        let document = json!({ "type": "object", "properties": { "list": { "type": "array", "items": property } } });
        ChannelSchema::compile(id(), document, &others).unwrap().is_personal()
    };
    assert!(personal(json!({ "x-personal": true })));
    assert!(personal(json!({ "$ref": "https://a.vn/marked" })));
    assert!(!personal(json!({ "$ref": "https://a.vn/plain" })));
    assert!(!personal(json!({ "const": { "x-personal": true } })));
}
