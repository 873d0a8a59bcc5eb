//! What benchmarks measure beside what they are about.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

/// Linux counts a process's time in ticks of 1/100 s.
const TICKS_PER_SECOND: f64 = 100.0;
const FSYNCS: usize = 200;

/// How long it takes to append 4 KiB and sync them, again and again, seconds.
///
/// # Errors
/// When the folder takes no file.
pub fn fsyncs(folder: &Path) -> anyhow::Result<Vec<f64>> {
    let path = folder.join("fsync-probe");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(started.elapsed().as_secs_f64());
    }
    std::fs::remove_file(path)?;
    Ok(took)
}

/// The value below which this share of them lies; there must be one.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

/// Processor time of a process so far, seconds.
///
/// # Errors
/// When there is no such process.
pub fn cpu(pid: std::num::NonZeroI32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may hold anything, `state` is the third field; `utime` and `stime` are the 14th and 15th.
    let fields: Vec<_> = stat.rsplit_once(')').context("no process name")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at - 3).and_then(|text| text.parse::<f64>().ok()).context("no processor time");
    Ok((ticks(14)? + ticks(15)?) / TICKS_PER_SECOND)
}

/// What a process holds at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Memory, MiB.
    pub resident_mib: u64,
    /// The most it ever was, MiB.
    pub peak_mib: u64,
    /// Threads.
    pub threads: u64,
    /// Open files and connections.
    pub descriptors: u64,
}

/// What a process holds now.
///
/// # Errors
/// When there is no such process.
pub fn process(pid: std::num::NonZeroI32) -> anyhow::Result<Process> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).with_context(|| format!("no {name}"))
    };
    Ok(Process {
        resident_mib: number("VmRSS:")? >> 10,
        peak_mib: number("VmHWM:")? >> 10,
        threads: number("Threads:")?,
        descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
    })
}
