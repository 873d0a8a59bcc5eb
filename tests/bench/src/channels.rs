//! M8: what a thousand channels and a thousand connectors cost.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{bail, ensure};
use bytes::Bytes;
use lienthong::wasm::{Engine, EngineOptions};
use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::measure::{cpu, process, quantile};
use lienthong_tests::mllp::write_acknowledge;
use tempfile::TempDir;

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::{CLIENTS, NO_FLUSH, Posts, channel, city, city_file, post_all, records_of};
use crate::nats::{self, Server};
use crate::peers::NATS;
use crate::plugin_call::{built, call};
use crate::report::Measure;
use crate::row::{Better, Row};

const M: &str = "M8";
/// Small enough that a run reaches every channel.
const A_POST: usize = 100;
/// In a trial as few as this.
const FEWER: usize = 200;

/// Ours at a thousand against ours at one, and JetStream at a thousand streams against one.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let many = if bench.quick { FEWER } else { 1_000 };
    // Each of the channels is posted to at least once.
    let posts = Posts::new(1_000 * A_POST, A_POST, bench.mixed);
    println!("{M}: starting hubs and servers with 1 and with {many} channels, connectors and streams (some 20 s)");
    let hub = async |channels| Channels::start(bench.scratch(), channels, posts.clone()).await;
    let stream = async |streams| Streams::start(bench, streams, posts.clone()).await;
    let rates = Lineup::new(M, hub(many).await?)
        .against("lienthong, 1 channel", Ok(hub(1).await?))
        .against(&format!("JetStream, {many} streams"), stream(many).await)
        .against("JetStream, 1 stream", stream(1).await)
        .with_fsyncs(bench.scratch().to_owned())
        .run(bench.pairs)
        .await?;
    let resting = Lineup::new(M, Connectors { scratch: bench.scratch().to_owned(), more: many }).run(bench.pairs.min(3)).await?;
    let cold = Lineup::new(M, ColdStart::new(bench).await?).run(bench.pairs).await?;
    let [channels, channel, streams, stream] = &rates.series[..] else { bail!("a contender is gone") };
    let (wall, core) = (("records/s", "records/s"), ("records/CPU-s", "records/s/core"));
    let (at_channels, at_streams) =
        (format!("accepted at {many} channels, posts of 100"), format!("stored at {many} streams, messages of 100"));
    let rows = vec![
        Row::new(M, &at_channels, wall, Better::More, channels).against(wall.0, channel, Some(0.8)),
        // A row of its own: what ours is to be seen beside.
        Row::new(M, &at_streams, wall, Better::More, streams).against(wall.0, stream, None),
        Row::new(M, &at_channels, core, Better::More, channels).against(core.0, channel, None),
        Row::new(M, "resting connectors, memory of each", (MEMORY, "KiB"), Better::Less, &resting.series[0]).reaching(64.0),
        Row::new(M, "cold start from machine code to the first answer", (COLD, "ms"), Better::Less, &cold.series[0]).reaching(1.0),
    ];
    Ok(Measure::new(M, "the same load on one and on many channels; the memory and the start of connectors", rows, [rates, resting, cold]))
}

/// A hub with so many channels, for all pairs.
struct Channels {
    hub: Hub,
    sender: Client,
    operator: Client,
    channels: usize,
    posts: Posts,
    runs: u64,
}

impl Channels {
    async fn start(scratch: &Path, channels: usize, posts: Posts) -> anyhow::Result<Self> {
        let hub = Hub::start(city(scratch, channels, NO_FLUSH)).await;
        let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
        Ok(Self { hub, sender, operator, channels, posts, runs: 0 })
    }
}

impl Contender for Channels {
    fn about(&self) -> About {
        let channels = self.channels;
        About {
            name: format!("lienthong, {channels} channel{}", if channels == 1 { "" } else { "s" }),
            version: crate::hub_version(),
            durability: "fsync before each answer",
        }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let (channels, pid) = (self.channels, self.hub.pid().as_raw_nonzero());
            let (before, started) = (cpu(pid)?, Instant::now());
            let sums =
                post_all(self.hub.address().get(), &self.sender, &self.posts, move |nth| records_of(&channel(nth % channels))).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(pid)? - before);
            let Posts { records, good, .. } = self.posts;
            ensure!(sums == (good, records - good), "{good} of {records} records are valid, it answered {sums:?}");
            self.runs += 1;
            let status = self.operator.get("/v1/status").send().await.expect(200).json();
            let of_all = |name: &str| status["channels"].as_array().into_iter().flatten().filter_map(|one| one[name].as_u64()).sum::<u64>();
            let (accepted, quarantined) = (of_all("accepted"), of_all("quarantined"));
            ensure!(
                (accepted, quarantined) == (self.runs * records, self.runs * (records - good)),
                "{accepted} accepted, {quarantined} quarantined"
            );
            Ok(Figures::from([("records/s", records as f64 / wall), ("records/CPU-s", records as f64 / took)]))
        })
    }
}

/// A server with so many streams, for all pairs.
struct Streams {
    program: PathBuf,
    server: Server,
    streams: usize,
    posts: Posts,
    runs: u64,
    _folder: TempDir,
}

