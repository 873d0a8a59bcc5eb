//! P1 to P5 under kill -9.

use std::sync::Arc;
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, channel_status};
use lienthong_tests::ledger::{self, Flag, settle};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::towns;

/// How often the hub is killed, unless LIENTHONG_KILLS says otherwise.
const KILLS: u32 = 20;
const CLIENTS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_hub_is_killed_again_and_again() {
    let kills = std::env::var("LIENTHONG_KILLS").map_or(KILLS, |text| text.parse().expect("LIENTHONG_KILLS must be a number"));
    let (mut chance, seed) = Chance::from_environment("kill -9");
    let mut hub = Hub::start(towns::ledger()).await;
    let (sender, reader, operator) = (hub.agency("sender").await, hub.agency("reader").await, hub.operator().await);
    let channels = towns::ledger_channels();

    let flag = Arc::new(Flag::default());
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(ledger::post_until(flag.clone(), sender.clone(), name, seed, channels.clone()));
    }
    let follower = tokio::spawn(follow(flag.clone(), reader.clone(), channels[0].clone()));

    let mut before_ready = 0;
    for _ in 0..kills {
        // The moment itself is the trial: anywhere in the hub's life, its start included.
        tokio::time::sleep(Duration::from_millis(chance.below(400))).await;
        hub.kill().await;
        hub.spawn_again();
        if chance.below(4) == 0 {
            before_ready += 1;
            continue;
        }
        hub.ready().await;
    }
    hub.ready().await;
    let answered = flag.answered();
    lienthong_tests::wait::until("clients go on after the last kill", || async { (flag.answered() > answered).then_some(()) }).await;
    flag.raise();
    let entries: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    let records: usize = entries.iter().map(|entry| entry.good.len() + entry.bad.len()).sum();
    let unknown: u32 = entries.iter().map(|entry| entry.unknown).sum();
    let replayed = entries.iter().filter(|entry| entry.replayed).count();
    println!(
        "{kills} kills ({before_ready} without waiting for ready), {} batches, {records} records, {unknown} tries without an answer, {replayed} had been stored",
        entries.len()
    );

    settle(&hub, &operator, &reader, &channels, &entries).await;

    // The same keys give the same answers, and nothing more is stored.
    let stored = channel_status(&operator, &channels[0]).await;
    for entry in entries.iter().filter(|entry| entry.channel == channels[0]).step_by(7) {
        let again = ledger::send(&sender, entry).await.unwrap().expect(200);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.json(), entry.answer, "{}", entry.key);
    }
    assert_eq!(channel_status(&operator, &channels[0]).await["accepted"], stored["accepted"]);

    // Who followed the channel all the while saw each record once, in order.
    let followed = follower.await.unwrap();
    let log: Vec<_> = ledger::read_log(&reader, &channels[0]).await.into_values().map(|(id, _)| id).collect();
    assert!(!followed.is_empty() && log.starts_with(&followed), "what was followed is not the beginning of the log");
}

/// Reads a channel by its cursor, over all interruptions, until the flag is raised.
async fn follow(flag: Arc<Flag>, reader: Client, channel: String) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while !flag.raised() {
        let path = format!("/v1/channels/{channel}/records?wait=1s&limit=500{cursor}");
        let Ok(page) = reader.get(&path).header("accept", "application/x-ndjson").attempt().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if page.status.is_success() {
            ids.extend(page.lines().iter().map(|record: &Value| record["id"].as_str().unwrap().to_owned()));
            cursor = format!("&after={}", page.header("lienthong-cursor"));
        }
    }
    ids
}
