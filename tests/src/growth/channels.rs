//! One channel and one connector, and a thousand: intake, rest, start and the views of operators.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::screen::Table;
use super::sending::{self, BATCH};
use super::{memory_bytes, mib, ms, start};
use crate::hub::Hub;
use crate::measure::cpu;
use crate::program::{argument, run as lienthong};

/// Posts sent at each number of channels.
const POSTS: usize = 300;
/// How long the hub is watched at rest.
const REST: Duration = Duration::from_secs(10);
/// What it may still do after a start before it counts as at rest.
const CALM_DOWN: Duration = Duration::from_secs(3);

/// Measures each number of channels with as many connectors, each an inbox nobody fills.
///
/// # Errors
/// When a record is lost or doubled.
pub async fn run(numbers: &[usize]) -> anyhow::Result<()> {
    let table = Table::new(
        "channels and connectors",
        &[
            "channels",
            "check ms",
            "start ms",
            "again ms",
            "RSS at rest MiB",
            "CPU at rest %",
            "accepted/s",
            "landed/s",
            "records/CPU s",
            "commits",
            "peak MiB",
            "status ms",
        ],
    );
    let posts = sending::posts();
    for number in numbers {
        table.row(&round(*number, &posts).await?);
    }
    Ok(())
}

async fn round(number: usize, posts: &std::sync::Arc<[bytes::Bytes]>) -> anyhow::Result<Vec<String>> {
    let city = sending::city(number, "every: 1s, bytes: 16MiB", &[("environment.yaml", &connectors(number))]);
    let plugins = crate::program::plugins();
    let checked = Instant::now();
    let said = lienthong(&["check", argument(&city.path()), "--plugins", argument(&plugins)]).await;
    let checked = checked.elapsed();
    ensure!(said.code == Some(0), "{}{}", said.stdout, said.stderr);

    // The first start compiles the plugin and makes the tables; the second finds both.
    let started = Instant::now();
    let mut hub = Hub::start_with_plugins(city).await;
    let started = started.elapsed();
    tokio::time::sleep(CALM_DOWN).await;
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    let again = start(&mut hub).await?;
    let pid = hub.pid().as_raw_nonzero();
    tokio::time::sleep(CALM_DOWN).await;
    let before = cpu(pid)?;
    tokio::time::sleep(REST).await;
    let at_rest = (cpu(pid)? - before) / REST.as_secs_f64();
    let resident = memory_bytes(pid, "VmRSS")?;

    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let records = (POSTS * BATCH) as u64;
    let (before, began) = (cpu(pid)?, Instant::now());
    let accepted = sending::send(&hub, &sender, posts, POSTS, number).await?;
    sending::landed(&operator, records).await?;
    let (landed, spent) = (began.elapsed(), cpu(pid)? - before);
    let view = sending::status_takes(&operator).await;
    let data = hub.city().data();
    let commits: u64 = (0..number).map(|nth| crate::lake::table(&data, &sending::channel(nth)).files).sum();
    let peak = memory_bytes(pid, "VmHWM")?;
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    let rate = |seconds: f64| format!("{:.0}", records as f64 / seconds);
    Ok(vec![
        number.to_string(),
        ms(checked),
        ms(started),
        ms(again),
        mib(resident),
        format!("{:.2}", at_rest * 100.0),
        rate(accepted.as_secs_f64()),
        rate(landed.as_secs_f64()),
        rate(spent),
        commits.to_string(),
        mib(peak),
        ms(view),
    ])
}

fn connectors(number: usize) -> String {
    let mut text = "connectors:\n".to_owned();
    for nth in 0..number {
        text += &format!(
            "  environment/stations-{nth:04}:\n    plugin: environment-tt10\n    agency: sender\n    settings: {{ province: LamDong }}\n    \
             inbox: {{ path: inbox/{nth:04}, pattern: \"*.txt\" }}\n    emits: {{ readings: environment/observations }}\n"
        );
    }
    text + "channels:\n  environment/observations: { schema: environment/observations.v1, time: /observed_at }\n\
            grants:\n  - { agency: sender, channel: environment/observations, access: [read, write], purpose: bench }\n"
}
