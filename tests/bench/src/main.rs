//! The benchmark: what the hub does, held against others that do the same, in one run.
//!
//! A figure counts by itself for little: machines differ, and this one may be busy. So each measure runs the hub and its peers in
//! turn, several times, and what it tells is the ratio of each pair, its median and its range; where a processor is what limits,
//! by the second of the processor's time. A run that did not do all of its work, each record accepted or quarantined, is no run.

mod accept;
mod channels;
mod lineup;
mod load;
mod mllp;
mod nats;
mod peers;
mod plugin_call;
mod postgres;
mod report;
mod restart;
mod row;
mod table;
mod verdicts;
mod whole_way;
mod worker;

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, ensure};
use chrono::Utc;
use clap::{Parser, ValueEnum};
use lienthong_examples::corpus::RECORDS;
use lienthong_tests::program::lienthong;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::LocalSet;

use report::{Machine, Measure, Report};

/// Measures the hub and its peers, in turn, and prints the ratios.
#[derive(Parser)]
struct Arguments {
    /// What to measure; everything, if none is named
    #[arg(value_enum, ignore_case = true)]
    measures: Vec<Which>,
    /// How often each contender has its turn; below five, the ratios are no figures to publish
    #[arg(long)]
    pairs: Option<usize>,
    /// One pair of a small corpus: whether everything works, in about two minutes
    #[arg(long)]
    quick: bool,
    /// Records of the corpus
    #[arg(long)]
    records: Option<usize>,
    /// One record in a hundred is invalid
    #[arg(long)]
    mixed: bool,
    /// Where peers are installed, in place of your cache folder
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Where results go, in place of `bench` in the target folder
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// POST to lake: posted, validated, synced and landed
    #[value(name = "M1")]
    M1,
    /// The accept path alone
    #[value(name = "M2")]
    M2,
    /// One call of a plugin
    #[value(name = "M3")]
    M3,
    /// Bytes to verdict
    #[value(name = "M4")]
    M4,
    /// Killed with much pending, until ready
    #[value(name = "M7")]
    M7,
    /// One and a thousand channels and connectors
    #[value(name = "M8")]
    M8,
    /// HL7's way in
    #[value(name = "mllp")]
    Mllp,
}

/// What a measure is given.
struct Bench {
    pairs: usize,
    records: usize,
    mixed: bool,
    quick: bool,
    cache: PathBuf,
    out: PathBuf,
    scratch: TempDir,
}

impl Bench {
    /// Where peers are installed.
    fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where results go.
    fn out(&self) -> &Path {
        &self.out
    }

    /// A folder for everything that is gone in the end, on the disk of the results: a temporary folder may have none.
    fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// One of the benchmark's files that are no Rust.
    #[allow(clippy::unused_self)]
    fn script(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let pairs = arguments.pairs.unwrap_or(if arguments.quick { 1 } else { 5 });
    let records = arguments.records.unwrap_or(if arguments.quick { RECORDS / 5 } else { RECORDS });
    ensure!(pairs > 0 && records > 0, "nothing to do");
    let out = arguments.out.map_or_else(out, Ok)?;
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    // PostgreSQL runs as a user of its own, who must get to its folder in there.
    let scratch = tempfile::Builder::new().prefix("scratch-").permissions(Permissions::from_mode(0o755)).tempdir_in(&out)?;
    let bench = Rc::new(Bench {
        pairs,
        records,
        mixed: arguments.mixed,
        quick: arguments.quick,
        cache: arguments.cache.map_or_else(cache, Ok)?,
        out,
        scratch,
    });
    let machine = Machine::here();
    println!(
        "{} × {}, {} GiB, Linux {}, load {}; {}",
        machine.cores, machine.processor, machine.memory_gib, machine.kernel, machine.load, machine.rust
    );
    println!("{pairs} pair{}, {records} records{}", if pairs == 1 { "" } else { "s" }, if bench.mixed { ", 1 % invalid" } else { "" });

    let wanted = |which: &Which| if arguments.measures.is_empty() { *which != Which::Mllp } else { arguments.measures.contains(which) };
    let (began_at, started, mut measures, mut failed) = (Utc::now(), Instant::now(), Vec::new(), Vec::new());
    for which in Which::value_variants().iter().filter(|which| wanted(which)) {
        match apart(*which, bench.clone()).await {
            Ok(measure) => measures.push(measure),
            // The others are measured all the same.
            Err(error) => {
                println!("{which:?} failed: {error:#}");
                failed.push(format!("{which:?} failed: {error:#}"));
            }
        }
    }
    print(&measures);
    let options = json!({ "pairs": pairs, "records": records, "mixed": bench.mixed, "quick": bench.quick });
    let report = Report { began_at, took_s: started.elapsed().as_secs_f64(), machine, options, measures };
    println!("{} s; every pair is in {}", report.took_s.round(), report.write(bench.out())?.display());
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// The harness panics where something goes wrong; that ends one measure and not all of them.
async fn apart(which: Which, bench: Rc<Bench>) -> anyhow::Result<Measure> {
    let task = async move { tokio::task::spawn_local(async move { measure(which, &bench).await }).await };
    let measured = LocalSet::new().run_until(task).await;
    measured.map_err(|_| anyhow::anyhow!("what the harness said is above"))?
}

async fn measure(which: Which, bench: &Bench) -> anyhow::Result<Measure> {
    // Minutes of a whole run on two idle cores.
    let about = match which {
        Which::M1 => "POST to lake, about 4 minutes",
        Which::M2 => "the accept path, about 4 minutes",
        Which::M3 => "one call of a plugin, about a minute",
        Which::M4 => "bytes to verdict, half a minute",
        Which::M7 => "kill -9 and ready, about 2 minutes",
        Which::M8 => "a thousand channels, about 3 minutes",
        Which::Mllp => "HL7 over MLLP, about a minute",
    };
    println!("\n{which:?}: {about}");
    match which {
        Which::M1 => whole_way::measure(bench).await,
        Which::M2 => accept::measure(bench).await,
        Which::M3 => plugin_call::measure(bench).await,
        Which::M4 => verdicts::measure(bench).await,
        Which::M7 => restart::measure(bench).await,
        Which::M8 => channels::measure(bench).await,
        Which::Mllp => mllp::measure(bench).await,
    }
}

fn print(measures: &[Measure]) {
    println!();
    for measure in measures {
        println!("{}", table::table(&measure.rows));
        println!("{}: {}", measure.measure, measure.what);
        if let Some(fsync) = &measure.fsync_ms {
            println!("  fsync meanwhile: p50 {:.2} ms, p99 {:.2} ms", fsync.p50, fsync.p99);
        }
        let abouts: BTreeSet<_> = measure.contenders.iter().map(table::about).collect();
        for about in abouts {
            println!("  {about}");
        }
        println!();
    }
    println!("M5 (accept to subscriber) and M6 (SQL over the lake) are not measured: the hub has no streams and no SQL yet.");
}

/// The program that is measured.
fn hub_version() -> String {
    peers::said(std::process::Command::new(lienthong()).arg("--version")).unwrap_or_default()
}

/// `bench` in the target folder that this program was built into.
fn out() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).with_context(|| format!("{} is in no target folder: say --out", own.display()))?;
    Ok(target.join("bench"))
}

/// `$XDG_CACHE_HOME/lienthong/bench`, else `~/.cache/lienthong/bench`.
fn cache() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME names a folder: say --cache")?.join("lienthong/bench"))
}
