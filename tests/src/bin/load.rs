//! The benchmark of the whole way: posted, validated, synced to the disk, and in the lake.
//!
//! Each round runs a new hub on a new folder. The corpus comes from the examples; its seed is that of every published figure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Parser;
use lienthong_examples::corpus::{Corpus, SCHEMA, SEED};
use lienthong_examples::demo::delta_log;
use lienthong_tests::city::City;
use lienthong_tests::client::{Client, Connection};
use lienthong_tests::hub::{Hub, channel_status};
use lienthong_tests::measure::{cpu, fsyncs, quantile};
use tokio::task::JoinSet;

const CHANNEL: &str = "bench/readings";
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LANDED_WITHIN: Duration = Duration::from_secs(120);

/// Posts the benchmark's corpus to a hub until all of it is in the lake.
#[derive(Parser)]
struct Arguments {
    /// Records a round
    #[arg(long, default_value_t = lienthong_examples::corpus::RECORDS)]
    records: usize,
    /// Records a post
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Clients, each with one connection and one post under way
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// One record in a hundred is invalid
    #[arg(long)]
    mixed: bool,
    /// The lake's flush, as the city writes it
    #[arg(long, default_value = "every: 1s, bytes: 16MiB")]
    flush: String,
}

struct Round {
    /// Seconds until the last answer.
    accepted_in: f64,
    /// Seconds until the last row was in the lake.
    landed_in: f64,
    /// Seconds of processor time of the hub, until then.
    cpu: f64,
    /// The hub's memory at its highest, MiB.
    peak_mib: u64,
    /// Commits of the table.
    commits: u64,
    /// Seconds that one fsync takes, measured right before and after.
    fsyncs: Vec<f64>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.records > 0 && arguments.batch > 0 && arguments.clients > 0 && arguments.rounds > 0, "nothing to do");
    let (posts, good) = posts(&arguments);
    let bytes: usize = posts.iter().map(Bytes::len).sum();
    println!(
        "{} records ({} valid), {:.1} MB, {} posts by {} clients; lake: {{ {} }}",
        arguments.records,
        good,
        bytes as f64 / 1e6,
        posts.len(),
        arguments.clients,
        arguments.flush
    );
    let mut rounds = Vec::new();
    println!("round  accepted/s    landed/s  CPU s  records/CPU s  peak MiB  commits  fsync p50 ms  p99 ms");
    for number in 1..=arguments.rounds {
        let round = round(&arguments, &posts, good).await?;
        print(&number.to_string(), arguments.records as f64, &round);
        rounds.push(round);
    }
    let records = arguments.records as f64;
    let figures: BTreeMap<&str, Vec<f64>> = BTreeMap::from([
        ("records/s accepted", rounds.iter().map(|round| records / round.accepted_in).collect()),
        ("records/s landed", rounds.iter().map(|round| records / round.landed_in).collect()),
        ("records/CPU-second", rounds.iter().map(|round| records / round.cpu).collect()),
    ]);
    for (name, mut values) in figures {
        values.sort_by(f64::total_cmp);
        println!("{name}: median {:.0} ({:.0} to {:.0})", values[values.len() / 2], values[0], values[values.len() - 1]);
    }
    Ok(())
}

fn print(number: &str, records: f64, round: &Round) {
    let Round { accepted_in, landed_in, cpu, peak_mib, commits, fsyncs } = round;
    println!(
        "{number:>5}  {:>10.0}  {:>10.0}  {cpu:>5.2}  {:>13.0}  {peak_mib:>8}  {commits:>7}  {:>12.2}  {:>6.2}",
        records / accepted_in,
        records / landed_in,
        records / cpu,
        quantile(fsyncs, 0.5) * 1e3,
        quantile(fsyncs, 0.99) * 1e3
    );
}

