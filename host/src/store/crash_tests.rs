//! A child process writes and is killed, and the store is held against what it had acknowledged. The whole hub is tried in
//! the same way, and in many others, by the crash laboratory (`tests/crash`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lienthong_core::log::Position;
use tokio::task::JoinSet;

use lienthong_core::hash::ContentHash;
use sha2::{Digest, Sha256};

use super::conformance::{adds_up, append, attached, attachment, batch, channel, everything, group, keyed, lines, part, rejection};
use super::{Advance, Group, Options, Outcome, Store};

const FOLDER: &str = "LIENTHONG_TEST_STORE_FOLDER";
const ROUND: &str = "LIENTHONG_TEST_STORE_ROUND";
const WRITERS: u64 = 6;
const RECORDS: u64 = 20;

/// One writer's group: some records at once, some staged before, one rejection, a key, its own checkpoint, and an attachment.
async fn write(store: &Store, round: u64, writer: u64, n: u64) -> Outcome {
    let record = |i: u64| format!("{{\"group\":\"{round}-{writer}-{n}\",\"i\":{i}}}");
    let call = store.begin_call();
    let staged = part(vec![append("a/one", batch((RECORDS / 2..RECORDS).map(record)))], vec![rejection("a/one", b"bad")]);
    store.stage(call, staged).await.unwrap();
    let attachments = vec![attachment(store, "a/one", format!("{round}-{writer}-{n}").as_bytes()).await];
    let group = Group {
        attachments,
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
                let Outcome::Committed(receipt) = write(&store, round, writer, n).await else { panic!("a group was not committed") };
                let told = format!("ok {round}-{writer}-{n} {}\n", receipt.ranges[0].first);
                // One write a line, so that lines of several writers never mix.
                std::io::stdout().lock().write_all(told.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// Not a test by itself: puts files into place and never commits them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of a test beside it"]
async fn child_that_never_commits() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(Options::new(folder)).await.unwrap();
    store.ensure_channels(&[channel("a/one"), channel("a/two")]).await.unwrap();
    let kept = Group { attachments: vec![attachment(&store, "a/one", b"kept").await], ..group(vec![]) };
    assert!(matches!(store.commit(kept).await, Outcome::Committed(_)));
    let placed = [attachment(&store, "a/one", b"lost").await, attachment(&store, "a/two", b"kept").await];
    store.place(&placed).await.unwrap();
    let _unfinished = store.draft().write(&[0; 100_000]).await;
    std::io::stdout().lock().write_all(b"\nplaced\n").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_place_that_was_never_committed_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command("child_that_never_commits", folder.path(), 0).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    while told.next().expect("the child ended by itself").unwrap() != "placed" {}
    child.kill().unwrap();
    child.wait().unwrap();
    let hash = |bytes: &[u8]| ContentHash::new(Sha256::digest(bytes).into());
    let (kept, lost) = (hash(b"kept"), hash(b"lost"));
    assert_eq!(files(folder.path()), BTreeSet::from([kept, lost]));
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    assert_eq!(files(folder.path()), BTreeSet::from([kept]));
    assert_eq!(attached(&store, "a/one", &kept).await.as_deref(), Some(&b"kept"[..]));
    for (of, hash) in [("a/two", &kept), ("a/one", &lost)] {
        assert_eq!(attached(&store, of, hash).await, None);
    }
    assert_eq!(store.inner.files.staged(), 0);
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM staged_attachment").fetch_one(&mut *store.reader().await.unwrap()).await.unwrap();
    assert_eq!(left, 0);
}

/// The hashes of the files that are in place.
fn files(folder: &Path) -> BTreeSet<ContentHash> {
    let names = |folder: &Path| -> Vec<_> { std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let folders = names(&folder.join("attachments")).into_iter().filter(|path| !path.ends_with(".staging"));
    let files = folders.flat_map(|folder| names(&folder));
    files.map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

fn command(child: &str, folder: &Path, round: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("store::crash_tests::{child}"), "--exact", "--ignored", "--nocapture"]);
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
    // Each group's file is there, and no other.
    let hash = |group: &String| ContentHash::new(Sha256::digest(group.as_bytes()).into());
    for group in found.keys() {
        assert_eq!(attached(&store, "a/one", &hash(group)).await.as_deref(), Some(group.as_bytes()), "{group}");
    }
    assert_eq!(files(folder), found.keys().map(hash).collect());
    assert_eq!((store.inner.files.staged(), store.sums().await.unwrap()[0].attachments), (0, found.len() as u64));
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
    let mut ledger = BTreeMap::new();
    for (round, acknowledgements) in [(0, 1), (1, 40), (2, 7), (3, 113), (4, 3), (5, 64)] {
        let mut child = command("child", folder.path(), round).spawn().unwrap();
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
