//! Those who send while the hub is being broken, each with a ledger: posts, scans and files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::client::Client;
use lienthong_tests::hub::Hub;
use lienthong_tests::ledger::{self, Entry, Flag};
use lienthong_tests::wait::until;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, JoinSet};

use crate::town;

/// What each of them rests between two sendings.
const PAUSE: Duration = Duration::from_millis(25);
/// Every line has this length, so that the pieces in which the plugin reads a file end with one.
const LINE_BYTES: usize = 128;
/// Lines of a large file: more than a call holds before it stages.
const MANY_LINES: u64 = 36_000;
/// Files that may wait in the inbox.
const WAITING: usize = 2;

/// Which of them there are.
#[derive(Debug, Clone, Copy)]
pub struct Company {
    /// Clients that post.
    pub posting: u64,
    /// Whether scans are sent.
    pub scans: bool,
    /// Whether files are dropped.
    pub files: bool,
}

/// All of them at work.
pub struct Senders {
    /// Ends their work.
    pub flag: Arc<Flag>,
    posting: JoinSet<Vec<Entry>>,
    scans: JoinHandle<Vec<Scan>>,
    files: JoinHandle<Vec<Dropped>>,
}

/// What was sent, and what the hub said to it.
pub struct Sent {
    /// Posts.
    pub entries: Vec<Entry>,
    /// Attachments.
    pub scans: Vec<Scan>,
    /// Files.
    pub files: Vec<Dropped>,
}

/// A scan that was acknowledged.
#[derive(Debug)]
pub struct Scan {
    /// SHA-256 of its bytes, as hexadecimal digits.
    pub sha256: String,
    /// How many bytes.
    pub size: usize,
    /// How long the journal of the hub's disk was then.
    pub journal_bytes: u64,
}

/// A file that was dropped into the inbox.
#[derive(Debug)]
pub struct Dropped {
    /// Its number.
    pub number: u64,
    /// How many lines it has.
    pub lines: u64,
}

impl Senders {
    /// Sets them to work.
    pub fn start(hub: &Hub, sender: &Client, seed: u64, company: Company, journal: Option<&Path>) -> Self {
        let flag = Flag::with_pause(PAUSE);
        let flag = Arc::new(match journal {
            Some(journal) => flag.beside(journal),
            None => flag,
        });
        let channels = town::POSTS.map(str::to_owned).to_vec();
        let mut posting = JoinSet::new();
        for name in 0..company.posting {
            posting.spawn(ledger::post_until(flag.clone(), sender.clone(), name, seed, channels.clone()));
        }
        let (scanning, sending, chance) = (flag.clone(), sender.clone(), Chance::new(seed ^ 0x5CA7));
        let scans = tokio::spawn(async move { if company.scans { send_scans(scanning, sending, chance).await } else { Vec::new() } });
        let (dropping, inbox, chance) = (flag.clone(), town::inbox(hub.city()), Chance::new(seed ^ 0xF17E));
        let files = tokio::spawn(async move { if company.files { drop_files(dropping, inbox, chance).await } else { Vec::new() } });
        Self { flag, posting, scans, files }
    }

    /// Waits until somebody is answered anew.
    pub async fn go_on(&self, when: &str) {
        let answered = self.flag.answered();
        until(&format!("clients go on {when}"), || async { (self.flag.answered() > answered).then_some(()) }).await;
    }

    /// Ends their work; what is under way is brought to an answer, so the hub must run.
    pub async fn finish(self) -> Sent {
        self.flag.raise();
        let entries = self.posting.join_all().await.into_iter().flatten().collect();
        Sent { entries, scans: joined(self.scans).await, files: joined(self.files).await }
    }
}

/// What a task came to. It fails here if it failed there.
pub async fn joined<T>(task: JoinHandle<T>) -> T {
    task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn send_scans(flag: Arc<Flag>, sender: Client, mut chance: Chance) -> Vec<Scan> {
    let mut scans = Vec::new();
    while !flag.raised() {
        let longest = 1 << (4 + chance.below(14));
        let size = 1 + chance.below(longest) as usize;
        let mut bytes: Vec<u8> = (0..size).map(|_| chance.bits() as u8).collect();
        bytes.extend(scans.len().to_le_bytes());
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("scan-{}", scans.len());
        loop {
            let ask = sender.post(town::SCANS_DOOR, "application/pdf", bytes.clone()).header("idempotency-key", &key);
            match ask.attempt().await {
                Ok(answer) if answer.status == 200 => {
                    let taken = answer.json();
                    assert_eq!((&taken["accepted"], &taken["quarantined"]), (&1.into(), &0.into()), "{key}: {taken}");
                    break;
                }
                Ok(answer) => assert!(matches!(answer.status.as_u16(), 429 | 503), "{key}: {} {}", answer.status, answer.text()),
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        scans.push(Scan { sha256, size: bytes.len(), journal_bytes: flag.journal_bytes() });
        tokio::time::sleep(PAUSE).await;
    }
    scans
}

/// Puts files into the inbox as a careful sender does: under another name first.
async fn drop_files(flag: Arc<Flag>, inbox: PathBuf, mut chance: Chance) -> Vec<Dropped> {
    let mut dropped = Vec::new();
    while !flag.raised() {
        tokio::time::sleep(PAUSE).await;
        if waiting(&inbox) >= WAITING {
            continue;
        }
        let number = dropped.len() as u64;
        let lines = if number % 8 == 1 { MANY_LINES } else { 1 + chance.below(300) };
        let text: String = (0..lines).map(|line| line_of(number, line, &mut chance)).collect();
        let part = inbox.join(format!("{number}.ndjson.part"));
        std::fs::create_dir_all(&inbox)
            .and_then(|()| std::fs::write(&part, text))
            .and_then(|()| std::fs::rename(&part, inbox.join(format!("{number}.ndjson"))))
            .unwrap_or_else(|error| panic!("{}: {error}", part.display()));
        dropped.push(Dropped { number, lines });
    }
    dropped
}

/// How many files of an inbox nobody has taken.
pub fn waiting(inbox: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(inbox) else { return 0 };
    entries.filter_map(Result::ok).filter(|entry| entry.path().is_file()).count()
}

/// A line of a file, with its end; it does not compress, so that the log grows by what is sent.
fn line_of(file: u64, line: u64, chance: &mut Chance) -> String {
    let mut text = format!(r#"{{"id":"f{file}-{line}","pad":""#);
    while text.len() < LINE_BYTES - 3 {
        text += &format!("{:016x}", chance.bits());
    }
    text.truncate(LINE_BYTES - 3);
    text + "\"}\n"
}
