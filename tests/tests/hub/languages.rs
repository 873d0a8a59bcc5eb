//! Plugins in JavaScript, TypeScript and Python, in the hub as it runs: what the contract says holds for them as for Rust.

use std::path::Path;

use lienthong_tests::city::City;
use lienthong_tests::client::{Answer, Client};
use lienthong_tests::feed_server::FeedServer;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::program;
use lienthong_tests::wait::until;
use serde_json::{Value, json};

/// Each is a guest under `tests/plugins`, which does what a message says.
const LANGUAGES: [&str; 2] = ["javascript", "python"];

struct Town {
    hub: Hub,
    vendor: Client,
    feed: FeedServer,
}

impl Town {
    async fn start() -> Self {
        let feed = FeedServer::start("\"v1\"", b"pong".to_vec()).await;
        let connectors: String = LANGUAGES.iter().map(|language| connectors(language, &feed)).collect();
        let city = City::new(&[
            ("city.yaml", "title: Ba ngôn ngữ\nagencies:\n  vendor: { title: Nhà cung cấp }\n"),
            ("test.yaml", &format!("connectors:\n{connectors}{CHANNEL}")),
            ("schemas/test/values.v1.json", r#"{ "type": "object", "properties": { "value": { "type": "string", "maxLength": 10 } } }"#),
        ]);
        let hub = Hub::start_with_kept_machine_code(city).await;
        let vendor = hub.agency("vendor").await;
        Self { hub, vendor, feed }
    }

    async fn send(&self, connector: &str, body: &[u8]) -> Answer {
        let path = format!("/v1/connectors/test/{connector}/messages");
        let ask = self.vendor.post(&path, "text/plain", body.to_vec());
        ask.header("content-disposition", "attachment; filename=\"n.txt\"").send().await
    }

    async fn values(&self) -> Vec<Value> {
        let page = self.vendor.get("/v1/channels/test/values/records?limit=1000").header("accept", "application/x-ndjson");
        page.send().await.expect(200).lines()
    }
}

const CHANNEL: &str = r#"
channels:
  test/values: { schema: test/values.v1 }
grants:
  - { agency: vendor, channel: test/values, access: [read, write], purpose: "thử" }
"#;

/// A receiver, one with too little memory, and a source.
fn connectors(language: &str, feed: &FeedServer) -> String {
    let address = feed.address();
    format!(
        r#"
  test/{language}: &{language}
    plugin: guest-{language}
    agency: vendor
    webhook: {{}}
    settings: {{ colour: red }}
    emits: {{ values: test/values }}
  test/{language}-narrow:
    plugin: guest-{language}
    agency: vendor
    webhook: {{}}
    limits: {{ memory: 8MiB }}
    emits: {{ values: test/values }}
  test/{language}-poll:
    plugin: guest-{language}
    agency: vendor
    poll: {{ every: 1h }}
    settings: {{ url: "http://{address}/{language}" }}
    egress: ["http://{address}"]
    emits: {{ values: test/values }}
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_does_and_tells_what_one_in_rust_would() {
    let town = Town::start().await;
    for language in LANGUAGES {
        // Lines: one fits, one is refused by the schema, one has bad bytes, one is too long.
        let reply = town.send(language, b"lines\nabc\n12345678901\n\xff\nlonger than sixteen\n").await.expect(200);
        assert_eq!((reply.text().as_str(), reply.header("content-type")), ("1 1 /value 2", "text/plain"), "{language}");
        let values = town.values().await;
        let value = values.last().unwrap_or_else(|| panic!("{language} stored nothing"));
        assert_eq!((&value["value"], &value["name"], &value["settings"]), (&json!("abc"), &json!("n.txt"), &json!({ "colour": "red" })));
        assert!(value["receivedAt"].as_u64() > Some(1_700_000_000_000), "{value}");

        // The example of FIPS 180-4.
        town.send(language, b"attach").await.expect(200);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(town.values().await.last(), Some(&json!({ "sha256": sha256, "size": 3 })));
        let file = town.vendor.get(&format!("/v1/channels/test/values/attachments/{sha256}")).send().await.expect(200);
        assert_eq!(&file.body[..], b"abc");

        // Clocks and random numbers are there for libraries that want them.
        let types = if language == "python" { "float float" } else { "number number" };
        assert_eq!(town.send(language, b"library").await.expect(200).text(), types);

        town.send(language, b"nothing").await.problem(422, "nobody does `nothing`");
        town.send(language, b"setting").await.problem(500, "the connector's `settings:` are wrong: `colour` is no colour");
        town.send(language, b"port").await.problem(500, "no port `nowhere`");
    }

    // Each source fetched twice: the first time it said that there is more.
    let operator = town.hub.operator().await;
    for language in LANGUAGES {
        let connector = format!("test/{language}-poll");
        until(&format!("{connector} has polled"), || async {
            (connector_status(&operator, &connector).await["records"] == 2).then_some(())
        })
        .await;
    }
    let polled = town.values().await.into_iter().filter(|value| value["value"] == "pong" && value["etag"] == "\"v1\"");
    assert!(polled.clone().all(|value| value["now"].as_u64() > Some(1_700_000_000_000) && value["maxRecords"].as_u64() > Some(0)));
    assert_eq!((polled.count(), town.feed.seen().len()), (4, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_nobody_caught_is_told_with_its_message_and_stack() {
    let town = Town::start().await;
    for (language, message, place) in [
        ("javascript", "the plugin failed: RangeError: a defect of the plugin", "innermost@plugin.js"),
        ("python", "the plugin failed: ValueError: a defect of the plugin", "in innermost"),
    ] {
        town.send(language, b"defect").await.problem(500, message).problem(500, place);
        town.send(language, b"odd").await.problem(500, "a text");
        // What a language calls too deep a recursion is an error of its own, and neither a trap nor thousands of lines.
        let answer = town.send(language, b"deep").await.problem(500, "recursion");
        assert!(answer.body.len() < 8_000, "{}", answer.text());
        // And whatever the one before did, the next call is well.
        town.send(language, b"lines").await.expect(200);
    }
    town.send("javascript", b"late").await.problem(500, "a defect of the plugin").problem(500, "late@plugin.js");
    let values = town.values().await;
    assert!(values.iter().all(|value| value["value"] == "pong"), "of what failed something was stored: {values:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_little_memory_is_told_with_the_key_that_raises_it() {
    let town = Town::start().await;
    for language in LANGUAGES {
        town.send(language, b"hoard").await.problem(500, "the limit is 64MiB").problem(500, "raise `limits.memory` of the connector");
        // Less than the language itself needs.
        town.send(&format!("{language}-narrow"), b"lines").await.problem(500, "the limit is 8MiB").problem(500, "raise `limits.memory`");
        town.send(language, b"lines").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_compiles_nothing() {
    let mut town = Town::start().await;
    let before = machine_code();
    assert!(!before.is_empty());
    town.hub.terminate().await;
    // A component that is not compiled from its bytes needs its kept code to be read, and no other.
    town.hub.start_again().await;
    for language in LANGUAGES {
        town.send(language, b"library").await.expect(200);
    }
    assert_eq!(machine_code(), before);
    assert!(!town.hub.log().contains("will be compiled again"), "{}", town.hub.log());
}

/// Files of machine code, each with the moment in which it was written.
fn machine_code() -> Vec<(std::ffi::OsString, std::time::SystemTime)> {
    let files = std::fs::read_dir(program::machine_code()).into_iter().flatten();
    let mut files: Vec<_> = files.map(|file| file.and_then(|file| Ok((file.file_name(), file.metadata()?.modified()?))).unwrap()).collect();
    files.retain(|(name, _)| Path::new(name).extension().is_some_and(|extension| extension == "cwasm"));
    files.sort();
    files
}

/// The example city whose connectors are in JavaScript and Python, with its simulated systems, to the last sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sum_of_da_lat_holds() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    std::fs::create_dir(&data).unwrap();
    // It empties only what it made itself, and keeps machine code.
    std::fs::write(data.join(".lienthong-demo"), "").unwrap();
    program::keep_machine_code(&data);
    let city = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/da-lat");
    let mut demo = tokio::process::Command::new(program::lienthong().with_file_name("demo"));
    demo.arg("--city").arg(city).arg("--data").arg(&data).arg("--plugins").arg(program::plugins());
    demo.args(["--listen", "127.0.0.1:0", "--any-ports", "--once"]).kill_on_drop(true);
    let output = demo.output().await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{failed}");
    // A poll that failed after all was taken breaks no sum.
    assert!(!said.contains('✕'), "{said}");
    for channel in ["foodsafety/inspections", "tourism/events"] {
        assert!(said.lines().any(|line| line.contains('✓') && line.contains(channel)), "{said}");
    }
}
