//! Whole messages: those in `fixtures/` against what is kept beside them, and what becomes of those that are refused.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod harness;

use egov_documents::{DOCUMENT_STATUS, DOCUMENTS, Documents};
use harness::{SCHEMAS, fixtures, misfit, read_fixture, received};
use lienthong_sdk::testing::{Hub, check_kept};
use lienthong_sdk::{Failure, Reply};
use serde_json::{Value, json};

/// All that became of a message.
fn outcome(body: &[u8], hub: &Hub, result: &Result<Option<Reply>, Failure>) -> Value {
    let reject = |reject: &lienthong_sdk::testing::Reject| {
        assert!(reject.bytes == body, "a message is rejected whole");
        json!({ "port": reject.port, "at": reject.at, "reason": reject.reason })
    };
    let mut outcome = serde_json::Map::new();
    for port in [DOCUMENTS, DOCUMENT_STATUS] {
        if hub.count(port) > 0 {
            outcome.insert(port.to_owned(), hub.records(port).into());
        }
    }
    if !hub.rejects().is_empty() {
        outcome.insert("rejects".to_owned(), hub.rejects().iter().map(reject).collect());
    }
    match result {
        Ok(reply) => {
            let reply = reply.as_ref().unwrap();
            assert_eq!(reply.content_type, "application/json");
            outcome.insert("reply".to_owned(), serde_json::from_slice(&reply.body).unwrap());
        }
        Err(failure) => {
            outcome.insert("failure".to_owned(), failure.to_string().into());
        }
    }
    outcome.into()
}

#[test]
fn messages_become_what_is_kept_beside_them() {
    let files = [fixtures(""), fixtures("refused")].concat();
    assert_eq!(files.len(), 14 + 20);
    for path in files {
        let body = std::fs::read(&path).unwrap();
        let (hub, result) = received(&body, path.file_name().and_then(|name| name.to_str()));
        assert_eq!(misfit(&hub), None, "{}", path.display());
        check_kept(&path.with_extension("json"), &format!("{:#}\n", outcome(&body, &hub, &result)));
    }
}

#[test]
fn every_status_and_every_business_has_its_word() {
    let mut words: Vec<String> = Vec::new();
    for path in fixtures("") {
        let (hub, _) = received(&std::fs::read(path).unwrap(), None);
        let records = [hub.records(DOCUMENTS), hub.records(DOCUMENT_STATUS)].concat();
        words.extend(records.iter().filter_map(|r| r.get("business_type").or(r.get("status"))?.as_str().map(str::to_owned)));
    }
    let meant = |schema: usize, property: &str| SCHEMAS.json[schema]["properties"][property]["enum"].as_array().unwrap().clone();
    for word in [meant(0, "business_type"), meant(1, "status")].concat() {
        assert!(words.iter().any(|found| word == found.as_str()), "{word}");
    }
}

#[test]
fn every_property_of_the_schemas_is_in_the_fixtures() {
    /// The properties that no record has.
    fn unmet(schema: &Value, root: &Value, values: &[&Value], path: &str, out: &mut Vec<String>) {
        let target = schema["$ref"].as_str().and_then(|to| root.pointer(to.trim_start_matches('#')));
        let schema = target.unwrap_or(schema);
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let found: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
            if found.is_empty() {
                out.push(format!("{path}/{name}"));
            }
            unmet(inner, root, &found, &format!("{path}/{name}"), out);
        }
        if let Some(items) = schema.get("items") {
            let found: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
            unmet(items, root, &found, path, out);
        }
    }
    let hubs: Vec<Hub> = fixtures("").iter().map(|path| received(&std::fs::read(path).unwrap(), Some("thu-muc/van-ban.edxml")).0).collect();
    for (index, port) in [DOCUMENTS, DOCUMENT_STATUS].into_iter().enumerate() {
        let records: Vec<Value> = hubs.iter().flat_map(|hub| hub.records(port)).collect();
        let mut missing = Vec::new();
        unmet(&SCHEMAS.json[index], &SCHEMAS.json[index], &records.iter().collect::<Vec<_>>(), "", &mut missing);
        // A status message has the same parts as a document, and mostly leaves these out.
        missing.retain(|path| {
            port == DOCUMENTS
                || !["/to", "/trace", "/signatures", "/attachments", "/other_elements", "/from"].iter().any(|part| path.starts_with(part))
        });
        assert_eq!(missing, Vec::<String>::new(), "{port}");
    }
}

