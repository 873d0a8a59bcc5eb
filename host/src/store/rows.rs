//! The rows that operators and the pipeline read: sums, quarantine, runs and keys.

use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, SchemaId};
use lienthong_core::log::{Origin, Position};
use lienthong_core::record::Violation;
use lienthong_core::time::Timestamp;

/// A channel's sums, over all its epochs. `accepted = stored + open + discarded` at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSums {
    /// The channel.
    pub channel: ChannelId,
    /// Its current epoch and the next offset to be assigned.
    pub next: Position,
    /// Records and items that the hub took over.
    pub accepted: u64,
    /// Records that got an offset.
    pub stored: u64,
    /// Items that wait in quarantine.
    pub open: u64,
    /// Items that an operator discarded.
    pub discarded: u64,
    /// Bytes of the stored records, uncompressed.
    pub bytes: u64,
    /// Attachments, which are no part of the sum.
    pub attachments: u64,
    /// Their bytes. A file that several channels have counts in each.
    pub attachment_bytes: u64,
}

/// Which quarantine entries; the newest come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// Of this channel only.
    pub channel: Option<ChannelId>,
    /// Of this connector only.
    pub connector: Option<ConnectorId>,
    /// With this broken keyword only.
    pub keyword: Option<String>,
    /// Of messages of this name only.
    pub message_name: Option<String>,
    /// Older than this entry: the last id of the page before.
    pub before: Option<u64>,
    /// At most so many, and never more than 1,000.
    pub limit: u32,
}

impl Default for QuarantineFilter {
    fn default() -> Self {
        Self { channel: None, connector: None, keyword: None, message_name: None, before: None, limit: 100 }
    }
}

/// One rejected item, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// Increasing, never reused.
    pub id: u64,
    /// The channel it was meant for.
    pub channel: ChannelId,
    /// Who it came from.
    pub origin: Origin,
    /// When it came.
    pub received_at: Timestamp,
    /// The schema it was held against.
    pub schema: SchemaId,
    /// Why it was refused.
    pub violation: Violation,
    /// The name of the message that it came in.
    pub message_name: Option<String>,
    /// Length of its bytes.
    pub size_bytes: u64,
}

/// One call of a connector, as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Counts the connector's runs from 1. Given by [`super::Store::record_run`]; what the caller puts here is ignored.
    pub id: u64,
    /// Whose call.
    pub connector: ConnectorId,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_us: u64,
    /// Whether what it emitted counts.
    pub outcome: RunOutcome,
    /// Records that it stored.
    pub records: u64,
    /// Items that went to quarantine.
    pub rejected: u64,
    /// Why it failed: a word to match on, and a text.
    pub error: Option<RunError>,
    /// The last of what the guest wrote to its standard error.
    pub stderr_tail: String,
    /// Time in the plugin's code, microseconds.
    pub cpu_us: u64,
    /// Bytes that its HTTP sent and brought.
    pub egress_bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// It was committed.
    Ok,
    /// Nothing of it counts.
    Failed,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// For example `upstream` or `timeout`.
    pub kind: String,
    /// For a person to read.
    pub text: String,
}

/// An access key as the hub keeps it: never the key, only its keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The public part of the key.
    pub id: String,
    /// Whose key it is.
    pub owner: KeyOwner,
    /// HMAC-SHA-256 of the key under the server's pepper.
    pub hash: [u8; 32],
    /// Channels it may read, as the key's maker wrote them.
    pub read: Vec<String>,
    /// Channels it may write.
    pub write: Vec<String>,
    /// For the operator.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first moment at which it no longer holds.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// The hub's operators.
    Operator,
    /// One agency.
    Agency(AgencyId),
}
