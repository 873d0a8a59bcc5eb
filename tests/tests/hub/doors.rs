//! Every door there is, taken from the hub's own description, so that a new one cannot be forgotten.

use std::path::Path;
use std::process::Stdio;

use http::Method;
use lienthong_tests::client::{Answer, Client};
use lienthong_tests::feed_server::FeedServer;
use lienthong_tests::hub::Hub;
use serde_json::Value;
use tokio::process::Command;

use crate::towns;

/// The doors as the contract has them.
const DOORS: [&str; 29] = [
    "delete /v1/keys/{id}",
    "get /healthz",
    "get /metrics",
    "get /openapi.json",
    "get /readyz",
    "get /v1/channels",
    "get /v1/channels/{domain}/{name}",
    "get /v1/channels/{domain}/{name}/attachments/{sha256}",
    "get /v1/channels/{domain}/{name}/records",
    "get /v1/channels/{domain}/{name}/schema",
    "get /v1/connectors",
    "get /v1/dead-letters",
    "get /v1/keys",
    "get /v1/plugins",
    "get /v1/quarantine",
    "get /v1/quarantine/{id}",
    "get /v1/routes",
    "get /v1/runs",
    "get /v1/runs/{id}/fixture",
    "get /v1/status",
    "post /v1/channels/{domain}/{name}/records",
    "post /v1/connectors/{domain}/{name}/messages",
    "post /v1/connectors/{domain}/{name}/pause",
    "post /v1/connectors/{domain}/{name}/resume",
    "post /v1/dead-letters/redrive",
    "post /v1/keys",
    "post /v1/plugins/install",
    "post /v1/plugins/rollback",
    "post /v1/runs/{id}/replay",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_valid_and_lists_every_door() {
    let hub = Hub::start(towns::air()).await;
    let answer = hub.nobody().get("/openapi.json").send().await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    let mut doors: Vec<_> =
        doors(&document).into_iter().map(|door| format!("{} {}", door.method.as_str().to_lowercase(), door.path)).collect();
    doors.sort();
    assert_eq!(doors, DOORS);
    let mut missing = Vec::new();
    references(&document, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        if document.pointer(pointer).is_none() {
            missing.push(reference.to_owned());
        }
    });
    assert_eq!(missing, [""; 0], "references without a target");
    assert_eq!(document["openapi"], "3.1.0");
    validate(&answer, hub.city().folder()).await;
}

/// With openapi-spec-validator, where the Python named by LIENTHONG_OPENAPI_PYTHON has it.
async fn validate(document: &Answer, folder: &Path) {
    let Some(python) = std::env::var_os("LIENTHONG_OPENAPI_PYTHON") else {
        println!("LIENTHONG_OPENAPI_PYTHON is not set, so the description was held against this trial's own rules alone");
        return;
    };
    let path = folder.join("openapi.json");
    std::fs::write(&path, &document.body).unwrap();
    let mut command = Command::new(python);
    command.args(["-m", "openapi_spec_validator"]).arg(&path).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == "$ref" => found(text),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

struct Door {
    method: Method,
    path: String,
    permission: String,
}

fn doors(document: &Value) -> Vec<Door> {
    let mut doors = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let permission = operation["x-permission"].as_str().unwrap_or_else(|| panic!("{method} {path} names no permission")).to_owned();
            assert!(operation["operationId"].is_string() && operation["responses"].is_object(), "{method} {path}");
            doors.push(Door { method: method.to_uppercase().parse().unwrap(), path: path.clone(), permission });
        }
    }
    doors
}

