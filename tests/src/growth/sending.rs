//! The benchmark's corpus, posted to one channel or to many in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use lienthong_examples::corpus::{Corpus, SCHEMA, SEED};
use tokio::task::JoinSet;

use crate::city::City;
use crate::client::{Client, Connection};
use crate::hub::Hub;

/// Records of a post.
pub const BATCH: usize = 1_000;
/// Clients, each with one connection and one post under way.
pub const CLIENTS: usize = 4;
/// Different posts; they are sent again and again.
const POSTS: usize = 50;

/// The nth channel's name.
pub fn channel(nth: usize) -> String {
    format!("bench/readings-{nth:04}")
}

/// A city with so many channels of the benchmark's schema, which one agency may read and write; `more` is the text of further files.
pub fn city(channels: usize, flush: &str, more: &[(&str, &str)]) -> City {
    let head = format!("title: Growth\nagencies:\n  sender: {{ title: Sender }}\nlake: {{ flush: {{ {flush} }} }}\n");
    let (mut bench, mut grants) = ("channels:\n".to_owned(), "grants:\n".to_owned());
    for name in (0..channels).map(channel) {
        bench += &format!("  {name}: {{ schema: bench/readings.v1, key: [/id], time: /observed_at }}\n");
        grants += &format!("  - {{ agency: sender, channel: {name}, access: [read, write], purpose: bench }}\n");
    }
    let bench = bench + &grants;
    let own = [("city.yaml", &*head), ("bench.yaml", &*bench), ("schemas/bench/readings.v1.json", SCHEMA)];
    City::new(&[&own, more].concat())
}

/// Posts of the corpus.
pub fn posts() -> Arc<[Bytes]> {
    let mut corpus = Corpus::valid(SEED);
    let post = |_| {
        let mut body = String::with_capacity(BATCH * 400);
        for _ in 0..BATCH {
            corpus.write_next(&mut body);
            body.push('\n');
        }
        Bytes::from(body)
    };
    (0..POSTS).map(post).collect()
}

/// Sends so many posts, to each of the channels in turn, and tells how long it took until the last was answered.
///
/// # Errors
/// When one is not taken whole.
pub async fn send(hub: &Hub, sender: &Client, posts: &Arc<[Bytes]>, count: usize, channels: usize) -> anyhow::Result<Duration> {
    let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, sender, posts, next) = (hub.address().get(), sender.clone(), posts.clone(), next.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= count {
                    return anyhow::Ok(());
                }
                let path = format!("/v1/channels/{}/records", channel(nth % channels));
                let answer = sender.post(&path, "application/x-ndjson", posts[nth % posts.len()].clone()).over(&mut connection).await?;
                ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
                let accepted = answer.json()["accepted"].as_u64().context("no `accepted`")?;
                ensure!(accepted == BATCH as u64, "{accepted} of {BATCH} records were taken");
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(started.elapsed())
}

/// Waits until all of these records are in the lake, by the hub's own word; fails where the sums do not hold.
///
/// # Errors
/// When they are not there within two minutes.
pub async fn landed(operator: &Client, records: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let status = operator.get("/v1/status").send().await.expect(200).json();
        let channels = status["channels"].as_array().context("no channels")?;
        let sum = |name: &str| channels.iter().filter_map(|channel| channel[name].as_u64()).sum::<u64>();
        ensure!(channels.iter().all(|channel| channel["sums_hold"] == true), "the sums do not hold: {status}");
        ensure!(sum("stored") == records, "{} of {records} records are stored", sum("stored"));
        if sum("landed") == records {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} of {records} records are in the lake", sum("landed"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How long it takes to look at the status, the middle of twenty times.
pub async fn status_takes(operator: &Client) -> Duration {
    let mut took = Vec::new();
    for _ in 0..20 {
        let asked = Instant::now();
        operator.get("/v1/status").send().await.expect(200);
        took.push(asked.elapsed());
    }
    super::median(took)
}
