//! Killed with so many records pending, then started: until it takes data, and until all of them are in the lake.

use std::time::Instant;

use anyhow::ensure;

use super::screen::Table;
use super::sending::{self, BATCH};
use super::{memory_bytes, mib, ms, start};
use crate::hub::Hub;
use crate::lake::table;
use crate::measure::cpu;

/// Measures each number of records, so many rounds.
///
/// # Errors
/// When a record is lost or doubled, or the hub does not start.
pub async fn run(pending: &[usize], rounds: usize) -> anyhow::Result<()> {
    let table = Table::new(
        "killed with records pending, then started",
        &["  pending", "WAL MiB", "database MiB", "ready ms", "CPU ms", "RSS MiB", "landed after ms", "peak MiB"],
    );
    let posts = sending::posts();
    for records in pending {
        for _ in 0..rounds {
            table.row(&round(*records, &posts).await?);
        }
    }
    Ok(())
}

async fn round(records: usize, posts: &std::sync::Arc<[bytes::Bytes]>) -> anyhow::Result<Vec<String>> {
    let city = sending::city(1, "every: 1s, bytes: 16MiB", &[]);
    // A file where the lake's folder of the domain should be: nothing lands, and all of it stays pending.
    let in_the_way = city.data().join("lake/bench");
    std::fs::create_dir_all(city.data().join("lake"))?;
    std::fs::write(&in_the_way, "")?;
    let mut hub = Hub::start(city).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let count = records.div_ceil(BATCH);
    sending::send(&hub, &sender, posts, count, 1).await?;
    let stored = (count * BATCH) as u64;
    let status = operator.get("/v1/status").send().await.expect(200).json();
    ensure!(status["channels"][0]["pending"] == stored, "something landed: {status}");
    hub.kill().await;
    std::fs::remove_file(&in_the_way)?;
    let data = hub.city().data();
    let size = |name: &str| std::fs::metadata(data.join(name)).map_or(0, |file| file.len());
    let (wal, database) = (size("hub.db-wal"), size("hub.db"));

    let started = Instant::now();
    let ready = start(&mut hub).await?;
    let pid = hub.pid().as_raw_nonzero();
    let (spent, resident) = (cpu(pid)?, memory_bytes(pid, "VmRSS")?);
    sending::landed(&operator, stored).await?;
    let landed = started.elapsed();
    let peak = memory_bytes(pid, "VmHWM")?;
    let rows = table(&data, &sending::channel(0)).rows;
    ensure!(rows == stored, "{rows} rows in the lake for {stored} records");
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    let cpu_ms = format!("{:.0}", spent * 1e3);
    Ok(vec![stored.to_string(), mib(wal), mib(database), ms(ready), cpu_ms, mib(resident), ms(landed), mib(peak)])
}
