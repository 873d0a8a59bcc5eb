//! Power cuts. A hub runs with every change of its disk in a journal; it is killed, its syncs fail. Then the disk is made
//! anew as a cut at any moment could have left it, thousands of times, and opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::hub::Hub;
use lienthong_tests::ledger;
use lienthong_tests::wait::until;

use crate::bench::Bench;
use crate::disk::{Cut, Disk, is_kept};
use crate::interposer::{Interposer, Number};
use crate::journal::{self, Record};
use crate::oracle::{self, Doors};
use crate::senders::Sent;
use crate::stored;
use crate::tally::Tally;
use crate::town;

/// Lives of the hub in one journal.
const LIVES: u64 = 4;
/// The longest of them, milliseconds.
const LIFE_MS: u64 = 1_500;
/// After one of so many cuts all that is stored is landed anew; after the others the tables are looked at alone.
const LANDS_OF: u64 = 8;
/// Syncs until one fails, at most.
const SYNCS: u64 = 40;

/// Cuts the power of one hub so many times.
pub async fn trial(seed: u64, cuts: u32) -> Tally {
    let mut chance = Chance::new(seed);
    let mut tally = Tally::default();
    let Bench { interposer, mut hub, doors, keys_journal_bytes, senders } = Bench::new(seed, 3, true).await;
    for life in 1..LIVES {
        if life == 2 {
            fail_a_sync(&hub, &doors, &interposer, &mut chance, &mut tally).await;
        }
        tokio::time::sleep(Duration::from_millis(chance.below(LIFE_MS))).await;
        hub.kill().await;
        hub.start_again().await;
        senders.go_on("after a start").await;
    }
    let sent = senders.finish().await;
    oracle::settle(&hub, &doors, &sent, &mut tally).await;
    hub.kill().await;

    let bytes = std::fs::read(&interposer.journal).unwrap();
    let records = journal::read(&bytes);
    let mut disk = Disk::new(interposer.root());
    records.iter().for_each(|record| disk.happens(&record.event));
    is_complete(&disk, interposer.root());
    tally.add("changes of the disk in journals", records.len() as u64);
    go_on(&records, &sent, &doors, keys_journal_bytes, interposer.root(), &mut chance, &mut tally).await;
    cut(&records, &sent, &disk, interposer.root(), cuts, &mut chance, &mut tally).await;
    tally
}

/// After a sync that failed the hub says so and takes no more; until then it acknowledged nothing that rests on it.
async fn fail_a_sync(hub: &Hub, doors: &Doors, interposer: &Interposer, chance: &mut Chance, tally: &mut Tally) {
    let failed = interposer.get(Number::FailedSyncs);
    interposer.set(Number::SyncFailsIn, 1 + chance.below(SYNCS).cast_signed());
    until("a sync fails", || async { (interposer.get(Number::FailedSyncs) > failed).then_some(()) }).await;
    let log = until("the log tells of it", || async {
        let log = std::fs::read_to_string(hub.city().log()).unwrap_or_default();
        let told = ["could not be written", "could not be synced", "Input/output error", "disk I/O error"];
        told.iter().any(|words| log.contains(words)).then_some(log)
    })
    .await;
    tally.add("syncs that failed with EIO", 1);
    if log.contains("the database could not be written") {
        hub.nobody().get("/readyz").send().await.problem(503, "restart the hub");
        let post = format!("/v1/channels/{}/records", town::POSTS[0]);
        doors.sender.post(&post, "application/json", r#"{"id":"c98-0-0","n":1,"value":1}"#).send().await.problem(503, "restart the hub");
        tally.add("of them, of the database: no post is taken before a restart", 1);
    }
}

/// What the journal shows is what lies there: it missed nothing.
fn is_complete(disk: &Disk, root: &Path) {
    let shown = disk.shown();
    let mut found = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root).unwrap();
            let kind = path.symlink_metadata().unwrap().file_type();
            if !is_kept(below) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let content = std::fs::read(&path).unwrap();
                assert!(shown.get(below).is_some_and(|shown| *shown == &content[..]), "the journal has another {}", below.display());
                found += 1;
            }
        }
    }
    assert_eq!(found, shown.len(), "files of the journal are not there");
}

