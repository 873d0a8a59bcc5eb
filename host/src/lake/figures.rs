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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure, not a test"]
async fn a_thousand_small_commits() {
    let folder = tempfile::tempdir().unwrap();
    // A place that stays, for other engines to read.
    let root = std::env::var_os("LAKE_FIGURES").map_or_else(|| folder.path().join("lake"), PathBuf::from);
    let mut table = Lake::open(&root).unwrap().table(spec()).await.unwrap();
    let start = table.resume_at(1).await.unwrap();
    let (mut took, mut upkeep) = (Vec::new(), Vec::new());
    for n in 0..1000 {
        let records = [sensors(start + n * 20, 20)];
        let begun = Instant::now();
        table.land(&records).await.unwrap();
        took.push(begun.elapsed());
        let begun = Instant::now();
        if table.upkeep().await.unwrap() {
            upkeep.push(begun.elapsed());
        }
    }
    for around in [10, 100, 300, 500, 700, 900, 990] {
        let mut near = took[around - 10..around + 10].to_vec();
        near.sort_unstable();
        println!("commit #{around}: median {:.2} ms of 20", near[near.len() / 2].as_secs_f64() * 1000.0);
    }
    println!("upkeeps {upkeep:?}");
    let begun = Instant::now();
    let mut again = Lake::open(&root).unwrap().table(spec()).await.unwrap();
    let end = again.resume_at(1).await.unwrap();
    println!("opened again in {:?}, ends before {end}", begun.elapsed());
    assert_eq!(end, start + 20_000);
}
