//! The lake: each channel's records as rows of one open Delta table, every stored offset exactly once.
//!
//! The pipeline reads the log and calls [`Table::land`]; one call is one Delta commit (one for each epoch, where it spans
//! several) with one Parquet file for each UTC day in it. The table's own `txn` action says where to resume, so that a
//! crash, a lost answer or a second writer can neither lose nor double a row. Nothing else in the hub knows Delta, Arrow
//! or Parquet.

#[cfg(any(test, fuzzing))]
pub mod bad_input;
mod convert;
mod durable;
#[cfg(test)]
mod figures;
mod files;
mod layout;
#[cfg(test)]
mod lost_answers;
mod rows;
mod scan;
mod stats;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake_core::DeltaTableError;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use lienthong_core::id::ChannelId;
use lienthong_core::log::Position;
use object_store::ObjectStore;
use url::Url;

pub use layout::TableSpec;
pub use table::{Landed, Table};

use crate::disk::Room;
use durable::DurableFs;

/// Why something was not landed. After any of these the table is as it was, or holds the records; the next call of
/// [`Table::land`] with the same batches finds out and does what is left.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake's folder cannot be used.
    #[error("the lake's folder `{folder}`: {source}")]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The batches begin after the table's end, or one of them after the end of the one before.
    #[error("the lake table of {channel} ends before {expected}, but the batch begins at {got}; read the log from {expected}")]
    Gap {
        /// Whose table.
        channel: ChannelId,
        /// The next record to land.
        expected: Position,
        /// What came.
        got: Position,
    },
    /// Others committed first, time and again.
    #[error("other writers were faster {tries} times in the lake table of {channel}; let one hub alone land it")]
    Contended {
        /// Whose table.
        channel: ChannelId,
        /// How often.
        tries: u32,
    },
    /// Somebody raised the table's protocol beyond what is written here, or it cannot be read.
    #[error("the lake table of {channel}: {source}")]
    Delta {
        /// Whose table.
        channel: ChannelId,
        /// What Delta said.
        source: Box<DeltaTableError>,
    },
    /// The table holds more than can be counted, or Parquet refused the rows.
    #[error("the rows of {channel} do not become a file: {message}")]
    Encode {
        /// Whose rows.
        channel: ChannelId,
        /// Why.
        message: String,
    },
}

/// All tables, in one place: `<place>/<domain>/<name>`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    place: Url,
}

impl Lake {
    /// The lake on a local disk, made if need be. What [`Table::land`] says is landed survives a power loss.
    ///
    /// # Errors
    /// [`Error::Folder`]: it cannot be made, synced or named as a URL.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let fault = |source| Error::Folder { folder: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(fault)?;
        let root = root.canonicalize().map_err(fault)?;
        let store = DurableFs::open(&root).map_err(fault)?;
        let place = Url::from_directory_path(&root).map_err(|()| fault(std::io::Error::other("is no absolute path")))?;
        Ok(Self::with_store(Arc::new(store), place))
    }

    /// The lake in any object store whose conditional put is atomic. The store's root is the root of `place`, the URL
    /// (ending in a slash) under which the tables lie.
    pub fn with_store(store: Arc<dyn ObjectStore>, place: Url) -> Self {
        Self { store, place }
    }

    /// Creates a channel's table or opens it, and adds the columns that its newest schema brought.
    ///
    /// # Errors
    /// [`Error::Delta`] when it cannot be read or written, [`Error::Contended`].
    pub async fn table(&self, spec: TableSpec) -> Result<Table, Error> {
        let log = self.log_store(&spec.channel)?;
        Table::open(log, spec).await
    }

    /// The rows of a channel's table, of its epochs up to this one, by the table's own word; 0 where there is no table.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`Error::Delta`]: it cannot be read.
    pub async fn landed(&self, channel: &ChannelId, last_epoch: u32) -> Result<u64, Error> {
        let log = self.log_store(channel)?;
        let there = log.is_delta_table_location().await;
        if !there.map_err(|source| Error::Delta { channel: channel.clone(), source: Box::new(source) })? {
            return Ok(0);
        }
        let mut table = Table::open(log, TableSpec { channel: channel.clone(), columns: Vec::new(), time: None }).await?;
        let mut rows = 0;
        for epoch in 1..=last_epoch {
            rows += table.resume_at(epoch).await?;
        }
        Ok(rows)
    }

    /// What is free where the tables lie, bytes, if that is a disk of this machine.
    pub fn free_bytes(&self) -> Option<u64> {
        Room::of(&self.place.to_file_path().ok()?).ok().map(|room| room.free_bytes)
    }

    /// Where a channel's table is, for who reads it with another engine.
    pub fn location(&self, channel: &ChannelId) -> Url {
        let mut place = self.place.clone();
        if let Ok(mut path) = place.path_segments_mut() {
            path.pop_if_empty().push(channel.domain()).push(channel.name()).push("");
        }
        place
    }

    fn log_store(&self, channel: &ChannelId) -> Result<LogStoreRef, Error> {
        let location = self.location(channel);
        let config = StorageConfig::default();
        let prefixed = config
            .decorate_store(self.store.clone(), &location)
            .map_err(|source| Error::Delta { channel: channel.clone(), source: Box::new(source) })?;
        Ok(default_logstore(Arc::new(prefixed), self.store.clone(), &location, &config))
    }
}