/// Who knocks, and which permissions let them in.
struct Visitor {
    name: &'static str,
    client: Client,
    enters: &'static [&'static str],
    has_key: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_door_opens_to_whom_it_is_for_and_to_nobody_else() {
    let feed = FeedServer::start("\"v0\"", Vec::new()).await;
    let hub = Hub::start_with_plugins(towns::connected(feed.address())).await;
    let visitor = |name, client, has_key, enters| Visitor { name, client, enters, has_key };
    let visitors = [
        visitor("nobody", hub.nobody(), false, &["open"][..]),
        visitor("a wrong key", hub.with_key(Some("lt_0123456789_wrong_00000000")), false, &["open"]),
        visitor("an agency without a grant", hub.agency("stranger").await, true, &["open", "key"]),
        visitor("an agency that may read", hub.agency("operations").await, true, &["open", "key", "read"]),
        visitor(
            "an agency that may write and owns the connector",
            hub.agency("environment").await,
            true,
            &["open", "key", "write", "message"],
        ),
        visitor("an operator", hub.operator().await, true, &["open", "key", "operator"]),
    ];
    let document = hub.nobody().get("/openapi.json").send().await.expect(200).json();
    let mut knocks = 0;
    for door in doors(&document) {
        let target = if door.path.contains("/connectors/") { "push" } else { "observations" };
        let path = door
            .path
            .replace("{domain}", "environment")
            .replace("{name}", target)
            .replace("{id}", "4711")
            .replace("{sha256}", &"47".repeat(32));
        for Visitor { name, client, enters, has_key } in &visitors {
            let answer = client.ask(door.method.clone(), &path).send().await;
            let (status, detail) = (answer.status.as_u16(), answer.text());
            let turned_away = status == 401 || detail.contains("or this key has no right to it") && !names_an_entry(&detail);
            let what = format!("{name}: {} {path} ({}): {status} {detail}", door.method, door.permission);
            assert_eq!(turned_away, !enters.contains(&door.permission.as_str()), "{what}");
            if turned_away {
                assert_eq!(status, if *has_key { 404 } else { 401 }, "{what}");
                assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
            }
            assert!(status < 500, "{what}");
            knocks += 1;
        }
    }
    println!("{knocks} knocks");
    // Other methods, other pages.
    let operator = &visitors[5].client;
    operator.ask(Method::PUT, "/v1/status").send().await.problem(405, "openapi.json");
    operator.get("/v1/nothing").send().await.problem(404, "page");
}

/// Entry 4711 is not there for those who may look, either, nor is an attachment.
fn names_an_entry(detail: &str) -> bool {
    ["such quarantine entry", "such key", "such attachment", "such run"].iter().any(|entry| detail.contains(entry))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_the_same_sums_everywhere() {
    let hub = Hub::start(towns::air()).await;
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);
    let body = "{\"station\":\"a\",\"value\":1}\n{\"station\":\"b\",\"value\":\"x\"}\n";
    environment.post("/v1/channels/air/readings/records", "application/x-ndjson", body).send().await.expect(200);
    lienthong_tests::hub::landed(&operator, "air/readings", 1).await;
    let metrics = operator.get("/metrics").send().await.expect(200);
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let metrics = metrics.text();
    for line in [
        "lienthong_channel_accepted_total{channel=\"air/readings\"} 2",
        "lienthong_channel_stored_total{channel=\"air/readings\"} 1",
        "lienthong_channel_landed_total{channel=\"air/readings\"} 1",
        "lienthong_channel_quarantined{channel=\"air/readings\"} 1",
        "lienthong_channel_pending{channel=\"air/readings\"} 0",
        "lienthong_channel_attachments{channel=\"air/readings\"} 0",
        "lienthong_channel_sums_hold{channel=\"air/readings\"} 1",
        "lienthong_channel_accepted_total{channel=\"air/secrets\"} 0",
        "lienthong_ready 1",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
    let data = hub.city().data();
    let said = lienthong_tests::program::run(&["status", "--json", "--data", lienthong_tests::program::argument(&data)]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let mut told: Value = serde_json::from_str(&said.stdout).unwrap();
    let mut asked = operator.get("/v1/status").send().await.expect(200).json();
    // Others write to the same disk.
    for status in [&mut told, &mut asked] {
        assert!(status["disk"]["free_bytes"].take().is_u64());
    }
    assert_eq!(told, asked);
    assert_eq!(told["city"], "Thành phố thử nghiệm");
}
