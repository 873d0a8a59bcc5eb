//! What is published beside the program: the schema for editors says the same as the program does, and the example city
//! fits the plugins and schemas of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lienthong_core::city::Way;
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::SchemaId;
use lienthong_core::manifest::Manifest;
use lienthong_core::schema::ChannelSchema;
use serde_json::Value;

use super::super::source::Sources;
use super::super::{findings, keys, load_at, yaml};
use super::now;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What lies in a folder of the project and is named so, in order.
fn files_in(folder: &str, named: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project(folder)).unwrap().map(|entry| entry.unwrap());
    let mut paths: Vec<_> = entries.filter(|entry| named(entry.file_name().to_str().unwrap())).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn published() -> Value {
    serde_json::from_str(&std::fs::read_to_string(project("schemas/city.schema.json")).unwrap()).unwrap()
}

fn yaml_value(text: &str) -> Value {
    let (mut sources, mut found) = (Sources::default(), findings::Findings::default());
    let file = sources.add("x".into(), text.into());
    let root = yaml::read(file, text, &mut found).unwrap();
    assert!(!found.has_errors());
    root.to_json()
}

const CITIES: [&str; 2] = ["examples/bao-loc", "examples/da-lat"];

#[test]
fn it_has_the_same_keys_as_the_program() {
    let schema = published();
    let closed = |definition: &(&String, &Value)| definition.1.get("additionalProperties") == Some(&Value::Bool(false));
    let listed: BTreeSet<&str> = schema["$defs"].as_object().unwrap().iter().filter(closed).map(|(name, _)| name.as_str()).collect();
    assert_eq!(listed, keys::ALL.iter().map(|keys| keys.definition).collect::<BTreeSet<_>>());
    for keys in keys::ALL {
        let properties = schema["$defs"][keys.definition]["properties"].as_object().unwrap();
        let published: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(published, keys.known.iter().copied().collect::<BTreeSet<_>>(), "{}", keys.definition);
    }
}

#[test]
fn it_accepts_the_examples_and_refuses_a_misspelt_one() {
    let validator = jsonschema::options().offline().should_validate_formats(true).build(&published()).unwrap();
    let files: Vec<_> = CITIES.iter().flat_map(|city| files_in(city, |name| name.ends_with(".yaml"))).collect();
    assert!(files.len() > 2 * CITIES.len(), "{files:?}");
    for path in files {
        let file = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&yaml_value(&text)).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{file}");
        for (right, wrong) in [("title:", "titel:"), ("agency:", "agncy:"), ("schema:", "shcema:")] {
            if text.contains(right) && !(file == "city" && right != "title:") {
                assert!(!validator.is_valid(&yaml_value(&text.replace(right, wrong))), "{file}: {wrong}");
            }
        }
    }
}

#[test]
fn the_example_cities_have_nothing_to_find() {
    // A manifest stands for its component here: it says of HTTP what the component imports.
    let manifests = files_in("plugins", |name| name.contains('-')).into_iter().map(|folder| folder.join("plugin.toml"));
    let catalogue: BTreeMap<_, _> = manifests
        .filter(|path| path.exists())
        .map(|path| {
            let manifest =
                Manifest::parse(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let http = manifest.egress.http;
            (manifest.plugin.name.clone(), (manifest, http))
        })
        .collect();
    let (mut at_work, mut used) = (BTreeSet::new(), BTreeSet::new());
    for city in CITIES {
        let loaded = load_at(&project(city), &catalogue, now()).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.warnings, []);
        at_work.extend(loaded.city.connectors.values().map(|connector| connector.plugin.as_str().to_owned()));
        let ways = loaded.city.routes.values().filter_map(|route| Some(&route.writing.as_ref()?.how));
        at_work.extend(ways.filter_map(|way| match way {
            Way::Fold(fold) => Some(fold.plugin.as_str().to_owned()),
            Way::Copy(_) => None,
        }));
        used.extend(loaded.city.channels.values().map(|channel| channel.schema.to_string()));
    }
    // Together they show all there is: every plugin is at work there, and every built-in schema has a channel.
    assert_eq!(at_work, catalogue.keys().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>());
    assert_eq!(used, super::super::built_in().iter().map(|(id, _)| (*id).to_owned()).collect::<BTreeSet<_>>());
}

/// What a page in two languages needs, and what keeps one record from being without end.
#[test]
fn every_built_in_schema_is_written_for_people_in_two_languages() {
    let mut faults = Vec::new();
    for (id, text) in super::super::built_in() {
        let document: Value = serde_json::from_str(text).unwrap();
        let schema = ChannelSchema::compile(SchemaId::new(id).unwrap(), document.clone(), &[]).unwrap_or_else(|error| panic!("{error}"));
        let mut fault = |at: &str, what: &str| faults.push(format!("{id} {at}: {what}"));
        let named = document["$id"].as_str() == Some(&format!("https://lienthong.vn/schemas/{id}.json"));
        (!named).then(|| fault("/$id", "is not its own address"));
        let mut pending = vec![(String::new(), &document, true)];
        while let Some((at, node, is_named)) = pending.pop() {
            for key in ["title", "x-title-vi", "description", "x-description-vi"] {
                let said = node.get(key).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
                (is_named && !said && node.get("$ref").is_none()).then(|| fault(&at, &format!("has no {key}")));
            }
            let is_text = |kind: &Value| kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&"string".into()));
            let bounded = ["maxLength", "enum", "const", "format", "pattern"].iter().any(|key| node.get(key).is_some());
            (node.get("type").is_some_and(is_text) && !bounded).then(|| fault(&at, "is text without an end"));
            let personal = node.get("x-personal").is_none_or(Value::is_boolean);
            (!personal).then(|| fault(&at, "x-personal is true or absent"));
            for (group, is_named) in [("properties", true), ("$defs", false)] {
                let members = node.get(group).and_then(Value::as_object).into_iter().flatten();
                pending.extend(members.map(|(key, below)| (format!("{at}/{key}"), below, is_named)));
            }
            pending.extend(node.get("items").map(|items| (format!("{at}/items"), items, false)));
        }
        let examples = document["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
        examples.is_empty().then(|| fault("", "has no example"));
        let mut decoder = Decoder::new(DecodeLimits::default());
        for example in examples {
            if let Err(violation) = schema.validate(&mut decoder, example.to_string().as_bytes()) {
                fault("/examples", &format!("{} {}", violation.pointer, violation.message));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
