//! Messages that one-stop-shop systems push.

use egov_dossiers::{DOSSIERS, Dossiers, STEPS};
use lienthong_sdk::testing::{Hub, check_kept, json_lines};
use lienthong_sdk::{Attachment, Blob, Call, Context, Environment, Failure, Level, Message, Output, Receiver, Reply, Stopped, Verdict};
use serde_json::{Value, json};

use crate::{fixture, misfit, read};

const PUSHES: [&str; 6] = ["sync.json", "sync-single.json", "sync-faults.json", "steps.json", "unnamed.json", "unnamed-step.json"];

fn answer(reply: Option<Reply>) -> Value {
    let reply = reply.unwrap();
    assert_eq!(reply.content_type, "application/json");
    serde_json::from_slice(&reply.body).unwrap()
}

fn push(hub: &mut Hub, body: &Value) -> Value {
    answer(hub.receive(&Dossiers, body.to_string().as_bytes()).unwrap())
}

#[test]
fn pushes_become_what_is_kept_beside_them() {
    for name in PUSHES {
        let mut hub = Hub::new();
        let answer = answer(hub.receive(&Dossiers, &read(name)).unwrap());
        assert_eq!(misfit(&hub), None, "{name}");
        let mut lines: Vec<Value> =
            [DOSSIERS, STEPS].iter().flat_map(|port| hub.records(port).into_iter().map(move |r| json!({ *port: r }))).collect();
        lines.extend(hub.rejects().iter().map(
            |r| json!({ "rejected": { "port": r.port, "at": r.at, "reason": r.reason, "bytes": String::from_utf8_lossy(&r.bytes) } }),
        ));
        lines.push(json!({ "answer": answer }));
        check_kept(&fixture(name).with_extension("kept.ndjson"), &json_lines(lines));
    }
}

#[test]
fn a_rejected_item_is_kept_as_it_came_and_its_pointer_leads_to_the_fault() {
    let bytes = read("sync-faults.json");
    let body: Value = serde_json::from_slice::<Value>(&bytes).err().map_or(Value::Null, |_| json!("one item is no JSON at all"));
    assert!(body.is_string(), "the fixture holds an item that is no JSON");
    let text = String::from_utf8(bytes.clone()).unwrap();
    let mut hub = Hub::new();
    hub.receive(&Dossiers, &bytes).unwrap();
    assert_eq!((hub.count(DOSSIERS), hub.rejects().len()), (2, 23));
    for reject in hub.rejects() {
        let item = String::from_utf8(reject.bytes.clone()).unwrap();
        let index: usize = reject.at.as_deref().unwrap().split('/').nth(2).unwrap().parse().unwrap();
        // The fixture has an item a line, after a first line.
        assert_eq!(text.lines().nth(index + 1).unwrap().trim_end_matches(','), item);
    }
}

#[test]
fn the_service_is_the_bodys_then_the_settings_then_the_items_own() {
    let step = json!({ "MaHoSo": "H36.17-251124-0001", "ThoiDiemXuLy": "20251124090000", "TrangThai": "4" });
    let ports = |settings: Value, body: Value| {
        let mut hub = Hub::new().settings(settings);
        push(&mut hub, &body);
        (hub.count(DOSSIERS), hub.count(STEPS), hub.rejects().iter().map(|r| r.port.clone()).collect::<Vec<_>>())
    };
    assert_eq!(ports(json!({}), json!([step])), (0, 1, vec![]));
    assert_eq!(ports(json!({ "service": "CapNhatTienDoHoSoMC" }), json!({ "data": step })), (0, 1, vec![]));
    assert_eq!(ports(json!({ "service": "DongBoHoSoMC" }), json!({ "data": [step] })), (0, 0, vec![DOSSIERS.to_owned()]));
    let named = json!({ "data": [step], "service": "CapNhatTienDoHoSoMC" });
    assert_eq!(ports(json!({ "service": "DongBoHoSoMC" }), named), (0, 1, vec![]));
    let settings = json!({ "service": "DongBoHoSo" });
    assert!(matches!(Hub::new().settings(settings).receive(&Dossiers, b"[]"), Err(Failure::Config(_))));
}

#[test]
fn every_status_of_the_portal_has_a_word_and_no_other() {
    let dossiers: Vec<Value> =
        (0..=12).map(|code| json!({ "MaHoSo": "H36.17-251124-0001", "MaTTHC": "1.004194", "TrangThaiHoSo": code.to_string() })).collect();
    let mut hub = Hub::new();
    push(&mut hub, &json!(dossiers));
    let words: Vec<Value> = hub.records(DOSSIERS).iter().map(|record| record["status"].clone()).collect();
    let expected = json!([
        null,
        "registered",
        "accepted",
        "not_accepted",
        "processing",
        "supplement_requested",
        "payment_requested",
        "withdrawal_requested",
        "stopped",
        "processed",
        "returned",
        null,
        null
    ]);
    assert_eq!(json!(words), expected);
    assert_eq!(hub.records(DOSSIERS)[12]["status_code"], "12");
}

#[test]
fn an_empty_push_is_answered_and_told_to_the_operator() {
    let mut hub = Hub::new();
    assert_eq!(push(&mut hub, &json!({ "service": "DongBoHoSoMC", "data": [] })), json!({ "error_code": 0, "result": [] }));
    assert_eq!(hub.logs(), [(Level::Warn, "the message holds no items".to_owned())]);
}

#[test]
fn what_is_no_exchange_of_dossiers_is_refused_as_a_whole() {
    let mut hub = Hub::new();
    let failure = hub.receive(&Dossiers, json!(vec![json!({ "a": 1 }); 2_000]).to_string().as_bytes());
    assert!(matches!(failure, Err(Failure::InvalidInput(why)) if why.contains("the first 1000 items are all bad")));
    assert!(hub.rejects().len() <= 1_000);
}

/// A channel whose own schema refuses what fits the format.
struct Strict;

impl Environment for Strict {
    fn settings(&self) -> String {
        "{}".to_owned()
    }

    fn log(&self, _: Level, _: &str) {}

    fn fetch(&self, request: lienthong_sdk::http::Request) -> Result<lienthong_sdk::http::Response, lienthong_sdk::http::Error> {
        Err(lienthong_sdk::http::Error::Denied(request.url))
    }
}

impl Output for Strict {
    fn emit(&mut self, _: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        let lines = records.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count() as u64;
        Ok(Verdict { accepted: lines - 1, refused: 1, ..Verdict::default() })
    }

    fn reject(&mut self, _: &str, _: &[u8], _: &str, _: Option<&str>) -> Result<(), Stopped> {
        Ok(())
    }

    fn attach(&mut self, port: &str) -> Result<Attachment, Stopped> {
        Err(Stopped::UnknownPort(port.to_owned()))
    }
}

#[test]
fn what_the_channels_schema_refuses_is_told_to_the_sender() {
    let mut output = Strict;
    let mut call = Call::new(Context::new(&Strict), &mut output);
    let message = Message { body: Blob::from(read("sync.json")), name: None, content_type: None, received_at_ms: 0 };
    let answer = answer(Dossiers.receive(&mut call, message).unwrap());
    assert_eq!(answer["error_code"], 1);
    assert_eq!(
        answer["message"],
        "1 that are not marked in `result` do not fit the channel's schema; they are kept in the hub's quarantine"
    );
    assert_eq!(answer["result"].as_array().unwrap().len(), 3);
}
