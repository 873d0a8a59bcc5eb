//! M1: posted in batches of 1,000, validated, synced, and in the Delta lake.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use lienthong_examples::demo::delta_log;
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::measure::{cpu, process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::{Posts, anybody, channel, city, post_all, records_of};
use crate::peers::{CONNECT, DLT, Modules, NODE_RED, SCRIPT, Wheels};
use crate::report::Measure;
use crate::row::{Better, Row};
use crate::worker::{Worker, rates};

const M: &str = "M1";
const A_POST: usize = 1_000;
const FLUSH: &str = "every: 1s, bytes: 16MiB";
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Connect's route ends if a busy machine lets it not start within five seconds; it may try again.
const STARTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(120);

/// Ours against a script of Rust wheels, Redpanda Connect, dlt and Node-RED.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let posts = Posts::new(bench.records, A_POST, bench.mixed);
    let (corpus, schema) = posts.write(bench.scratch())?;
    let python = |wheels: &'static Wheels, script: &'static str, about: About| -> anyhow::Result<Script> {
        wheels.python(bench.cache())?;
        let (posts, corpus, schema) = (posts.clone(), corpus.clone(), schema.clone());
        Ok(Script {
            wheels,
            cache: bench.cache().to_owned(),
            script: bench.script(script),
            about,
            posts,
            corpus,
            schema,
            scratch: bench.scratch().to_owned(),
        })
    };
    let script = About {
        name: "script of Rust wheels".into(),
        version: SCRIPT.version(),
        durability: "fdatasync for each post; the lake's files as deltalake leaves them; reads a file, no HTTP",
    };
    let dlt = About {
        name: "dlt, dicts".into(),
        version: DLT.version(),
        durability: "none until its one load at the end, then no fsync; reads a file, no HTTP",
    };
    let server = |made: anyhow::Result<Start>, about: About| {
        made.map(|start| Server { start, about, posts: posts.clone(), schema: schema.clone(), scratch: bench.scratch().to_owned() })
    };
    let connect =
        CONNECT.python(bench.cache()).map(|_| Start::Connect { cache: bench.cache().to_owned(), script: bench.script("connect.py") });
    let node_red = NODE_RED.installed(bench.cache()).map(|folder| Start::NodeRed { folder, flow: bench.script("node-red") });
    let lineup = Lineup::new(M, Ours { posts: posts.clone(), scratch: bench.scratch().to_owned() })
        .against(&script.name, python(&SCRIPT, "script.py", script.clone()))
        .against("Redpanda Connect", server(connect, connect_about()))
        .against(&dlt.name, python(&DLT, "dlt_load.py", dlt.clone()))
        .against("Node-RED + ajv", server(node_red, node_red_about(&NODE_RED)))
        .with_fsyncs(bench.scratch().to_owned());
    let measured = lineup.run(bench.pairs).await?;
    let figure = ("records/CPU-s", "records/s/core");
    let [ours, script, connect, dlt, node_red] = &measured.series[..] else { bail!("a contender is gone") };
    let rows = vec![
        Row::new(M, "POST to lake", figure, Better::More, ours)
            .reaching(150_000.0)
            .against(figure.0, script, Some(1.5))
            .against(figure.0, connect, Some(15.0))
            .against(figure.0, dlt, Some(15.0))
            .against(figure.0, node_red, None),
    ];
    Ok(Measure::new(M, "100 posts of 1,000 records by 4 clients: validated, synced, in the Delta lake", rows, [measured]))
}

struct Ours {
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for Ours {
    fn about(&self) -> About {
        About {
            name: "lienthong".into(),
            version: crate::hub_version(),
            durability: "fsync before each answer; the lake's files and folders synced",
        }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let mut hub = Hub::start(city(&self.scratch, 1, FLUSH)).await;
            let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
            let pid = hub.pid().as_raw_nonzero();
            let Posts { records, good, .. } = self.posts;
            let (before, started) = (cpu(pid)?, Instant::now());
            let answered = post_all(hub.address().get(), &sender, &self.posts, |_| records_of(&channel(0))).await?;
            let accepted_in = started.elapsed().as_secs_f64();
            ensure!(answered == (good, records - good), "{good} of {records} records are valid, it answered {answered:?}");
            let table = hub.city().data().join("lake").join(channel(0));
            while delta_log::read(&table)?.rows < good {
                ensure!(started.elapsed() < PATIENCE, "they are not in the lake after {} s", PATIENCE.as_secs());
                // Looked at from outside: asking the hub would cost it time that is being measured.
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let landed_in = started.elapsed().as_secs_f64();
            let took = cpu(pid)? - before;
            let peak_mib = process(pid)?.peak_mib;

            let status = landed(&operator, &channel(0), good).await;
            let rows = delta_log::read(&table)?.rows;
            ensure!(rows == good, "{rows} rows in the lake for {good} records");
            ensure!(status["accepted"] == records && status["quarantined"] == records - good, "{status}");
            ensure!(channel_status(&operator, &channel(0)).await["sums_hold"] == true, "the sums do not hold");
            ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
            let records = records as f64;
            Ok(Figures::from([
                ("records/CPU-s", records / took),
                ("records/s accepted", records / accepted_in),
                ("records/s landed", records / landed_in),
                ("MiB at most", peak_mib as f64),
            ]))
        })
    }
}

