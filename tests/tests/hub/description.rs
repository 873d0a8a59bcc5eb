//! The description at `/openapi.json` against what the doors really answer.

use std::collections::BTreeSet;

use http::Method;
use lienthong_tests::client::{Answer, Ask, Client};
use lienthong_tests::feed_server::FeedServer;
use lienthong_tests::hub::{Hub, landed};
use lienthong_tests::program::{argument, run};
use lienthong_tests::versions::{self, SILENT};
use serde_json::{Value, json};

use crate::towns;

const RECORDS: &str = "/v1/channels/environment/observations/records";
const NDJSON: &str = "application/x-ndjson";
const EVENTS: &str = "application/cloudevents-batch+json";
const GOOD: &str =
    r#"{"station":"KK01","parameter":"PM2.5","value":20.6,"unit":"ug/m3","observed_at":"2026-11-23T09:05:00+07:00","status":"measuring"}"#;
const BAD: &str = r#"{"station":"KK01","value":"high"}"#;

/// Headers that any answer of HTTP may have.
const PLAIN_HEADERS: [&str; 6] = ["content-type", "content-length", "date", "transfer-encoding", "allow", "connection"];

/// The document, and which of its answers were met.
struct Description {
    document: Value,
    met: BTreeSet<String>,
}

impl Description {
    /// Sends a request and holds the answer against what the document says of that door.
    async fn ask(&mut self, door: &str, ask: Ask) -> Answer {
        let answer = ask.send().await;
        self.hold(door, &answer);
        answer
    }

    fn hold(&mut self, door: &str, answer: &Answer) {
        let (method, path) = door.split_once(' ').unwrap();
        let status = answer.status.as_u16().to_string();
        let what = format!("{door}: {status}");
        let said = &self.document["paths"][path][method]["responses"][&status];
        assert!(said.is_object(), "{what} is not declared: {}", answer.text());
        self.met.insert(what.clone());

        if status == "304" {
            assert!(said.get("content").is_none() && answer.body.is_empty(), "{what}");
            return;
        }
        let full = answer.header("content-type").to_owned();
        let media_type = full.split(';').next().unwrap_or_default().trim();
        let content = said["content"].get(media_type).unwrap_or_else(|| panic!("{what} declares no {media_type}"));
        for name in answer.headers.keys().map(http::HeaderName::as_str).filter(|name| !PLAIN_HEADERS.contains(name)) {
            let declared = said["headers"].as_object().is_some_and(|headers| headers.keys().any(|known| known.eq_ignore_ascii_case(name)));
            assert!(declared, "{what} declares no header {name}");
        }
        for name in said["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            // A replay alone says that it is one.
            assert!(!answer.header(name).is_empty() || name == "Idempotent-Replayed", "{what} has no {name}");
        }
        if media_type == "application/json" || media_type.ends_with("+json") {
            self.fits(&what, &content["schema"], &answer.json());
        } else if media_type == "application/octet-stream" {
            assert_eq!(content["schema"], json!({}), "{what}");
        } else {
            assert_eq!(content["schema"]["type"], "string", "{what}");
        }
    }

