//! A child process writes, is killed or meets a failing sync, and the store is held against what it had acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lienthong_core::log::Position;
use tokio::task::JoinSet;

use super::conformance::{adds_up, append, batch, channel, everything, group, keyed, lines, part, rejection};
use super::{Advance, Group, Health, Options, Outcome, Store};

const FOLDER: &str = "LIENTHONG_TEST_STORE_FOLDER";
const ROUND: &str = "LIENTHONG_TEST_STORE_ROUND";
const WRITERS: u64 = 6;
const RECORDS: u64 = 20;

/// One writer's group: some records at once, some staged before, one rejection, a key and its own checkpoint.
async fn write(store: &Store, round: u64, writer: u64, n: u64) -> Outcome {
    let record = |i: u64| format!("{{\"group\":\"{round}-{writer}-{n}\",\"i\":{i}}}");
    let call = store.begin_call();
    let staged = part(vec![append("a/one", batch((RECORDS / 2..RECORDS).map(record)))], vec![rejection("a/one", b"bad")]);
    if let Err(error) = store.stage(call, staged).await {
        return match error {
            super::Error::Refused(refusal) => Outcome::Refused(refusal),
            other => Outcome::Unknown(other.to_string()),
        };
    }
    let group = Group {
        publish: Some(call),
        remember: Some(keyed(&format!("{round}-{writer}-{n}"), 1)),
        advance: Some(Advance { owner: format!("{round}-{writer}"), expected: n.checked_sub(1).map(|v| v + 1), cursor: vec![] }),
        ..group(vec![append("a/one", batch((0..RECORDS / 2).map(record)))])
    };
    store.commit(group).await
}

/// Not a test by itself: the process that the tests below start. Tells every acknowledged group on its standard output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the tests beside it"]
async fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let store = Store::open(Options::new(folder)).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0.. {
                let told = match write(&store, round, writer, n).await {
                    Outcome::Committed(receipt) => format!("ok {round}-{writer}-{n} {}", receipt.ranges[0].first),
                    other => format!("end {other:?}"),
                };
                // One write a line, so that lines of several writers never mix.
                std::io::stdout().lock().write_all(format!("{told}\n").as_bytes()).unwrap();
                if told.starts_with("end") {
                    break;
                }
            }
        });
    }
    writers.join_all().await;
    assert!(matches!(store.health(), Health::Failed(_)), "{:?}", store.health());
    let after = store.commit(group(vec![append("a/one", batch(["{}".into()]))])).await;
    assert!(matches!(after, Outcome::Refused(super::Refusal::Failed(_))), "{after:?}");
    println!("failed for good");
}

fn command(program: &str, before: &[&str], folder: &Path, round: u64) -> Command {
    let mut command = Command::new(program);
    command.args(before).args(["store::crash_tests::child", "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What the child acknowledged: group to first offset.
fn acknowledged(line: &str, ledger: &mut BTreeMap<String, u64>) {
    // The test runner's own words may stand before the first line.
    if let Some((_, told)) = line.split_once("ok ")
        && let Some((group, first)) = told.split_once(' ')
        && let Ok(first) = first.parse()
    {
        assert_eq!(ledger.insert(group.into(), first), None, "{group} was acknowledged twice");
    }
}

/// Lost 0, doubled 0, torn 0, and the sums add up.
async fn compare(folder: &Path, ledger: &BTreeMap<String, u64>) -> u64 {
    let store = Store::open(Options::new(folder)).await.unwrap();
    let mut found = BTreeMap::<String, Vec<(u64, u64)>>::new();
    for (offset, line) in lines(&everything(&store, &channel("a/one")).await) {
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        found.entry(record["group"].as_str().unwrap().into()).or_default().push((offset, record["i"].as_u64().unwrap()));
    }
    for (group, records) in &found {
        let first = records[0].0;
        let whole: Vec<_> = (0..RECORDS).map(|i| (first + i, i)).collect();
        assert_eq!(records, &whole, "{group}");
        let known = store.recall("weather-office", group.as_bytes()).await.unwrap().unwrap();
        assert_eq!(known.receipt.ranges[0].first, first, "{group}");
    }
    for (group, first) in ledger {
        assert_eq!(found.get(group).map(|records| records[0].0), Some(*first), "{group} was acknowledged and is lost");
    }
    let sums = &store.sums().await.unwrap()[0];
    assert_eq!((sums.stored, sums.open), (found.len() as u64 * RECORDS, found.len() as u64));
    for owner in found.keys().filter_map(|group| group.rsplit_once('-')).map(|(owner, _)| owner) {
        let steps = found.keys().filter(|group| group.rsplit_once('-').is_some_and(|(o, _)| o == owner)).count();
        assert_eq!(store.checkpoint(owner).await.unwrap().unwrap().version, steps as u64);
    }
    adds_up(&store).await;
    assert!(store.read(&channel("a/one"), Position::START, 1, 1).await.unwrap().len() <= 1);
    store.close().await.unwrap();
    found.len() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let itself = std::env::current_exe().unwrap();
    let mut ledger = BTreeMap::new();
    for (round, acknowledgements) in [(0, 1), (1, 40), (2, 7), (3, 113), (4, 3), (5, 64)] {
        let mut child = command(itself.to_str().unwrap(), &[], folder.path(), round).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let before = ledger.len();
        while ledger.len() < before + acknowledgements {
            acknowledged(&told.next().expect("the child ended by itself").unwrap(), &mut ledger);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it told before it died counts; a last line may be torn.
        for line in told.map_while(Result::ok) {
            acknowledged(&line, &mut ledger);
        }
        assert!(compare(folder.path(), &ledger).await >= ledger.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace, which makes syncs fail"]
async fn a_failed_sync_is_never_acknowledged() {
    let itself = std::env::current_exe().unwrap();
    for when in [12, 25, 60] {
        let folder = tempfile::tempdir().unwrap();
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}");
        let strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject, itself.to_str().unwrap()];
        let output = command("strace", &strace, folder.path(), 0).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("failed for good") && output.status.success(), "{told}");
        assert!(told.contains("end Unknown"), "{told}");
        let mut ledger = BTreeMap::new();
        told.lines().for_each(|line| acknowledged(line, &mut ledger));
        compare(folder.path(), &ledger).await;
    }
}