fn posts(arguments: &Arguments) -> (Vec<Bytes>, u64) {
    let mut corpus = if arguments.mixed { Corpus::mixed(SEED) } else { Corpus::valid(SEED) };
    let (mut posts, mut good, mut left) = (Vec::new(), 0, arguments.records);
    while left > 0 {
        let mut body = String::with_capacity(arguments.batch * 400);
        for _ in 0..arguments.batch.min(left) {
            good += u64::from(corpus.write_next(&mut body));
            body.push('\n');
        }
        left = left.saturating_sub(arguments.batch);
        posts.push(Bytes::from(body));
    }
    (posts, good)
}

async fn round(arguments: &Arguments, posts: &[Bytes], good: u64) -> anyhow::Result<Round> {
    let city = format!("title: Bench\nagencies:\n  sender: {{ title: Sender }}\nlake: {{ flush: {{ {} }} }}\n", arguments.flush);
    let bench = format!(
        "channels:\n  {CHANNEL}: {{ schema: {CHANNEL}.v1, key: [/id], time: /observed_at }}\n\
         grants:\n  - {{ agency: sender, channel: {CHANNEL}, access: [read, write], purpose: bench }}\n"
    );
    let city = City::new(&[("city.yaml", &city), ("bench.yaml", &bench), (&format!("schemas/{CHANNEL}.v1.json"), SCHEMA)]);
    let mut hub = Hub::start(city).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let data = hub.city().data();
    let pid = hub.pid().as_raw_nonzero();

    let mut probes = fsyncs(&data)?;
    let before = cpu(pid)?;
    let started = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let posts: Arc<[Bytes]> = posts.into();
    let mut clients = JoinSet::new();
    for _ in 0..arguments.clients {
        clients.spawn(post_all(hub.address().get(), sender.clone(), posts.clone(), next.clone()));
    }
    let mut answered = (0, 0);
    while let Some(sums) = clients.join_next().await {
        let (accepted, quarantined) = sums??;
        answered = (answered.0 + accepted, answered.1 + quarantined);
    }
    let accepted_in = started.elapsed().as_secs_f64();
    ensure!(
        answered == (good, arguments.records as u64 - good),
        "{good} of {} records are valid, the hub answered {answered:?}",
        arguments.records
    );
    let table = data.join("lake").join(CHANNEL);
    let table = loop {
        let read = delta_log::read(&table)?;
        if read.rows >= good {
            break read;
        }
        ensure!(started.elapsed() < LANDED_WITHIN, "{} of {good} records are in the lake after {} s", read.rows, LANDED_WITHIN.as_secs());
        // Looked at from outside: asking the hub would cost it time that is being measured.
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let landed_in = started.elapsed().as_secs_f64();
    let cpu = cpu(pid)? - before;
    let peak_mib = peak_mib(pid)?;
    probes.extend(fsyncs(&data)?);

    let status = lienthong_tests::hub::landed(&operator, CHANNEL, good).await;
    ensure!(table.rows == good, "{} rows in the lake for {good} records", table.rows);
    ensure!(status["accepted"] == arguments.records && status["quarantined"] == arguments.records as u64 - good, "{status}");
    ensure!(channel_status(&operator, CHANNEL).await["sums_hold"] == true, "the sums do not hold");
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    let commits = table.files;
    Ok(Round { accepted_in, landed_in, cpu, peak_mib, commits, fsyncs: probes })
}

async fn post_all(
    address: std::net::SocketAddr,
    sender: Client,
    posts: Arc<[Bytes]>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<(u64, u64)> {
    let mut connection = Connection::open(address).await?;
    let mut sums = (0, 0);
    while let Some(body) = posts.get(next.fetch_add(1, Ordering::Relaxed)) {
        let ask = sender.post(&format!("/v1/channels/{CHANNEL}/records"), "application/x-ndjson", body.clone());
        let answer = ask.over(&mut connection).await?;
        ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
        let answer = answer.json();
        let sum = |name: &str| answer[name].as_u64().with_context(|| format!("no `{name}` in {answer}"));
        sums = (sums.0 + sum("accepted")?, sums.1 + sum("quarantined")?);
    }
    Ok(sums)
}

fn peak_mib(pid: std::num::NonZeroI32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kib.context("no VmHWM")? >> 10)
}
