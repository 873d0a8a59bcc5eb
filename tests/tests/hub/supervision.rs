//! What keeps connectors in check: the breaker, an operator's pause, the budget of a day, and what the scorecard tells of it all.

use lienthong_tests::city::City;
use lienthong_tests::client::{Answer, Client};
use lienthong_tests::guest;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use serde_json::{Value, json};

/// One plugin as several connectors, each with these lines of its own.
fn city(connectors: &[(&str, &str)]) -> City {
    let connector = |(name, lines): &(&str, &str)| {
        format!("  trial/{name}: {{ plugin: moody, agency: vendor, emits: {{ out: trial/things }}, {lines} }}\n")
    };
    let connectors: String = connectors.iter().map(connector).collect();
    let domain = format!(
        "connectors:\n{connectors}channels:\n  trial/things: {{ schema: tests/things.v1, key: [/id] }}\ngrants:\n  \
         - {{ agency: vendor, channel: trial/things, access: [read, write], purpose: trial }}\n"
    );
    let city = City::new(&[
        ("city.yaml", "title: Giám sát\nagencies:\n  vendor: { title: Nhà cung cấp }\n"),
        ("trial.yaml", &domain),
        ("schemas/tests/things.v1.json", ledger::SCHEMA),
    ]);
    let plugin = guest::receiver_named("moody", include_str!("../../plugins/moody.wat"), "lienthong:connector/receiver-plugin");
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join("moody.wasm"), plugin)).unwrap();
    city
}

