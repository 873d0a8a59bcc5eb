//! A file that is hashed and counted while it is written, and never held in memory.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use lienthong_core::hash::ContentHash;
use sha2::{Digest, Sha256};

use super::{Disk, Staged};

/// Bytes that are gathered before they are written.
const PIECE: usize = 64 << 10;

/// A file on its way, under a name that no reader knows. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub struct Draft {
    disk: Arc<Disk>,
    gathered: Vec<u8>,
    /// None while a thread for blocking work has it, and after an error.
    written: Option<Written>,
}

#[derive(Debug, Default)]
struct Written {
    file: Option<(File, Staged)>,
    hasher: Sha256,
    size_bytes: u64,
}

/// A file whose bytes are on the disk, still under a name that no reader knows. Clones share it; with the last it is gone,
/// unless it was put into place.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// SHA-256 of its bytes.
    pub hash: ContentHash,
    /// Their number.
    pub size_bytes: u64,
    staged: Arc<Staged>,
}

impl Draft {
    /// An empty one. Nothing is written yet.
    pub fn new(disk: Arc<Disk>) -> Self {
        Self { disk, gathered: Vec::new(), written: Some(Written::default()) }
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// What the disk says; the draft is lost then.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.gathered.len() + bytes.len() < PIECE && self.written.is_some() {
            self.gathered.extend_from_slice(bytes);
            return Ok(());
        }
        let mut written = self.take()?;
        let mut piece = std::mem::take(&mut self.gathered);
        piece.extend_from_slice(bytes);
        let disk = Arc::clone(&self.disk);
        self.written = Some(blocking(move || written.add(&disk, &piece).map(|()| written)).await?);
        Ok(())
    }

    /// Ends it: its bytes are on the disk, and synced.
    ///
    /// # Errors
    /// What the disk says; the draft is lost then.
    pub async fn finish(mut self) -> io::Result<Drafted> {
        let mut written = self.take()?;
        let (disk, rest) = (self.disk, self.gathered);
        blocking(move || {
            written.add(&disk, &rest)?;
            let Written { file, hasher, size_bytes } = written;
            let (file, staged) = file.ok_or_else(lost)?;
            file.sync_all()?;
            Ok(Drafted { hash: ContentHash::new(hasher.finalize().into()), size_bytes, staged: Arc::new(staged) })
        })
        .await
    }

    fn take(&mut self) -> io::Result<Written> {
        self.written.take().ok_or_else(lost)
    }
}

impl Written {
    fn add(&mut self, disk: &Disk, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(disk.stage()?);
        }
        if let Some((file, _)) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }
}

impl Drafted {
    /// Puts it at `target`, where a file of the same bytes may stand already, and keeps it there. May be repeated.
    /// Blocking.
    pub fn place(&self, disk: &Disk, target: &Path) -> io::Result<()> {
        if !disk.place(&self.staged, target, true)? {
            // Whoever put it there may not have come to this yet.
            disk.settle(target.parent().unwrap_or(disk.root()))?;
        }
        Ok(())
    }
}

fn lost() -> io::Error {
    io::Error::other("it could not be written before")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::Privacy;
    use super::*;

    fn disk() -> (tempfile::TempDir, Arc<Disk>) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(&folder.path().join("files"), Privacy::Own, Duration::ZERO).unwrap();
        (folder, Arc::new(disk))
    }

    #[tokio::test]
    async fn a_draft_is_its_pieces_and_knows_their_hash() {
        let (_folder, disk) = disk();
        for (pieces, size) in [(0, 0), (1, 1), (1, PIECE - 1), (1, PIECE), (1, 5 * PIECE + 7), (700, 999), (3, 0)] {
            let mut draft = Draft::new(Arc::clone(&disk));
            let mut whole = Vec::new();
            for n in 0..pieces {
                let piece = vec![n as u8; size];
                draft.write(&piece).await.unwrap();
                whole.extend(piece);
            }
            assert!(draft.gathered.len() < PIECE, "it holds no more than a piece");
            let drafted = draft.finish().await.unwrap();
            let hash = ContentHash::new(Sha256::digest(&whole).into());
            assert_eq!((drafted.hash, drafted.size_bytes), (hash, whole.len() as u64));
            let target = disk.root().join(hash.to_string());
            drafted.place(&disk, &target).unwrap();
            drafted.place(&disk, &target).unwrap();
            drop(drafted);
            assert_eq!(fs::read(&target).unwrap(), whole);
        }
        assert_eq!(disk.staged(), 0);
    }

    #[tokio::test]
    async fn what_is_not_finished_or_not_placed_is_gone() {
        let (_folder, disk) = disk();
        let mut draft = Draft::new(Arc::clone(&disk));
        draft.write(&vec![1; 3 * PIECE]).await.unwrap();
        assert_eq!(disk.staged(), 1);
        drop(draft);
        assert_eq!(disk.staged(), 0);
        let drafted = Draft::new(Arc::clone(&disk)).finish().await.unwrap();
        let other = drafted.clone();
        drop(drafted);
        assert_eq!(disk.staged(), 1);
        drop(other);
        assert_eq!(disk.staged(), 0);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_told_each_time() {
        let (_folder, disk) = disk();
        let mut draft = Draft::new(Arc::clone(&disk));
        fs::remove_dir(disk.root().join(super::super::STAGING)).unwrap();
        assert!(draft.write(&vec![0; PIECE]).await.is_err());
        assert!(draft.write(b"more").await.is_err(), "bytes before these are lost");
        assert!(draft.finish().await.is_err());
    }
}
