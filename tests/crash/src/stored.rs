//! Opens what a power cut left, as the hub would, and holds it to all that had been acknowledged by then: in the log, in
//! quarantine, among the attachments, in the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use lienthong::lake::{Lake, TableSpec};
use lienthong::store::{Options, QuarantineFilter, Store};
use lienthong_core::id::{ChannelId, SchemaId};
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::schema::ChannelSchema;
use lienthong_examples::demo::delta_log;
use lienthong_tests::ledger::{Entry, property};
use sha2::{Digest, Sha256};

use crate::senders::Sent;
use crate::tally::Tally;
use crate::town;

const PAGE: u32 = 10_000;
const PAGE_BYTES: usize = 8 << 20;

/// What every file of the lake holds that was ever put into place.
pub type Whole<'d> = BTreeMap<std::path::PathBuf, &'d [u8]>;

/// Holds a folder to everything that was acknowledged while the journal was no longer than `cut_at`, and lands what is stored
/// if it is to.
pub async fn check(folder: &Path, sent: &Sent, cut_at: u64, whole: &Whole<'_>, lands: bool, tally: &mut Tally) -> anyhow::Result<()> {
    let store = Store::open(Options::new(folder)).await.context("the store does not open")?;
    let sums: BTreeMap<_, _> = store.sums().await?.into_iter().map(|sum| (sum.channel.to_string(), sum)).collect();
    for channel in town::POSTS.into_iter().chain([town::SCANS]) {
        let id = ChannelId::new(channel)?;
        let batches = log(&store, &id).await?;
        let stored = gapless(channel, &batches)?;
        let (next, counted) = sums.get(channel).map_or((0, 0), |sum| (sum.next.offset, sum.stored));
        ensure!(stored == next && stored == counted, "{channel}: {stored} records in the log, next offset {next}, counted {counted}");
        if channel == town::SCANS {
            scans(&store, &id, &batches, sent, cut_at).await?;
        } else {
            let entries = sent.entries.iter().filter(|entry| entry.channel == channel);
            let open = sums.get(channel).map_or(0, |sum| sum.open);
            let kept = posts(&store, &id, &batches, entries, open, cut_at).await?;
            tally.add("of acknowledged posts, looked for after a cut", kept);
        }
        let rows = in_lake(folder, &id, &batches, whole).with_context(|| format!("the lake table of {channel}"))?;
        if lands {
            land(folder, &id, &batches, rows).await.with_context(|| format!("the lake table of {channel}, landing"))?;
            tally.add("tables that landed on after a cut", 1);
        }
    }
    store.close().await?;
    Ok(())
}

async fn log(store: &Store, channel: &ChannelId) -> anyhow::Result<Vec<StoredBatch>> {
    let (mut batches, mut next) = (Vec::<StoredBatch>::new(), Position::START);
    loop {
        let page = store.read(channel, next, PAGE, PAGE_BYTES).await?;
        let Some(last) = page.last() else { return Ok(batches) };
        next = last.end();
        batches.extend(page);
    }
}

/// P3. Answers how many records there are.
fn gapless(channel: &str, batches: &[StoredBatch]) -> anyhow::Result<u64> {
    let mut next = Position::START;
    for batch in batches {
        ensure!(batch.first == next, "{channel}: {} follows {next}", batch.first);
        ensure!(batch.records().count() == batch.count as usize, "{channel}: the batch at {next} is not what it says");
        next = batch.end();
    }
    Ok(next.offset)
}

fn lines(batches: &[StoredBatch]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    batches.iter().flat_map(|batch| batch.records().map(|(_, bytes, _)| text(bytes)).collect::<Vec<_>>()).collect()
}

/// Each post is there whole, with its key and its rejected items, or not at all; and not at all only if nobody was told of it.
async fn posts(
    store: &Store,
    channel: &ChannelId,
    batches: &[StoredBatch],
    entries: impl Iterator<Item = &Entry>,
    open: u64,
    cut_at: u64,
) -> anyhow::Result<u64> {
    let lines = lines(batches);
    let scope = format!("sender:{channel}");
    let (mut told, mut taken, mut wanted) = (0, BTreeSet::new(), Vec::new());
    for Entry { key, good, bad, answer, journal_bytes, .. } in entries {
        let acknowledged = *journal_bytes <= cut_at;
        let Some(known) = store.recall(&scope, key.as_bytes()).await? else {
            ensure!(!acknowledged, "{key} was acknowledged and is lost");
            continue;
        };
        told += u64::from(acknowledged);
        wanted.extend(bad.iter().cloned());
        let first = known.receipt.ranges.first().map_or(0, |range| range.first);
        if acknowledged {
            let said = answer["offsets"][0]["first"].as_u64().unwrap_or_default();
            ensure!(first == said, "{key}: acknowledged at offset {said}, stored at {first}");
        }
        for ((id, hash, _), offset) in good.iter().zip(first..) {
            let line = lines.get(offset as usize).with_context(|| format!("{key}: {id} is missing at offset {offset}"))?;
            ensure!(Sha256::digest(line)[..] == hash[..], "{key}: offset {offset} is not {id}: {line}");
            ensure!(taken.insert(offset), "{key}: offset {offset} belongs to two posts");
        }
    }
    ensure!(taken.len() == lines.len(), "{channel}: {} records, of which {} belong to posts", lines.len(), taken.len());
    let mut found = quarantine(store, channel).await?;
    ensure!(found.len() as u64 == open, "{channel}: {open} are counted in quarantine, {} are there", found.len());
    found.sort();
    wanted.sort();
    ensure!(found == wanted, "{channel}: what is in quarantine");
    Ok(told)
}