#[test]
fn attachments_are_kept_to_the_byte_and_named_by_their_hash() {
    let (hub, _) = received(&read_fixture("document.edxml"), None);
    let record = hub.records(DOCUMENTS).remove(0);
    let attachments = record["attachments"].as_array().unwrap();
    let bytes = |index: usize| hub.attachment(DOCUMENTS, attachments[index]["sha256"].as_str().unwrap()).unwrap();
    assert!(bytes(0).starts_with(b"%PDF-1.4\n") && bytes(0).ends_with(b"%%EOF\n"));
    assert!(bytes(1).starts_with(b"PK\x03\x04"));
    for (index, attachment) in attachments.iter().enumerate() {
        assert_eq!(attachment["size_bytes"], bytes(index).len());
    }
}

#[test]
fn a_message_that_is_refused_leaves_no_attachment() {
    for name in ["refused/base64-breaks-off.edxml", "refused/broken-base64.edxml", "refused/unclosed.edxml"] {
        // The zip before what is broken is whole.
        let (whole, _) = received(&read_fixture("document.edxml"), None);
        let zip = whole.records(DOCUMENTS)[0]["attachments"][1]["sha256"].as_str().unwrap().to_owned();
        assert!(whole.attachment(DOCUMENTS, &zip).is_some());
        let (hub, result) = received(&read_fixture(name), None);
        assert_eq!(hub.rejects().len(), 1, "{name}: {result:?}");
        assert_eq!(hub.attachment(DOCUMENTS, &zip), None, "{name}");
    }
}

#[test]
fn the_place_of_a_broken_character_is_where_an_editor_shows_it() {
    for (name, broken) in [("refused/broken-base64.edxml", "&lt;"), ("refused/broken-base64-crlf.edxml", "*")] {
        let body = String::from_utf8(read_fixture(name)).unwrap();
        let lines: Vec<&str> = body.lines().collect();
        let (hub, _) = received(body.as_bytes(), None);
        let at = hub.rejects()[0].at.clone().unwrap();
        let place: Vec<usize> = at.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        assert!(lines[place[0] - 1][place[1] - 1..].starts_with(broken), "{name}: {at}");
    }
}

#[test]
fn a_status_message_that_is_refused_goes_to_its_own_channel() {
    let (hub, _) = received(&read_fixture("refused/status-without-document.edxml"), None);
    assert_eq!(hub.rejects()[0].port, DOCUMENT_STATUS);
}

#[test]
fn the_connector_has_no_settings() {
    let mut hub = Hub::new().settings(json!({ "agency": "H36" }));
    let result = hub.receive(&Documents, &read_fixture("recall.edxml"));
    assert!(matches!(result, Err(Failure::Config(why)) if why.contains("agency")));
}

#[test]
fn the_schemas_name_elements_and_personal_data() {
    /// Every property below, with its path.
    fn all<'s>(schema: &'s Value, path: &str, out: &mut Vec<(String, &'s Value)>) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}/{name}");
            out.push((path.clone(), inner));
            all(inner, &path, out);
            all(&inner["items"], &path, out);
        }
    }
    const PERSONAL: &[&str] = &[
        "/business_reason",
        "/subject",
        "/content",
        "/signer_name",
        "/to_places",
        "/typer_notation",
        "/appendixes",
        "/staff/name",
        "/staff/mobile",
        "/staff/email",
        "/signatures/subject",
        "/attachments/name",
        "/attachments/description",
        "/other_elements/xml",
        "/description",
        "/email",
        "/telephone",
        "/fax",
    ];
    for schema in &SCHEMAS.json {
        let mut properties = Vec::new();
        all(schema, "", &mut properties);
        all(&schema["$defs"]["organization"], "", &mut properties);
        for (path, property) in properties {
            let is = |key: &str| property[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(["title", "x-title-vi", "description", "x-description-vi"].iter().all(|key| is(key)), "{path}");
            assert_eq!(property["x-personal"] == true, PERSONAL.contains(&path.as_str()), "{path}");
            let is_ours =
                ["/signed", "/attachments/state", "/staff", "/other_elements", "/source_file"].iter().any(|own| path.starts_with(own));
            assert!(is("x-source") || is_ours, "{path}");
            assert!(property["type"] != "string" || property["maxLength"].is_u64(), "{path}");
        }
    }
}
