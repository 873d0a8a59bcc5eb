//! What must not harm a hub, at its real doors: each is refused with its reason, nothing of it is lost, and the next good thing is taken.

use std::io::{Cursor, Write};

use lienthong_tests::city::City;
use lienthong_tests::client::{Answer, Client};
use lienthong_tests::hub::{Hub, channel_status};
use lienthong_tests::program::{argument, run};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::towns;

const NDJSON: &str = "application/x-ndjson";

/// What a hub may have held at most at any moment, in bytes: 512 MiB, of which its bodies may take 256.
fn peak_is_bounded(hub: &Hub) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.pid().as_raw_nonzero())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap();
    assert!(peak < 512 << 10, "the hub held {peak} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_json_is_kept_as_it_came_and_the_record_behind_it_is_taken() {
    let hub = Hub::start(towns::air()).await;
    let (sender, operator) = (hub.agency("environment").await, hub.operator().await);
    let record = |value: &str| format!("{{\"station\":\"KK01\",\"value\":{value}}}").into_bytes();
    let bad: [(&str, Vec<u8>); 12] = [
        ("nested deeper than 64 levels", record(&("[".repeat(100_000) + &"]".repeat(100_000)))),
        ("nested deeper than 64 levels", record(&"{\"a\":".repeat(100_000))),
        ("lies beyond", record(&"9".repeat(1_000_000))),
        ("lies beyond a 64-bit double", record("1e400")),
        ("no valid JSON", record("NaN")),
        ("no valid JSON", record("-Infinity")),
        ("stands twice", b"{\"station\":\"KK01\",\"value\":1,\"\\u0076alue\":2}".to_vec()),
        ("lone surrogate", b"{\"station\":\"\\ud800\",\"value\":1}".to_vec()),
        ("no valid JSON", b"{\"station\":\"a\0b\",\"value\":1}".to_vec()),
        ("byte order mark", b"\xef\xbb\xbf{\"station\":\"KK01\",\"value\":1}".to_vec()),
        ("invalid UTF-8", b"{\"station\":\"\xc0\xaf\",\"value\":1}".to_vec()),
        ("1048576", record(&format!("1{}", " ".repeat(2 << 20)))),
    ];
    let body = bad.iter().map(|(_, line)| [line.as_slice(), b"\n"].concat()).chain([record("20.5")]).collect::<Vec<_>>().concat();
    let answer = sender.post("/v1/channels/air/readings/records", NDJSON, body).send().await.expect(200).json();
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&json!(1), &json!(bad.len())));
    for ((expected, line), reason) in bad.iter().zip(answer["reasons"].as_array().unwrap()) {
        let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        assert!(reason["keyword"] == "decode" && reason["message"].as_str().unwrap().contains(expected), "{shown}: {reason}");
    }
    let page = operator.get("/v1/quarantine?channel=air/readings&limit=1000").send().await.expect(200).json();
    for ((_, line), entry) in bad.iter().zip(page["entries"].as_array().unwrap().iter().rev()) {
        assert_eq!(entry["size_bytes"], json!(line.len()));
        let whole = operator.get(&format!("/v1/quarantine/{}", entry["id"])).send().await.expect(200).json();
        // What is no text comes in base 64.
        assert!(whole["text"].as_str().map_or_else(|| whole["base64"].is_string(), |text| text.as_bytes() == line));
    }
    assert_eq!(channel_status(&operator, "air/readings").await["sums_hold"], true);
    peak_is_bounded(&hub);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_paths_or_break_lines_open_nothing() {
    let hub = Hub::start(towns::air()).await;
    let (operator, agency) = (hub.operator().await, hub.agency("environment").await);
    let long = "a".repeat(10_240);
    let names = [
        "..%2f..%2fetc",
        "%2e%2e",
        "%2e",
        "..",
        "a%00b",
        "a%0d%0aset-cookie:x",
        "%E2%80%AEgnp",
        "%ff",
        "A",
        "a--b",
        "a%2fb",
        "'%20or%20'1",
        long.as_str(),
    ];
    for name in names {
        let own = format!("/v1/channels/{name}/readings");
        let other = format!("/v1/channels/air/{name}");
        let paths = [
            own.clone(),
            format!("{own}/schema"),
            format!("{own}/records"),
            other.clone(),
            format!("{other}/records"),
            format!("/v1/channels/air/readings/attachments/{name}"),
            format!("/v1/quarantine/{name}"),
        ];
        for path in paths {
            for client in [&operator, &agency] {
                harmless(&path, &client.get(&path).send().await);
            }
        }
        harmless(name, &operator.post(&format!("/v1/connectors/{name}/x/messages"), "text/plain", "x").send().await);
        harmless(name, &operator.ask(http::Method::DELETE, &format!("/v1/keys/{name}")).send().await);
        harmless(name, &agency.post(&format!("{other}/records"), NDJSON, "{}").send().await);
        for query in ["after", "limit", "wait"] {
            let answer = agency.get(&format!("/v1/channels/air/readings/records?{query}={name}")).send().await;
            assert_eq!(answer.status, 400, "{query}={name}");
        }
    }
    agency.post("/v1/channels/air/readings/records", NDJSON, r#"{"station":"KK01","value":1}"#).send().await.expect(200);
    let folder: Vec<_> = std::fs::read_dir(hub.city().folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(folder.len(), 3, "city, data and hub.log alone: {folder:?}");
}

/// Absent or refused, in words that cannot steer whoever reads them.
fn harmless(what: &str, answer: &Answer) {
    assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
    assert!(answer.headers.get("set-cookie").is_none(), "{what}");
    let text = String::from_utf8_lossy(&answer.body);
    assert!(text.len() < 4 << 10 && !text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{what}: {text:?}");
}

/// Patterns that cost a backtracking engine for ever, and a schema that multiplies by itself as far as it may.
const PATIENT: &str = r##"{
  "type": "object",
  "properties": {
    "station": { "type": "string", "pattern": "^(a+)+$" },
    "value": { "anyOf": [{ "$ref": "#/$defs/tree" }, { "type": "number" }] }
  },
  "$defs": {
    "tree": { "type": "object", "additionalProperties": { "allOf": [{ "$ref": "#/$defs/tree" }, { "$ref": "#/$defs/tree" }] } }
  }
}"##;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_costly_elsewhere_gives_its_verdict() {
    let city = towns::air();
    city.write("schemas/air/readings.v1.json", PATIENT);
    let hub = Hub::start(city).await;
    let sender = hub.agency("environment").await;
    let deep = "{\"a\":".repeat(60) + "1" + &"}".repeat(60);
    let lines = [
        format!("{{\"station\":\"{}!\"}}", "a".repeat(900_000)),
        format!("{{\"station\":\"aa\",\"value\":{deep}}}"),
        format!("{{\"station\":\"{}\"}}", "a".repeat(900_000)),
    ];
    let answer = sender.post("/v1/channels/air/readings/records", NDJSON, lines.join("\n")).send().await.expect(200).json();
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&json!(1), &json!(2)));
    assert_eq!(answer["reasons"][0]["keyword"], "pattern");
    peak_is_bounded(&hub);
}

