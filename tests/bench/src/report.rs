//! What a run leaves behind for machines: a file of all pairs, with the machine and the versions they were measured on.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use lienthong_tests::measure::quantile;
use serde::Serialize;

use crate::lineup::{Measured, Series};
use crate::row::Row;

/// One measure, whole.
#[derive(Serialize)]
pub(crate) struct Measure {
    /// Its name in the table.
    pub(crate) measure: &'static str,
    /// What was done, in a sentence.
    pub(crate) what: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) contenders: Vec<Series>,
    /// What one fsync took in the same run, milliseconds; none where nothing is durable.
    pub(crate) fsync_ms: Option<FsyncMs>,
}

#[derive(Serialize)]
pub(crate) struct FsyncMs {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Measure {
    /// Of lineups that ran one after the other.
    pub(crate) fn new(measure: &'static str, what: &'static str, rows: Vec<Row>, measured: impl IntoIterator<Item = Measured>) -> Self {
        let (mut contenders, mut fsyncs) = (Vec::new(), Vec::new());
        for one in measured {
            contenders.extend(one.series);
            fsyncs.extend(one.fsyncs);
        }
        let at = |share| quantile(&fsyncs, share) * 1e3;
        let fsync_ms = (!fsyncs.is_empty()).then(|| FsyncMs { p50: at(0.5), p99: at(0.99) });
        Self { measure, what, rows, contenders, fsync_ms }
    }
}

/// All of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) began_at: DateTime<Utc>,
    pub(crate) took_s: f64,
    pub(crate) machine: Machine,
    /// What was asked for: pairs, records, and so on.
    pub(crate) options: serde_json::Value,
    pub(crate) measures: Vec<Measure>,
}

impl Report {
    /// Writes it under its date and as the latest, and the latest's table in Markdown; tells where.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(format!("{}.json", self.began_at.format("%Y-%m-%dT%H%M%SZ")));
        let text = serde_json::to_string_pretty(self)?;
        for path in [&path, &folder.join("latest.json")] {
            std::fs::write(path, &text).with_context(|| path.display().to_string())?;
        }
        std::fs::write(folder.join("latest.md"), self.markdown())?;
        Ok(path)
    }

    fn markdown(&self) -> String {
        let Machine { processor, cores, memory_gib, kernel, load, commit, .. } = &self.machine;
        let date = self.began_at.format("%Y-%m-%d");
        let rows = crate::table::markdown(self.measures.iter().flat_map(|measure| &measure.rows));
        let fsync = |measure: &Measure| {
            Some(format!("{} {:.1} and {:.1} ms", measure.measure, measure.fsync_ms.as_ref()?.p50, measure.fsync_ms.as_ref()?.p99))
        };
        let fsyncs: Vec<_> = self.measures.iter().filter_map(fsync).collect();
        let machine = format!("{cores} × {processor}, {memory_gib} GiB, Linux {kernel}, load {load} at the start");
        format!("{date}, {machine}, commit {commit}; {}. One fsync, p50 and p99: {}.\n\n{rows}", self.options, fsyncs.join("; "))
    }
}

/// What it ran on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Processes that wanted a core when the run began, over the last minute: far above zero, the wall's figures mean little.
    pub(crate) load: f64,
    pub(crate) rust: String,
    /// The commit of the sources, with a mark where they were changed since.
    pub(crate) commit: String,
}

impl Machine {
    /// This one, as far as it can be told.
    pub(crate) fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal").split(' ').next().and_then(|kib| kib.parse::<u64>().ok());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or_default() >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            rust: said("rustc", &["--version"]),
            commit: said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]),
        }
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
