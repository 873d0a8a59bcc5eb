//! What the tests share: fixtures as messages, and the schemas of the ports.

#![allow(dead_code, unreachable_pub)] // Each test uses a part.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use education_oneroster::Rosters;
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

pub const PORTS: [&str; 9] = ["academic-sessions", "orgs", "courses", "classes", "users", "roles", "enrollments", "line-items", "results"];

/// The file of a port in a bundle.
pub fn file_of(port: &str) -> &'static str {
    match port {
        "academic-sessions" => "academicSessions.csv",
        "orgs" => "orgs.csv",
        "courses" => "courses.csv",
        "classes" => "classes.csv",
        "users" => "users.csv",
        "roles" => "roles.csv",
        "enrollments" => "enrollments.csv",
        "line-items" => "lineItems.csv",
        _ => "results.csv",
    }
}

pub fn schema(port: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../schemas/education/{port}.v1.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

static SCHEMAS: LazyLock<Vec<Validator>> = LazyLock::new(|| {
    let validator = |port: &&str| jsonschema::options().should_validate_formats(true).build(&schema(port)).unwrap();
    PORTS.iter().map(validator).collect()
});

/// The first record that its schema refuses.
pub fn misfit(hub: &Hub) -> Option<String> {
    PORTS.iter().zip(SCHEMAS.iter()).find_map(|(port, schema)| {
        let records = hub.records(port);
        records.iter().find_map(|record| schema.validate(record).err().map(|e| format!("{port}: {e} at {} in {record}", e.instance_path())))
    })
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The files of a fixture folder, those of folders below it by their path.
pub fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, Vec<u8>)>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() { walk(&path, &format!("{name}/"), found) } else { found.push((name, std::fs::read(path).unwrap())) }
        }
    }
    let mut found = Vec::new();
    walk(&folder(name), "", &mut found);
    found
}

pub fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A fixture's bundle, with one file replaced or added.
pub fn bundle_with(name: &str, file: &str, content: &[u8]) -> Vec<u8> {
    let mut files = files(name);
    files.retain(|(known, _)| known != file);
    files.push((file.to_owned(), content.to_vec()));
    zipped(&files)
}

/// The settings that a pupil sheet needs.
pub fn school() -> Value {
    json!({ "school": "TH-01", "source_system": "Trường Mẫu" })
}

/// A message that was taken.
pub fn received(settings: Value, name: &str, body: &[u8]) -> Hub {
    let mut hub = Hub::new().settings(settings).named(name);
    hub.receive(&Rosters, body).unwrap();
    hub
}

/// Why a message was refused as a whole.
pub fn refusal(settings: Value, body: &[u8]) -> String {
    Hub::new().settings(settings).receive(&Rosters, body).unwrap_err().to_string()
}