#[tokio::test]
async fn a_schema_that_reaches_outside_or_never_ends_is_found_by_the_check() {
    let doubling = (0..40).map(|n| format!("\"d{n}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/d{0}\"}},{{\"$ref\":\"#/$defs/d{0}\"}}]}}", n + 1));
    let doubling = format!(
        "{{\"type\":\"object\",\"properties\":{{\"a\":{{\"$ref\":\"#/$defs/d0\"}}}},\"$defs\":{{{},\"d40\":true}}}}",
        doubling.collect::<Vec<_>>().join(",")
    );
    let of = |part: &str| format!("{{\"type\":\"object\",\"properties\":{{\"a\":{part}}}}}");
    let deep = of(&(r#"{"items":"#.repeat(120) + "true" + &"}".repeat(120)));
    let bad = [
        ("http", of(r#"{"$ref":"http://127.0.0.1:9/x.json"}"#), "nothing is ever fetched"),
        ("file", of(r#"{"$ref":"file:///etc/passwd"}"#), "nothing is ever fetched"),
        ("behind", of(r#"{"pattern":"(?<=a)b"}"#), "linear time"),
        ("large", of(r#"{"pattern":"((\\p{L}{1000}){1000}){1000}"}"#), "4 MiB"),
        ("doubling", doubling, "multiply"),
        ("deep", deep, "nested deeper than"),
        ("misspelt", of(r#"{"type":"string","maxLenght":5,"x-personnal":true}"#), "did you mean `maxLength`"),
    ];
    let city = City::new(&[("city.yaml", "title: A\nagencies: { a: { title: A } }\n")]);
    for (name, schema, _) in &bad {
        city.write(&format!("schemas/air/{name}.v1.json"), schema);
    }
    let said = run(&["check", argument(&city.path()), "--lang", "en"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = said.stdout.clone() + &said.stderr;
    for (name, _, expected) in &bad {
        let part = told.split(&format!("schemas/air/{name}.v1.json:")).nth(1).unwrap_or_else(|| panic!("{name} is not in\n{told}"));
        assert!(part.lines().take(8).any(|line| line.contains(expected)), "{name}: {part}");
    }
    assert!(told.contains("did you mean `x-personal`"), "{told}");
}

const BOMBED: &str = r#"
x-limits: &limits { time_per_call: 60s }
connectors:
  transport/feeds:
    plugin: transport-gtfs
    agency: sender
    webhook: {}
    settings: { feed: any }
    limits: *limits
    emits: { stops: transport/stops, routes: transport/routes, trips: transport/trips, stop-times: transport/stop-times }
channels:
  transport/stops: { schema: transport/stops.v1 }
  transport/routes: { schema: transport/routes.v1 }
  transport/trips: { schema: transport/trips.v1 }
  transport/stop-times: { schema: transport/stop-times.v1 }
grants:
  - { agency: sender, channel: transport/stops, access: [read, write], purpose: "trial" }
  - { agency: sender, channel: transport/routes, access: [read, write], purpose: "trial" }
  - { agency: sender, channel: transport/trips, access: [read, write], purpose: "trial" }
  - { agency: sender, channel: transport/stop-times, access: [read, write], purpose: "trial" }
"#;

const DOCUMENTS: &str = r#"
connectors:
  egov/letters:
    plugin: egov-documents
    agency: sender
    webhook: {}
    emits: { documents: egov/documents, document-status: egov/document-status }
channels:
  egov/documents: { schema: egov/documents.v1 }
  egov/document-status: { schema: egov/document-status.v1 }
grants:
  - { agency: sender, channel: egov/documents, access: [read, write], purpose: "trial" }
  - { agency: sender, channel: egov/document-status, access: [read, write], purpose: "trial" }
"#;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_of_archives_and_documents_are_refused_by_the_connectors() {
    let city =
        City::new(&[("city.yaml", "title: A\nagencies: { sender: { title: A } }\n"), ("transport.yaml", BOMBED), ("egov.yaml", DOCUMENTS)]);
    let hub = Hub::start_with_plugins(city).await;
    let sender = hub.agency("sender").await;
    let stops: &[u8] = b"stop_id,stop_name\na,A\n";
    let others: [(&str, &[u8]); 3] = [
        ("routes.txt", b"route_id,route_short_name,route_type\n"),
        ("trips.txt", b"route_id,service_id,trip_id\n"),
        ("stop_times.txt", b"trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"),
    ];
    let feed = |first: &str, content: &[u8]| archive(&[&[(first, content)], &others[..]].concat());
    // 200 MiB in 200 KiB, without an end of its line.
    let bomb = feed("stops.txt", &[b"stop_id,stop_name\n".as_slice(), &vec![b'x'; 200 << 20]].concat());
    assert!(bomb.len() < 1 << 20);
    post(&sender, "transport/feeds", bomb).await.problem(422, "more than 1048576 bytes");
    let many: Vec<_> = (0..10_001).map(|n| (format!("{n}"), b"".as_slice())).collect();
    let many = archive(&many.iter().map(|(name, content)| (name.as_str(), *content)).collect::<Vec<_>>());
    post(&sender, "transport/feeds", many).await.problem(422, "10001 entries");
    // A name is only ever a name: the file beside it is no feed's, and nothing is written anywhere.
    let answer =
        post(&sender, "transport/feeds", archive(&[&[("../../stops.txt", stops), ("/etc/passwd", b"x")], &others[..]].concat())).await;
    assert!(answer.status.is_client_error(), "{}", answer.text());

    let entities = (1..12).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10))).collect::<String>();
    for (document, expected) in [
        (format!("<!DOCTYPE edXML [<!ENTITY e0 \"ha\">{entities}]><edXML>&e11;</edXML>"), "document type"),
        ("<!DOCTYPE edXML [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><edXML>&x;</edXML>".to_owned(), "document type"),
        ("<!DOCTYPE edXML SYSTEM \"http://127.0.0.1:9/x.dtd\"><edXML/>".to_owned(), "document type"),
        ("<edXML>&lol;</edXML>".to_owned(), "lol"),
        (format!("<edXML>{}", "<a>".repeat(100_000)), "deep"),
        (format!("<edXML {}/>", "a='1' ".repeat(100_000)), "attributes"),
    ] {
        let answer = post(&sender, "egov/letters", document.into_bytes()).await;
        let text = answer.text();
        assert!(
            answer.status.is_client_error() && text.contains(expected) && text.contains("line 1"),
            "{expected}: {} {text}",
            answer.status
        );
        assert!(!text.contains("root:"), "{text}");
    }

    let answer = post(&sender, "transport/feeds", feed("stops.txt", stops)).await.expect(200).json();
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&json!(1), &Value::from(0)));
    peak_is_bounded(&hub);
}

async fn post(sender: &Client, connector: &str, body: Vec<u8>) -> Answer {
    sender.post(&format!("/v1/connectors/{connector}/messages"), "application/octet-stream", body).send().await
}