impl Streams {
    async fn start(bench: &Bench, streams: usize, posts: Posts) -> anyhow::Result<Self> {
        let program = NATS.program(bench.cache(), "nats-server")?;
        let folder = tempfile::tempdir_in(bench.scratch())?;
        let mut server = Server::start(&program, folder.path(), nats::ALWAYS).await?;
        let mut connection = server.connection().await?;
        for nth in 0..streams {
            connection.make_stream(&stream(nth)).await?;
        }
        Ok(Self { program, server, streams, posts, runs: 0, _folder: folder })
    }
}

fn stream(nth: usize) -> String {
    format!("s{nth}")
}

impl Contender for Streams {
    fn about(&self) -> About {
        let streams = self.streams;
        let name = format!("JetStream, {streams} stream{}", if streams == 1 { "" } else { "s" });
        Server::about(&self.program, &name, "sync_interval always; a message for each post, validates nothing")
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let streams = self.streams;
            let (before, started) = (cpu(self.server.pid()?)?, Instant::now());
            nats::publish_each(self.server.address(), CLIENTS, self.posts.bodies.clone(), move |nth| stream(nth % streams)).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(self.server.pid()?)? - before);
            self.runs += 1;
            let (mut connection, mut stored) = (self.server.connection().await?, 0);
            for nth in 0..streams {
                stored += connection.messages(&stream(nth)).await?;
            }
            ensure!(stored == self.runs * self.posts.bodies.len() as u64, "{stored} messages after {} runs", self.runs);
            let records = self.posts.records as f64;
            Ok(Figures::from([("records/s", records / wall), ("records/CPU-s", records / took)]))
        })
    }
}

const MEMORY: &str = "KiB/connector";

/// What so many more connectors, which nobody calls, add to a hub's memory.
struct Connectors {
    scratch: PathBuf,
    more: usize,
}

impl Contender for Connectors {
    fn about(&self) -> About {
        About { name: "lienthong".into(), version: crate::hub_version(), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let (few, many) = (resting_kib(&self.scratch, 1).await?, resting_kib(&self.scratch, 1 + self.more).await?);
            Ok(Figures::from([(MEMORY, (many as f64 - few as f64) / self.more as f64)]))
        })
    }
}

async fn resting_kib(scratch: &Path, connectors: usize) -> anyhow::Result<u64> {
    let mut bench = "connectors:\n".to_owned();
    for nth in 0..connectors {
        bench += &format!("  bench/k{nth}: {{ plugin: test-guest, agency: sender, webhook: {{}}, emits: {{ out: bench/things }} }}\n");
    }
    bench += "channels:\n  bench/things: { schema: tests/things.v1 }\n\
              grants:\n  - { agency: sender, channel: bench/things, access: [write], purpose: bench }\n";
    let city = City::within(
        scratch,
        &[("city.yaml", &city_file(NO_FLUSH)), ("bench.yaml", &bench), ("schemas/tests/things.v1.json", ledger::SCHEMA)],
    );
    write_acknowledge(&city);
    let hub = Hub::start(city).await;
    let operator = hub.operator().await;
    let last = connector_status(&operator, &format!("bench/k{}", connectors - 1)).await;
    ensure!(last["failures"] == 0, "{last}");
    Ok(process(hub.pid().as_raw_nonzero())?.resident_mib << 10)
}

const COLD: &str = "ms to the first answer";
/// Starts in one run; the median counts.
const STARTS: usize = 20;

/// A sandbox that has the machine code and nothing else of a plugin.
struct ColdStart {
    component: Vec<u8>,
    cache: TempDir,
}

impl ColdStart {
    async fn new(bench: &Bench) -> anyhow::Result<Self> {
        let (component, cache) = (std::fs::read(built(bench)?)?, tempfile::tempdir_in(bench.scratch())?);
        Engine::new(EngineOptions { compile_in_parallel: true, ..EngineOptions::new(cache.path().join("code")) })?
            .load(component.clone())
            .await?;
        Ok(Self { component, cache })
    }
}

impl Contender for ColdStart {
    fn about(&self) -> About {
        About {
            name: "lienthong".into(),
            version: format!("{}, a connector of {} KiB", crate::hub_version(), self.component.len() >> 10),
            durability: "none asked",
        }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let record = Posts::new(1, 1, false).bodies[0].clone();
            let (mut loads, mut calls, mut both) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..STARTS {
                let engine =
                    Engine::new(EngineOptions { compile_in_parallel: true, ..EngineOptions::new(self.cache.path().join("code")) })?;
                let component = Bytes::copy_from_slice(&self.component).to_vec();
                let started = Instant::now();
                let plugin = engine.load(component).await?;
                let loaded = started.elapsed().as_secs_f64();
                ensure!(call(&plugin, &record).await? > 0, "nothing came out");
                let answered = started.elapsed().as_secs_f64();
                loads.push(loaded);
                calls.push(answered - loaded);
                both.push(answered);
            }
            let ms = |values: &[f64]| quantile(values, 0.5) * 1e3;
            Ok(Figures::from([(COLD, ms(&both)), ("ms to load", ms(&loads)), ("ms of the first call", ms(&calls))]))
        })
    }
}
