//! Routes that write to channels: exactly once through every crash, and no record holds those behind it up.

use std::collections::BTreeMap;

use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::guest;
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use serde_json::{Value, json};

const NUMBERS: &str = "/v1/channels/test/numbers/records";

const CITY: &str = "title: Tuyến\nagencies:\n  vendor: { title: Nhà cung cấp }\n  stranger: { title: Người lạ }\n";

const CHANNELS: &str = r#"
channels:
  test/numbers: { schema: test/numbers.v1 }
  test/values: { schema: test/values.v1 }
grants:
  - { agency: vendor, channel: test/numbers, access: [read, write], purpose: "thử" }
  - { agency: vendor, channel: test/values, access: [read, write], purpose: "thử" }
"#;

const NUMBER: &str = r#"{ "type": "object", "required": ["n"], "properties": { "key": { "type": ["string", "integer", "null"] }, "n": { "type": "number" } } }"#;
const VALUE: &str = r#"{
  "type": "object",
  "required": ["key", "sum"],
  "properties": { "key": { "type": "string" }, "sum": { "type": "integer", "maximum": 1000000 }, "now": { "type": "integer" } }
}"#;

/// A city whose numbers are summed up by key, in JavaScript; `more` goes into the route.
fn sums(more: &str) -> City {
    let route = format!(
        "routes:\n  test/sums: {{ from: test/numbers, agency: vendor, transform: guest-javascript-transform, by: /key, to: [test/values]{more} }}\n"
    );
    City::new(&[
        ("city.yaml", CITY),
        ("test.yaml", &format!("{CHANNELS}{route}")),
        ("schemas/test/numbers.v1.json", NUMBER),
        ("schemas/test/values.v1.json", VALUE),
    ])
}

