//! What the log gives back: batches with their envelope, and positions in a channel.

use std::fmt;
use std::str::FromStr;

use crate::id::{AgencyId, ChannelId, ConnectorId};
use crate::record::Envelope;
use crate::time::Timestamp;

/// A position in a channel: the next record to read. Ordered within a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Which life of the channel; a restore opens a new one. From 1.
    pub epoch: u32,
    /// Offset of the next record within the epoch. From 0.
    pub offset: u64,
}

impl Position {
    /// The beginning of a channel.
    pub const START: Self = Self { epoch: 1, offset: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.offset)
    }
}

impl FromStr for Position {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, offset) = text.split_once(':').ok_or(())?;
        Ok(Self { epoch: epoch.parse().map_err(|_| ())?, offset: offset.parse().map_err(|_| ())? })
    }
}

/// Who a record came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The agency that owns the connector or posted the records.
    pub agency: AgencyId,
    /// The connector, where one produced them.
    pub connector: Option<ConnectorId>,
}

/// One batch of a channel as it stands in the log.
#[derive(Debug, Clone)]
pub struct StoredBatch {
    /// Position of its first record.
    pub first: Position,
    /// How many records.
    pub count: u32,
    /// Who they came from.
    pub origin: Origin,
    /// When the hub received them.
    pub received_at: Timestamp,
    /// The version of the channel's schema that accepted them.
    pub schema_version: u32,
    /// The records, each followed by a line feed.
    pub ndjson: Vec<u8>,
    /// As many as records, or none.
    pub envelopes: Vec<Envelope>,
}

impl StoredBatch {
    /// Each record with its offset and what its producer said of it.
    pub fn records(&self) -> impl Iterator<Item = (u64, &[u8], Option<&Envelope>)> {
        self.ndjson
            .split(|b| *b == b'\n')
            .take(self.count as usize)
            .enumerate()
            .map(|(i, line)| (self.first.offset + i as u64, line, self.envelopes.get(i)))
    }

    /// The position after its last record.
    pub fn end(&self) -> Position {
        Position { epoch: self.first.epoch, offset: self.first.offset + u64::from(self.count) }
    }
}

/// When a record happened: by its own word at the channel's `time`, else its producer's, else when the hub received it.
pub fn event_time(own: Option<Timestamp>, envelope: Option<&Envelope>, received_at: Timestamp) -> Timestamp {
    own.or_else(|| envelope.and_then(|envelope| envelope.time)).unwrap_or(received_at)
}

/// A record's id where its producer gave none: `channel:epoch:offset`.
pub fn record_id(channel: &ChannelId, epoch: u32, offset: u64) -> String {
    format!("{channel}:{epoch}:{offset}")
}
