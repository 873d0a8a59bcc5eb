//! What goes into the log in one transaction, and what comes back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lienthong_core::id::{ChannelId, SchemaId};
use lienthong_core::log::{Origin, Position};
use lienthong_core::record::{ValidBatch, Violation};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attachment, GivenUp, KeyState, Run};

/// Everything that becomes visible together, or not at all.
#[derive(Debug, Clone)]
pub struct Group {
    /// When the hub received what it came from.
    pub received_at: Timestamp,
    /// Who it came from.
    pub origin: Origin,
    /// Records, at most one offset range a channel comes of them (staged ones included).
    pub appends: Vec<Append>,
    /// Records and items that were refused, for the quarantine.
    pub rejections: Vec<Rejection>,
    /// Files that belong to them. A channel has one of the same bytes once.
    pub attachments: Vec<Attachment>,
    /// Makes visible what this call staged, after `appends` in each channel.
    pub publish: Option<CallId>,
    /// The idempotency key under which the receipt is kept for seven days.
    pub remember: Option<Remember>,
    /// The cursor that moves with it.
    pub advance: Option<Advance>,
    /// What its transform keeps of keys. Only with `advance`, which says that nobody else changed them meanwhile.
    pub states: Vec<KeyState>,
    /// Deliveries that are given up with it.
    pub given_up: Vec<GivenUp>,
    /// The run it came of, recorded with it; not where the group is [`Outcome::Repeated`].
    pub run: Option<Run>,
    /// The groups before it without which it must not be done.
    pub sequence: Option<Sequence>,
}

impl Group {
    /// A group that holds nothing yet.
    pub fn new(received_at: Timestamp, origin: Origin) -> Self {
        Self {
            received_at,
            origin,
            appends: Vec::new(),
            rejections: Vec::new(),
            attachments: Vec::new(),
            publish: None,
            remember: None,
            advance: None,
            states: Vec::new(),
            given_up: Vec::new(),
            run: None,
            sequence: None,
        }
    }
}

/// Records for one channel. A batch without records is skipped.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where to.
    pub channel: ChannelId,
    /// What the channel's schema accepted.
    pub batch: ValidBatch,
}

/// One item for the quarantine of a channel, whole.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// The channel it was meant for.
    pub channel: ChannelId,
    /// The schema it was held against.
    pub schema: SchemaId,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Why it was refused.
    pub violation: Violation,
    /// What its sender or the hub calls the message that it came in, for people who look for it.
    pub message_name: Option<Arc<str>>,
}

/// The key under which a group is known for seven days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remember {
    /// Whose keys these are, for example an agency and a channel; equal keys of two scopes are different.
    pub scope: String,
    /// The key.
    pub key: Vec<u8>,
    /// SHA-256 of what was sent under it.
    pub body_hash: [u8; 32],
    /// Bytes of the caller, given back with the receipt.
    pub note: Vec<u8>,
}

/// A compare-and-set of one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Whose cursor it is, for example a connector or a subscription.
    pub owner: String,
    /// The version it must have now; `None` when it must not exist yet.
    pub expected: Option<u64>,
    /// The new cursor. Its version is the expected one plus 1, and 1 for the first.
    pub cursor: Vec<u8>,
}

/// Groups that go in one behind the other: once one of them was not done, none that was submitted behind it is. So several
/// can wait for the writer, and yet none overtakes one that failed. Clones are the same sequence.
#[derive(Debug, Clone, Default)]
pub struct Sequence(Arc<AtomicBool>);

impl Sequence {
    pub(super) fn is_broken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn break_off(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A plugin's call whose output is staged. Made by [`super::Store::begin_call`]; unique as long as the store is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) i64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Some of a call's output, on its way to be staged.
#[derive(Debug, Clone)]
pub struct Part {
    /// When the hub received what the call is about.
    pub received_at: Timestamp,
    /// Who it came from.
    pub origin: Origin,
    /// Records, behind those that the call staged before.
    pub appends: Vec<Append>,
    /// For the quarantine.
    pub rejections: Vec<Rejection>,
}

/// What became of a group. There is no fourth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It is durable.
    Committed(Receipt),
    /// It was durable already, under the same key and body; nothing was done.
    Repeated(Receipt),
    /// Nothing of it was done.
    Refused(Refusal),
    /// It may be durable or not, and the text says why: send it again under the same key.
    Unknown(String),
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key was used for another body.
    #[error("the idempotency key was used for another body: use a new key")]
    KeyReused,
    /// The checkpoint has another version than expected: someone else moved it.
    #[error("the checkpoint was moved by another: read it again and start from there")]
    CheckpointMoved,
    /// One before it in its [`Sequence`] was not done.
    #[error("what came before it was not stored: send it again, and this behind it")]
    OutOfSequence,
    /// The disk is full, or nearly so. Passes as soon as there is space.
    #[error("the disk that holds the hub's data is full: free space, the hub resumes by itself")]
    Full,
    /// A file of an attachment could not be put into place.
    #[error("an attachment could not be put into place: {0}")]
    Attachment(String),
    /// The database can no longer be trusted, or is held by another process.
    #[error("the store takes no data: {0}")]
    Failed(String),
    /// The store is closing.
    #[error("the hub is stopping")]
    Closing,
    /// No such channel.
    #[error("there is no channel `{0}`: apply a city that has it")]
    UnknownChannel(ChannelId),
}

/// Proof of what a group did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The offsets that its records got: at most one range a channel, in the channels' order.
    pub ranges: Vec<Range>,
    /// How many items went to quarantine.
    pub quarantined: u64,
    /// The note of its [`Remember`]. Not part of the serialised form.
    #[serde(skip)]
    pub note: Vec<u8>,
}

/// Offsets without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The channel.
    pub channel: ChannelId,
    /// Its epoch.
    pub epoch: u32,
    /// The first record's offset.
    pub first: u64,
    /// How many records.
    pub count: u64,
}

impl Range {
    /// The position after its last record.
    pub fn end(&self) -> Position {
        Position { epoch: self.epoch, offset: self.first + self.count }
    }
}

/// A committed cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Opaque bytes of its owner.
    pub cursor: Vec<u8>,
    /// From 1, and 1 more with each advance.
    pub version: u64,
    /// The `received_at` of the group that advanced it.
    pub updated_at: Timestamp,
}

/// What is kept of a group under its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// What it did, note included.
    pub receipt: Receipt,
    /// SHA-256 of what was sent under the key.
    pub body_hash: [u8; 32],
}
