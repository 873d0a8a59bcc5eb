//! M2: the accept path alone, posts of 1,000 records and single records: validated, synced, answered.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use lienthong_tests::client::Connection;
use lienthong_tests::hub::{Hub, channel_status};
use lienthong_tests::measure::cpu;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::{CLIENTS, NO_FLUSH, Posts, channel, city, post_all, records_of};
use crate::nats::{self, Server};
use crate::peers::{self, NATS};
use crate::postgres::Cluster;
use crate::report::Measure;
use crate::row::{Better, Row};

const M: &str = "M2";
const A_POST: usize = 1_000;
/// Clients that send single records.
const ALONE: usize = 64;

/// Ours against a bare log, PostgreSQL and JetStream.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let posts = Posts::new(bench.records, A_POST, bench.mixed);
    let single = Posts::new(1_000, 1, false);
    let seconds = if bench.quick { 2 } else { 3 };
    let scratch = || bench.scratch().to_owned();
    let nats = || NATS.program(bench.cache(), "nats-server");

    let batches = Lineup::new(M, Ours { posts: posts.clone(), scratch: scratch() })
        .against(ONE_A_SYNC, Ok(Log { posts: posts.clone(), scratch: scratch(), a_sync: 1 }))
        .against(FOUR_A_SYNC, Ok(Log { posts: posts.clone(), scratch: scratch(), a_sync: CLIENTS }))
        .against(POSTGRES, peers::postgres().map(|programs| Copy { programs, posts: posts.clone(), scratch: scratch() }))
        .against(JETSTREAM, nats().map(|program| Messages { program, posts: posts.clone(), scratch: scratch() }))
        .with_fsyncs(scratch());
    let batches = batches.run(bench.pairs).await?;
    let alone = Lineup::new(M, OursAlone { records: single.clone(), seconds, scratch: scratch() })
        .against(
            POSTGRES,
            peers::postgres().map(|programs| Inserts { programs, record: single.bodies[0].clone(), seconds, scratch: scratch() }),
        )
        .against(JETSTREAM, nats().map(|program| MessagesAlone { program, records: single.clone(), seconds, scratch: scratch() }))
        .with_fsyncs(scratch());
    let alone = alone.run(bench.pairs).await?;

    let [ours, log, log_of_four, postgres, jetstream] = &batches.series[..] else { bail!("a contender is gone") };
    let [ours_alone, postgres_alone, jetstream_alone] = &alone.series[..] else { bail!("a contender is gone") };
    let (wall, core) = (("records/s", "records/s"), ("records/CPU-s", "records/s/core"));
    let rows = vec![
        Row::new(M, "accepted, posts of 1,000", wall, Better::More, ours)
            .against(wall.0, log, Some(0.6))
            .against(wall.0, log_of_four, None)
            .against(wall.0, postgres, None)
            .against(wall.0, jetstream, None),
        Row::new(M, "accepted, posts of 1,000", core, Better::More, ours).against(core.0, postgres, None).against(core.0, jetstream, None),
        Row::new(M, "accepted, 64 clients of single records", wall, Better::More, ours_alone)
            .reaching(5_000.0)
            .against(wall.0, postgres_alone, None)
            .against(wall.0, jetstream_alone, None),
    ];
    let what = "records validated, synced and answered: posts of 1,000 by 4 clients, and single ones by 64; the lake waits";
    Ok(Measure::new(M, what, rows, [batches, alone]))
}

const ONE_A_SYNC: &str = "bare log, a post a sync";
const FOUR_A_SYNC: &str = "bare log, 4 posts a sync";
const POSTGRES: &str = "PostgreSQL";
const JETSTREAM: &str = "JetStream, sync always";
const JETSTREAM_HOW: &str = "sync_interval always; validates nothing";

fn hub_about() -> About {
    About { name: "lienthong".into(), version: crate::hub_version(), durability: "fsync before each answer" }
}

struct Ours {
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for Ours {
    fn about(&self) -> About {
        hub_about()
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let mut hub = Hub::start(city(&self.scratch, 1, NO_FLUSH)).await;
            let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
            let pid = hub.pid().as_raw_nonzero();
            let Posts { records, good, .. } = self.posts;
            let (before, started) = (cpu(pid)?, Instant::now());
            let answered = post_all(hub.address().get(), &sender, &self.posts, |_| records_of(&channel(0))).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(pid)? - before);
            ensure!(answered == (good, records - good), "{good} of {records} records are valid, it answered {answered:?}");
            stored(&operator, records, good).await?;
            hub.kill().await;
            Ok(figures(records, wall, took))
        })
    }
}

