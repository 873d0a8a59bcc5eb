//! The fixtures, and what is kept beside them.

use std::collections::BTreeSet;

use lienthong_sdk::testing::{check_kept, json_lines};
use serde_json::json;

use super::{PORTS, files, fixture, hub, misfit, received, schema};

#[test]
fn messages_become_the_records_rejections_and_answers_kept_beside_them() {
    let files = files(&fixture(""), "hl7");
    assert_eq!(files.len(), 14);
    for path in files {
        let mut hub = hub();
        let answer = received(&mut hub, &std::fs::read(&path).unwrap());
        assert_eq!(misfit(&hub), None, "{}", path.display());
        let records = PORTS.iter().flat_map(|port| hub.records(port).into_iter().map(|record| json!({ (*port).to_owned(): record })));
        check_kept(&path.with_extension("records.ndjson"), &json_lines(records));
        let rejects = hub
            .rejects()
            .iter()
            .map(|r| json!({ "port": r.port, "at": r.at, "reason": r.reason, "bytes": String::from_utf8_lossy(&r.bytes) }));
        check_kept(&path.with_extension("rejects.ndjson"), &json_lines(rejects));
        check_kept(&path.with_extension("answer.txt"), &answer.unwrap_or_default());
    }
}

#[test]
fn every_property_of_the_schemas_comes_from_some_fixture() {
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for path in files(&fixture(""), "hl7") {
        let mut hub = hub();
        received(&mut hub, &std::fs::read(&path).unwrap());
        for port in PORTS {
            for record in hub.records(port) {
                seen.extend(record.as_object().unwrap().keys().map(|key| (port.to_owned(), key.clone())));
            }
        }
    }
    let mut missing = Vec::new();
    for port in PORTS {
        let schema = schema(port);
        let names = schema["properties"].as_object().unwrap().keys();
        missing.extend(names.filter(|name| !seen.contains(&(port.to_owned(), (*name).clone()))).map(|name| format!("{port}.{name}")));
    }
    assert_eq!(missing, [] as [String; 0]);
}
