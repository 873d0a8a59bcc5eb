//! M7: killed with 300,000 records pending; how long until it takes data again, and whether all is there, once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::lake;

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::{NO_FLUSH, Posts, channel, city, city_file, post_all, records_of};
use crate::nats::{self, Server};
use crate::peers::NATS;
use crate::report::Measure;
use crate::row::{Better, Row};

const M: &str = "M7";
const A_POST: usize = 1_000;
/// So that none of them holds so much that it is landed whatever `flush` says.
const CHANNELS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// Ours against JetStream.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let (records, pending) = match bench.quick {
        true => (30_000, "killed with 30,000 records pending, until it answers data"),
        false => (300_000, "killed with 300,000 records pending, until it answers data"),
    };
    let posts = Posts::new(records, A_POST, false);
    let scratch = || bench.scratch().to_owned();
    let jetstream =
        NATS.program(bench.cache(), "nats-server").map(|program| JetStream { program, posts: posts.clone(), scratch: scratch() });
    let lineup = Lineup::new(M, Ours { posts: posts.clone(), scratch: scratch() }).against("JetStream", jetstream).with_fsyncs(scratch());
    let measured = lineup.run(bench.pairs).await?;
    let [ours, jetstream] = &measured.series[..] else { bail!("a contender is gone") };
    let rows = vec![Row::new(M, pending, (READY, "ms"), Better::Less, ours).against(READY, jetstream, Some(1.0))];
    let what = "from the start of the process to its first acknowledgement; every record is then read back, once, and is in the lake, once";
    Ok(Measure::new(M, what, rows, [measured]))
}

const READY: &str = "ms to ready";

struct Ours {
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for Ours {
    fn about(&self) -> About {
        About { name: "lienthong".into(), version: crate::hub_version(), durability: "fsync before each answer" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let mut hub = Hub::start(city(&self.scratch, CHANNELS, NO_FLUSH)).await;
            let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
            let sums = post_all(hub.address().get(), &sender, &self.posts, |nth| records_of(&channel(nth % CHANNELS))).await?;
            ensure!(sums == (self.posts.records, 0), "{} records were sent, {sums:?} answered", self.posts.records);
            for nth in 0..CHANNELS {
                let status = channel_status(&operator, &channel(nth)).await;
                ensure!(status["pending"] == self.expected(nth), "{status}");
            }
            hub.kill().await;
            // What is pending lands once it is back.
            hub.city().write("city.yaml", &city_file("every: 1s, bytes: 16MiB"));
            let started = Instant::now();
            hub.spawn_again();
            self.first_answer(&mut hub, &sender, started).await?;
            let ready = started.elapsed().as_secs_f64();
            self.all_is_there_once(&hub, &operator, &sender).await?;
            ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
            Ok(Figures::from([(READY, ready * 1e3)]))
        })
    }
}

impl Ours {
    /// Records of one channel.
    fn expected(&self, nth: usize) -> u64 {
        self.posts.bodies.iter().skip(nth).step_by(CHANNELS).map(|body| body.iter().filter(|byte| **byte == b'\n').count() as u64).sum()
    }

    /// Posts again and again what the first channel has already, under a key of its own, until it is answered.
    async fn first_answer(&self, hub: &mut Hub, sender: &Client, started: Instant) -> anyhow::Result<()> {
        let file = hub.city().data().join("hub.addr");
        let line = self.posts.bodies[0].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
        loop {
            if let Some(address) = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()) {
                hub.address().set(address);
                let ask = sender.post(&records_of(&channel(0)), "application/x-ndjson", line.clone()).header("idempotency-key", "first");
                if let Ok(answer) = ask.attempt().await
                    && answer.status.is_success()
                {
                    return Ok(());
                }
            }
            ensure!(started.elapsed() < PATIENCE, "it does not answer after {} s: {}", PATIENCE.as_secs(), hub.log());
            // Looked at often: what is waited for is being measured.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn all_is_there_once(&self, hub: &Hub, operator: &Client, sender: &Client) -> anyhow::Result<()> {
        for nth in 0..CHANNELS {
            // The record that asked whether it was ready is one more.
            let again = u64::from(nth == 0);
            let expected = self.expected(nth) + again;
            landed(operator, &channel(nth), expected).await;
            let rows = lake::table(&hub.city().data(), &channel(nth)).rows;
            ensure!(rows == expected, "{rows} rows in the lake for {expected} records");
            let mut left = self.sent(nth);
            let mut path = format!("{}?limit=10000", records_of(&channel(nth)));
            loop {
                let page = sender.get(&path).header("accept", "application/x-ndjson").send().await.expect(200);
                if page.body.is_empty() {
                    break;
                }
                for line in page.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    *left.entry(HASHER.hash_one(line)).or_default() -= 1;
                }
                path = format!("{}?limit=10000&after={}", records_of(&channel(nth)), page.header("lienthong-cursor"));
            }
            let (lost, doubled) = (left.values().filter(|left| **left > 0).count(), left.values().filter(|left| **left < 0).count() as u64);
            ensure!(lost == 0 && doubled == again, "{}: {lost} records lost, {doubled} doubled", channel(nth));
        }
        Ok(())
    }

    /// What was sent to a channel: how often each line, by its hash.
    fn sent(&self, nth: usize) -> HashMap<u64, i64> {
        let mut sent = HashMap::new();
        for body in self.posts.bodies.iter().skip(nth).step_by(CHANNELS) {
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                *sent.entry(HASHER.hash_one(line)).or_default() += 1;
            }
        }
        sent
    }
}

/// One for all, so that equal lines have equal hashes.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A message a record; filled with its own rule for syncing, for with a sync for each it would take half an hour.
struct JetStream {
    program: PathBuf,
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for JetStream {
    fn about(&self) -> About {
        Server::about(
            &self.program,
            "JetStream",
            "its default: synced every 2 minutes, for filling it with sync always would take too long",
        )
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let folder = tempfile::tempdir_in(&self.scratch)?;
            let mut server = Server::start(&self.program, folder.path(), nats::SELDOM).await?;
            let mut connection = server.connection().await?;
            connection.make_stream("records").await?;
            let lines: Vec<&[u8]> =
                self.posts.bodies.iter().flat_map(|body| body.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty()).collect();
            connection.publish_all("records", &lines).await?;
            server.kill().await?;
            let started = Instant::now();
            server.start_again()?;
            let mut connection = server.connection().await?;
            while connection.publish("records", b"first").await.is_err() {
                ensure!(started.elapsed() < PATIENCE, "it does not answer after {} s", PATIENCE.as_secs());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let ready = started.elapsed().as_secs_f64();
            let stored = connection.messages("records").await?;
            ensure!(stored == self.posts.records + 1, "{stored} messages of {}", self.posts.records + 1);
            Ok(Figures::from([(READY, ready * 1e3)]))
        })
    }
}