async fn cut(records: &[Record<'_>], sent: &Sent, end: &Disk, root: &Path, cuts: u32, chance: &mut Chance, tally: &mut Tally) {
    let whole = end.shown();
    let moments = moments(records, sent, cuts, chance);
    let mut disk = Disk::new(root);
    let mut done = 0;
    for (moment, how) in moments {
        records[done..moment].iter().for_each(|record| disk.happens(&record.event));
        done = moment;
        let cut_at = records[..moment].last().map_or(0, |record| record.end);
        let folder = tempfile::tempdir_in(scratch()).unwrap();
        let torn = disk.cut(how, chance, folder.path()).unwrap();
        let lands = chance.below(LANDS_OF) == 0;
        if let Err(error) = stored::check(folder.path(), sent, cut_at, &whole, lands, tally).await {
            let left = folder.keep();
            panic!("a cut behind change {moment} of {}, {how:?}: {error:#}\nwhat it left is in {}", records.len(), left.display());
        }
        tally.add(format!("power cuts that left {}", told(how)), 1);
        tally.add("power cuts in all", 1);
        tally.add("writes torn by them", torn);
    }
}

/// Where disks are made anew: in memory if the machine has a place there, for nobody's power is cut meanwhile.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if tempfile::tempfile_in(&memory).is_ok() { memory } else { std::env::temp_dir() }
}

/// A hub starts on what a cut left; everybody sends again what they had sent, with the keys they had, and it is as if nothing
/// had been. `keys_journal_bytes` is how long the journal was when the agencies had their keys.
async fn go_on(
    records: &[Record<'_>],
    sent: &Sent,
    doors: &Doors,
    keys_journal_bytes: u64,
    root: &Path,
    chance: &mut Chance,
    tally: &mut Tally,
) {
    let first = records.partition_point(|record| record.end <= keys_journal_bytes);
    let moment = first + chance.below((records.len() - first) as u64) as usize;
    let cut_at = records[..moment].last().map_or(0, |record| record.end);
    let mut disk = Disk::new(root);
    records[..moment].iter().for_each(|record| disk.happens(&record.event));
    let city = town::new();
    disk.cut(Cut::Nothing, chance, &city.data()).unwrap();
    let hub = Hub::start(city).await;
    let (sender, reader, operator) =
        (hub.with_key(Some(doors.sender.key())), hub.with_key(Some(doors.reader.key())), hub.with_key(Some(doors.operator.key())));
    let mut entries = sent.entries.clone();
    for entry in &mut entries {
        let answer = ledger::send(&sender, entry).await.unwrap().expect(200).json();
        assert!(entry.journal_bytes > cut_at || answer == entry.answer, "{}: {answer} was {}", entry.key, entry.answer);
        entry.answer = answer;
    }
    ledger::settle(&hub, &operator, &reader, &town::POSTS.map(str::to_owned), &entries).await;
    tally.add("hubs that went on after a cut, all keys sent again", 1);
}

/// Moments to cut at, each with how, in order. Some are where somebody had just been told: above all of what an earlier try had stored.
fn moments(records: &[Record<'_>], sent: &Sent, cuts: u32, chance: &mut Chance) -> Vec<(usize, Cut)> {
    let replayed: Vec<_> = sent.entries.iter().filter(|entry| entry.replayed).map(|entry| entry.journal_bytes).collect();
    let told: Vec<_> = sent.entries.iter().map(|entry| entry.journal_bytes).collect();
    let mut moments = Vec::new();
    for _ in 0..cuts {
        let behind = |told: &[u64], chance: &mut Chance| {
            let bytes = told[chance.below(told.len() as u64) as usize];
            records.partition_point(|record| record.end <= bytes)
        };
        let moment = match chance.below(8) {
            0 if !replayed.is_empty() => behind(&replayed, chance),
            1 | 2 if !told.is_empty() => behind(&told, chance),
            _ => chance.below(records.len() as u64 + 1) as usize,
        };
        let how = [Cut::Nothing, Cut::UpToAMoment, Cut::Anything][chance.below(3) as usize];
        moments.push((moment, how));
    }
    moments.sort_by_key(|(moment, _)| *moment);
    moments
}

fn told(how: Cut) -> &'static str {
    match how {
        Cut::Nothing => "nothing that was not synced",
        Cut::UpToAMoment => "what was written up to a moment",
        Cut::Anything => "anything of what was written",
    }
}
