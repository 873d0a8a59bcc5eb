//! Holds what was sent against all that a running hub has: through its doors, and in the lake's tables. Lost 0, doubled 0.

use std::collections::BTreeMap;

use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, landed};
use lienthong_tests::wait::until;
use lienthong_tests::{lake, ledger};
use sha2::{Digest, Sha256};

use crate::senders::{Sent, waiting};
use crate::tally::Tally;
use crate::town;

/// How many keys are sent again, of all: one in so many.
const AGAIN: usize = 7;

/// Those who ask.
pub struct Doors {
    /// Who posts.
    pub sender: Client,
    /// Who reads.
    pub reader: Client,
    /// Who looks after the hub.
    pub operator: Client,
}

impl Doors {
    /// New keys for each.
    pub async fn open(hub: &Hub) -> Self {
        Self { sender: hub.agency("sender").await, reader: hub.agency("reader").await, operator: hub.operator().await }
    }
}

/// Everything that was acknowledged is there, once, and nothing else.
pub async fn settle(hub: &Hub, doors: &Doors, sent: &Sent, tally: &mut Tally) {
    let Doors { sender, reader, operator } = doors;
    ledger::settle(hub, operator, reader, &town::POSTS.map(str::to_owned), &sent.entries).await;
    files(hub, doors, sent).await;
    scans(hub, doors, sent).await;

    // The same keys give the same answers, and nothing more is stored.
    for entry in sent.entries.iter().step_by(AGAIN) {
        let again = ledger::send(sender, entry).await.unwrap_or_else(|error| panic!("{}: {error:#}", entry.key)).expect(200);
        assert_eq!(again.header("idempotent-replayed"), "true", "{}", entry.key);
        assert_eq!(again.json(), entry.answer, "{}", entry.key);
        tally.add("keys sent again, same answer", 1);
    }
    for channel in town::POSTS {
        let good = sent.entries.iter().filter(|entry| entry.channel == channel).map(|entry| entry.good.len() as u64).sum();
        landed(operator, channel, good).await;
    }

    let Sent { entries, scans, files } = sent;
    tally.add("posts acknowledged", entries.len() as u64);
    let lines: u64 = files.iter().map(|file| file.lines).sum();
    let posted: usize = entries.iter().map(|entry| entry.good.len()).sum();
    tally.add("records, each once in log and lake", posted as u64 + lines + scans.len() as u64);
    tally.add("rejected items, each once in quarantine", entries.iter().map(|entry| entry.bad.len() as u64).sum());
    tally.add("files taken, each once", files.len() as u64);
    tally.add("scans, each once and whole", scans.len() as u64);
    tally.add("tries without an answer", entries.iter().map(|entry| u64::from(entry.unknown)).sum());
    tally.add("of them stored all the same, found by their keys", entries.iter().filter(|entry| entry.replayed).count() as u64);
}

async fn files(hub: &Hub, doors: &Doors, sent: &Sent) {
    let inbox = town::inbox(hub.city());
    until("every file is taken", || async { (waiting(&inbox) == 0).then_some(()) }).await;
    let lines: u64 = sent.files.iter().map(|file| file.lines).sum();
    let status = landed(&doors.operator, town::LINES, lines).await;
    assert_eq!((&status["accepted"], &status["quarantined"]), (&lines.into(), &0.into()), "{status}");
    let mut found = BTreeMap::<String, u64>::new();
    for line in ledger::read_lines(&doors.reader, town::LINES).await {
        *found.entry(ledger::property(&line, "id")).or_default() += 1;
    }
    for file in &sent.files {
        for line in 0..file.lines {
            let id = format!("f{}-{line}", file.number);
            assert_eq!(found.remove(&id), Some(1), "{id}: how often it stands in the log");
        }
    }
    assert!(found.is_empty(), "nobody sent {found:?}");
    assert_eq!(lake::table(&hub.city().data(), town::LINES).rows, lines, "{}: rows in the lake", town::LINES);
}

async fn scans(hub: &Hub, doors: &Doors, sent: &Sent) {
    let number = sent.scans.len() as u64;
    let status = landed(&doors.operator, town::SCANS, number).await;
    let bytes: usize = sent.scans.iter().map(|scan| scan.size).sum();
    assert_eq!((&status["attachments"], &status["attachment_bytes"]), (&number.into(), &bytes.into()), "{status}");
    let lines = ledger::read_lines(&doors.reader, town::SCANS).await;
    let mut found: Vec<_> = lines.iter().map(|line| ledger::property(line, "sha256")).collect();
    let mut wanted: Vec<_> = sent.scans.iter().map(|scan| scan.sha256.clone()).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted, "records that name a scan");
    for scan in &sent.scans {
        let path = format!("/v1/channels/{}/attachments/{}", town::SCANS, scan.sha256);
        let got = doors.reader.get(&path).send().await.expect(200);
        let hash: String = Sha256::digest(&got.body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, scan.sha256, "the bytes of a scan");
    }
    assert_eq!(lake::table(&hub.city().data(), town::SCANS).rows, number, "{}: rows in the lake", town::SCANS);
    let attachments = hub.city().data().join("attachments");
    let staged = std::fs::read_dir(attachments.join(".staging")).map_or(0, Iterator::count);
    assert_eq!(staged, 0, "files on their way that are nobody's");
    let folders = std::fs::read_dir(&attachments).map_or(0, |folders| {
        let files = |folder: std::path::PathBuf| std::fs::read_dir(folder).map_or(0, Iterator::count);
        folders.filter_map(Result::ok).map(|folder| files(folder.path())).sum()
    });
    assert_eq!(folders as u64, number, "files of attachments");
}
