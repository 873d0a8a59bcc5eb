//! Bundles: how they are packed, what their manifest says, what is refused.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod shared;

use education_oneroster::Rosters;
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, Level};
use serde_json::json;
use shared::{PORTS, bundle_with, file_of, files, misfit, received, refusal, schema, zipped};

fn counts(hub: &Hub) -> [usize; 10] {
    let mut counts = [hub.rejects().len(); 10];
    PORTS.iter().zip(&mut counts).for_each(|(port, count)| *count = hub.count(port));
    counts
}

const BULK: [usize; 10] = [3, 3, 2, 2, 4, 0, 3, 1, 2, 0];

fn renamed(rename: impl Fn(&str) -> String) -> Vec<u8> {
    let files = files("bulk-1.1").into_iter().map(|(name, bytes)| (rename(&name), bytes));
    zipped(&files.collect::<Vec<_>>())
}

#[test]
fn how_a_bundle_is_packed_does_not_matter() {
    for body in [
        renamed(str::to_owned),
        renamed(|name| format!("QLTH export/2026/{name}")),
        renamed(|name| format!("../../../{name}")),
        renamed(|name| format!("C:\\temp\\{name}")),
        renamed(str::to_ascii_uppercase),
    ] {
        assert_eq!(counts(&received(json!({}), "roster.zip", &body)), BULK);
    }
}

#[test]
fn a_file_of_another_folder_is_not_mistaken_for_the_bundles() {
    let mut all = files("bulk-1.1");
    all.push(("old/orgs.csv".to_owned(), b"nonsense".to_vec()));
    all.push(("__MACOSX/users.csv".to_owned(), b"nonsense".to_vec()));
    assert_eq!(counts(&received(json!({}), "roster.zip", &zipped(&all))), BULK);
}

#[test]
fn a_deletion_is_an_event_and_needs_no_more_than_whose_it_is() {
    let hub = received(json!({}), "roster.zip", &zipped(&files("delta-1.1")));
    let deleted = hub.records("users").into_iter().filter(|user| user["status"] == "tobedeleted");
    assert_eq!(deleted.map(|user| user["sourced_id"].clone()).collect::<Vec<_>>(), [json!("HS-02"), json!("PH-01")]);
    let at: Vec<_> = hub.rejects().iter().map(|r| (r.at.clone().unwrap(), r.reason.clone())).collect();
    let expected = [("users.csv line 5", "status is empty"), ("users.csv line 6", "dateLastModified is empty")];
    assert_eq!(at, expected.map(|(at, reason)| (at.to_owned(), reason.to_owned())));
}

#[test]
fn status_in_a_bulk_file_is_taken_only_where_the_settings_say_so_and_never_a_deletion() {
    let head = "sourcedId,status,dateLastModified,name,type\n";
    let rows = "A,active,2026-11-20T00:00:00Z,N,school\nB,,2026-11-20T00:00:00Z,N,school\nC,tobedeleted,2026-11-20T00:00:00Z,N,school\nD,,,N,school\n";
    let body = bundle_with("bulk-1.1", "orgs.csv", format!("{head}{rows}").as_bytes());
    let strict = received(json!({}), "roster.zip", &body);
    assert_eq!((strict.count("orgs"), strict.rejects().len()), (1, 3));
    let lenient = received(json!({ "allow_active_in_bulk": true }), "roster.zip", &body);
    assert_eq!((lenient.count("orgs"), lenient.rejects().len()), (3, 1));
    assert_eq!(lenient.rejects()[0].at.as_deref(), Some("orgs.csv line 4"));
    assert_eq!(lenient.records("orgs")[0]["date_last_modified"], "2026-11-20T00:00:00Z");
}

#[test]
fn the_settings_name_the_system_before_the_manifest_does() {
    let body = zipped(&files("bulk-1.1"));
    let systems = |settings| {
        let hub = received(settings, "roster.zip", &body);
        PORTS.iter().flat_map(|port| hub.records(port)).map(|record| record["source_system"].clone()).collect::<Vec<_>>()
    };
    assert!(systems(json!({})).iter().all(|system| system == "QLTH Bảo Lộc"));
    assert!(systems(json!({ "source_system": "khác" })).iter().all(|system| system == "khác"));
    let code = received(json!({}), "roster.zip", &zipped(&files("bulk-1.2")));
    assert_eq!(code.records("orgs")[0]["source_system"], "QLTH-68", "the name is empty: the code stands in for it");
}

