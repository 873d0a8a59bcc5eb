//! Whole messages: those in `fixtures/` against what is kept beside them, those of `fixtures/corpus/`, and any bytes at all.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod acknowledgements;
mod any_bytes;
mod kept;
mod large;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use health_hl7v2::Hl7v2;
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use serde_json::Value;

const PORTS: [&str; 5] = ["patients", "encounters", "observations", "appointments", "immunizations"];

/// 2026-11-24T09:00:00+07:00.
const RECEIVED_AT_MS: u64 = 1_795_485_600_000;

static SCHEMAS: LazyLock<[Validator; 5]> =
    LazyLock::new(|| PORTS.map(|port| jsonschema::options().should_validate_formats(true).build(&schema(port)).unwrap()));

fn schema(port: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/health/{port}.v1.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// The files of a folder with an ending, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    files
}

fn hub() -> Hub {
    Hub::new().at(RECEIVED_AT_MS)
}

/// Hands a body over; gives the answer's text with line feeds.
fn received(hub: &mut Hub, body: &[u8]) -> Option<String> {
    hub.receive(&Hl7v2, body).unwrap().map(|reply| String::from_utf8_lossy(&reply.body).replace('\r', "\n"))
}

/// The first record that its schema refuses.
fn misfit(hub: &Hub) -> Option<String> {
    PORTS.iter().zip(SCHEMAS.iter()).find_map(|(port, schema)| {
        let records = hub.records(port);
        records.iter().find_map(|record| schema.validate(record).err().map(|e| format!("{port}: {e} at {} in {record}", e.instance_path())))
    })
}

#[test]
fn the_schemas_examples_fit_them() {
    for (port, validator) in PORTS.iter().zip(SCHEMAS.iter()) {
        for example in schema(port)["examples"].as_array().unwrap() {
            assert!(validator.validate(example).is_ok(), "{port}: {:?}", validator.validate(example).err());
        }
    }
}
