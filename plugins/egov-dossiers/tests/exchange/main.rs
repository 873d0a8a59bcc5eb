//! Whole exchanges, natively: pushes against what is kept beside them, lookups against a system that keeps the contract, and any
//! bytes at all.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod bodies;
mod lookup;
mod pages;
mod properties;
mod pushes;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use egov_dossiers::{DOSSIERS, STEPS};
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn schema(name: &str) -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/egov").join(name);
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    assert!(schema["examples"].as_array().unwrap().iter().all(|example| validator.is_valid(example)), "{name}");
    validator
}

static SCHEMAS: LazyLock<[(&str, Validator); 2]> =
    LazyLock::new(|| [(DOSSIERS, schema("dossiers.v1.json")), (STEPS, schema("dossier-steps.v1.json"))]);

/// The first record that its schema refuses.
fn misfit(hub: &Hub) -> Option<String> {
    SCHEMAS.iter().find_map(|(port, schema)| {
        hub.records(port)
            .iter()
            .find_map(|record| schema.validate(record).err().map(|e| format!("{e} at {} in {record}", e.instance_path())))
    })
}

fn records(hub: &Hub) -> usize {
    hub.count(DOSSIERS) + hub.count(STEPS)
}
