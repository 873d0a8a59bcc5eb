//! The fixtures against what is kept beside them, and the nasty inputs of the corpus.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod shared;

use education_oneroster::Rosters;
use lienthong_sdk::testing::{Hub, check_kept, json_lines};
use serde_json::json;
use shared::{PORTS, bundle_with, files, folder, misfit, received, school, zipped};

fn check(name: &str, hub: &Hub) {
    assert_eq!(misfit(hub), None, "{name}");
    let records = PORTS.iter().flat_map(|port| hub.records(port).into_iter().map(move |record| json!({ "port": port, "record": record })));
    check_kept(&folder(&format!("{name}.records.ndjson")), &json_lines(records));
    let reject = |r: &lienthong_sdk::testing::Reject| json!({ "port": r.port, "at": r.at, "reason": r.reason, "bytes": String::from_utf8_lossy(&r.bytes) });
    check_kept(&folder(&format!("{name}.rejects.ndjson")), &json_lines(hub.rejects().iter().map(reject)));
}

#[test]
fn bundles_become_the_records_and_rejections_kept_beside_them() {
    for name in ["bulk-1.1", "delta-1.1", "bulk-1.2", "folder-1.0", "malformed-1.1"] {
        check(name, &received(json!({}), "roster.zip", &zipped(&files(name))));
    }
}

#[test]
fn pupil_sheets_become_the_records_and_rejections_kept_beside_them() {
    for name in ["comma", "semicolon-nfd", "tab-plain-headings", "malformed"] {
        let body = std::fs::read(folder(&format!("pupils/{name}.csv"))).unwrap();
        check(&format!("pupils/{name}"), &received(school(), "C1-HocSinh.csv", &body));
    }
}

#[test]
fn however_a_pupil_sheet_is_saved_the_records_are_the_same() {
    let records = |name: &str| std::fs::read_to_string(folder(&format!("pupils/{name}.records.ndjson"))).unwrap();
    assert_eq!(records("comma"), records("semicolon-nfd"));
    assert_eq!(records("comma"), records("tab-plain-headings"));
    assert!(records("comma").contains("Nguyễn Thị Thử Nghiệm"));
}

/// What each nasty input comes to: records, rejections, or the reason it is refused for. A name begins with what it replaces in a
/// bundle, or is a message of its own.
#[test]
fn the_corpus_comes_to_what_is_kept() {
    let mut outcomes = Vec::new();
    for (name, content) in files("corpus") {
        let body = match name.split('.').next().unwrap() {
            "message" => content,
            file => bundle_with("bulk-1.1", &format!("{file}.csv"), &content),
        };
        let mut hub = Hub::new().settings(school()).named("corpus.csv");
        let outcome = match hub.receive(&Rosters, &body) {
            Err(failure) => json!(failure.to_string()),
            Ok(_) => {
                let rejects: Vec<_> = hub.rejects().iter().map(|r| format!("{}: {}", r.at.as_deref().unwrap_or(""), r.reason)).collect();
                let of_users = if name.starts_with("message") { hub.records("users") } else { Vec::new() };
                json!({ "orgs": hub.records("orgs"), "users": of_users, "rejects": rejects })
            }
        };
        assert_eq!(misfit(&hub), None, "{name}");
        outcomes.push(json!({ "input": name, "outcome": outcome }));
    }
    assert!(outcomes.len() >= 25);
    check_kept(&folder("corpus.outcomes.ndjson"), &json_lines(outcomes));
}
