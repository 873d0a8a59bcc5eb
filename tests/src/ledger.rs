//! Agencies' systems that keep a ledger: what they sent, under which key, and what the hub answered. At the end the ledger
//! is held against the log, the quarantine and the lake: nothing lost, nothing doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::chance::Chance;
use crate::client::{Answer, Client};
use crate::hub::{Hub, landed};
use crate::lake;

/// A schema for what is posted here.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "required": ["id", "n", "value"],
  "additionalProperties": false,
  "properties": {
    "id": { "type": "string", "pattern": "^c[0-9]+-[0-9]+-[0-9]+$" },
    "n": { "type": "integer" },
    "value": { "type": "number", "maximum": 1000 },
    "note": { "type": "string" }
  }
}"#;

/// How long a client that was not answered waits before it asks again.
const PATIENCE: Duration = Duration::from_millis(20);

/// One post and its answer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its idempotency key.
    pub key: String,
    /// Its channel.
    pub channel: String,
    /// Its body.
    pub body: Bytes,
    /// The records that fit the schema, in order: id, SHA-256 of the line, and `n`.
    pub good: Vec<(String, [u8; 32], u64)>,
    /// The lines that do not.
    pub bad: Vec<String>,
    /// The hub's answer of status 200.
    pub answer: Value,
    /// Times that no answer came.
    pub unknown: u32,
    /// The answer was of an earlier try, whose own answer was lost.
    pub replayed: bool,
    /// How long the journal of the hub's disk was when the answer had come; 0 where none is kept.
    pub journal_bytes: u64,
}

/// Tells clients to post no new batch, and counts what they did.
#[derive(Debug, Default)]
pub struct Flag {
    pause: Duration,
    journal: Option<PathBuf>,
    done: AtomicBool,
    answered: AtomicU64,
    accepted: AtomicU64,
}

impl Flag {
    /// For clients that rest between two batches.
    pub fn with_pause(pause: Duration) -> Self {
        Self { pause, ..Self::default() }
    }

    /// For clients of a hub whose writes are kept in a journal.
    #[must_use]
    pub fn beside(self, journal: &Path) -> Self {
        Self { journal: Some(journal.to_owned()), ..self }
    }

    /// How long the journal is, 0 where there is none.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.as_ref().and_then(|journal| journal.metadata().ok()).map_or(0, |meta| meta.len())
    }

    /// No new batches from now on; those under way are still brought to an answer.
    pub fn raise(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Batches answered so far, by all clients.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Records acknowledged so far, by all clients.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// Posts batch after batch until the flag is raised, each until it is answered, under one key.
pub async fn post_until(flag: Arc<Flag>, client: Client, name: u64, seed: u64, channels: Vec<String>) -> Vec<Entry> {
    let mut chance = Chance::new(seed ^ name);
    let mut entries = Vec::new();
    while !flag.raised() {
        let mut entry = batch(&mut chance, name, entries.len(), &channels);
        let answer = insist(&client, &mut entry).await;
        entry.journal_bytes = flag.journal_bytes();
        entry.replayed = answer.header("idempotent-replayed") == "true";
        entry.answer = answer.json();
        flag.accepted.fetch_add(entry.good.len() as u64, Ordering::Relaxed);
        entries.push(entry);
        flag.answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(flag.pause).await;
    }
    entries
}

/// Sends a batch of the ledger once.
pub async fn send(client: &Client, entry: &Entry) -> anyhow::Result<Answer> {
    let path = format!("/v1/channels/{}/records", entry.channel);
    client.post(&path, "application/x-ndjson", entry.body.clone()).header("idempotency-key", &entry.key).attempt().await
}

async fn insist(client: &Client, entry: &mut Entry) -> Answer {
    loop {
        match send(client, entry).await {
            Ok(answer) if answer.status.is_success() => return answer,
            // Stopping, busy, or of unknown fate: the hub asks for another try under the same key.
            Ok(answer) => assert!(matches!(answer.status.as_u16(), 429 | 503), "{}: {} {}", entry.key, answer.status, answer.text()),
            Err(_) => {}
        }
        entry.unknown += 1;
        tokio::time::sleep(PATIENCE).await;
    }
}

fn batch(chance: &mut Chance, name: u64, number: usize, channels: &[String]) -> Entry {
    let channel = channels[chance.below(channels.len() as u64) as usize].clone();
    let (mut body, mut good, mut bad) = (String::new(), Vec::new(), Vec::new());
    for nth in 0..1 + chance.below(120) {
        let (id, n) = (format!("c{name}-{number}-{nth}"), chance.below(1 << 32));
        let spoilt = chance.below(60) == 0;
        let value = if spoilt { 1001 } else { chance.below(1001) };
        let note = "trạm quan trắc ".repeat(chance.below(8) as usize);
        let line = format!(r#"{{"id":"{id}","n":{n},"value":{value},"note":"{note}"}}"#);
        body.push_str(&line);
        body.push('\n');
        if spoilt { bad.push(line) } else { good.push((id, Sha256::digest(&line).into(), n)) }
    }
    let key = format!("client-{name}-batch-{number}");
    Entry { key, channel, body: body.into(), good, bad, answer: Value::Null, unknown: 0, replayed: false, journal_bytes: 0 }
}

/// Holds the ledger against everything the hub has. `reader` may read the channels.
pub async fn settle(hub: &Hub, operator: &Client, reader: &Client, channels: &[String], entries: &[Entry]) {
    let keys: BTreeSet<_> = entries.iter().map(|entry| &entry.key).collect();
    assert_eq!(keys.len(), entries.len(), "the ledger itself is wrong");
    for channel in channels {
        let entries: Vec<_> = entries.iter().filter(|entry| entry.channel == *channel).collect();
        let good: u64 = entries.iter().map(|entry| entry.good.len() as u64).sum();
        let bad: u64 = entries.iter().map(|entry| entry.bad.len() as u64).sum();
        let status = landed(operator, channel, good).await;
        assert_eq!((&status["accepted"], &status["quarantined"], &status["discarded"]), (&(good + bad).into(), &bad.into(), &0.into()));
        assert_eq!((&status["epoch"], &status["next_offset"]), (&1.into(), &good.into()));

        let log = read_log(reader, channel).await;
        assert_eq!(log.len() as u64, good, "{channel}: records in the log");
        for entry in &entries {
            in_log(entry, &log);
        }
        let ids: BTreeSet<_> = log.values().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), log.len(), "{channel}: a record stands in the log twice");

        let mut wanted: Vec<_> = entries.iter().flat_map(|entry| &entry.bad).cloned().collect();
        let mut found = quarantine(operator, channel).await;
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{channel}: what is in quarantine");
        in_lake(hub, channel, good, entries.iter().flat_map(|entry| &entry.good).map(|(_, _, n)| n).sum()).await;
    }
}

