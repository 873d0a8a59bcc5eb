//! Files that belong to records: rows in the database, bytes below `attachments/` under their hash.
//!
//! A file is written and synced under a name of its own. Before it is put into place, a row of `staged_attachment` says
//! that it may turn out to be nobody's; the transaction that makes it visible deletes that row. So a crash leaves either
//! a row of `attachment` with its file, or a row that tells the next start which file to remove. Nothing else is ever
//! removed: a database that was exchanged costs no file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::ChannelId;
use lienthong_core::log::Origin;
use lienthong_core::time::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};

use super::apply::{Apply, Done, ROWS, Take, Trouble};
use super::error::{Severity, severity};
use super::staging::unknown_channel;
use super::{CallId, Error, Refusal, decode};
use crate::disk::{Disk, Draft, Drafted, FileBlob, Privacy};

/// A finished file for one channel. The file goes with the last clone, unless a group put it into place.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// The channel whose readers may fetch it.
    pub channel: ChannelId,
    /// Its bytes, on the disk and synced.
    pub file: Drafted,
}

/// The folder of files.
#[derive(Debug, Clone)]
pub(super) struct Files(Arc<Disk>);

impl Files {
    /// Opens the folder below the hub's own, which is locked: whatever is half written there is nobody's any more.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let wrong = |source| Error::Io { what: "cannot use the folder", path: folder.join("attachments"), source };
        let root = std::path::absolute(folder.join("attachments")).map_err(wrong)?;
        let disk = Disk::open(&root, Privacy::Own, Duration::ZERO).map_err(wrong)?;
        Ok(Self(Arc::new(disk)))
    }

    pub(super) fn draft(&self) -> Draft {
        Draft::new(Arc::clone(&self.0))
    }

    /// Puts files into place under their hashes. Blocking.
    pub(super) fn place(&self, files: &BTreeMap<ContentHash, Drafted>) -> Result<(), Refusal> {
        files.iter().try_for_each(|(hash, file)| file.place(&self.0, &self.path(hash))).map_err(refused)
    }

    /// A file, which must have this length. Blocking.
    pub(super) fn read(&self, hash: &ContentHash, size_bytes: u64) -> io::Result<FileBlob> {
        let file = File::open(self.path(hash))?;
        let found = file.metadata()?.len();
        if found != size_bytes {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("it has {found} bytes where {size_bytes} were kept")));
        }
        Ok(FileBlob::new(file, size_bytes))
    }

    /// Removes a file for good. Blocking.
    fn remove(&self, hash: &ContentHash) -> io::Result<()> {
        let path = self.path(hash);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed?,
        }
        self.0.settle(path.parent().unwrap_or(self.0.root()))
    }

    pub(super) fn path(&self, hash: &ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.0.root().join(&name[..2]).join(name)
    }

    #[cfg(test)]
    pub(super) fn staged(&self) -> usize {
        self.0.staged()
    }
}

fn refused(error: io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Refusal::Full,
        _ => Refusal::Attachment(error.to_string()),
    }
}

/// Removes the files of groups that were never committed: at opening, before anyone can put one into place. What a full
/// disk or an error keeps waits for the next start.
pub(super) async fn delete_lost(db: &mut SqliteConnection, files: &Files) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT sha256 FROM staged_attachment
         WHERE NOT EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = staged_attachment.sha256)",
    )
    .fetch_all(&mut *db)
    .await?;
    for row in rows {
        let hash = decode::content_hash(&row, 0)?;
        let (lost, removed) = (files.clone(), hash);
        let removed = tokio::task::spawn_blocking(move || lost.remove(&removed)).await.map_err(io::Error::other).and_then(|done| done);
        if let Err(error) = removed {
            tracing::warn!(%hash, %error, "an attachment that was never committed could not be removed: it is tried again at the next start");
            continue;
        }
        if !forget(db, "DELETE FROM staged_attachment WHERE sha256 = $1", Some(&hash)).await? {
            return Ok(());
        }
    }
    let kept = "DELETE FROM staged_attachment WHERE EXISTS (SELECT 1 FROM attachment WHERE attachment.sha256 = staged_attachment.sha256)";
    forget(db, kept, None).await.map(|_| ())
}

/// Answers false where the disk is too full even for that.
async fn forget(db: &mut SqliteConnection, sql: &'static str, hash: Option<&ContentHash>) -> Result<bool, sqlx::Error> {
    let mut query = sqlx::query(sql);
    if let Some(hash) = hash {
        query = query.bind(hash.bytes().to_vec());
    }
    match query.execute(db).await {
        Ok(_) => Ok(true),
        Err(error) if severity(&error) == Severity::Full => Ok(false),
        Err(error) => Err(error),
    }
}

/// The length of a channel's attachment, where it has that one.
pub(super) async fn size(db: &mut SqliteConnection, channel: &ChannelId, hash: &ContentHash) -> Result<Option<u64>, Error> {
    let row = sqlx::query("SELECT size FROM attachment WHERE sha256 = $1 AND channel = $2")
        .bind(hash.bytes().to_vec())
        .bind(channel.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| decode::number(&row, 0, "size")).transpose()?)
}

/// The rows of a group's attachments, and the call under which their files were staged.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) call: CallId,
    /// In this order in every transaction, so that two of them can never wait for each other.
    pub(super) rows: BTreeMap<(ContentHash, ChannelId), u64>,
}

impl Apply<'_> {
    /// Says which files are about to be put into place.
    pub(super) async fn stage_attachments(&mut self, call: CallId, hashes: Vec<ContentHash>) -> Result<Done, Trouble> {
        let mut rows = 0;
        for hashes in hashes.chunks(ROWS) {
            let mut sql = QueryBuilder::new("INSERT INTO staged_attachment (sha256, call) ");
            sql.push_values(hashes, |mut row, hash| {
                row.push_bind(hash.bytes().to_vec()).push_bind(call.0);
            });
            rows += sql.build().persistent(false).execute(&mut *self.db).await?.rows_affected();
        }
        Ok(Done::Rows(rows))
    }

    /// Makes attachments visible. Those that a channel has already stay as they are.
    pub(super) async fn attach(
        &mut self,
        placed: Placed,
        at: Timestamp,
        origin: &Origin,
        takes: &mut BTreeMap<ChannelId, Take>,
    ) -> Result<(), Trouble> {
        for ((hash, channel), size) in placed.rows {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            let done = sqlx::query(
                "INSERT INTO attachment (sha256, channel, size, agency, connector, received_at) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (sha256, channel) DO NOTHING",
            )
            .bind(hash.bytes().to_vec())
            .bind(channel.as_str())
            .bind(size)
            .bind(origin.agency.as_str())
            .bind(origin.connector.as_ref().map(|c| c.as_str()))
            .bind(at.micros())
            .execute(&mut *self.db)
            .await
            .map_err(|error| unknown_channel(error, &channel))?;
            if done.rows_affected() == 1 {
                let take = takes.entry(channel).or_default();
                take.attachments += 1;
                take.attachment_bytes += size;
            }
        }
        sqlx::query("DELETE FROM staged_attachment WHERE call = $1").bind(placed.call.0).execute(&mut *self.db).await?;
        Ok(())
    }
}
