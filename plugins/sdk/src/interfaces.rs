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
