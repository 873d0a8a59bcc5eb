//! How the hub bears growth: more channels and connectors, more records in one channel, more pending at a crash. Each is a curve,
//! measured in one run on new folders; what it costs at one is what the rest is compared with.

pub mod channels;
pub mod records;
pub mod restart;
pub mod screen;
pub mod sending;

use std::net::SocketAddr;
use std::num::NonZeroI32;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::client::{Address, Client};
use crate::hub::Hub;

/// How often a starting hub is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Starts a hub that has ended, and tells how long it took until it said that it takes data.
///
/// # Errors
/// When it does not start.
pub async fn start(hub: &mut Hub) -> anyhow::Result<Duration> {
    let started = Instant::now();
    hub.spawn_again();
    let address = hub.city().data().join("hub.addr");
    loop {
        let known: Option<SocketAddr> = std::fs::read_to_string(&address).ok().and_then(|text| text.trim().parse().ok());
        if let Some(known) = known {
            let answer = Client::new(Address::new(known), None).get("/readyz").attempt().await;
            if answer.is_ok_and(|answer| answer.status.is_success()) {
                break;
            }
        }
        anyhow::ensure!(started.elapsed() < Duration::from_secs(300), "the hub does not start: {}", hub.log());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = started.elapsed();
    // The harness learns the address too.
    hub.ready().await;
    Ok(took)
}

/// A line of `/proc/<pid>/status` that counts KiB, in bytes: `VmRSS`, `VmHWM`.
///
/// # Errors
/// When there is no such process or line.
pub fn memory_bytes(pid: NonZeroI32, line: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = status.lines().find_map(|found| found.strip_prefix(line)?.trim_start_matches(':').trim().strip_suffix("kB"));
    Ok(found.and_then(|kib| kib.trim().parse::<u64>().ok()).with_context(|| format!("no {line}"))? << 10)
}

/// The middle one of some times.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Milliseconds, for a table.
pub fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// MiB, for a table.
pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
