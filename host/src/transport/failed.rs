//! A folder for messages that no try will help and that nobody but their sender keeps: each whole, with the reason beside it.
//!
//! A message is named by its hash, so that one that comes again and again is kept once. The folder does not grow without a
//! bound, for anyone who may send could fill the disk otherwise.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lienthong_core::hash::ContentHash;
use lienthong_core::ports::Blob;
use tokio::fs;
use tokio::sync::OnceCell;

use super::body::Body;
use crate::disk::{Disk, Draft, Privacy};

/// Stands behind a message's name in the name of its reason.
pub const REASON: &str = ".reason.txt";

/// How many messages lie in a folder of failed ones, their reasons not counted. One that was never made holds none.
pub fn count(folder: &Path) -> io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut messages = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        messages += u64::from(!name.starts_with('.') && !name.ends_with(REASON) && entry.file_type()?.is_file());
    }
    Ok(messages)
}

/// Messages that are kept.
const MESSAGES: usize = 1_000;
/// Bytes of all of them.
const BYTES: u64 = 1 << 30;
/// Read at a time.
const PIECE: usize = 1 << 20;

/// The folder of one connector.
#[derive(Debug)]
pub struct FailedFolder {
    folder: PathBuf,
    disk: OnceCell<Arc<Disk>>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It lies here, on the disk.
    At(PathBuf),
    /// The folder is full. The sender still has it, for it was not acknowledged.
    Full,
}

impl FailedFolder {
    /// This folder; made when it is needed, for the hub's user alone.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, disk: OnceCell::new() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Keeps a message and the reason, on the disk when this returns.
    pub async fn keep(&self, body: &Body, reason: &str) -> io::Result<Kept> {
        let disk = self.disk.get_or_try_init(|| self.open()).await?;
        let name = ContentHash::new(body.sha256).to_string();
        let target = disk.root().join(format!("{name}.message"));
        if fs::try_exists(&target).await? {
            return Ok(Kept::At(target));
        }
        let (messages, bytes) = self.held().await?;
        if messages >= MESSAGES || bytes.saturating_add(body.blob.size()) > BYTES {
            return Ok(Kept::Full);
        }
        write(disk, disk.root().join(format!("{name}{REASON}")), &reason.as_bytes().to_vec()).await?;
        write(disk, target.clone(), &*body.blob).await?;
        Ok(Kept::At(target))
    }

    async fn open(&self) -> io::Result<Arc<Disk>> {
        let folder = std::path::absolute(&self.folder)?;
        // Nobody else writes here, so what is half written is of a hub that is gone.
        let opened = tokio::task::spawn_blocking(move || Disk::open(&folder, Privacy::Own, Duration::ZERO));
        opened.await.map_err(io::Error::other)?.map(Arc::new)
    }

    async fn held(&self) -> io::Result<(usize, u64)> {
        let (mut messages, mut bytes) = (0, 0);
        let mut entries = fs::read_dir(&self.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            messages += usize::from(entry.path().extension().is_some_and(|ending| ending == "message"));
            // It may be gone again.
            bytes += entry.metadata().await.map_or(0, |meta| meta.len());
        }
        Ok((messages, bytes))
    }
}

async fn write(disk: &Arc<Disk>, target: PathBuf, blob: &dyn Blob) -> io::Result<()> {
    let mut draft = Draft::new(Arc::clone(disk));
    let mut offset = 0;
    while offset < blob.size() {
        let piece = blob.read(offset, PIECE).await?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        draft.write(&piece).await?;
        offset += piece.len() as u64;
    }
    let (drafted, disk) = (draft.finish().await?, Arc::clone(disk));
    tokio::task::spawn_blocking(move || drafted.place(&disk, &target)).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use lienthong_core::id::AgencyId;

    use super::super::body::Spool;
    use super::*;

    async fn body(folder: &Path, bytes: &[u8]) -> Body {
        let spool = Spool::new(folder.join("spool"), 0);
        spool.writer(AgencyId::new("hospital").unwrap(), u64::MAX).take(bytes).await.unwrap().finish()
    }

    #[tokio::test]
    async fn a_message_is_kept_whole_and_once_with_its_first_reason() {
        let dir = tempfile::tempdir().unwrap();
        let failed = FailedFolder::new(dir.path().join("failed/health/hospital"));
        let bytes = vec![7; 3 * PIECE + 5];
        let Kept::At(path) = failed.keep(&body(dir.path(), &bytes).await, "not a message\n").await.unwrap() else { panic!() };
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(std::fs::read_to_string(path.with_extension("reason.txt")).unwrap(), "not a message\n");
        assert_eq!(failed.keep(&body(dir.path(), &bytes).await, "again").await.unwrap(), Kept::At(path.clone()));
        failed.keep(&body(dir.path(), b"").await, "nothing").await.unwrap();
        let names = std::fs::read_dir(failed.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut endings: Vec<_> = names.filter(|name| name.len() > 64).map(|name| name[64..].to_owned()).collect();
        endings.sort();
        assert_eq!(endings, [".message", ".message", ".reason.txt", ".reason.txt"]);
        assert_eq!(count(failed.path()).unwrap(), 2);
        assert_eq!(count(&dir.path().join("never made")).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_full_folder_keeps_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let failed = FailedFolder::new(dir.path().join("failed"));
        std::fs::create_dir(failed.path()).unwrap();
        let large = std::fs::File::create(failed.path().join("large.message")).unwrap();
        large.set_len(BYTES - (64 << 10)).unwrap();
        assert_eq!(failed.keep(&body(dir.path(), &[1; 64 << 10]).await, "x").await.unwrap(), Kept::Full);
        assert!(matches!(failed.keep(&body(dir.path(), b"three").await, "x").await.unwrap(), Kept::At(_)));
        large.set_len(0).unwrap();
        for n in 0..MESSAGES {
            std::fs::write(failed.path().join(format!("{n}.message")), "").unwrap();
        }
        assert_eq!(failed.keep(&body(dir.path(), b"one more").await, "x").await.unwrap(), Kept::Full);
    }
}
