//! Figures to look at, not tests: `cargo test -p lienthong --lib lake::figures -- --ignored --nocapture`.
//!
//! In the everyday profile the scanner is not optimised while the crates it is compared with are; for figures that mean
//! something add `--config 'profile.dev.package.lienthong.opt-level=3'`.

use std::time::{Duration, Instant};

use deltalake_core::arrow::json::ReaderBuilder;
use lienthong_core::columns::{Column, ColumnType};
use lienthong_core::id::ChannelId;
use lienthong_core::log::StoredBatch;

use super::files::FileFormat;
use super::layout::{self, Layout, TableSpec};
use super::rows::Rows;
use super::tests::{batch, column};
use super::*;

const BATCH: u64 = 1000;

fn spec() -> TableSpec {
    use ColumnType::{Boolean, Double, Integer, Json, Text, Timestamp};
    let columns: Vec<Column> = [
        ("id", Text),
        ("station", Text),
        ("province", Text),
        ("parameter", Text),
        ("unit", Text),
        ("value", Double),
        ("count", Integer),
        ("valid", Boolean),
        ("observed_at", Timestamp),
        ("latitude", Double),
        ("longitude", Double),
        ("flags", Json),
    ]
    .map(|(name, column_type)| column(name, column_type))
    .into();
    TableSpec { channel: ChannelId::new("environment/figures").unwrap(), columns, time: Some("/observed_at".into()) }
}

/// Sensor records of about 350 bytes, 12 properties.
fn sensors(first: u64, count: u64) -> StoredBatch {
    let line = |n: u64| {
        let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            r#"{{"id":"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}","station":"Trạm quan trắc Bảo Lộc {}","province":"LamDong","parameter":"{}","unit":"µg/m³","value":{}.{},"count":{},"valid":{},"observed_at":"2026-11-23T08:{:02}:{:02}.{:03}+07:00","latitude":11.{:06},"longitude":107.{:06},"flags":["calibrated","auto"]}}"#,
            hash >> 32,
            hash & 0xffff,
            hash >> 20 & 0xfff,
            hash >> 8 & 0xfff,
            hash & 0xffff_ffff_ffff,
            n % 40,
            ["pm25", "pm10", "so2", "no2"][n as usize % 4],
            hash % 300,
            hash % 97,
            n % 60,
            !n.is_multiple_of(50),
            n / 60 % 60,
            n % 60,
            n % 1000,
            hash % 1_000_000,
            hash / 7 % 1_000_000,
        )
    };
    batch(1, first, &(first..first + count).map(line).collect::<Vec<_>>())
}

