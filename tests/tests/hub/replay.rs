//! Recorded runs: kept encrypted, performed again to the byte, tried on another version, and let out only where nothing is personal.

use std::path::Path;

use lienthong_tests::client::Client;
use lienthong_tests::feed_server::FeedServer;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::program::{Said, argument, run};
use lienthong_tests::versions::{REPLIES, SILENT, Vendor, city, component, senses};
use lienthong_tests::wait::until;
use serde_json::Value;

const MESSAGES: &str = "/v1/connectors/trial/guest/messages";
const ALLOW: &str = "plugins: { unsigned: allow }\n";

/// A value that is in what runs meet, and in no file that can be read.
const CANARY: &str = "canary-4f1c9a";

async fn plugin(hub: &Hub, arguments: &[&str]) -> Said {
    run(&[&["plugin"], arguments, &["--data", argument(&hub.city().data())]].concat()).await
}

/// The recorded runs, the newest first.
async fn runs(operator: &Client) -> Vec<Value> {
    operator.get("/v1/runs").send().await.expect(200).json().as_array().unwrap().clone()
}

fn name(run: &Value) -> &str {
    run["run"].as_str().unwrap()
}

/// Whether a text is in any file below a folder.
fn holds(folder: &Path, text: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => std::fs::read(&path).unwrap().windows(text.len()).any(|window| window == text),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_performed_again_and_tried_on_another_version() {
    let first = component(SILENT, "1.0.0", |manifest| manifest);
    let hub = Hub::start(city(ALLOW, "    record: all\n", &first)).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let body =
        format!("{{\"id\":\"c0-0-0\",\"n\":0,\"value\":1,\"note\":\"{CANARY}\"}}\n{{\"id\":\"c0-0-1\",\"n\":\"{CANARY}\",\"value\":1}}\n");
    sender.post(MESSAGES, "text/plain", body.clone()).send().await.expect(200);
    let recorded = runs(&operator).await;
    assert_eq!((recorded.len(), &recorded[0]["records"], &recorded[0]["error"]), (1, &Value::from(2), &Value::Null), "{recorded:?}");
    let said = plugin(&hub, &["replay", name(&recorded[0])]).await;
    assert!(said.code == Some(0) && said.stdout.contains("identical: 2 records"), "{}{}", said.stdout, said.stderr);
    let list = plugin(&hub, &["runs"]).await.stdout;
    assert!(list.contains(name(&recorded[0])) && list.contains("trial/guest") && list.contains("test-guest 1.0.0"), "{list}");

    // Neither the recording nor anything else beside it can be read.
    assert!(!holds(&hub.city().data().join("recordings"), CANARY.as_bytes()));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(hub.city().data().join("secrets/recording-key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Replaying stored nothing.
    assert_eq!(ledger::read_log(&sender, "trial/one").await.len(), 1);

    // Another version is tried on it: the same records, and another answer.
    let keys = tempfile::tempdir().unwrap();
    let vendor = Vendor::new(keys.path(), "vendor").await;
    let other = vendor.unsigned("other.wasm", &component(REPLIES, "2.0.0", |manifest| manifest));
    let said = plugin(&hub, &["replay", name(&recorded[0]), "--plugin", argument(&other)]).await;
    assert!(said.code == Some(1) && said.stdout.contains("the reply differs"), "{}{}", said.stdout, said.stderr);
    let said = plugin(&hub, &["install", argument(&other), "--shadow"]).await;
    assert!(said.code == Some(1) && said.stderr.contains("the reply differs") && said.stderr.contains("--yes"), "{}", said.stderr);
    assert_eq!(connector_status(&operator, "trial/guest").await["plugin_version"], "1.0.0");
    let same = vendor.unsigned("same.wasm", &component(SILENT, "1.1.0", |manifest| manifest));
    let said = plugin(&hub, &["install", argument(&same), "--shadow"]).await;
    assert!(
        said.code == Some(0) && said.stdout.contains("1 of 1 recorded runs come out the same, with 2 records"),
        "{}{}",
        said.stdout,
        said.stderr
    );
    let said = plugin(&hub, &["install", argument(&other), "--shadow", "--yes"]).await;
    assert!(said.code == Some(0) && said.stdout.contains("the reply differs"), "{}{}", said.stdout, said.stderr);
    assert_eq!(connector_status(&operator, "trial/guest").await["plugin_version"], "2.0.0");

    // It leaves the hub as a fixture, for nothing of its channel is personal.
    let folder = keys.path().join("fixture");
    let said = plugin(&hub, &["replay", name(&recorded[0]), "--export", argument(&folder)]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(folder.join("message.bin")).unwrap(), body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_is_recorded_and_fails_again_in_the_same_way() {
    let town = city("", "", &component(REPLIES, "1.0.0", |manifest| manifest));
    let personal = ledger::SCHEMA.replace("\"note\": {", "\"note\": { \"x-personal\": true,");
    town.write("schemas/tests/things.v1.json", &personal);
    let mut hub = Hub::start(town).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    sender.post(MESSAGES, "text/plain", r#"{"id":"c0-0-0","n":0,"value":1}"#).send().await.expect(200);
    sender.post(MESSAGES, "text/plain", format!("!{CANARY}")).send().await.problem(422, "the guest's last words");
    let recorded = runs(&operator).await;
    assert_eq!(recorded.len(), 1, "what went well is not recorded unless the city says so: {recorded:?}");
    assert!(recorded[0]["error"].as_str().unwrap().contains("the guest's last words"), "{recorded:?}");
    assert!(!holds(&hub.city().data().join("recordings"), CANARY.as_bytes()));

    // Also after the hub came back.
    hub.kill().await;
    hub.start_again().await;
    let said = plugin(&hub, &["replay", name(&recorded[0])]).await;
    assert!(
        said.code == Some(0) && said.stdout.contains("the same failure") && said.stdout.contains("the guest's last words"),
        "{}",
        said.stdout
    );
    let folder = hub.city().folder().join("fixture");
    let said = plugin(&hub, &["replay", name(&recorded[0]), "--export", argument(&folder)]).await;
    assert!(said.code == Some(1) && said.stderr.contains("trial/one") && said.stderr.contains("personal"), "{}", said.stderr);
    assert!(!folder.exists());

    // Without the key it is noise.
    hub.terminate().await;
    std::fs::write(hub.city().data().join("secrets/recording-key"), [7; 32]).unwrap();
    hub.start_again().await;
    assert_eq!(runs(&operator).await, Vec::<Value>::new());
    let path = format!("/v1/runs/{}/replay", name(&recorded[0]));
    operator.post(&path, "application/json", "{}").send().await.expect(503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_sees_the_same_clocks_chance_and_network_again() {
    let feed = FeedServer::start("\"v0\"", format!("{{\"id\":\"c1-0-0\",\"n\":1,\"value\":2,\"note\":\"{CANARY}\"}}\n").into_bytes()).await;
    let at = feed.address();
    let settings = format!("    record: all\n    egress: [\"http://{at}\"]\n    settings: {{ at: \"{at}\" }}\n");
    let town = city(ALLOW, &settings, &senses("1.0.0"));
    let trial = std::fs::read_to_string(town.path().join("trial.yaml")).unwrap().replace("webhook: {}", "poll: { every: 1d }");
    town.write("trial.yaml", &trial);
    let hub = Hub::start(town).await;
    let operator = hub.operator().await;
    let recorded = until("a poll is recorded", || async { Some(runs(&operator).await).filter(|runs| !runs.is_empty()) }).await;
    assert_eq!((&recorded[0]["records"], &recorded[0]["error"]), (&Value::from(4), &Value::Null), "{recorded:?}");
    // The server has something else by now, and nobody asks it.
    let asked = feed.seen().len();
    feed.publish("\"v1\"", b"{\"id\":\"c1-0-1\",\"n\":2,\"value\":2}\n".to_vec());
    for _ in 0..2 {
        let said = plugin(&hub, &["replay", name(&recorded[0])]).await;
        assert!(said.code == Some(0) && said.stdout.contains("identical: 4 records"), "{}{}", said.stdout, said.stderr);
    }
    assert_eq!(feed.seen().len(), asked);
    assert!(!holds(&hub.city().data().join("recordings"), CANARY.as_bytes()));
}