async fn stored(operator: &lienthong_tests::client::Client, records: u64, good: u64) -> anyhow::Result<()> {
    let status = channel_status(operator, &channel(0)).await;
    let sums = [&status["accepted"], &status["stored"], &status["quarantined"]].map(serde_json::Value::as_u64);
    ensure!(sums == [records, good, records - good].map(Some) && status["sums_hold"] == true, "{good} of {records} are valid: {status}");
    Ok(())
}

fn figures(records: u64, wall: f64, cpu: f64) -> Figures {
    Figures::from([("records/s", records as f64 / wall), ("records/CPU-s", records as f64 / cpu)])
}

/// The machine's limit: each post is compressed, written over zeroes that were synced before, and synced.
struct Log {
    posts: Posts,
    scratch: PathBuf,
    a_sync: usize,
}

impl Contender for Log {
    fn about(&self) -> About {
        let name = if self.a_sync == 1 { ONE_A_SYNC } else { FOUR_A_SYNC };
        About {
            name: name.into(),
            version: "lz4_flex as the hub's".into(),
            durability: "fdatasync of a preallocated file; validates nothing, no HTTP",
        }
    }

    fn run(&mut self) -> Run<'_> {
        let (posts, path, a_sync) = (self.posts.clone(), self.scratch.join("bare.log"), self.a_sync);
        Box::pin(async move { tokio::task::spawn_blocking(move || write_log(&posts, &path, a_sync)).await? })
    }
}

fn write_log(posts: &Posts, path: &Path, a_sync: usize) -> anyhow::Result<Figures> {
    let file = preallocated(path, posts.bodies.iter().map(Bytes::len).sum())?;
    let (started, mut at) = (Instant::now(), 0);
    for posts in posts.bodies.chunks(a_sync) {
        for body in posts {
            let block = lz4_flex::compress_prepend_size(body);
            file.write_all_at(&block, at)?;
            at += block.len() as u64;
        }
        file.sync_data()?;
    }
    let wall = started.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(Figures::from([("records/s", posts.records as f64 / wall)]))
}

fn preallocated(path: &Path, bytes: usize) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).with_context(|| path.display().to_string())?;
    // Zeroes and not a hole: blocks that were never written cost the file system a journal entry each.
    file.write_all_at(&vec![0; bytes], 0)?;
    file.sync_all()?;
    Ok(file)
}

/// PostgreSQL runs as a user of its own, who must get to its folder in here.
fn open_folder(scratch: &Path) -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir_in(scratch)?)
}

/// COPY, a transaction for each post, as many at a time as the hub has clients.
struct Copy {
    programs: PathBuf,
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for Copy {
    fn about(&self) -> About {
        Cluster::about(&self.programs, POSTGRES)
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let folder = open_folder(&self.scratch)?;
            let cluster = Cluster::start(&self.programs, &folder.path().join("postgres")).await?;
            let mut scripts = vec![String::new(); CLIENTS];
            for (nth, body) in self.posts.bodies.iter().enumerate() {
                let file = folder.path().join(format!("post-{nth}"));
                std::fs::write(&file, body)?;
                // As CSV with marks that no record has, a line is one value, whatever is in it.
                let copy =
                    format!("\\copy readings (record) from '{}' with (format csv, quote e'\\x01', delimiter e'\\x02')\n", file.display());
                scripts[nth % CLIENTS] += &copy;
            }
            let files: Vec<_> = (0..CLIENTS).map(|nth| folder.path().join(format!("client-{nth}.sql"))).collect();
            for (file, script) in files.iter().zip(&scripts) {
                std::fs::write(file, script)?;
            }
            let (before, started) = (cpu(cluster.pid()?)?, Instant::now());
            // Four at once, by hand: there is one name for each.
            let [a, b, c, d] = &files[..] else { bail!("{} clients", files.len()) };
            tokio::try_join!(cluster.script(a), cluster.script(b), cluster.script(c), cluster.script(d))?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(cluster.pid()?)? - before);
            let stored: u64 = cluster.sql("select count(*) from readings").await?.trim().parse()?;
            ensure!(stored == self.posts.records, "{stored} rows for {} records", self.posts.records);
            Ok(figures(self.posts.records, wall, took))
        })
    }
}

/// A new JetStream that syncs always, with one stream.
async fn with_stream(program: &Path, scratch: &Path, name: &str) -> anyhow::Result<(TempDir, Server)> {
    let folder = tempfile::tempdir_in(scratch)?;
    let mut server = Server::start(program, folder.path(), nats::ALWAYS).await?;
    server.connection().await?.make_stream(name).await?;
    Ok((folder, server))
}

