//! Stopping, and what stops a hub from starting.

use std::sync::Arc;
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::city::City;
use lienthong_tests::hub::Hub;
use lienthong_tests::ledger::{self, Flag, settle};
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use tokio::task::JoinSet;

use crate::towns;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_drains_and_what_was_acknowledged_is_there_afterwards() {
    let (mut chance, seed) = Chance::from_environment("SIGTERM");
    let mut hub = Hub::start(towns::ledger()).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let flag = Arc::new(Flag::default());
    let mut clients = JoinSet::new();
    for name in 0..4 {
        clients.spawn(ledger::post_until(flag.clone(), sender.clone(), name, seed, towns::ledger_channels()));
    }
    for _ in 0..3 {
        let answered = flag.answered();
        until("clients are answered", || async { (flag.answered() > answered).then_some(()) }).await;
        tokio::time::sleep(Duration::from_millis(chance.below(300))).await;
        let status = hub.terminate().await;
        assert!(status.success(), "{status}\n{}", hub.log());
        for name in ["hub.sock", "hub.addr"] {
            assert!(!hub.city().data().join(name).exists(), "{name} was left behind");
        }
        // What was acknowledged has landed: that is what draining means.
        let landed: u64 =
            towns::ledger_channels().iter().map(|channel| lienthong_tests::lake::table(&hub.city().data(), channel).rows).sum();
        assert!(landed >= flag.accepted() && landed > 0, "{landed} rows in the lake, {} records acknowledged", flag.accepted());
        hub.start_again().await;
    }
    flag.raise();
    let entries: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    println!("3 stops, {} batches", entries.len());
    settle(&hub, &operator, &reader, &towns::ledger_channels(), &entries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_waits_for_news_does_not_hold_up_a_stop() {
    let mut hub = Hub::start(towns::air()).await;
    let health = hub.agency("health").await;
    let operator = hub.operator().await;
    let waiting = tokio::spawn({
        let health = health.clone();
        async move { health.get("/v1/channels/air/readings/records?wait=60s").attempt().await }
    });
    // The hub has no way to tell who waits: a request that came later was answered, so the earlier one is under way.
    operator.get("/v1/status").send().await.expect(200);
    assert!(hub.terminate().await.success());
    assert!(!hub.log().contains("did not end in time"), "{}", hub.log());
    if let Ok(answer) = waiting.await.unwrap() {
        answer.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_hub_on_the_folder_is_refused_by_name_and_the_first_goes_on() {
    let hub = Hub::start(towns::air()).await;
    let environment = hub.agency("environment").await;
    let (city, data) = (hub.city().path(), hub.city().data());
    let said = run(&["serve", "--city", argument(&city), "--data", argument(&data), "--listen", "127.0.0.1:0"]).await;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let named = format!("{} is in use by another hub (process {})", data.display(), hub.pid().as_raw_nonzero());
    assert!(said.stderr.contains(&named), "{}", said.stderr);
    assert_eq!(said.stdout, "");
    environment.post("/v1/channels/air/readings/records", "application/json", r#"{"station":"a","value":1}"#).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_city_with_errors_is_refused_with_file_line_and_column() {
    let city = City::new(&[
        ("city.yaml", "title: Hỏng\nagencies:\n  environment: { title: E }\n"),
        (
            "air.yaml",
            "channels:\n  air/readings:\n    schema: air/redaings.v1\n    key: [/station]\ngrants:\n  - { agency: enviroment, channel: air/readings, purpose: x }\n",
        ),
        ("schemas/air/readings.v1.json", r#"{"type":"object","properties":{"station":{"type":"string"}},"required":["station"]}"#),
    ]);
    let (path, data) = (city.path(), city.data());
    let checked = run(&["check", "--lang", "en", argument(&path)]).await;
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    for place in ["air.yaml:3:13", "air.yaml:6:15"] {
        assert!(checked.stdout.contains(place), "{place} is not named:\n{}", checked.stdout);
    }
    for suggestion in ["air/readings.v1", "environment"] {
        assert!(checked.stdout.contains(suggestion), "{suggestion} is not suggested:\n{}", checked.stdout);
    }
    let served = run(&["serve", "--city", argument(&path), "--data", argument(&data), "--listen", "127.0.0.1:0"]).await;
    assert_eq!((served.code, served.stdout.as_str()), (Some(1), ""));
    assert!(served.stderr.contains("air.yaml:3:13") && served.stderr.contains("air.yaml:6:15"), "{}", served.stderr);
    assert!(!data.exists(), "a city that was refused left a data folder behind");
    let vietnamese = run(&["check", "--lang", "vi", argument(&path)]).await;
    assert_eq!(vietnamese.code, Some(1));
    assert!(vietnamese.stdout.contains("air.yaml:3:13") && vietnamese.stdout != checked.stdout, "{}", vietnamese.stdout);

    let good = towns::air();
    let checked = run(&["check", argument(&good.path())]).await;
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}
