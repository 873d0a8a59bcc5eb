//! What the tests of the connector share.

#![allow(dead_code)] // Each test uses its part of it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use egov_documents::{DOCUMENT_STATUS, DOCUMENTS, Documents};
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, Reply};
use serde_json::Value;

/// Documents, then status messages.
pub(crate) struct Schemas {
    pub(crate) json: [Value; 2],
    pub(crate) validators: [Validator; 2],
}

pub(crate) static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let json = ["documents", "document-status"].map(|name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/egov/{name}.v1.json"));
        serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    });
    let validators = [0, 1].map(|index| jsonschema::options().should_validate_formats(true).build(&json[index]).unwrap());
    for (schema, validator) in json.iter().zip(&validators) {
        for example in schema["examples"].as_array().unwrap() {
            assert!(validator.is_valid(example));
        }
    }
    Schemas { json, validators }
});

/// The first record that its schema refuses.
pub(crate) fn misfit(hub: &Hub) -> Option<String> {
    [DOCUMENTS, DOCUMENT_STATUS].iter().zip(&SCHEMAS.validators).find_map(|(port, schema)| {
        let records = hub.records(port);
        records.iter().find_map(|record| schema.validate(record).err().map(|e| format!("{port}: {e} at {} in {record}", e.instance_path())))
    })
}

/// The messages in a folder below `fixtures/`, in the order of their names.
pub(crate) fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "edxml"));
    files.sort();
    files
}

pub(crate) fn read_fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

pub(crate) fn received(body: &[u8], name: Option<&str>) -> (Hub, Result<Option<Reply>, Failure>) {
    let mut hub = Hub::new();
    if let Some(name) = name {
        hub = hub.named(name);
    }
    let result = hub.receive(&Documents, body);
    (hub, result)
}
