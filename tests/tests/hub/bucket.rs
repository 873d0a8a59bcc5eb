//! The lake in an object store, on its good days and its bad ones: a real server behind a proxy that fails on purpose.

use std::sync::Arc;
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::city::City;
use lienthong_tests::fault_proxy::{Fault, FaultProxy};
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::ledger::{self, Flag, settle};
use lienthong_tests::object_store::{KEY_ID, ObjectStore, SECRET};
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use tokio::task::JoinSet;

use crate::towns;

/// Commits of the trial with faults. `make lake-faults` asks for thousands.
fn commits() -> u64 {
    std::env::var("LIENTHONG_LAKE_COMMITS").map_or(130, |text| text.parse().expect("LIENTHONG_LAKE_COMMITS is a number"))
}

fn city(store: &ObjectStore, proxy: &FaultProxy, every: &str) -> City {
    towns::ledger().with_bucket(store.address(), proxy.address(), "cities/trial", every)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_offset_is_one_row_whatever_the_object_store_does() {
    let (mut chance, seed) = Chance::from_environment("object store");
    let store = ObjectStore::start().await;
    let proxy = FaultProxy::start(store.address(), seed).await;
    let mut hub = Hub::start(city(&store, &proxy, "100ms")).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let wanted = commits();
    // Few commits on one channel, so that it comes to a checkpoint and a merge all the same.
    let channels = if wanted < 1000 { vec!["trial/one".to_owned()] } else { towns::ledger_channels() };
    proxy.fail(120);
    if wanted > 1000 {
        proxy.allow_silence();
    }
    let flag = Arc::new(Flag::default());
    let mut clients = JoinSet::new();
    for name in 0..2 {
        clients.spawn(ledger::post_until(flag.clone(), sender.clone(), name, seed, channels.clone()));
    }
    let (mut kills, mut seen) = (0, 0);
    while proxy.commits() < wanted {
        let next = (seen + 20 + chance.below(40)).min(wanted);
        until("the object store takes commits", || async { (proxy.commits() >= next).then_some(()) }).await;
        seen = next;
        tokio::time::sleep(Duration::from_millis(chance.below(50))).await;
        hub.kill().await;
        kills += 1;
        hub.start_again().await;
    }
    flag.raise();
    let entries: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    proxy.recover().await;
    println!("{} commits, {} requests, {kills} kills, {} batches; {:?}", proxy.commits(), proxy.requests(), entries.len(), proxy.met());
    for fault in [Fault::LostReply, Fault::CutReply, Fault::DoneAndFailed, Fault::DoneAndRefused, Fault::Late] {
        assert!(proxy.met().contains_key(&fault), "{fault:?} was not met: {:?}", proxy.met());
    }
    settle(&hub, &operator, &reader, &channels, &entries).await;
    assert!(hub.terminate().await.success(), "{}", hub.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_writes_over_what_must_be_new_is_refused_with_the_remedy() {
    let store = ObjectStore::start_open().await;
    let proxy = FaultProxy::start(store.address(), 1).await;
    let city = city(&store, &proxy, "1s");
    let start =
        async || run(&["serve", "--city", argument(&city.path()), "--data", argument(&city.data()), "--listen", "127.0.0.1:0"]).await;
    proxy.forget_conditions();
    let said = start().await;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("writes over a key that must be new") && said.stderr.contains("lake.at"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_without_its_keys_is_refused_and_told_where_they_belong() {
    let store = ObjectStore::start_open().await;
    let proxy = FaultProxy::start(store.address(), 1).await;
    let city = city(&store, &proxy, "1s");
    let file = city.data().join("secrets/lake.env");
    let start =
        async || run(&["serve", "--city", argument(&city.path()), "--data", argument(&city.data()), "--listen", "127.0.0.1:0"]).await;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = start().await;
    assert!(said.code == Some(1) && said.stderr.contains("chmod 600"), "{}", said.stderr);
    std::fs::remove_file(&file).unwrap();
    let said = start().await;
    assert!(
        said.code == Some(1) && said.stderr.contains("AWS_SECRET_ACCESS_KEY") && said.stderr.contains("secrets/lake.env"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains(SECRET) && !said.stderr.contains(KEY_ID), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_taken_while_the_store_is_away_and_lands_when_it_is_back() {
    let store = ObjectStore::start().await;
    let proxy = FaultProxy::start(store.address(), 1).await;
    proxy.away(true);
    let mut hub = Hub::start(city(&store, &proxy, "100ms")).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let flag = Arc::new(Flag::default());
    let posting = tokio::spawn(ledger::post_until(flag.clone(), sender, 0, 7, towns::ledger_channels()));
    until("data is taken", || async { (flag.answered() > 5).then_some(()) }).await;
    let failing = until("both channels say that they do not land", || async {
        let status = operator.get("/v1/status").send().await.expect(200).json();
        (status["lake_failing"] == 2).then_some(status)
    })
    .await;
    assert_eq!((&failing["ready"], &failing["lake"]), (&true.into(), &"s3://lake/cities/trial/".into()));
    assert!(operator.get("/readyz").send().await.expect(200).text().contains("2 of the channels do not land"));
    let metrics = operator.get("/metrics").send().await.expect(200).text();
    assert!(metrics.contains("lienthong_channel_lake_failing{channel=\"trial/one\"} 1"), "{metrics}");
    let said = run(&["status", "--data", argument(&hub.city().data())]).await;
    let told = |channel: &str| said.stdout.lines().any(|line| line.contains(") does not take ") && line.contains(channel));
    assert!(told("trial/one") && told("trial/two"), "{}", said.stdout);

    // A stop does not wait for a store that is away, and nothing is lost by it.
    assert!(hub.terminate().await.success(), "{}", hub.log());
    hub.start_again().await;
    proxy.away(false);
    flag.raise();
    let entries = posting.await.unwrap();
    settle(&hub, &operator, &reader, &towns::ledger_channels(), &entries).await;
    assert_eq!(operator.get("/readyz").send().await.expect(200).text(), "ready\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hubs_with_one_log_each_row_is_landed_once_and_a_strangers_log_lands_nothing() {
    let store = ObjectStore::start().await;
    let proxy = FaultProxy::start(store.address(), 3).await;
    let mut hub = Hub::start(city(&store, &proxy, "100ms")).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let post = async |name: u64, answers: u64| {
        let flag = Arc::new(Flag::default());
        let posting = tokio::spawn(ledger::post_until(flag.clone(), sender.clone(), name, 7, towns::ledger_channels()));
        until("batches are answered", || async { (flag.answered() >= answers).then_some(()) }).await;
        flag.raise();
        posting.await.unwrap()
    };
    let mut entries = post(0, 10).await;
    // While the store is away, records gather; then the same log begins to land from two hubs at once.
    proxy.away(true);
    entries.extend(post(1, 40).await);
    hub.kill().await;
    let twin = hub.city().copy();
    proxy.away(false);
    proxy.fail(30);
    hub.spawn_again();
    let twin = Hub::start(twin).await;
    hub.ready().await;
    let twins_operator = twin.operator().await;
    for channel in towns::ledger_channels() {
        let stored = channel_status(&operator, &channel).await["stored"].as_u64().unwrap();
        landed(&operator, &channel, stored).await;
        landed(&twins_operator, &channel, stored).await;
    }
    proxy.recover().await;
    drop(twin);

    let stranger = Hub::start(city(&store, &proxy, "100ms")).await;
    let (writer, theirs) = (stranger.agency("sender").await, stranger.operator().await);
    let record = r#"{"id":"c9-0-0","n":1,"value":1}"#;
    writer.post("/v1/channels/trial/one/records", "application/json", record).send().await.expect(200);
    let refused =
        until("the stranger is told", || async { channel_status(&theirs, "trial/one").await["lake_error"].as_str().map(str::to_owned) })
            .await;
    assert!(refused.contains("belongs to the log of another hub"), "{refused}");
    settle(&hub, &operator, &reader, &towns::ledger_channels(), &entries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_in_parts_and_arrives_whole() {
    let (mut chance, seed) = Chance::from_environment("large file");
    let store = ObjectStore::start().await;
    let proxy = FaultProxy::start(store.address(), seed).await;
    // As many records in one commit as one may have; six bits a character hardly shrink.
    let hub = Hub::start(city(&store, &proxy, "12s")).await;
    let letter = |bits: u64| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(bits & 63) as usize]);

    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    proxy.fail(100);
    let (mut records, mut sum) = (0_u64, 0_u64);
    for post in 0..6 {
        let mut body = String::new();
        for nth in 0..500 {
            let note: String = (0..16_000).map(|_| letter(chance.bits())).collect();
            body.push_str(&format!("{{\"id\":\"c0-{post}-{nth}\",\"n\":{records},\"value\":1,\"note\":\"{note}\"}}\n"));
            sum += records;
            records += 1;
        }
        sender.post("/v1/channels/trial/one/records", "application/x-ndjson", body).send().await.expect(200);
    }
    landed(&operator, "trial/one", records).await;
    proxy.recover().await;
    assert!(proxy.parts() >= 2, "{} parts", proxy.parts());
    println!("{} parts; {:?}", proxy.parts(), proxy.met());
    ledger::in_lake(&hub, "trial/one", records, sum).await;
}
