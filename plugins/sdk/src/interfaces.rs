use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Blob, Call, Context, Failure};

/// A plugin that fetches: the hub calls it again and again.
pub trait Source {
    /// Emits what is new since the cursor, about `max_records` of it.
    fn poll(&self, call: &mut Call<'_>, poll: Poll<'_>) -> Result<Progress, Failure>;
}

/// A plugin that is sent messages: files, HTTP posts, HL7 frames.
pub trait Receiver {
    /// Reads one message. The reply is sent after everything the call emitted is durable.
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure>;
}

/// A pure function from records to records. It has no way to reach anything: time and state are arguments.
pub trait Transform {
    /// One result a group, in the order of `groups`. `now_ms` is in milliseconds since 1970-01-01T00:00:00Z.
    fn apply(&self, now_ms: u64, groups: Vec<Keyed>) -> Result<Vec<Folded>, Failure>;
}

/// A plugin that delivers records to an agency system.
pub trait Sink {
    /// One status a record. A repeat under the same key must not deliver twice.
    fn deliver(&self, context: &Context<'_>, batch: Batch, idempotency_key: &str) -> Result<Vec<ItemStatus>, Failure>;
}

/// What a source is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll<'a> {
    /// The time of the call, milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// Where the last call that counted came to; none at first.
    pub since: Option<&'a [u8]>,
    /// About so many records are wanted.
    pub max_records: u32,
}

/// Where a poll came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the next call resumes, at most 64 KiB; none leaves the checkpoint as it is.
    pub next: Option<Vec<u8>>,
    /// More is waiting: the hub calls again at once.
    pub more: bool,
}

/// One message as it came.
#[derive(Debug)]
pub struct Message {
    /// Its bytes, read at any offset.
    pub body: Blob,
    /// The file's name, where there was one.
    pub name: Option<String>,
    /// The media type the sender declared.
    pub content_type: Option<String>,
    /// When the hub received it, milliseconds since 1970-01-01T00:00:00Z.
    pub received_at_ms: u64,
}

/// Bytes for the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What happened under one key since the last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// The key, by the route's `by:`.
    pub key: String,
    /// What this key's last call gave back.
    pub state: Option<Vec<u8>>,
    /// Newline-delimited records. May be empty: the hub also calls on a schedule.
    pub records: Vec<u8>,
}

impl Keyed {
    /// Each record as it stands, and read; or why it cannot be.
    pub fn read<'k, T: DeserializeOwned + 'k>(&'k self) -> impl Iterator<Item = (&'k [u8], Result<T, String>)> + 'k {
        lines(&self.records).map(|line| (line, serde_json::from_slice(line).map_err(|e| e.to_string())))
    }

    /// The state as JSON; a new one where there is none yet. A state that cannot be read is a failure of the plugin: it wrote it.
    pub fn state<T: DeserializeOwned + Default>(&self) -> Result<T, Failure> {
        let Some(state) = &self.state else { return Ok(T::default()) };
        serde_json::from_slice(state).map_err(|e| Failure::Internal(format!("a key's state cannot be read: {e}")))
    }

    /// The answer to this group, empty so far.
    pub fn answer(&self) -> Folded {
        Folded { key: self.key.clone(), ..Folded::default() }
    }
}

/// The lines of newline-delimited JSON that hold anything.
fn lines(records: &[u8]) -> impl Iterator<Item = &[u8]> {
    records.split(|b| *b == b'\n').filter(|line| !line.is_empty())
}

/// What a transform made of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The group's key.
    pub key: String,
    /// Port and newline-delimited records.
    pub outputs: Vec<(String, Vec<u8>)>,
    /// Items that are no records.
    pub rejects: Vec<Rejected>,
    /// Kept by the hub, at most 64 KiB; none forgets the key.
    pub state: Option<Vec<u8>>,
}

impl Folded {
    /// Adds one record to a port. It must serialise to a JSON object.
    pub fn emit(&mut self, port: &str, record: &impl Serialize) -> Result<(), Failure> {
        // A transform has a handful of ports: a scan beats a hash.
        let index = self.outputs.iter().position(|(name, _)| name == port).unwrap_or_else(|| {
            self.outputs.push((port.to_owned(), Vec::new()));
            self.outputs.len() - 1
        });
        let Some((_, records)) = self.outputs.get_mut(index) else { return Ok(()) };
        serde_json::to_writer(&mut *records, record).map_err(|e| Failure::Internal(format!("a record cannot be written as JSON: {e}")))?;
        records.push(b'\n');
        Ok(())
    }

    /// Puts one item into quarantine, with the reason and its place in its sender's own terms.
    pub fn reject(&mut self, bytes: &[u8], reason: &str, at: Option<&str>) {
        self.rejects.push(Rejected { bytes: bytes.to_vec(), reason: reason.to_owned(), at: at.map(str::to_owned) });
    }

    /// Keeps a state, as JSON.
    pub fn keep(&mut self, state: &impl Serialize) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(state).map_err(|e| Failure::Internal(format!("a key's state cannot be written as JSON: {e}")))?;
        self.state = Some(bytes);
        Ok(())
    }
}

/// One item that is not a record: the bytes as they came, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The item's bytes, whole.
    pub bytes: Vec<u8>,
    /// What is wrong, for a person to read.
    pub reason: String,
    /// Where: a line, a segment, a JSON pointer, as the format has it.
    pub at: Option<String>,
}

/// Records for an agency system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The channel they come from.
    pub channel: String,
    /// Their stable ids, one a line of `records`.
    pub ids: Vec<String>,
    /// Newline-delimited records.
    pub records: Vec<u8>,
}

impl Batch {
    /// Each record with its stable id.
    pub fn items(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.ids.iter().map(String::as_str).zip(lines(&self.records))
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemStatus {
    /// The system has it.
    Delivered,
    /// Try this one again later; why.
    Retry(String),
    /// The system will never take it; why.
    Refused(String),
}
