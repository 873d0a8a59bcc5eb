//! Who may enter.

use lienthong_tests::client::{Answer, Client};
use lienthong_tests::hub::Hub;
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use serde_json::json;

use crate::towns;

const READINGS: &str = "/v1/channels/air/readings/records";
const RECORD: &str = r#"{"station":"a","value":1}"#;

async fn post(client: &Client, channel: &str) -> Answer {
    client.post(&format!("/v1/channels/{channel}/records"), "application/json", RECORD).send().await
}

async fn read(client: &Client, channel: &str) -> Answer {
    client.get(&format!("/v1/channels/{channel}/records")).send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_valid_key_nobody_enters() {
    let mut hub = Hub::start(towns::air()).await;
    let health = hub.agency("health").await;
    read(&health, "air/readings").await.expect(200);

    let answer = hub.nobody().get(READINGS).send().await.problem(401, "Authorization: Bearer");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    for scheme in ["Basic dXNlcjpwYXNz", "Bearer", "lt_x", ""] {
        hub.nobody().get(READINGS).header("authorization", scheme).send().await.problem(401, "Bearer");
    }
    let key = health.key();
    let (body, checksum) = key.rsplit_once('_').unwrap();
    let mut flipped = key.to_owned().into_bytes();
    flipped[20] = if flipped[20] == b'x' { b'y' } else { b'x' };
    let wrong = [
        String::from_utf8(flipped).unwrap(),
        format!("{body}_00000000"),
        key[..key.len() - 1].to_owned(),
        format!("{key}{checksum}"),
        "lt_".into(),
    ];
    for wrong in wrong {
        read(&hub.with_key(Some(&wrong)), "air/readings").await.problem(401, "the key is not valid");
    }

    // Revoked, through the running hub: at once, and also after a restart.
    let other = hub.agency("health").await;
    let data = hub.city().data();
    let said = run(&["key", "revoke", "--data", argument(&data), key]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    read(&health, "air/readings").await.problem(401, "the key is not valid");
    read(&other, "air/readings").await.expect(200);
    hub.kill().await;
    // While no hub runs, the command opens the folder itself; the socket of the killed hub lies there still.
    let listed = run(&["key", "list", "--data", argument(&data)]).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("revoked") && !listed.stdout.contains(key), "{}", listed.stdout);
    let offline = hub.agency("health").await;
    hub.start_again().await;
    read(&health, "air/readings").await.problem(401, "the key is not valid");
    read(&offline, "air/readings").await.expect(200);
    let none = run(&["key", "revoke", "--data", argument(&data), "0000000000"]).await;
    assert_eq!(none.code, Some(1), "{}", none.stderr);

    // Expired.
    let short = hub.client(&["--agency", "health", "--expires", "2s"]).await;
    until("the key expires", || async { (read(&short, "air/readings").await.status == 401).then_some(()) }).await;
    assert!(!hub.log().contains("lt_"), "a key stands in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_granted_looks_as_if_it_were_not_there() {
    let hub = Hub::start(towns::air()).await;
    let environment = hub.agency("environment").await;
    post(&environment, "air/readings").await.expect(200);
    post(&environment, "air/secrets").await.expect(200);

    let (health, contractor) = (hub.agency("health").await, hub.agency("contractor").await);
    let (stranger, former) = (hub.agency("stranger").await, hub.agency("former").await);
    read(&health, "air/readings").await.expect(200);
    post(&contractor, "air/readings").await.expect(200);
    let forbidden = [
        read(&health, "air/secrets").await,
        post(&health, "air/readings").await,
        read(&contractor, "air/readings").await,
        read(&stranger, "air/readings").await,
        post(&stranger, "air/readings").await,
        // Its grant ended.
        read(&former, "air/readings").await,
        post(&former, "air/readings").await,
        // An operator is no agency: it has no records.
        read(&hub.operator().await, "air/readings").await,
        // A key bound to less than the agency is granted.
        read(&hub.client(&["--agency", "environment", "--write", "air/readings"]).await, "air/readings").await,
        post(&hub.client(&["--agency", "environment", "--read", "air/*"]).await, "air/readings").await,
        read(&hub.client(&["--agency", "environment", "--read", "air/secrets"]).await, "air/readings").await,
        // A key bound to more than the agency is granted.
        read(&hub.client(&["--agency", "health", "--read", "*"]).await, "air/secrets").await,
        stranger.get("/v1/channels/air/readings").send().await,
        stranger.get("/v1/channels/air/readings/schema").send().await,
        // Bad questions about it, too.
        stranger.get(&format!("{READINGS}?after=nonsense&limit=0")).send().await,
        stranger.post(READINGS, "text/csv", "").send().await,
    ];
    let absent = [
        read(&health, "air/nothing").await,
        post(&stranger, "air/nothing").await,
        read(&stranger, "AIR/readings").await,
        read(&stranger, "air/..%2Fsecrets").await,
        read(&stranger, "air/%00").await,
        stranger.get("/v1/channels/air/nothing/schema").send().await,
    ];
    let face = |answer: &Answer| {
        let mut headers: Vec<_> =
            answer.headers.iter().filter(|(name, _)| *name != "date").map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort();
        (answer.status.as_u16(), headers, answer.text())
    };
    let expected = face(&absent[0]);
    assert_eq!(expected.0, 404);
    for (nth, answer) in forbidden.iter().chain(&absent).enumerate() {
        assert_eq!(face(answer), expected, "number {nth}");
    }

    let list = |client: Client| async move {
        let list = client.get("/v1/channels").send().await.expect(200).json();
        let one = |one: &serde_json::Value| (one["channel"].clone(), one["may_read"].clone(), one["may_write"].clone());
        list.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let (readings, secrets) = (json!("air/readings"), json!("air/secrets"));
    assert_eq!(list(environment).await, [(readings.clone(), true.into(), true.into()), (secrets, true.into(), true.into())]);
    assert_eq!(list(health).await, [(readings.clone(), true.into(), false.into())]);
    assert_eq!(list(contractor).await, [(readings, false.into(), true.into())]);
    assert_eq!((list(stranger).await, list(former).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_news_is_told_none_once_the_key_is_revoked() {
    let hub = Hub::start(towns::air()).await;
    let (environment, health) = (hub.agency("environment").await, hub.agency("health").await);
    let waiting = tokio::spawn(health.get(&format!("{READINGS}?wait=60s")).send());
    // Somebody else was answered, so the one who came first is inside and waits.
    environment.get("/v1/channels").send().await.expect(200);
    let data = hub.city().data();
    let said = run(&["key", "revoke", "--data", argument(&data), health.key()]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    post(&environment, "air/readings").await.expect(200);
    waiting.await.unwrap().problem(401, "the key is not valid");
}
