//! What is published beside the program: the schema for editors says the same as the program does, and the example city
//! fits the plugins and schemas of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lienthong_core::manifest::Manifest;
use serde_json::Value;

use super::super::source::Sources;
use super::super::{findings, keys, load_at, yaml};
use super::now;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
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
fn it_accepts_the_example_and_refuses_a_misspelt_one() {
    let validator = jsonschema::options().offline().should_validate_formats(true).build(&published()).unwrap();
    for file in ["city", "environment", "transport"] {
        let text = std::fs::read_to_string(project(&format!("examples/bao-loc/{file}.yaml"))).unwrap();
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
fn the_example_city_has_nothing_to_find() {
    // A manifest stands for its component here: it says of HTTP what the component imports.
    let catalogue: BTreeMap<_, _> = ["environment-tt10", "transport-gtfs"]
        .into_iter()
        .map(|plugin| {
            let manifest = Manifest::parse(&std::fs::read_to_string(project(&format!("plugins/{plugin}/plugin.toml"))).unwrap()).unwrap();
            let http = manifest.egress.http;
            (manifest.plugin.name.clone(), (manifest, http))
        })
        .collect();
    let loaded = load_at(&project("examples/bao-loc"), &catalogue, now()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!((loaded.city.agencies.len(), loaded.city.connectors.len(), loaded.city.channels.len()), (4, 4, 5));
    assert_eq!(loaded.schemas.len(), 5);
}