fn lines(records: impl IntoIterator<Item = Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

async fn post(vendor: &Client, records: impl IntoIterator<Item = Value>) {
    vendor.post(NUMBERS, "application/x-ndjson", lines(records)).send().await.expect(200);
}

async fn route(operator: &Client) -> Value {
    let routes = operator.get("/v1/routes").send().await.expect(200).json();
    routes[0].clone()
}

/// Waits until the route has settled so many records.
async fn settled(operator: &Client, records: u64) -> Value {
    until(&format!("{records} records are settled"), || async {
        let route = route(operator).await;
        (route["checkpoint"] == format!("1:{records}") && route["state"] == "idle").then_some(route)
    })
    .await
}

async fn values(vendor: &Client) -> Vec<Value> {
    let page = vendor.get("/v1/channels/test/values/records?limit=10000").header("accept", "application/x-ndjson");
    page.send().await.expect(200).lines()
}

async fn quarantine(operator: &Client) -> Vec<Value> {
    let page = operator.get("/v1/quarantine?channel=test/values&limit=1000").send().await.expect(200).json();
    page["entries"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fold_counts_every_record_once_though_the_hub_is_killed_again_and_again() {
    let mut hub = Hub::start_with_kept_machine_code(sums("")).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    let mut expected = BTreeMap::<String, i64>::new();
    let mut sent = 0;
    for batch in 0..12_i64 {
        let records: Vec<_> = (0..100_i64).map(|n| (format!("k{}", (batch * 7 + n) % 13), batch * 100 + n)).collect();
        for (key, n) in &records {
            *expected.entry(key.clone()).or_default() += n;
        }
        sent += records.len() as u64;
        post(&vendor, records.into_iter().map(|(key, n)| json!({ "key": key, "n": n }))).await;
        if batch % 6 == 5 {
            // In the middle of what it does: nothing was waited for.
            hub.kill().await;
            hub.start_again().await;
        }
    }
    settled(&operator, sent).await;
    let told = values(&vendor).await;
    let last: BTreeMap<String, i64> =
        told.iter().map(|value| (value["key"].as_str().unwrap().to_owned(), value["sum"].as_i64().unwrap())).collect();
    assert_eq!(last, expected);
    // What stands in the log says whose work it is, and its sums hold as everybody's.
    let event = vendor.get("/v1/channels/test/values/records?limit=1").send().await.expect(200).json();
    assert_eq!(event[0]["source"], "/v1/connectors/test/sums");
    let status = channel_status(&operator, "test/values").await;
    assert_eq!((&status["stored"], &status["quarantined"]), (&json!(told.len()), &json!(0)));
    landed(&operator, "test/values", told.len() as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_breaks_the_transform_is_set_aside_and_the_others_go_on() {
    let hub = Hub::start_with_kept_machine_code(sums("")).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    let record = |n: i64| match n {
        // The guest throws at a negative number, rejects a fraction, and gives a sum that the schema refuses.
        17 => json!({ "key": "a", "n": -1 }),
        23 => json!({ "key": "a", "n": 0.5 }),
        29 => json!({ "n": 1 }),
        31 => json!({ "key": null, "n": 1 }),
        37 => json!({ "key": "much", "n": 2_000_000 }),
        n if n % 2 == 0 => json!({ "key": "a", "n": 1 }),
        _ => json!({ "key": 7, "n": 1 }),
    };
    post(&vendor, (0..50).map(record)).await;
    let route = settled(&operator, 50).await;
    assert_eq!((&route["rejected"], &route["behind"], &route["last_error"]), (&json!(5), &json!(0), &Value::Null));
    let sum = |told: &[Value], key: &str| told.iter().rfind(|value| value["key"] == key).map(|value| value["sum"].clone());
    let told = values(&vendor).await;
    assert_eq!((sum(&told, "a"), sum(&told, "7"), sum(&told, "much")), (Some(json!(25)), Some(json!(20)), None));
    let mut entries: Vec<_> = quarantine(&operator)
        .await
        .into_iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            assert_eq!((text("connector"), text("agency")), ("test/sums".into(), "vendor".into()));
            (text("keyword"), text("message_name"), text("message"))
        })
        .collect();
    entries.sort();
    let found: Vec<_> = entries.iter().map(|(keyword, name, _)| (keyword.as_str(), name.as_str())).collect();
    assert_eq!(found[0], ("by", "test/numbers:1:29"));
    assert_eq!(found[1], ("by", "test/numbers:1:31"));
    assert!(found[2].0 == "maximum" && found[3].0 == "plugin", "{found:?}");
    assert_eq!(found[4], ("transform", "test/numbers:1:17"));
    assert!(entries[4].2.contains("RangeError: n is negative"), "{}", entries[4].2);
    // What was set aside lies there as it came.
    let page = operator.get("/v1/quarantine?message_name=test/numbers:1:17").send().await.expect(200).json();
    let whole = operator.get(&format!("/v1/quarantine/{}", page["entries"][0]["id"])).send().await.expect(200).json();
    assert_eq!(serde_json::from_str::<Value>(whole["text"].as_str().unwrap()).unwrap(), record(17));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_called_on_the_schedule_without_records() {
    let hub = Hub::start_with_kept_machine_code(sums(", every: 1s")).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    post(&vendor, (0..200).map(|n| json!({ "key": format!("k{n}"), "n": n }))).await;
    settled(&operator, 200).await;
    // More keys than one call takes.
    let turns = until("two turns came to every key", || async {
        let mut turns = BTreeMap::<u64, u64>::new();
        for value in values(&vendor).await {
            *turns.entry(value["now"].as_u64().unwrap()).or_default() += 1;
        }
        turns.retain(|_, keys| *keys == 200);
        (turns.len() >= 2).then_some(turns)
    })
    .await;
    let times: Vec<u64> = turns.into_keys().collect();
    assert_ne!(times[0] / 1_000, times[1] / 1_000, "{times:?}");
    assert_eq!(route(&operator).await["checkpoint"], "1:200");
}

/// A city with a route of this kind between channels of the tests' things; `plugin` is a transform.
fn things(plugin: &[u8], routes: &str) -> City {
    let channels = "
channels:
  tests/things: { schema: tests/things.v1 }
  tests/others: { schema: tests/things.v1 }
  tests/small: { schema: tests/small.v1 }
grants:
  - { agency: vendor, channel: tests/things, access: [read, write], purpose: x }
  - { agency: vendor, channel: tests/others, access: [read, write], purpose: x }
  - { agency: vendor, channel: tests/small, access: [read, write], purpose: x }
";
    let city = City::new(&[
        ("city.yaml", CITY),
        ("tests.yaml", &format!("{channels}{routes}")),
        ("schemas/tests/things.v1.json", r#"{ "type": "object", "properties": { "n": { "type": "integer" } } }"#),
        ("schemas/tests/small.v1.json", r#"{ "type": "object", "properties": { "n": { "type": "integer", "maximum": 9 } } }"#),
    ]);
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("test-guest.wasm"), plugin).unwrap();
    city
}

fn transform(source: &str) -> Vec<u8> {
    let component = guest::component_of(source, "lienthong:connector/transform-plugin", guest::CONNECTOR);
    guest::with_manifest(component, &guest::manifest("transform"))
}

const HOARDER: &str = include_str!("../../plugins/hoarder.wat");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transform_that_keeps_too_much_is_told_so_and_does_not_empty_its_channel() {
    let fold = "routes:\n  tests/fold: { from: tests/things, agency: vendor, transform: test-guest, to: [tests/others] }\n";
    let hub = Hub::start(things(&transform(HOARDER), fold)).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    let records = lines((0..40).map(|n| json!({ "n": n })));
    vendor.post("/v1/channels/tests/things/records", "application/x-ndjson", records).send().await.expect(200);
    let condition = until("the route holds what it cannot fold", || async {
        let route = route(&operator).await;
        (route["checkpoint"] == "1:16" && route["state"] == "failing").then_some(route)
    })
    .await;
    let words = "the state of one key has 65537 bytes and may have 65536";
    assert!(condition["last_error"].as_str().unwrap().contains(words), "{condition}");
    assert_eq!((&condition["behind"], &condition["rejected"]), (&json!(24), &json!(16)));
    let page = operator.get("/v1/quarantine?channel=tests/others").send().await.expect(200).json();
    assert!(page["entries"][0]["message"].as_str().unwrap().contains(words), "{page}");
    // It holds nobody else back.
    vendor.post("/v1/channels/tests/things/records", "application/x-ndjson", "{\"n\":1}\n").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_through_the_targets_schema_and_keeps_what_producers_said() {
    let copies = "routes:\n  tests/copy: { from: tests/things, agency: vendor, begin: now, to: [tests/others, tests/small] }\n";
    let mut hub = Hub::start(things(&transform(HOARDER), copies)).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    until("the route has its place", || async { (route(&operator).await["checkpoint"] == "1:0").then_some(()) }).await;
    let event = |n: u64| json!({ "specversion": "1.0", "id": format!("e{n}"), "source": "/meter", "type": "t", "data": { "n": n } });
    let events: Vec<_> = (0..20).map(event).collect();
    let path = "/v1/channels/tests/things/records";
    vendor.post(path, "application/cloudevents-batch+json", json!(events).to_string()).send().await.expect(200);
    hub.kill().await;
    hub.start_again().await;
    until("all is copied", || async { (route(&operator).await["checkpoint"] == "1:20").then_some(()) }).await;
    let read = async |channel: &str| -> Vec<Value> {
        let page = vendor.get(&format!("/v1/channels/{channel}/records")).send().await.expect(200).json();
        page.as_array().unwrap().iter().map(|event| json!([event["id"], event["source"], event["data"]["n"]])).collect()
    };
    assert_eq!(read("tests/others").await, (0..20).map(|n| json!([format!("e{n}"), "/meter", n])).collect::<Vec<_>>());
    assert_eq!(read("tests/small").await.len(), 10);
    let small = channel_status(&operator, "tests/small").await;
    assert_eq!((&small["quarantined"], &small["sums_hold"]), (&json!(10), &json!(true)));
    let told = run(&["status", "--data", argument(&hub.city().data())]).await;
    assert!(told.stdout.contains("tests/copy") && told.stdout.contains("copy → tests/others, tests/small"), "{}", told.stdout);
    let metrics = operator.get("/metrics").send().await.expect(200).text();
    assert!(metrics.lines().any(|line| line == "lienthong_route_behind{route=\"tests/copy\",sink=\"\"} 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_that_go_round_and_transforms_that_could_leak_are_refused_by_check() {
    let round = "routes:
  tests/one: { from: tests/things, agency: vendor, to: [tests/others] }
  tests/two: { from: tests/others, agency: vendor, to: [tests/small] }
  tests/three: { from: tests/small, agency: vendor, to: [tests/things] }
";
    let city = things(&transform(HOARDER), round);
    let said = run(&["check", argument(&city.path())]).await;
    assert_eq!(said.code, Some(1));
    let words = "records would go round for ever: tests/things → tests/others → tests/small → tests/things";
    assert_eq!(said.stdout.matches("records would go round").count(), 1, "{}", said.stdout);
    assert!(said.stdout.contains(words), "{}", said.stdout);

    let leaky_world =
        guest::CONNECTOR.replace("world transform-plugin {", "world leaky { import log; export transform; }\nworld transform-plugin {");
    let text = "(import \"lienthong:connector/log@1.0.0\" \"write\" (func (param i32 i32 i32)))\n(memory (export \"memory\") 1)\n\
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))\n\
        (func (export \"lienthong:connector/transform@1.0.0#apply\") (param i64 i32 i32) (result i32) (i32.const 0))";
    let leaky = guest::component_of(text, "lienthong:connector/leaky", &leaky_world);
    let fold = "routes:\n  tests/fold: { from: tests/things, agency: vendor, transform: test-guest, to: [tests/others] }\n";
    let city = things(&guest::with_manifest(leaky, &guest::manifest("transform")), fold);
    let said = run(&["check", argument(&city.path())]).await;
    let words = "a transform may import no function, but this one imports lienthong:connector/log@1.0.0#write: keep it pure";
    assert!(said.code == Some(1) && said.stdout.contains(words), "{}", said.stdout);
}
