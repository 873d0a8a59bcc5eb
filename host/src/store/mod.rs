//! The log and all durable state, on SQLite.

mod error;
mod group;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lienthong_core::id::{ChannelId, ConnectorId};
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::time::Timestamp;
use tokio::time::Instant;

pub use error::Error;
pub use group::{
    Advance, Append, CallId, Checkpoint, Group, Outcome, Part, Range, Receipt, Refusal, Rejection, Remember, Remembered,
};
pub use rows::{ChannelSums, KeyOwner, KeyRow, QuarantineEntry, QuarantineFilter, Run, RunError, RunOutcome};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The hub's data folder; made where it is missing.
    pub folder: PathBuf,
    /// When the writer commits.
    pub group: GroupCommit,
}

impl Options {
    /// The defaults, in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), group: GroupCommit::default() }
    }
}

/// What one transaction takes at most. By default the writer commits what waits as soon as it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCommit {
    /// Groups in one transaction.
    pub max_groups: usize,
    /// Compressed bytes in one transaction; a single group may exceed it.
    pub max_bytes: usize,
    /// How long to wait for more groups.
    pub linger: Duration,
}

impl Default for GroupCommit {
    fn default() -> Self {
        Self { max_groups: 256, max_bytes: 8 << 20, linger: Duration::ZERO }
    }
}

/// Whether the store takes data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// The disk is full; every group is tried, and it resumes by itself.
    Full,
    /// An I/O error left the state of the disk unknown; nothing is taken until the process restarts.
    Failed(String),
}

/// The log, the checkpoints, the quarantine and the keys. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    _inner: Arc<()>,
}

#[allow(clippy::unimplemented, unused_variables, missing_docs)]
impl Store {
    pub async fn open(options: Options) -> Result<Self, Error> {
        unimplemented!()
    }
    pub async fn close(self) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn ensure_channels(&self, ids: &[ChannelId]) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn commit(&self, group: Group) -> Outcome {
        unimplemented!()
    }
    pub fn begin_call(&self) -> CallId {
        unimplemented!()
    }
    pub async fn stage(&self, call: CallId, part: Part) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn abandon(&self, call: CallId) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn read(&self, channel: &ChannelId, from: Position, max_records: u32, max_bytes: usize) -> Result<Vec<StoredBatch>, Error> {
        unimplemented!()
    }
    pub fn end(&self, channel: &ChannelId) -> Option<Position> {
        unimplemented!()
    }
    pub async fn wait(&self, channel: &ChannelId, from: Position, deadline: Instant) -> Option<Position> {
        unimplemented!()
    }
    pub async fn sums(&self) -> Result<Vec<ChannelSums>, Error> {
        unimplemented!()
    }
    pub async fn open_epoch(&self, channel: &ChannelId, at_least: u32) -> Result<Position, Error> {
        unimplemented!()
    }
    pub async fn checkpoint(&self, owner: &str) -> Result<Option<Checkpoint>, Error> {
        unimplemented!()
    }
    pub async fn recall(&self, scope: &str, key: &[u8]) -> Result<Option<Remembered>, Error> {
        unimplemented!()
    }
    pub async fn quarantine(&self, filter: QuarantineFilter) -> Result<Vec<QuarantineEntry>, Error> {
        unimplemented!()
    }
    pub async fn quarantine_entry(&self, id: u64) -> Result<Option<(QuarantineEntry, Vec<u8>)>, Error> {
        unimplemented!()
    }
    pub async fn record_run(&self, run: Run) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn runs(&self, connector: &ConnectorId, limit: u32) -> Result<Vec<Run>, Error> {
        unimplemented!()
    }
    pub async fn insert_key(&self, key: KeyRow) -> Result<(), Error> {
        unimplemented!()
    }
    pub async fn key(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        unimplemented!()
    }
    pub async fn keys(&self) -> Result<Vec<KeyRow>, Error> {
        unimplemented!()
    }
    pub async fn revoke_key(&self, id: &str, at: Timestamp) -> Result<bool, Error> {
        unimplemented!()
    }
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        unimplemented!()
    }
    pub fn health(&self) -> Health {
        unimplemented!()
    }
}