/// A channel's log by offset: id and SHA-256 of each line. Fails on a gap.
pub async fn read_log(reader: &Client, channel: &str) -> BTreeMap<u64, (String, [u8; 32])> {
    let lines = read_lines(reader, channel).await;
    let known = |line: &String| (property(line, "id"), Sha256::digest(line).into());
    (0..).zip(lines.iter().map(known)).collect()
}

/// A property of a record, which must be text.
pub fn property(line: &str, name: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    record[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
}

/// A channel's records, from the first to the last.
pub async fn read_lines(reader: &Client, channel: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut path = format!("/v1/channels/{channel}/records?limit=10000");
    loop {
        let page = reader.get(&path).header("accept", "application/x-ndjson").send().await.expect(200);
        if page.body.is_empty() {
            return lines;
        }
        lines.extend(page.text().lines().map(str::to_owned));
        path = format!("/v1/channels/{channel}/records?limit=10000&after={}", page.header("lienthong-cursor"));
    }
}

/// An acknowledged record stands where the answer said, byte for byte.
fn in_log(entry: &Entry, log: &BTreeMap<u64, (String, [u8; 32])>) {
    let Entry { key, good, bad, answer, .. } = entry;
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&good.len().into(), &bad.len().into()), "{key}: {answer}");
    let ranges = answer["offsets"].as_array().unwrap_or_else(|| panic!("{key}: {answer}"));
    assert!(ranges.len() <= 1 && ranges.iter().all(|range| range["epoch"] == 1 && range["count"] == good.len()), "{key}: {answer}");
    let first = ranges.first().and_then(|range| range["first"].as_u64()).unwrap_or_default();
    for ((id, hash, _), offset) in good.iter().zip(first..) {
        assert_eq!(log.get(&offset), Some(&(id.clone(), *hash)), "{key}: offset {offset}");
    }
}

async fn quarantine(operator: &Client, channel: &str) -> Vec<String> {
    let (mut texts, mut before) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/v1/quarantine?channel={channel}&limit=1000{before}")).send().await.expect(200).json();
        for entry in page["entries"].as_array().unwrap_or_else(|| panic!("{page}")) {
            let whole = operator.get(&format!("/v1/quarantine/{}", entry["id"])).send().await.expect(200).json();
            assert_eq!((&whole["pointer"], &whole["keyword"]), (&"/value".into(), &"maximum".into()));
            texts.push(whole["text"].as_str().unwrap_or_else(|| panic!("{whole}")).to_owned());
        }
        match &page["before"] {
            Value::Null => return texts,
            id => before = format!("&before={id}"),
        }
    }
}

/// Whether it was said that no other engine looks at the lake.
static TOLD: Once = Once::new();

async fn in_lake(hub: &Hub, channel: &str, records: u64, sum: u64) {
    let data = hub.city().data();
    let table = lake::table(&data, channel);
    assert_eq!(table.rows, records, "{channel}: rows in the lake");
    if records > 0 {
        let last = records.cast_signed() - 1;
        assert_eq!(table.transactions, BTreeMap::from([(format!("{channel}:1"), last)]), "{channel}: offsets committed to the lake");
    }
    match lake::other_engines(&data, channel, "n").await {
        None => TOLD.call_once(|| println!("LIENTHONG_LAKE_PYTHON is not set, so the lake is counted in its log alone")),
        Some(seen) => {
            for engine in ["duckdb", "delta-rs"] {
                let seen = &seen["engines"][engine];
                let figures = ["count", "pairs", "min_offset", "max_offset"].map(|name| seen[name].as_u64());
                assert_eq!(figures, [records, records, 0, records - 1].map(Some), "{channel} in {engine}");
                assert_eq!(seen["sum"].as_f64(), Some(sum as f64), "{channel} in {engine}: the sum of n");
            }
        }
    }
}