fn record(nth: u64) -> String {
    format!(r#"{{"id":"c0-0-{nth}","n":{nth},"value":1}}"#)
}

async fn send(client: &Client, connector: &str, body: impl Into<String>) -> Answer {
    client.post(&format!("/v1/connectors/trial/{connector}/messages"), "text/plain", body.into()).send().await
}

async fn told(hub: &Hub, arguments: &[&str]) -> String {
    let data = hub.city().data();
    let said = run(&[arguments, &["--data", argument(&data)]].concat()).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout + &said.stderr
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_opens_after_failures_in_a_row_tries_once_and_closes_on_success() {
    let hub = Hub::start(city(&[("one", "webhook: {}"), ("other", "webhook: {}")])).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    for nth in 0..10 {
        send(&vendor, "one", format!("x{nth}")).await.problem(500, "unreachable");
    }
    let refused = send(&vendor, "one", record(1)).await.problem(503, "it failed 10 times in a row");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((0..=5).contains(&seconds), "{seconds}");
    // Its neighbour, of the same plugin, is none the worse.
    send(&vendor, "other", record(2)).await.expect(200);

    let condition = connector_status(&operator, "trial/one").await;
    if condition["state"] == "tripped" {
        assert_eq!((&condition["desired"], &condition["hold"]["reason"]), (&json!("running"), &json!("tripped")));
        assert!(condition["hold"]["since"].is_string() && condition["hold"]["until"].is_string(), "{condition}");
        let text = condition["hold"]["text"].as_str().unwrap();
        assert!(text.contains("`lienthong connector resume trial/one`") && text.contains("unreachable"), "{text}");
    }
    assert!(hub.log().contains("its breaker is open"), "{}", hub.log());
    // One that is let through and fails keeps it open, for longer.
    until("one call was let through", || async {
        let answer = send(&vendor, "one", "x again").await;
        (answer.status == 500).then_some(())
    })
    .await;
    let refused = send(&vendor, "one", record(1)).await.problem(503, "it failed 11 times in a row");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 10);
    // One that succeeds closes it.
    until("a good message was let through", || async { (send(&vendor, "one", record(1)).await.status == 200).then_some(()) }).await;
    let condition = connector_status(&operator, "trial/one").await;
    assert_eq!((&condition["state"], &condition["hold"]), (&json!("idle"), &Value::Null), "{condition}");
    // What was refused was no call, and no failure.
    assert_eq!((&condition["calls"], &condition["failures"], &condition["failures_in_a_row"]), (&json!(12), &json!(11), &json!(0)));
    send(&vendor, "one", record(3)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_connector_rests_over_restarts_and_loses_nothing() {
    let mut hub = Hub::start(city(&[("push", "webhook: {}"), ("files", "inbox: { path: inbox/files, settle: 100ms }")])).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    assert!(told(&hub, &["connector", "pause", "trial/files", "--note", "the office moves"]).await.contains("is paused"));
    told(&hub, &["connector", "pause", "trial/push"]).await;
    let inbox = hub.city().data().join("inbox/files");
    std::fs::write(inbox.join("one.json"), record(1)).unwrap();
    let refused = send(&vendor, "push", record(2)).await.problem(503, "an operator paused it");
    assert_eq!(refused.header("retry-after"), "60");

    hub.kill().await;
    hub.start_again().await;
    let (push, files) = ("trial/push", "trial/files");
    until("the file is seen", || async { (connector_status(&operator, files).await["waiting"] == 1).then_some(()) }).await;
    send(&vendor, "push", record(2)).await.problem(503, "an operator paused it");
    let condition = connector_status(&operator, files).await;
    assert_eq!((&condition["state"], &condition["desired"], &condition["calls"]), (&json!("paused"), &json!("paused"), &json!(0)));
    let text = condition["hold"]["text"].as_str().unwrap();
    assert_eq!(text, "an operator paused it (the office moves): `lienthong connector resume trial/files` lets it go on");
    assert!(told(&hub, &["status"]).await.contains(&format!("{files} is not called: {text}")));

    for name in [push, files] {
        told(&hub, &["connector", "resume", name]).await;
    }
    until("the file is taken", || async { inbox.join("done/one.json").exists().then_some(()) }).await;
    send(&vendor, "push", record(2)).await.expect(200);
    let absent = run(&["connector", "pause", "trial/absent", "--data", argument(&hub.city().data())]).await;
    assert!(absent.code == Some(1) && absent.stderr.contains("no such connector"), "{}", absent.stderr);

    // While no hub runs, it is said for the next start.
    hub.terminate().await;
    told(&hub, &["connector", "pause", push]).await;
    hub.start_again().await;
    send(&vendor, "push", record(4)).await.problem(503, "an operator paused it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_of_a_day_holds_over_a_crash_and_the_scorecard_tells_what_was_spent() {
    let connectors = [
        ("push", "webhook: {}, budget: { calls: 3 }, fresh_within: 1h"),
        ("files", "inbox: { path: inbox/files, settle: 100ms }, budget: { calls: 2 }"),
        ("burn", "webhook: {}, budget: { cpu: 10ms }"),
        ("quiet", "webhook: {}, fresh_within: 1m"),
    ];
    let mut hub = Hub::start(city(&connectors)).await;
    let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
    let inbox = hub.city().data().join("inbox/files");
    for nth in 1..=3 {
        std::fs::write(inbox.join(format!("{nth}.json")), record(nth)).unwrap();
    }
    send(&vendor, "push", record(11)).await.expect(200);
    send(&vendor, "push", format!("{}\n{{\"id\":\"bad\"}}\n", record(12))).await.expect(200);
    send(&vendor, "push", "x").await.expect(500);
    let refused = send(&vendor, "push", record(13)).await.problem(429, "3 calls of 3");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&seconds), "{seconds}");
    // What is known is answered all the same: it costs no call.
    assert_eq!(send(&vendor, "push", record(11)).await.expect(200).json()["repeated"], true);
    send(&vendor, "burn", "b").await.expect(200);
    send(&vendor, "burn", record(21)).await.problem(429, "raise").problem(429, "`budget.cpu`");
    until("two files are taken", || async {
        let condition = connector_status(&operator, "trial/files").await;
        (condition["calls"] == 2 && condition["state"] == "spent").then_some(())
    })
    .await;

    hub.kill().await;
    hub.start_again().await;
    send(&vendor, "push", record(13)).await.problem(429, "3 calls of 3");
    send(&vendor, "burn", record(21)).await.problem(429, "of processor time of 0.0 s");
    until("the third file is seen", || async { (connector_status(&operator, "trial/files").await["waiting"] == 1).then_some(()) }).await;
    let waiting = (1..=3).filter(|nth| inbox.join(format!("{nth}.json")).exists()).count();
    assert_eq!(waiting, 1, "what is beyond the budget waits where it lies");

    let condition = connector_status(&operator, "trial/push").await;
    assert_eq!((&condition["state"], &condition["hold"]["reason"]), (&json!("spent"), &json!("spent")), "{condition}");
    assert_eq!(condition["budget"]["calls"], json!({ "used": 3, "of": 3 }));
    assert_eq!(condition["hold"]["until"], condition["budget"]["resets_at"]);
    let card = &condition["scorecard"];
    for over in ["day", "week"] {
        let score = &card[over];
        assert_eq!(
            (&score["calls"], &score["failures"], &score["records"], &score["rejected"]),
            (&json!(3), &json!(1), &json!(2), &json!(1))
        );
        assert!((score["validity"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9, "{card}");
    }
    assert_eq!((&card["fresh"], &card["fresh_within_s"]), (&json!(true), &json!(3_600)), "{card}");
    let burnt = connector_status(&operator, "trial/burn").await["scorecard"]["day"]["cpu_s"].as_f64().unwrap();
    assert!(burnt >= 0.01, "{burnt}");
    assert_eq!(connector_status(&operator, "trial/quiet").await["scorecard"]["fresh"], json!(false));

    let metrics = operator.get("/metrics").send().await.expect(200).text();
    for line in [
        r#"lienthong_connector_held{connector="trial/push",reason="spent"} 1"#,
        r#"lienthong_connector_held{connector="trial/push",reason="paused"} 0"#,
        r#"lienthong_connector_window_calls{connector="trial/push",over="day"} 3"#,
        r#"lienthong_connector_budget_used_ratio{connector="trial/push"} 1.0"#,
        r#"lienthong_connector_fresh{connector="trial/quiet"} 0"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let status = told(&hub, &["status"]).await;
    for words in ["66.7 % / 66.7 %", "33.3 % / 33.3 %", "calls 3 of 3", "trial/quiet is late: the city's files promise a record every 60 s"]
    {
        assert!(status.contains(words), "{words} is not in\n{status}");
    }

    // A budget that was raised holds from the next start on.
    hub.terminate().await;
    let trial = std::fs::read_to_string(hub.city().path().join("trial.yaml")).unwrap();
    hub.city().write("trial.yaml", &trial.replace("calls: 3", "calls: 4").replace("calls: 2", "calls: 9"));
    hub.start_again().await;
    send(&vendor, "push", record(13)).await.expect(200);
    send(&vendor, "push", record(14)).await.problem(429, "4 calls of 4");
    until("the third file is taken", || async { (connector_status(&operator, "trial/files").await["waiting"] == 0).then_some(()) }).await;
}
