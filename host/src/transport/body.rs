//! Bodies of messages: small ones in memory as long as there is memory for bodies, the others spooled to a file that
//! vanishes with its last reader.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use lienthong_core::ports::{Blob, Pending};
use sha2::{Digest, Sha256};

use super::memory::{Memory, Share};
use crate::disk::FileBlob;

/// Bytes kept in memory before a body is spooled.
const IN_MEMORY_BYTES: usize = 1 << 20;

/// Bytes in memory, and their share of it.
struct HeldBlob {
    bytes: Vec<u8>,
    _share: Share,
}

impl Blob for HeldBlob {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read(&self, offset: u64, max: usize) -> Pending<'_, io::Result<Vec<u8>>> {
        self.bytes.read(offset, max)
    }
}

/// A whole body and its hash.
#[derive(Clone)]
pub struct Body {
    /// The bytes.
    pub blob: Arc<dyn Blob>,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Longer than the connector takes.
    #[error("the message is longer than {limit_bytes} bytes; send it in parts, or raise `limits: {{ message: … }}` of the connector")]
    TooLong {
        /// The limit.
        limit_bytes: u64,
    },
    /// The spool folder.
    #[error("the message could not be spooled: {0}")]
    Spool(#[from] io::Error),
}

/// Where bodies are put while they are under way. Clones share the memory.
#[derive(Debug, Clone)]
pub struct Spool {
    /// The folder for large ones; made when it is needed.
    pub folder: PathBuf,
    /// The memory for the others.
    pub memory: Memory,
}

impl Spool {
    /// A body of at most `limit_bytes`, on the disk when it is large or memory is short.
    pub fn writer(&self, limit_bytes: u64) -> BodyWriter {
        BodyWriter {
            limit_bytes,
            folder: self.folder.clone(),
            hasher: Sha256::new(),
            memory: Vec::new(),
            share: self.memory.share(),
            spool: None,
            size: 0,
        }
    }
}

/// Takes a body piece by piece.
pub struct BodyWriter {
    limit_bytes: u64,
    folder: PathBuf,
    hasher: Sha256,
    memory: Vec<u8>,
    share: Share,
    spool: Option<File>,
    size: u64,
}

impl BodyWriter {
    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next piece. What goes to the disk is no work for the threads that serve everyone, and done beside them.
    pub async fn take(mut self, piece: &[u8]) -> Result<Self, Error> {
        if self.keeps_in_memory(piece.len()) {
            self.push(piece)?;
            return Ok(self);
        }
        let piece = piece.to_vec();
        tokio::task::spawn_blocking(move || self.push(&piece).map(|()| self)).await.map_err(io::Error::other)?
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.size += piece.len() as u64;
        if self.size > self.limit_bytes {
            return Err(Error::TooLong { limit_bytes: self.limit_bytes });
        }
        self.hasher.update(piece);
        if self.keeps_in_memory(piece.len()) {
            self.memory.extend_from_slice(piece);
            return Ok(());
        }
        if self.spool.is_none() {
            std::fs::create_dir_all(&self.folder)?;
            // Without a name: nothing is left when the hub is killed.
            let mut file = tempfile::tempfile_in(&self.folder)?;
            file.write_all(&self.memory)?;
            self.spool = Some(file);
            self.memory = Vec::new();
            self.share.release();
        }
        if let Some(file) = &mut self.spool {
            file.write_all(piece)?;
        }
        Ok(())
    }

    fn keeps_in_memory(&mut self, more: usize) -> bool {
        let grown = self.memory.len() + more;
        self.spool.is_none() && grown <= IN_MEMORY_BYTES && self.share.try_grow(grown)
    }

    /// The body is whole.
    pub fn finish(self) -> Body {
        let blob: Arc<dyn Blob> = match self.spool {
            Some(file) => Arc::new(FileBlob::new(file, self.size)),
            None => Arc::new(HeldBlob { bytes: self.memory, _share: self.share }),
        };
        Body { blob, sha256: self.hasher.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn spool(folder: &Path, memory: &Memory) -> Spool {
        Spool { folder: folder.to_owned(), memory: memory.clone() }
    }

    async fn read(body: &Body, offset: usize) -> Vec<u8> {
        body.blob.read(offset as u64, 1000).await.unwrap()
    }

    #[tokio::test]
    async fn small_and_spooled_bodies_read_the_same_at_any_offset() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0usize, 10, IN_MEMORY_BYTES, 3 * IN_MEMORY_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let memory = Memory::new();
            let free = memory.free_bytes();
            let mut writer = spool(dir.path(), &memory).writer(u64::MAX);
            for piece in bytes.chunks(60_000) {
                writer = writer.take(piece).await.unwrap();
            }
            let body = writer.finish();
            assert_eq!(body.blob.size(), size as u64);
            assert_eq!(body.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
            for offset in [0, size / 2, size, size + 5] {
                assert_eq!(read(&body, offset).await, bytes[offset.min(size)..(offset + 1000).min(size)], "{size} at {offset}");
            }
            let held = free - memory.free_bytes();
            assert!(if size > IN_MEMORY_BYTES { held == 0 } else { held >= size }, "{size} bytes hold {held}");
            drop(body);
            assert_eq!(memory.free_bytes(), free);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "spooled bodies have no name");
    }

    #[tokio::test]
    async fn a_small_body_goes_to_the_disk_where_there_is_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new();
        let writer = spool(dir.path(), &memory).writer(u64::MAX).take(b"first ").await.unwrap();
        let mut others = memory.share();
        assert!(others.try_grow(memory.free_bytes()));
        let writer = writer.take(&[b'x'; 9000]).await.unwrap();
        assert!(writer.spool.is_some() && memory.free_bytes() > 0);
        assert_eq!(read(&writer.finish(), 0).await[..8], *b"first xx");
    }

    #[tokio::test]
    async fn a_body_past_its_limit_is_refused_while_it_arrives() {
        let writer = spool(Path::new("/nowhere"), &Memory::new()).writer(100).take(&[0; 100]).await.unwrap();
        assert!(matches!(writer.take(&[0]).await, Err(Error::TooLong { limit_bytes: 100 })));
    }
}
