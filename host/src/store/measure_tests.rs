//! Records a second, with every commit on the disk. Asserts nothing about time: it prints.

use std::time::Instant;

use super::conformance::{append, at, batch, channel, everything, group};
use super::{Group, Options, Outcome, Store};

/// About 350 bytes, most of them different from record to record.
fn record(n: u64) -> String {
    let x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{{\"station\":\"st-{:04}\",\"parameter\":\"pm2_5\",\"value\":{}.{},\"unit\":\"ug/m3\",\"observed_at\":\"2026-11-{:02}T{:02}:{:02}:00Z\",\
         \"status\":\"ok\",\"serial\":\"{:016x}\",\"note\":\"automatic reading, calibrated sensor, averaged over five minutes at the foot of the hill, \
         next to the weather mast; the fan ran {} s\",\"position\":{{\"lat\":11.{:05},\"lon\":107.{:05}}}}}",
        n % 97,
        x % 180,
        x % 10,
        n % 28 + 1,
        n % 24,
        n % 60,
        x,
        x % 300,
        x % 99_999,
        (x >> 20) % 99_999
    )
}

async fn rate(name: &str, writers: u64, records: u64, groups: u64) {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    let channels: Vec<_> = (0..writers).map(|w| format!("bench/w{w}")).collect();
    store.ensure_channels(&channels.iter().map(|c| channel(c)).collect::<Vec<_>>()).await.unwrap();
    let ready: Vec<Vec<Group>> = channels
        .iter()
        .map(|to| {
            let template = batch((0..records).map(record));
            (0..groups).map(|_| group(vec![append(to, template.clone())])).collect()
        })
        .collect();
    let start = Instant::now();
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|groups| {
            let store = store.clone();
            tokio::spawn(async move {
                for group in groups {
                    assert!(matches!(store.commit(group).await, Outcome::Committed(_)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (total, took) = (writers * groups * records, start.elapsed().as_secs_f64());
    println!("{name}: {:.0} records/s, {:.0} groups/s", total as f64 / took, (writers * groups) as f64 / took);
    let start = Instant::now();
    let read: u64 = everything(&store, &channel("bench/w0")).await.iter().map(|b| u64::from(b.count)).sum();
    println!("{name}: read {:.0} records/s", read as f64 / start.elapsed().as_secs_f64());
    store.close().await.unwrap();
    let start = Instant::now();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    println!("{name}: opened again in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    assert_eq!(store.end(&channel("bench/w0")), Some(at(1, groups * records)));
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn records_a_second() {
    rate("1 writer, groups of 1,000", 1, 1_000, 300).await;
    rate("4 writers, groups of 1,000", 4, 1_000, 150).await;
    rate("64 writers, single records", 64, 1, 100).await;
    rate("1 writer, single records", 1, 1, 500).await;
}