#[test]
fn passwords_and_accounts_never_leave_the_plugin() {
    let hub = received(json!({}), "roster.zip", &zipped(&files("bulk-1.2")));
    let all = PORTS.iter().flat_map(|port| hub.records(port)).map(|record| record.to_string()).collect::<String>();
    let told = hub.logs().into_iter().map(|(_, line)| line).collect::<String>();
    assert!(!all.contains("khong-") && !told.contains("khong-"));
    assert!(told.contains("columns of users.csv that are not read: password, resourceSourcedIds"), "{told}");
    assert!(told.contains("files that are not read: demographics.csv, userProfiles.csv"), "{told}");
}

#[test]
fn extensions_are_kept_by_name() {
    let hub = received(json!({}), "roster.zip", &zipped(&files("bulk-1.2")));
    let users = hub.records("users");
    assert_eq!(users[0]["metadata"], json!({ "vn.danToc": "Kinh", "vn.ghiChu": "dòng một\ndòng hai" }));
    assert_eq!(users[1].get("metadata"), None);
}

#[test]
fn what_the_manifest_promises_must_be_there() {
    let without = |left_out: &[&str]| {
        let mut all = files("bulk-1.1");
        all.retain(|(name, _)| !left_out.contains(&name.as_str()));
        zipped(&all)
    };
    assert!(refusal(json!({}), &without(&["users.csv", "orgs.csv"])).contains("the manifest promises orgs.csv, users.csv"));
    let manifest = |lines: &str| bundle_with("bulk-1.1", "manifest.csv", format!("propertyName,value\n{lines}").as_bytes());
    let silent = refusal(json!({}), &manifest("oneroster.version,1.1\nfile.orgs,bulk\n"));
    assert!(silent.contains("academicSessions.csv is there, but file.academicSessions does not say"), "{silent}");
    let absent = "file.academicSessions,absent\nfile.courses,absent\nfile.classes,absent\nfile.users,absent\nfile.enrollments,absent\nfile.lineItems,absent\nfile.results,absent\n";
    let some = received(json!({}), "roster.zip", &manifest(&format!("oneroster.version,1.1\nfile.orgs,bulk\n{absent}")));
    assert_eq!(counts(&some), [0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(some.logs().iter().any(|(_, line)| line.contains("files that are not read") && line.contains("users.csv")));
    let none = received(json!({}), "roster.zip", &manifest(&format!("oneroster.version,1.1\nfile.orgs,absent\n{absent}")));
    assert!(none.logs().iter().any(|(level, line)| *level == Level::Warn && line.contains("nothing that is read")));
}

#[test]
fn columns_that_are_missing_are_all_named() {
    let users = |header: &str| refusal(json!({}), &bundle_with("bulk-1.1", "users.csv", format!("{header}\n").as_bytes()));
    assert!(users("sourcedId,givenName,role,orgSourcedIds").contains("users.csv lacks the column enabledUser, username, familyName"));
    let delta = bundle_with("delta-1.1", "orgs.csv", b"sourcedId,name,type\n");
    assert!(refusal(json!({}), &delta).contains("orgs.csv lacks the column status, dateLastModified"));
    let v1_2 = bundle_with("bulk-1.2", "users.csv", b"sourcedId,username,givenName,familyName\nA,a,B,C\n");
    assert_eq!(received(json!({}), "roster.zip", &v1_2).count("users"), 1, "1.2 has roles in a file of their own");
}

#[test]
fn what_is_no_bundle_is_refused_in_words() {
    let file = |name: &str, bytes: &[u8]| zipped(&[(name.to_owned(), bytes.to_vec())]);
    let hopeless = bundle_with("bulk-1.1", "orgs.csv", format!("sourcedId,name,type\n{}", ",N,school\n".repeat(2_000)).as_bytes());
    let unclosed = bundle_with("bulk-1.1", "orgs.csv", format!("sourcedId,name,type\nA,\"{}", "a,b\n".repeat(1 << 20)).as_bytes());
    for (body, expected) in [
        (file("readme.txt", b"x"), "neither manifest.csv nor users.csv"),
        (file("[Content_Types].xml", b"<Types/>"), "is a workbook: save the sheet as CSV"),
        (b"PK\x03\x04 nonsense".to_vec(), "no whole zip archive"),
        (hopeless, "orgs.csv: the first 1000 rows are all bad, the first: sourcedId is empty"),
        (unclosed, "never closed"),
    ] {
        let why = refusal(json!({}), &body);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn an_unknown_setting_and_a_missing_school_are_the_operators_to_mend() {
    let unknown = Hub::new().settings(json!({ "scool": "x" })).receive(&Rosters, b"");
    assert!(matches!(unknown, Err(Failure::Config(why)) if why.contains("scool")));
    let sheet = std::fs::read(shared::folder("pupils/comma.csv")).unwrap();
    assert!(matches!(Hub::new().receive(&Rosters, &sheet), Err(Failure::Config(why)) if why.contains("`school`")));
    assert!(matches!(Hub::new().max_emits(2).receive(&Rosters, &zipped(&files("bulk-1.1"))), Err(Failure::Config(_))));
}

/// A column of OneRoster for every property of a schema that comes from one.
fn columns(port: &str) -> Vec<(String, serde_json::Value)> {
    let ours = [
        "source_system",
        "metadata",
        "full_name",
        "birth_date",
        "sex",
        "ethnicity",
        "disability",
        "national_id",
        "pupil_status",
        "pupil_status_date",
    ];
    let schema = schema(port);
    let properties = schema["properties"].as_object().unwrap().clone();
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap().to_owned();
        words.fold(first, |text, word| text + &word[..1].to_ascii_uppercase() + &word[1..])
    };
    properties.into_iter().filter(|(name, _)| !ours.contains(&name.as_str())).map(|(name, property)| (camel(&name), property)).collect()
}

/// Something that a property takes.
fn sample(property: &serde_json::Value) -> String {
    match (property["type"].as_str().unwrap(), property["format"].as_str(), property["pattern"].as_str()) {
        ("string", Some("date"), _) => "2026-09-05".to_owned(),
        ("string", Some(_), _) => "2026-09-05T00:00:00Z".to_owned(),
        ("string", _, Some(_)) => "ext:x".to_owned(),
        ("string", ..) if property.get("enum").is_some() => "active".to_owned(),
        ("boolean", ..) => "true".to_owned(),
        ("integer", ..) => "2027".to_owned(),
        _ => "1".to_owned(),
    }
}

#[test]
fn every_property_of_the_schemas_is_read_from_its_column_and_as_long_as_the_schema_allows() {
    let mut tried = 0;
    for port in PORTS {
        let columns = columns(port);
        let header: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let good: Vec<_> = columns.iter().map(|(_, property)| sample(property)).collect();
        let mut rows = vec![good.clone()];
        for (at, (_, property)) in columns.iter().enumerate() {
            let Some(max) = property["maxLength"].as_u64().filter(|_| property.get("pattern").is_none()) else { continue };
            for length in [max, max + 1] {
                rows.push(good.clone());
                rows.last_mut().unwrap()[at] = "ộ".repeat(usize::try_from(length).unwrap());
            }
            tried += 1;
        }
        let lines: Vec<_> = rows.iter().map(|row| row.join(",")).collect();
        let file = format!("{}\n{}\n", header.join(","), lines.join("\n"));
        let property = file_of(port).strip_suffix(".csv").unwrap();
        let manifest = format!("propertyName,value\noneroster.version,1.2\nfile.{property},delta\n");
        let bundle = zipped(&[("manifest.csv".to_owned(), manifest.into_bytes()), (file_of(port).to_owned(), file.into_bytes())]);
        let hub = received(json!({}), "roster.zip", &bundle);
        assert_eq!(misfit(&hub), None);
        assert!(hub.rejects().iter().all(|reject| reject.reason.contains("has more than")), "{port} {:?}", hub.rejects());
        assert_eq!((hub.count(port), hub.rejects().len()), (1 + rows.len() / 2, rows.len() / 2), "{port}");
        let record = hub.records(port).remove(0);
        assert_eq!(record.as_object().unwrap().len(), columns.len(), "{port} {record}");
    }
    assert!(tried > 50);
}

/// Bytes that count how they are read.
struct Counted {
    bytes: Vec<u8>,
    read: std::rc::Rc<std::cell::Cell<(u64, u32)>>,
}

impl lienthong_sdk::ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, max: u32) -> std::io::Result<Vec<u8>> {
        let part = self.bytes.read_at(offset, max)?;
        let (all, largest) = self.read.get();
        self.read.set((all + part.len() as u64, largest.max(max)));
        Ok(part)
    }
}

#[test]
fn a_large_bundle_is_read_and_handed_on_in_pieces() {
    let row = |i: u64| {
        let scattered = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("E-{i},,,C-{scattered:016x},TH-01,U-{:016x},student,false,2026-09-05,\n", scattered.rotate_left(17))
    };
    let header = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n";
    let file: String = std::iter::once(header.to_owned()).chain((0..50_000).map(row)).collect();
    let bytes = bundle_with("bulk-1.1", "enrollments.csv", file.as_bytes());
    let (size, read) = (bytes.len() as u64, std::rc::Rc::default());
    let mut hub = Hub::new();
    hub.receive_blob(&Rosters, Counted { bytes, read: std::rc::Rc::clone(&read) }).unwrap();
    assert_eq!((hub.count("enrollments"), hub.rejects().len()), (50_000, 0));
    let (all, largest) = read.get();
    assert!(size > 1 << 20 && all < 4 * size, "{all} bytes are read of {size}");
    assert!(largest <= 128 << 10 && hub.emit_sizes().iter().all(|size| *size < 300 << 10));
}