/// A message for each post: what JetStream does fastest. Whoever reads finds posts, not records.
struct Messages {
    program: PathBuf,
    posts: Posts,
    scratch: PathBuf,
}

impl Contender for Messages {
    fn about(&self) -> About {
        Server::about(&self.program, JETSTREAM, JETSTREAM_HOW)
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let (_folder, mut server) = with_stream(&self.program, &self.scratch, "posts").await?;
            let (before, started) = (cpu(server.pid()?)?, Instant::now());
            nats::publish_each(server.address(), CLIENTS, self.posts.bodies.clone(), |_| "posts".to_owned()).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(server.pid()?)? - before);
            let stored = server.connection().await?.messages("posts").await?;
            ensure!(stored == self.posts.bodies.len() as u64, "{stored} messages for {} posts", self.posts.bodies.len());
            Ok(figures(self.posts.records, wall, took))
        })
    }
}

struct OursAlone {
    records: Posts,
    seconds: u64,
    scratch: PathBuf,
}

impl Contender for OursAlone {
    fn about(&self) -> About {
        hub_about()
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let mut hub = Hub::start(city(&self.scratch, 1, NO_FLUSH)).await;
            let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
            let (address, pid) = (hub.address().get(), hub.pid().as_raw_nonzero());
            let (before, started) = (cpu(pid)?, Instant::now());
            let mut clients = JoinSet::new();
            for first in 0..ALONE {
                let (sender, records, seconds) = (sender.clone(), self.records.bodies.clone(), self.seconds);
                clients.spawn(async move {
                    let mut connection = Connection::open(address).await?;
                    let mut sent = 0;
                    while started.elapsed() < Duration::from_secs(seconds) {
                        let body = records[(first + sent) % records.len()].clone();
                        let answer = sender.post(&records_of(&channel(0)), "application/x-ndjson", body).over(&mut connection).await?;
                        ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
                        sent += 1;
                    }
                    Ok(sent as u64)
                });
            }
            let mut sent = 0;
            while let Some(one) = clients.join_next().await {
                sent += one??;
            }
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(pid)? - before);
            stored(&operator, sent, sent).await?;
            hub.kill().await;
            Ok(figures(sent, wall, took))
        })
    }
}

struct Inserts {
    programs: PathBuf,
    record: Bytes,
    seconds: u64,
    scratch: PathBuf,
}

impl Contender for Inserts {
    fn about(&self) -> About {
        Cluster::about(&self.programs, POSTGRES)
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let folder = open_folder(&self.scratch)?;
            let cluster = Cluster::start(&self.programs, &folder.path().join("postgres")).await?;
            let script = folder.path().join("insert.sql");
            // pgbench takes a colon for a variable's mark, within literals too.
            let record = String::from_utf8_lossy(self.record.trim_ascii_end()).replace(':', "\\003A");
            std::fs::write(&script, format!("insert into readings (record) values (U&'{record}');\n"))?;
            let (before, started) = (cpu(cluster.pid()?)?, Instant::now());
            let done = cluster.pgbench(&script, ALONE, self.seconds).await?;
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(cluster.pid()?)? - before);
            let stored: u64 = cluster.sql("select count(*) from readings").await?.trim().parse()?;
            ensure!(stored == done, "{stored} rows for {done} inserts");
            Ok(figures(done, wall, took))
        })
    }
}

struct MessagesAlone {
    program: PathBuf,
    records: Posts,
    seconds: u64,
    scratch: PathBuf,
}

impl Contender for MessagesAlone {
    fn about(&self) -> About {
        Server::about(&self.program, JETSTREAM, JETSTREAM_HOW)
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let (_folder, mut server) = with_stream(&self.program, &self.scratch, "records").await?;
            let address = server.address();
            let (before, started) = (cpu(server.pid()?)?, Instant::now());
            let mut clients = JoinSet::new();
            for first in 0..ALONE {
                let (records, seconds) = (self.records.bodies.clone(), self.seconds);
                clients.spawn(async move {
                    let mut connection = nats::Connection::open(address).await?;
                    let mut sent = 0;
                    while started.elapsed() < Duration::from_secs(seconds) {
                        connection.publish("records", &records[(first + sent) % records.len()]).await?;
                        sent += 1;
                    }
                    anyhow::Ok(sent as u64)
                });
            }
            let mut sent = 0;
            while let Some(one) = clients.join_next().await {
                sent += one??;
            }
            let (wall, took) = (started.elapsed().as_secs_f64(), cpu(server.pid()?)? - before);
            let stored = server.connection().await?.messages("records").await?;
            ensure!(stored == sent, "{stored} messages of {sent}");
            Ok(figures(sent, wall, took))
        })
    }
}