    /// The schema holds for the value, and no property of the value is missing from it.
    fn fits(&self, what: &str, schema: &Value, value: &Value) {
        assert_ne!(schema, &json!({}), "{what} says nothing of its body");
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for value in values {
                self.fits(what, items, value);
            }
        }
        let mut whole = json!({ "components": self.document["components"], "allOf": [schema] });
        if schema.get("$ref").is_some() {
            whole["unevaluatedProperties"] = json!(false);
        }
        let validator =
            jsonschema::options().offline().should_validate_formats(true).build(&whole).unwrap_or_else(|error| panic!("{what}: {error}"));
        let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{what}: {value}");
    }

    /// A body that was taken fits what the door says that it takes.
    fn takes(&self, door: &str, media_type: &str, body: &Value) {
        let (method, path) = door.split_once(' ').unwrap();
        self.fits(door, &self.document["paths"][path][method]["requestBody"]["content"][media_type]["schema"], body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_one_that_the_description_declares() {
    let feed = FeedServer::start("\"v0\"", Vec::new()).await;
    let hub = Hub::start_with_plugins(towns::connected(feed.address())).await;
    let (environment, operations, operator) = (hub.agency("environment").await, hub.agency("operations").await, hub.operator().await);
    let nobody = hub.nobody();
    let document = nobody.get("/openapi.json").send().await.expect(200).json();
    let mut said = Description { document, met: BTreeSet::new() };
    for page in ["/healthz", "/readyz", "/openapi.json"] {
        said.ask(&format!("get {page}"), nobody.get(page)).await.expect(200);
    }

    // Posting.
    let door = "post /v1/channels/{domain}/{name}/records";
    let good: Value = serde_json::from_str(GOOD).unwrap();
    let event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "x", "data": good });
    let both = format!("{GOOD}\n{BAD}\n");
    let keyed = || environment.post(RECORDS, NDJSON, both.clone()).header("idempotency-key", "k");
    said.ask(door, keyed()).await.expect(200);
    assert_eq!(said.ask(door, keyed()).await.expect(200).header("idempotent-replayed"), "true");
    for (media_type, body) in [
        ("application/json", good.clone()),
        ("application/json", json!([good, good])),
        ("application/cloudevents+json", event.clone()),
        (EVENTS, json!([event, event])),
    ] {
        said.takes(door, media_type, &body);
        said.ask(door, environment.post(RECORDS, media_type, body.to_string())).await.expect(200);
    }
    said.ask(door, environment.post(RECORDS, NDJSON, GOOD).header("idempotency-key", "k")).await.expect(409);
    said.ask(door, environment.post(RECORDS, NDJSON, "")).await.expect(400);
    said.ask(door, environment.post(RECORDS, "text/csv", "a")).await.expect(415);
    said.ask(door, environment.post(RECORDS, NDJSON, vec![b' '; (32 << 20) + 1])).await.expect(413);
    said.ask(door, nobody.post(RECORDS, NDJSON, GOOD)).await.expect(401);
    said.ask(door, operations.post(RECORDS, NDJSON, GOOD)).await.expect(404);

    // Reading.
    let door = "get /v1/channels/{domain}/{name}/records";
    for accept in [EVENTS, NDJSON] {
        said.ask(door, operations.get(&format!("{RECORDS}?limit=3")).header("accept", accept)).await.expect(200);
    }
    said.ask(door, operations.get(RECORDS).header("accept", "text/csv")).await.expect(406);
    said.ask(door, operations.get(&format!("{RECORDS}?after=x"))).await.expect(400);
    said.ask(door, environment.get(RECORDS)).await.expect(404);
    said.ask(door, nobody.get(RECORDS)).await.expect(401);
    said.ask("get /v1/channels", operations.get("/v1/channels")).await.expect(200);
    said.ask("get /v1/channels", nobody.get("/v1/channels")).await.expect(401);
    let channel = "/v1/channels/environment/observations";
    said.ask("get /v1/channels/{domain}/{name}", operations.get(channel)).await.expect(200);
    for accept in ["*/*", "text/html", "text/markdown"] {
        let ask = operations.get(&format!("{channel}/schema")).header("accept", accept);
        said.ask("get /v1/channels/{domain}/{name}/schema", ask).await.expect(200);
    }

    // Messages.
    let door = "post /v1/connectors/{domain}/{name}/messages";
    let messages = "/v1/connectors/environment/push/messages";
    let name = "attachment; filename=\"LamDong_TramA_KK01_20261123090500.txt\"";
    let text = "PM10\t31\tug/m3\t20261123090500\t00\nbroken\n";
    let send = |client: &Client, body: &'static str| {
        let ask = client.post(messages, "text/plain", body).header("content-disposition", name);
        ask.header("idempotency-key", "k")
    };
    said.ask(door, send(&environment, text)).await.expect(200);
    said.ask(door, send(&environment, "other")).await.expect(409);
    said.ask(door, environment.post(messages, "text/plain", "no name, no station")).await.expect(422);
    said.ask(door, environment.post(messages, "text/plain", text).header("idempotency-key", "")).await.expect(400);
    said.ask(door, send(&operations, text)).await.expect(404);
    said.ask(door, send(&nobody, text)).await.expect(401);

    // Operators.
    landed(&operator, "environment/observations", 8).await;
    for page in ["/v1/status", "/v1/connectors", "/v1/routes", "/v1/quarantine", "/v1/dead-letters", "/v1/keys", "/metrics"] {
        let door = format!("get {page}");
        said.ask(&door, operator.get(page)).await.expect(200);
        said.ask(&door, operations.get(page)).await.expect(404);
        said.ask(&door, nobody.get(page)).await.expect(401);
    }
    let page = operator.get("/v1/quarantine?limit=1").send().await.expect(200).json();
    let entry = format!("/v1/quarantine/{}", page["entries"][0]["id"]);
    said.ask("get /v1/quarantine/{id}", operator.get(&entry)).await.expect(200);
    said.ask("get /v1/quarantine/{id}", operator.get("/v1/quarantine/4711")).await.expect(404);
    said.ask("get /v1/quarantine", operator.get("/v1/quarantine?limit=0")).await.expect(400);
    said.ask("get /v1/dead-letters", operator.get("/v1/dead-letters?limit=0")).await.expect(400);
    let (door, redrive) = ("post /v1/dead-letters/redrive", "/v1/dead-letters/redrive");
    let all = json!({ "all": true });
    said.takes(door, "application/json", &all);
    said.ask(door, operator.post(redrive, "application/json", all.to_string())).await.expect(200);
    said.ask(door, operator.post(redrive, "application/json", "{}")).await.expect(400);
    let new = json!({ "agency": "operations", "read": ["environment/*"], "write": [], "expires_at": "2099-01-01T00:00:00Z", "note": "n" });
    said.takes("post /v1/keys", "application/json", &new);
    let made = said.ask("post /v1/keys", operator.post("/v1/keys", "application/json", new.to_string())).await.expect(200).json();
    said.ask("post /v1/keys", operator.post("/v1/keys", "application/json", "{\"agency\":\"nobody\"}")).await.expect(400);
    let key = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    said.ask("delete /v1/keys/{id}", operator.ask(Method::DELETE, &key)).await.expect(200);
    said.ask("delete /v1/keys/{id}", operator.ask(Method::DELETE, "/v1/keys/none")).await.expect(404);

    let connector = |act: &str| format!("/v1/connectors/environment/push/{act}");
    let door = "post /v1/connectors/{domain}/{name}/pause";
    let note = json!({ "note": "n" });
    said.takes(door, "application/json", &note);
    said.ask(door, operator.post(&connector("pause"), "application/json", note.to_string())).await.expect(200);
    said.ask(door, operator.post(&connector("pause"), "application/json", "{\"note\":1}")).await.expect(400);
    said.ask(door, operator.post("/v1/connectors/environment/absent/pause", "application/json", "{}")).await.expect(404);
    said.ask(
        "post /v1/connectors/{domain}/{name}/messages",
        environment.post(messages, "text/plain", "later").header("content-disposition", name),
    )
    .await
    .expect(503);
    said.ask("get /v1/connectors", operator.get("/v1/connectors")).await.expect(200);
    said.ask("post /v1/connectors/{domain}/{name}/resume", operator.ask(Method::POST, &connector("resume"))).await.expect(200);

    // Attachments, in another city.
    let hub = Hub::start(towns::archive()).await;
    let (archive, reader) = (hub.agency("archive").await, hub.agency("reader").await);
    archive.post("/v1/connectors/tests/scans/messages", "application/pdf", "a file").send().await.expect(200);
    let page = reader.get("/v1/channels/tests/things/records").header("accept", NDJSON).send().await.expect(200);
    let path = format!("/v1/channels/tests/things/attachments/{}", page.lines()[0]["sha256"].as_str().unwrap());
    let door = "get /v1/channels/{domain}/{name}/attachments/{sha256}";
    let answer = said.ask(door, reader.get(&path)).await.expect(200);
    said.ask(door, reader.get(&path).header("if-none-match", answer.header("etag"))).await.expect(304);
    said.ask(door, archive.get(&path)).await.expect(404);

    // Versions of a plugin and recorded runs, in a third.
    let plugins = "plugins: { unsigned: allow }\n";
    let hub = Hub::start(versions::city(plugins, "    record: all\n", &versions::component(SILENT, "1.0.0", |manifest| manifest))).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    sender.post("/v1/connectors/trial/guest/messages", "text/plain", r#"{"id":"c0-0-0","n":0,"value":1}"#).send().await.expect(200);
    let file = hub.city().folder().join("second.wasm");
    std::fs::write(&file, versions::component(SILENT, "2.0.0", |manifest| manifest)).unwrap();
    let data = hub.city().data();
    let put = run(&["plugin", "install", argument(&file), "--data", argument(&data)]).await;
    assert_eq!(put.code, Some(0), "{}", put.stderr);
    let list = said.ask("get /v1/plugins", operator.get("/v1/plugins")).await.expect(200).json();
    let door = "post /v1/plugins/install";
    let wanted = json!({ "sha256": list[0]["versions"][0]["sha256"], "connectors": ["trial/guest"], "shadow": true });
    said.takes(door, "application/json", &json!({ "sha256": "", "connectors": [], "all": true, "shadow": true, "yes": true }));
    said.ask(door, operator.post("/v1/plugins/install", "application/json", wanted.to_string())).await.expect(200);
    said.ask(door, operator.post("/v1/plugins/install", "application/json", "{\"sha256\":\"?\"}")).await.expect(400);
    let door = "post /v1/plugins/rollback";
    let wanted = json!({ "name": "test-guest", "reason": "trial" });
    said.takes(door, "application/json", &wanted);
    said.ask(door, operator.post("/v1/plugins/rollback", "application/json", wanted.to_string())).await.expect(200);
    said.ask(door, operator.post("/v1/plugins/rollback", "application/json", wanted.to_string())).await.expect(400);
    let runs = said.ask("get /v1/runs", operator.get("/v1/runs?connector=trial/guest")).await.expect(200).json();
    said.ask("get /v1/runs", operator.get("/v1/runs?limit=0")).await.expect(400);
    let run = runs[0]["run"].as_str().unwrap();
    let door = "post /v1/runs/{id}/replay";
    said.ask(door, operator.post(&format!("/v1/runs/{run}/replay"), "application/json", "{}")).await.expect(200);
    said.ask(door, operator.post("/v1/runs/0/replay", "application/json", "{}")).await.expect(404);
    said.ask("get /v1/runs/{id}/fixture", operator.get(&format!("/v1/runs/{run}/fixture"))).await.expect(200);
    said.ask("get /v1/runs/{id}/fixture", operator.get("/v1/runs/0/fixture")).await.expect(404);

    // No door was forgotten.
    for (path, methods) in said.document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                said.met.contains(&format!("{method} {path}: 200")),
                "no good answer of {method} {path} was held against its description"
            );
            assert!(operation["responses"].get("default").is_none(), "{method} {path} hides what it answers behind a default");
        }
    }
    // What the limits of numbers are is told as numbers.
    let parameters = &said.document["paths"]["/v1/channels/{domain}/{name}/records"]["get"]["parameters"];
    let limit = parameters.as_array().unwrap().iter().find(|parameter| parameter["name"] == "limit").unwrap();
    assert_eq!(limit["schema"], json!({ "type": "integer", "minimum": 1, "maximum": 10_000 }));
}
