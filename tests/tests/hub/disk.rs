//! P14 on a disk that fills up: data is refused in time, everything else goes on, nothing is lost, and it heals by itself.

use std::sync::Arc;

use lienthong_tests::city::City;
use lienthong_tests::hub::{Hub, channel_status, connector_status, landed};
use lienthong_tests::ledger::{self, Flag, read_log, settle};
use lienthong_tests::mllp::{Sender, write_acknowledge};
use lienthong_tests::small_disk::{self, SmallDisk};
use lienthong_tests::wait::until;
use serde_json::Value;
use tokio::task::JoinSet;

const MIB: u64 = 1 << 20;
const POSTS: &str = "/v1/channels/trial/one/records";
const MESSAGES: &str = "/v1/connectors/trial/push/messages";
const RECORDS: &str = "/v1/channels/trial/two/records";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_refuses_in_time_loses_nothing_and_heals() {
    if !small_disk::may_be_mounted("disk::a_disk_that_fills_up_refuses_in_time_loses_nothing_and_heals") {
        return;
    }
    let city = city();
    let (disk, inbox) = (SmallDisk::mount(&city.data(), 96), SmallDisk::mount(&city.folder().join("inbox"), 8));
    write_acknowledge(&city);
    let drop_file = {
        let folder = city.folder().join("inbox");
        move |id: &str| {
            std::fs::write(folder.join(format!("{id}.part")), record(id)).unwrap();
            std::fs::rename(folder.join(format!("{id}.part")), folder.join(format!("{id}.json"))).unwrap();
            folder.join("done").join(format!("{id}.json"))
        }
    };
    let mut hub = Hub::start(city).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let port = connector_status(&operator, "trial/stream").await["port"]["address"].as_str().unwrap().parse().unwrap();
    let status = operator.get("/v1/status").send().await.expect(200).json();
    assert_eq!((&status["ready"], &status["disk"]["ballast_bytes"]), (&true.into(), &(4 * MIB).into()), "{status}");
    let mut sent = Vec::new();

    // Each way in, while there is room.
    let shelved = drop_file("c1-0-0");
    until("the file is taken", || async { shelved.exists().then_some(()) }).await;
    sender.post(MESSAGES, "application/json", record("c1-0-1")).send().await.expect(200);
    assert!(Sender::connect(port).await.unwrap().ask(record("c1-0-2").as_bytes()).await.unwrap().is_some());
    sent.extend(["c1-0-0", "c1-0-1", "c1-0-2"]);

    // Posts fill what somebody else's file left.
    disk.fill("somebody-elses", 20 * MIB);
    let flag = Arc::new(Flag::default());
    let mut clients = JoinSet::new();
    for name in 0..4 {
        clients.spawn(ledger::post_until(flag.clone(), sender.clone(), name, 7, vec!["trial/one".into()]));
    }
    until("data is refused", || async { (hub.nobody().get("/readyz").send().await.status == 503).then_some(()) }).await;
    let (left, answered) = (disk.free(), flag.answered());
    assert!(answered > 0 && left > 4 * MIB, "{left} bytes are left after {answered} posts");
    for (path, body) in [(POSTS, record("c1-1-0")), (MESSAGES, record("c1-1-1"))] {
        let refused = sender.post(path, "application/json", body).send().await.problem(503, "full");
        assert_eq!(refused.header("retry-after"), "10");
    }
    hub.nobody().get("/readyz").send().await.problem(503, "nearly full");
    let answer = Sender::connect(port).await.unwrap().ask(record("c1-1-2").as_bytes()).await;
    assert!(!matches!(answer, Ok(Some(_))), "a message was acknowledged on a full disk");
    let waiting = drop_file("c1-0-3");
    until("the file is seen", || async { (connector_status(&operator, "trial/files").await["waiting"] == 1).then_some(()) }).await;

    // Reading, and what operators do, goes on.
    reader.get(POSTS).send().await.expect(200);
    assert_eq!(reader.get(RECORDS).header("accept", "application/x-ndjson").send().await.expect(200).lines().len(), 3);
    let status = operator.get("/v1/status").send().await.expect(200).json();
    assert_eq!(status["ready"], false);
    assert!(status["health"].as_str().unwrap().contains("nearly full"), "{status}");
    let metrics = operator.get("/metrics").send().await.expect(200).text();
    assert!(metrics.contains("lienthong_ready 0") && metrics.contains("lienthong_disk_ballast_bytes 4194304"), "{metrics}");
    hub.agency("reader").await.get(POSTS).send().await.expect(200);
    assert!(!waiting.exists());
    assert!(!hub.log().contains("nothing is taken until there is space"), "SQLite met a full disk:\n{}", hub.log());

    // Others take the rest: then the ballast is given up, and there is still room for what operators do.
    disk.fill("the-rest", 0);
    until("the ballast is given up", || async {
        let status = operator.get("/v1/status").send().await.expect(200).json();
        (status["disk"]["ballast_bytes"] == 0).then_some(())
    })
    .await;
    hub.agency("reader").await.get(POSTS).send().await.expect(200);
    sender.post(POSTS, "application/json", record("c1-1-3")).send().await.problem(503, "full");

    // A hub that is killed and started on the full disk reads, refuses and waits.
    hub.kill().await;
    hub.spawn_again();
    until("it answers", || async {
        let address = std::fs::read_to_string(hub.city().data().join("hub.addr")).ok()?.trim().parse().ok()?;
        hub.address().set(address);
        let answer = hub.nobody().get("/readyz").attempt().await.ok()?;
        (answer.status == 503).then_some(())
    })
    .await;
    reader.get(POSTS).send().await.expect(200);

    // Space is given back.
    disk.give_back("the-rest");
    disk.give_back("somebody-elses");
    hub.ready().await;
    let before = flag.answered();
    until("posts are taken again", || async { (flag.answered() > before + 4).then_some(()) }).await;
    until("the file is taken", || async { waiting.exists().then_some(()) }).await;
    sender.post(MESSAGES, "application/json", record("c1-0-4")).send().await.expect(200);
    let port = connector_status(&operator, "trial/stream").await["port"]["address"].as_str().unwrap().parse().unwrap();
    assert!(Sender::connect(port).await.unwrap().ask(record("c1-0-5").as_bytes()).await.unwrap().is_some());
    sent.extend(["c1-0-3", "c1-0-4", "c1-0-5"]);
    until("the ballast is there again", || async {
        let status = operator.get("/v1/status").send().await.expect(200).json();
        (status["disk"]["ballast_bytes"] == 4 * MIB && status["ready"] == true).then_some(())
    })
    .await;

    // The sums, to the last record.
    flag.raise();
    let entries: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    let unknown: u32 = entries.iter().map(|entry| entry.unknown).sum();
    println!("{} posts, {unknown} refusals, {} MiB were left when data was refused", entries.len(), left / MIB);
    assert!(unknown > 0);
    settle(&hub, &operator, &reader, &["trial/one".into()], &entries).await;
    landed(&operator, "trial/two", sent.len() as u64).await;
    let mut found: Vec<_> = read_log(&reader, "trial/two").await.into_values().map(|(id, _)| id).collect();
    found.sort();
    assert_eq!(found, sent);
    assert_eq!(channel_status(&operator, "trial/two").await["quarantined"], Value::from(0));
    assert!(hub.terminate().await.success(), "{}", hub.log());
    drop((disk, inbox));
}

