//! One channel that grows: what each million costs, and what it costs to read, to look at and to start with so many.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::screen::Table;
use super::sending::{self, BATCH};
use super::{median, memory_bytes, mib, ms, start};
use crate::client::{Ask, Client, Connection};
use crate::hub::Hub;
use crate::measure::cpu;

/// Measures at each of these millions of records, in rising order.
///
/// # Errors
/// When a record is lost or doubled.
pub async fn run(millions: &[usize]) -> anyhow::Result<()> {
    let table = Table::new(
        "records of one channel",
        &[
            "millions",
            "accepted/s",
            "records/CPU s",
            "database MiB",
            "lake MiB",
            "read/s",
            "first page ms",
            "last page ms",
            "status ms",
            "again ms",
            "RSS MiB",
            "peak MiB",
        ],
    );
    let posts = sending::posts();
    let mut hub = Hub::start(sending::city(1, "every: 1s, bytes: 16MiB", &[])).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let (mut stored, mut reader) = (0, Reader { client: sender.clone(), next: None, last_page: None });
    for million in millions {
        let pid = hub.pid().as_raw_nonzero();
        let more = million * 1_000_000 - stored;
        let before = cpu(pid)?;
        let accepted = sending::send(&hub, &sender, &posts, more / BATCH, 1).await?;
        stored += more;
        sending::landed(&operator, stored as u64).await?;
        let spent = cpu(pid)? - before;
        let (resident, peak) = (memory_bytes(pid, "VmRSS")?, memory_bytes(pid, "VmHWM")?);
        let read = reader.read_on(&hub, more).await?;
        let (first, last) = (page(&hub, &sender, None).await?, page(&hub, &sender, reader.last_page.as_deref()).await?);
        let view = sending::status_takes(&operator).await;
        let data = hub.city().data();
        let (database, lake) = (std::fs::metadata(data.join("hub.db"))?.len(), folder_bytes(&data.join("lake"))?);
        hub.kill().await;
        let again = start(&mut hub).await?;
        table.row(&[
            million.to_string(),
            format!("{:.0}", more as f64 / accepted.as_secs_f64()),
            format!("{:.0}", more as f64 / spent),
            mib(database),
            mib(lake),
            format!("{read:.0}"),
            ms(first),
            ms(last),
            ms(view),
            ms(again),
            mib(resident),
            mib(peak),
        ]);
    }
    ensure!(hub.terminate().await.success(), "the hub did not stop well: {}", hub.log());
    Ok(())
}

/// An agency that reads the channel, page by page.
struct Reader {
    client: Client,
    next: Option<String>,
    /// The cursor before the last page that held anything.
    last_page: Option<String>,
}

impl Reader {
    /// Reads what is new, and tells how many records a second came.
    async fn read_on(&mut self, hub: &Hub, new: usize) -> anyhow::Result<f64> {
        let mut connection = Connection::open(hub.address().get()).await?;
        let (mut records, started) = (0, Instant::now());
        while records < new {
            let answer = pull(&self.client, self.next.as_deref(), 10_000).over(&mut connection).await?;
            ensure!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
            ensure!(!answer.body.is_empty(), "the channel ends after {records} of {new} records");
            records += answer.body.iter().filter(|byte| **byte == b'\n').count();
            self.last_page = self.next.replace(answer.header("lienthong-cursor").to_owned());
        }
        ensure!(records == new, "{records} records came where {new} were stored");
        Ok(records as f64 / started.elapsed().as_secs_f64())
    }
}

/// How long a page takes, the middle of twenty.
async fn page(hub: &Hub, reader: &Client, after: Option<&str>) -> anyhow::Result<Duration> {
    let mut connection = Connection::open(hub.address().get()).await?;
    let mut took = Vec::new();
    for _ in 0..20 {
        let asked = Instant::now();
        let answer = pull(reader, after, BATCH).over(&mut connection).await?;
        took.push(asked.elapsed());
        ensure!(answer.status.is_success() && !answer.body.is_empty(), "{}: {}", answer.status, answer.text());
    }
    Ok(median(took))
}

fn pull(reader: &Client, after: Option<&str>, limit: usize) -> Ask {
    let after = after.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
    let path = format!("/v1/channels/{}/records?limit={limit}{after}", sending::channel(0));
    reader.get(&path).header("accept", "application/x-ndjson")
}

fn folder_bytes(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { folder_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