async fn quarantine(store: &Store, channel: &ChannelId) -> anyhow::Result<Vec<String>> {
    let (mut texts, mut before) = (Vec::new(), None);
    loop {
        let filter = QuarantineFilter { channel: Some(channel.clone()), before, limit: 1_000, ..Default::default() };
        let page = store.quarantine(filter).await?;
        for entry in &page {
            let (_, bytes) = store.quarantine_entry(entry.id).await?.context("an entry of the quarantine is gone")?;
            texts.push(String::from_utf8(bytes)?);
        }
        match page.last() {
            None => return Ok(texts),
            Some(last) => before = Some(last.id),
        }
    }
}

/// Each scan that is there is there once and has its bytes.
async fn scans(store: &Store, channel: &ChannelId, batches: &[StoredBatch], sent: &Sent, cut_at: u64) -> anyhow::Result<()> {
    let found: Vec<String> = lines(batches).iter().map(|line| property(line, "sha256")).collect();
    let unique: BTreeSet<_> = found.iter().collect();
    ensure!(unique.len() == found.len(), "a scan stands in the log twice");
    for scan in &sent.scans {
        ensure!(scan.journal_bytes > cut_at || unique.contains(&scan.sha256), "the scan {} was acknowledged and is lost", scan.sha256);
    }
    for name in &found {
        let hash = name.parse().map_err(|_| anyhow::anyhow!("{name} is no hash"))?;
        let file = store.attachment(channel, &hash).await?.with_context(|| format!("the scan {name} has no attachment"))?;
        let digest: String = file.sha256()?.iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(digest == *name, "the scan {name} has other bytes");
    }
    Ok(())
}

/// P5: the table holds records of the log and no others, and every file that it names is whole. Answers its rows.
fn in_lake(folder: &Path, channel: &ChannelId, batches: &[StoredBatch], whole: &Whole<'_>) -> anyhow::Result<u64> {
    let place = Path::new("lake").join(channel.as_str());
    let table = delta_log::read(&folder.join(&place))?;
    for path in &table.paths {
        let path = place.join(path);
        let found = std::fs::read(folder.join(&path)).with_context(|| path.display().to_string())?;
        ensure!(whole.get(&path).is_some_and(|whole| *whole == &found[..]), "{} is not whole", path.display());
    }
    let (stored, last) = (end(batches), table.transactions.get(&format!("{channel}:1")).copied().unwrap_or(-1));
    ensure!(i64::try_from(table.rows)? == last + 1, "{} rows, and {last} is the last offset", table.rows);
    ensure!(table.rows <= stored, "{} rows of {stored} records", table.rows);
    Ok(table.rows)
}

fn end(batches: &[StoredBatch]) -> u64 {
    batches.last().map_or(0, |last| last.end().offset)
}

/// What the table lacks lands, and nothing twice.
async fn land(folder: &Path, channel: &ChannelId, batches: &[StoredBatch], rows: u64) -> anyhow::Result<()> {
    let lake = Lake::open(&folder.join("lake"))?;
    let id = SchemaId::new(&format!("{channel}.v1"))?;
    let schema = ChannelSchema::compile(id, serde_json::from_str(town::schema(channel.as_str()))?, &[])?;
    let mut table = lake.table(TableSpec { channel: channel.clone(), columns: schema.columns().to_vec(), time: None }).await?;
    let resume = table.resume_at(1).await?;
    ensure!(rows == resume, "{rows} rows, and it ends before {resume}");
    table.land(batches).await?;
    let rows = delta_log::read(&folder.join("lake").join(channel.as_str()))?.rows;
    ensure!(rows == end(batches), "{rows} rows of {} after landing on", end(batches));
    Ok(())
}