fn record(id: &str) -> String {
    format!(r#"{{"id":"{id}","n":1,"value":1}}"#)
}

/// An inbox on another disk, a webhook, a port and posts.
fn city() -> City {
    let city = City::new(&[
        (
            "city.yaml",
            "title: Ổ đĩa nhỏ\nagencies:\n  sender: { title: S }\n  reader: { title: R }\nlake: { flush: { every: 200ms, bytes: 64KiB } }\ndisk: { keep_free: 16MiB, ballast: 4MiB }\n",
        ),
        ("schemas/tests/things.v1.json", ledger::SCHEMA),
    ]);
    let inbox = city.folder().join("inbox");
    let connector =
        |name: &str, way: &str| format!("  trial/{name}: {{ plugin: test-guest, agency: sender, {way}, emits: {{ out: trial/two }} }}\n");
    let connectors = [
        connector("files", &format!("inbox: {{ path: {}, pattern: '*.json', settle: 500ms }}", inbox.display())),
        connector("push", "webhook: {}"),
        connector("stream", "mllp: { listen: 127.0.0.1:0 }"),
    ];
    city.write(
        "trial.yaml",
        &format!(
            "connectors:\n{}channels:\n  trial/one: {{ schema: tests/things.v1, key: [/id] }}\n  trial/two: {{ schema: tests/things.v1, key: [/id] }}\ngrants:\n  \
             - {{ agency: sender, channel: trial/one, access: [write], purpose: trial }}\n  - {{ agency: sender, channel: trial/two, access: [write], purpose: trial }}\n  \
             - {{ agency: reader, channel: trial/one, purpose: trial }}\n  - {{ agency: reader, channel: trial/two, purpose: trial }}\n",
            connectors.concat()
        ),
    );
    city
}
