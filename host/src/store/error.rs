//! What can go wrong between the hub and its database.

use std::path::PathBuf;

use lienthong_core::hash::ContentHash;

use super::Refusal;

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another hub has the folder.
    #[error("{} is in use by {}: stop it first, or give this hub a folder of its own", folder.display(), holder(*pid))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other's process id, where it could be read.
        pid: Option<u32>,
    },
    /// A database, but not one of Lienthong's.
    #[error("{} is a database of another program: give the hub a folder of its own", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// No database, or a broken one.
    #[error("{} is damaged ({message}): put it aside and restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        message: String,
    },
    /// A later version of the hub wrote it.
    #[error("the database has version {found}, this hub knows up to {known}: run the newer hub")]
    Newer {
        /// Its version.
        found: i64,
        /// The last one known here.
        known: i64,
    },
    /// A setting did not take, so that durability could not be promised.
    #[error("sqlite has {name} = {found} where {wanted} is needed: the file system or the build does not support it")]
    Pragma {
        /// The pragma.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A build with a SQLite that can corrupt a WAL.
    #[error("sqlite {found} is too old: build with 3.51.3 or later")]
    OldSqlite {
        /// Its version.
        found: String,
    },
    /// A block whose content is not what was written.
    #[error("block {block} of the log is damaged ({what}): restore a backup")]
    DamagedBlock {
        /// Its number.
        block: i64,
        /// What does not fit.
        what: String,
    },
    /// An attachment without its bytes.
    #[error("the file of attachment {hash} is not what was kept ({source}): restore it from a backup")]
    DamagedAttachment {
        /// Its hash.
        hash: ContentHash,
        /// What is wrong.
        source: std::io::Error,
    },
    /// Nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may have been done or not.
    #[error("it is not known whether this was stored ({0}): try again")]
    Unknown(String),
    /// Anything else that the database said.
    #[error("the database: {0}")]
    Sql(#[from] sqlx::Error),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another hub".into(), |pid| format!("another hub (process {pid})"))
}

impl Error {
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// What an SQL error means for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// This statement only.
    Statement,
    /// No space; passes.
    Full,
    /// Another process holds the file; passes.
    Busy,
    /// What the disk holds is no longer known.
    Fatal,
}

/// SQLite's extended result code, where the error is SQLite's.
pub(super) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

pub(super) fn severity(error: &sqlx::Error) -> Severity {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    const NOTADB: i32 = 26;
    // The WAL's index could not grow: a full disk, met before anything of the transaction was written.
    const IOERR_SHMSIZE: i32 = IOERR | (19 << 8);
    match sqlite_code(error) {
        Some(IOERR_SHMSIZE) => Severity::Full,
        Some(code) => match code & 0xff {
            FULL => Severity::Full,
            BUSY | LOCKED => Severity::Busy,
            NOMEM | READONLY | IOERR | CORRUPT | CANTOPEN | NOTADB => Severity::Fatal,
            _ => Severity::Statement,
        },
        // The connection's own thread is gone, or speaks nonsense.
        None if matches!(error, sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            Severity::Statement
        }
        None => Severity::Fatal,
    }
}