/// A script that reads the corpus from a file.
struct Script {
    wheels: &'static Wheels,
    cache: PathBuf,
    script: PathBuf,
    about: About,
    posts: Posts,
    corpus: PathBuf,
    schema: PathBuf,
    scratch: PathBuf,
}

impl Contender for Script {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let folder = tempfile::tempdir_in(&self.scratch)?;
            let mut python = self.wheels.python(&self.cache)?;
            python.arg(&self.script).arg(&self.corpus).arg(&self.schema).arg(folder.path()).arg(A_POST.to_string());
            let mut worker = Worker::start(python, &folder.path().join("stderr")).await?;
            rates(&worker.work("go").await?, self.posts.records, self.posts.good)
        })
    }
}

/// How a server of others is started.
enum Start {
    Connect { cache: PathBuf, script: PathBuf },
    NodeRed { folder: PathBuf, flow: PathBuf },
}

/// A server that is posted to and writes a file.
struct Server {
    start: Start,
    about: About,
    posts: Posts,
    schema: PathBuf,
    scratch: PathBuf,
}

impl Contender for Server {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let folder = tempfile::tempdir_in(&self.scratch)?;
            // Free at this moment; neither server tells which port it took.
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let (mut child, mut starts) = (self.spawn(&folder, address.port())?, 1);
            let started = Instant::now();
            while !self.answers(address, folder.path()).await {
                if let Some(status) = child.try_wait()? {
                    let log = std::fs::read_to_string(folder.path().join("stderr"))?;
                    ensure!(starts < STARTS, "it ended with {status}: {}", log.lines().last().unwrap_or_default());
                    (child, starts) = (self.spawn(&folder, address.port())?, starts + 1);
                }
                ensure!(started.elapsed() < PATIENCE, "it does not listen after {} s", PATIENCE.as_secs());
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let pid = child.id().and_then(|id| std::num::NonZeroI32::new(id.cast_signed())).context("no process id")?;
            let (before, started) = (cpu(pid)?, Instant::now());
            let answered = post_all(address, &anybody(address), &self.posts, |_| "/records".to_owned()).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(pid)? - before);
            let written = count(&folder.path().join("out"))?;
            // Connect answers nothing, and keeps what it refuses; Node-RED's flow says what it did.
            let sums = if matches!(self.start, Start::Connect { .. }) { written } else { answered };
            let Posts { records, good, .. } = self.posts;
            ensure!(
                sums == (good, records - good) && written.0 == good,
                "{good} of {records} are valid: {sums:?}, {written:?} in its file"
            );
            child.kill().await?;
            Ok(Figures::from([("records/CPU-s", records as f64 / took), ("records/s", records as f64 / wall)]))
        })
    }
}

impl Server {
    async fn answers(&self, address: SocketAddr, folder: &Path) -> bool {
        match self.start {
            // Says so with a file, once its route has started.
            Start::Connect { .. } => folder.join("ready").exists(),
            // Listens before its flow is there.
            Start::NodeRed { .. } => anybody(address).get("/ready").attempt().await.is_ok_and(|answer| answer.status.is_success()),
        }
    }

    fn spawn(&self, folder: &TempDir, port: u16) -> anyhow::Result<Child> {
        let (out, log) = (folder.path().join("out"), std::fs::File::create(folder.path().join("stderr"))?);
        let mut command = match &self.start {
            Start::Connect { cache, script } => {
                let mut python = CONNECT.python(cache)?;
                let threads = std::thread::available_parallelism()?.to_string();
                python.arg(script).arg(port.to_string()).arg(&self.schema).arg(&out).arg(threads);
                python
            }
            Start::NodeRed { folder: modules, flow } => {
                // It writes beside its flow.
                for file in ["settings.js", "flow.json"] {
                    std::fs::copy(flow.join(file), folder.path().join(file))?;
                }
                let mut node = Command::new("node");
                node.arg(modules.join("node_modules/node-red/red.js")).arg("--userDir").arg(folder.path());
                node.arg("--settings").arg(folder.path().join("settings.js")).env("NODE_PATH", modules.join("node_modules"));
                node.env("BENCH_PORT", port.to_string()).env("BENCH_FLOW", folder.path().join("flow.json"));
                node.env("BENCH_SCHEMA", &self.schema).env("BENCH_LOG", &out);
                node
            }
        };
        let child = command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn();
        child.with_context(|| self.about.name.clone())
    }
}

/// Records and refusals in what a server wrote.
fn count(file: &Path) -> anyhow::Result<(u64, u64)> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let refused = text.lines().filter(|line| line.starts_with("{\"error\"")).count();
    let all = text.lines().filter(|line| !line.is_empty()).count();
    // Whole lines, or they were torn.
    let last: Option<Value> = text.lines().last().map(serde_json::from_str).transpose()?;
    ensure!(last.is_some(), "{} is empty", file.display());
    Ok(((all - refused) as u64, refused as u64))
}

fn connect_about() -> About {
    About {
        name: "Redpanda Connect".into(),
        version: format!("4.115.1 in {}", CONNECT.version()),
        durability: "fsync of its file for each batch; no lake",
    }
}

fn node_red_about(modules: &Modules) -> About {
    About { name: "Node-RED + ajv".into(), version: modules.version(), durability: "none: a file without fsync; no lake" }
}
