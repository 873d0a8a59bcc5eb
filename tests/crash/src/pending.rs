//! P16: a hub that dies with a million records that have not landed is ready again within ten seconds, and lands them.

use std::path::Path;
use std::time::{Duration, Instant};

use lienthong_tests::client::{Client, Connection};
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::lake;
use lienthong_tests::ledger::{property, read_lines};

use crate::oracle::Doors;
use crate::tally::Tally;
use crate::town;

/// Records of one post.
const A_POST: u64 = 5_000;
/// The promise.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Kills a hub with so many records pending.
pub async fn trial(records: u64) -> Tally {
    let mut tally = Tally::default();
    let city = town::new();
    // Where the tables belong lies a file, so nothing lands.
    let lake = city.data().join("lake");
    std::fs::create_dir_all(&lake).unwrap();
    std::fs::write(lake.join("trial"), "in the way").unwrap();
    let mut hub = Hub::start(city).await;
    let doors = Doors::open(&hub).await;
    let channel = town::POSTS[0];
    let begun = Instant::now();
    post(&hub, &doors.sender, channel, records).await;
    tally.highest("most seconds to post what is pending", begun.elapsed().as_secs());
    let status = channel_status(&doors.operator, channel).await;
    assert_eq!((&status["stored"], &status["pending"]), (&records.into(), &records.into()), "{status}");
    hub.kill().await;
    tally.highest("most KiB of write-ahead log left by a kill", kib(&hub.city().data().join("hub.db-wal")));

    std::fs::remove_file(lake.join("trial")).unwrap();
    let begun = Instant::now();
    hub.start_again().await;
    let ready = begun.elapsed();
    tally.add("records pending at kills", records);
    tally.highest("most milliseconds from start to ready", ready.as_millis() as u64);
    assert!(ready <= READY_WITHIN, "ready after {ready:?} with {records} records pending");
    landed(&doors.operator, channel, records).await;
    tally.highest("most milliseconds from start until all had landed", begun.elapsed().as_millis() as u64);
    assert_eq!(lake::table(&hub.city().data(), channel).rows, records, "rows in the lake");
    let mut ids: Vec<_> = read_lines(&doors.reader, channel).await.iter().map(|line| property(line, "id")).collect();
    assert_eq!(ids.len() as u64, records, "records in the log");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as u64, records, "different records in the log");
    tally
}

async fn post(hub: &Hub, sender: &Client, channel: &str, records: u64) {
    let mut connection = Connection::open(hub.address().get()).await.unwrap();
    for first in (0..records).step_by(A_POST as usize) {
        let line = |n: u64| format!("{{\"id\":\"c0-0-{n}\",\"n\":{n},\"value\":{}}}\n", n % 1_000);
        let body: String = (first..(first + A_POST).min(records)).map(line).collect();
        let ask = sender.post(&format!("/v1/channels/{channel}/records"), "application/x-ndjson", body);
        ask.over(&mut connection).await.unwrap().expect(200);
    }
}

fn kib(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len() >> 10)
}