fn rate(rows: usize, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

#[test]
#[ignore = "a figure, not a test"]
fn rows_a_second_beside_arrow_json() {
    let spec = spec();
    let layout = Layout::of(&deltalake_core::kernel::StructType::try_new(layout::fields(&spec)).unwrap());
    let batches: Vec<_> = (0..50).map(|n| sensors(n * BATCH, BATCH)).collect();
    let rows: usize = batches.iter().map(|batch| batch.count as usize).sum();
    let bytes: usize = batches.iter().map(|batch| batch.ndjson.len()).sum();
    println!("{rows} rows of {} bytes", bytes / rows);
    // arrow-json cannot put an array into a text column: it gets a list there, or leaves the column out.
    let plain: Vec<_> =
        layout.file_schema.fields().iter().filter(|field| !field.name().starts_with('_') && field.name() != "flags").cloned().collect();
    let plain = Arc::new(deltalake_core::arrow::datatypes::Schema::new(plain));
    let format = FileFormat::new(layout.clone(), Vec::new());
    for _ in 0..5 {
        let start = Instant::now();
        let mut builder = Rows::new(&spec.channel, &layout, spec.time.as_deref());
        for batch in &batches {
            builder.push(batch, 0);
        }
        assert_eq!(builder.take().unwrap().num_rows(), rows);
        let ours = start.elapsed();
        let start = Instant::now();
        let mut decoder = ReaderBuilder::new(plain.clone()).with_batch_size(rows).build_decoder().unwrap();
        for batch in &batches {
            let mut text = &batch.ndjson[..];
            while !text.is_empty() {
                let read = decoder.decode(text).unwrap();
                text = &text[read..];
            }
        }
        assert_eq!(decoder.flush().unwrap().unwrap().num_rows(), rows);
        let theirs = start.elapsed();
        let start = Instant::now();
        let pending: Vec<_> = batches.iter().map(|batch| (batch, 0)).collect();
        let files = format.encode(&spec.channel, spec.time.as_deref(), &pending).unwrap();
        let whole = start.elapsed();
        println!(
            "decode {:.0} rows/s ({:.2} of arrow-json's {:.0}, which makes no envelope, no flags); to Parquet {:.0} rows/s, {:.1} bytes a row",
            rate(rows, ours),
            theirs.as_secs_f64() / ours.as_secs_f64(),
            rate(rows, theirs),
            rate(rows, whole),
            files[0].bytes.len() as f64 / rows as f64,
        );
    }
}

fn wanted(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The lake to fill: a temporary folder; the folder LAKE_FIGURES, which stays, for other engines to read; or the bucket `lake` of
/// the object store at LAKE_ENDPOINT, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
fn lake(temporary: &Path) -> Lake {
    let Ok(endpoint) = std::env::var("LAKE_ENDPOINT") else {
        let root = std::env::var_os("LAKE_FIGURES").map_or_else(|| temporary.join("lake"), PathBuf::from);
        return Lake::open(&root).unwrap();
    };
    let prefix = format!("figures/{}", token::token());
    let bucket = Bucket { name: "lake".into(), prefix, endpoint: Some(endpoint), region: "us-east-1".into() };
    println!("s3://lake/{}", bucket.prefix);
    Lake::in_bucket(&bucket, &Credentials::find(temporary).unwrap(), "figures").unwrap()
}

/// LAKE_COMMITS commits (1,000) of 20 records, a file each; LAKE_MERGE=0 leaves the files as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure, not a test"]
async fn many_small_commits() {
    let (commits, merge) = (wanted("LAKE_COMMITS", 1000), wanted("LAKE_MERGE", 1) == 1);
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    let mut table = lake.table(spec()).await.unwrap();
    let start = table.resume_at(1).await.unwrap();
    let (mut landings, mut upkeeps, mut merges) = (Vec::new(), Vec::new(), Vec::new());
    let timed = |begun: Instant| begun.elapsed().as_secs_f64() * 1000.0;
    for n in 0..commits {
        let records = [sensors(start + n * 20, 20)];
        let begun = Instant::now();
        table.land(&records).await.unwrap();
        landings.push(timed(begun));
        let begun = Instant::now();
        if table.upkeep().await.unwrap() {
            upkeeps.push((n + 1, timed(begun)));
        }
        let begun = Instant::now();
        while merge && let Some(lot) = table.compact().await.unwrap() {
            merges.push((n + 1, lot.files, timed(begun)));
        }
    }
    // A landing pays for itself and for its share of what keeps the table short.
    println!("commits up to | landing ms (median of the last 100) | upkeep ms | merge ms | all, ms a commit (of the last 100)");
    for around in [100, 200, 300, 500, 1000, 2000, 3000, 5000, 7000, 10_000].into_iter().filter(|around| *around <= commits) {
        let last = |n: &u64| *n > around - 100 && *n <= around;
        let mut near = landings[around as usize - 100..around as usize].to_vec();
        near.sort_by(f64::total_cmp);
        let upkeep: f64 = upkeeps.iter().filter(|(n, _)| last(n)).map(|(_, took)| took).sum();
        let merge: f64 = merges.iter().filter(|(n, ..)| last(n)).map(|(.., took)| took).sum();
        let all = (near.iter().sum::<f64>() + upkeep + merge) / 100.0;
        println!("{around:6} | {:8.2} | {upkeep:9.1} | {merge:9.1} | {all:8.2}", near[50]);
    }
    let mut tenth = landings[..20].to_vec();
    tenth.sort_by(f64::total_cmp);
    println!(
        "the first 20: median {:.2} ms; {} merges, the largest of {:?} files",
        tenth[10],
        merges.len(),
        merges.iter().map(|(_, files, _)| files).max()
    );
    let begun = Instant::now();
    let mut again = lake.table(spec()).await.unwrap();
    let end = again.resume_at(1).await.unwrap();
    println!("opened again in {:.1} ms, ends before {end}", timed(begun));
    assert_eq!(end, start + commits * 20);
}
