//! Bodies of messages: small ones in memory as long as there is memory for bodies, the others spooled to a file that
//! vanishes with its last reader.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use lienthong_core::id::AgencyId;
use lienthong_core::ports::{Blob, Pending};
use sha2::{Digest, Sha256};

use super::memory::{self, Memory, Share};
use crate::disk::FileBlob;

/// Bytes kept in memory before a body is spooled.
const IN_MEMORY_BYTES: usize = 1 << 20;

/// Bytes of all spooled bodies; as much as four of the largest message that a connector takes, where that is more.
const SPOOL_BYTES: u64 = 4 << 30;

/// A spooled body, its share of the disk given back with its last reader.
struct SpooledBlob {
    file: FileBlob,
    _share: Share,
}

impl Blob for SpooledBlob {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read(&self, offset: u64, max: usize) -> Pending<'_, io::Result<Vec<u8>>> {
        self.file.read(offset, max)
    }
}

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
    /// As much of the agency's as may be is on its way already.
    #[error("too many large messages of this agency are under way: send it again in a while")]
    Busy,
    /// The spool folder.
    #[error("the message could not be spooled: {0}")]
    Spool(#[from] io::Error),
}

/// Where bodies are put while they are under way: in memory, or in a folder. Neither is without a bound, and of neither does
/// one agency get all. Clones share both.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    memory: Memory,
    disk: Memory,
}

impl Spool {
    /// Nothing is under way. The folder is made when it is needed; the largest message is that of all connectors.
    pub fn new(folder: PathBuf, largest_message_bytes: u64) -> Self {
        let disk = usize::try_from(SPOOL_BYTES.max(largest_message_bytes.saturating_mul(4))).unwrap_or(usize::MAX);
        Self { folder, memory: Memory::new(memory::BYTES), disk: Memory::new(disk) }
    }

    /// The memory for bodies, which is that for posts as well.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A body of at most `limit_bytes` for an agency, on the disk when it is large or memory is short.
    pub fn writer(&self, agency: AgencyId, limit_bytes: u64) -> BodyWriter {
        BodyWriter {
            limit_bytes,
            folder: self.folder.clone(),
            hasher: Sha256::new(),
            memory: Vec::new(),
            in_memory: self.memory.share(agency.clone()),
            on_disk: self.disk.share(agency),
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
    in_memory: Share,
    on_disk: Share,
    spool: Option<File>,
    size: u64,
}

impl BodyWriter {
    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// So many bytes are to come; refused where that is too much.
    pub fn expect(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.limit_bytes { Err(Error::TooLong { limit_bytes: self.limit_bytes }) } else { Ok(()) }
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
        if !self.on_disk.try_grow(usize::try_from(self.size).unwrap_or(usize::MAX)) {
            return Err(Error::Busy);
        }
        if self.spool.is_none() {
            std::fs::create_dir_all(&self.folder)?;
            // Without a name: nothing is left when the hub is killed.
            let mut file = tempfile::tempfile_in(&self.folder)?;
            file.write_all(&self.memory)?;
            self.spool = Some(file);
            self.memory = Vec::new();
            self.in_memory.shrink(0);
        }
        if let Some(file) = &mut self.spool {
            file.write_all(piece)?;
        }
        Ok(())
    }

    fn keeps_in_memory(&mut self, more: usize) -> bool {
        let grown = self.memory.len() + more;
        self.spool.is_none() && grown <= IN_MEMORY_BYTES && self.in_memory.try_grow(grown)
    }

    /// The body is whole.
    pub fn finish(self) -> Body {
        let blob: Arc<dyn Blob> = match self.spool {
            Some(file) => Arc::new(SpooledBlob { file: FileBlob::new(file, self.size), _share: self.on_disk }),
            None => Arc::new(HeldBlob { bytes: self.memory, _share: self.in_memory }),
        };
        Body { blob, sha256: self.hasher.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn spool(folder: &Path) -> Spool {
        Spool::new(folder.to_owned(), 0)
    }

    fn agency(id: &str) -> AgencyId {
        AgencyId::new(id).unwrap()
    }

    async fn read(body: &Body, offset: usize) -> Vec<u8> {
        body.blob.read(offset as u64, 1000).await.unwrap()
    }

    #[tokio::test]
    async fn small_and_spooled_bodies_read_the_same_at_any_offset() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0usize, 10, IN_MEMORY_BYTES, 3 * IN_MEMORY_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let spool = spool(dir.path());
            let free = (spool.memory.free(), spool.disk.free());
            let mut writer = spool.writer(agency("one"), u64::MAX);
            for piece in bytes.chunks(60_000) {
                writer = writer.take(piece).await.unwrap();
            }
            let body = writer.finish();
            assert_eq!(body.blob.size(), size as u64);
            assert_eq!(body.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
            for offset in [0, size / 2, size, size + 5] {
                assert_eq!(read(&body, offset).await, bytes[offset.min(size)..(offset + 1000).min(size)], "{size} at {offset}");
            }
            let held = (free.0 - spool.memory.free(), free.1 - spool.disk.free());
            assert_eq!(held, if size > IN_MEMORY_BYTES { (0, size) } else { (size, 0) });
            drop(body);
            assert_eq!((spool.memory.free(), spool.disk.free()), free);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "spooled bodies have no name");
    }

    #[tokio::test]
    async fn a_small_body_goes_to_the_disk_where_there_is_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(dir.path());
        let writer = spool.writer(agency("one"), u64::MAX).take(b"first ").await.unwrap();
        let _others = spool.memory.try_take(agency("two"), spool.memory.free()).unwrap();
        let writer = writer.take(&[b'x'; 9000]).await.unwrap();
        assert!(writer.spool.is_some() && spool.memory.free() > 0);
        assert_eq!(read(&writer.finish(), 0).await[..8], *b"first xx");
    }

    #[tokio::test]
    async fn the_disk_has_its_bound_too_and_one_agency_does_not_reach_it() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool { folder: dir.path().to_owned(), memory: Memory::new(0), disk: Memory::new(30_000) };
        let held = spool.writer(agency("one"), u64::MAX).take(&[0; 15_000]).await.unwrap();
        assert!(matches!(spool.writer(agency("one"), u64::MAX).take(&[0]).await, Err(Error::Busy)));
        assert!(spool.writer(agency("two"), u64::MAX).take(&[0; 7_000]).await.is_ok());
        drop(held);
        assert!(spool.writer(agency("one"), u64::MAX).take(&[0]).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_past_its_limit_is_refused_while_it_arrives() {
        let writer = spool(Path::new("/nowhere")).writer(agency("one"), 100);
        assert!(matches!(writer.expect(101), Err(Error::TooLong { limit_bytes: 100 })));
        let writer = writer.take(&[0; 100]).await.unwrap();
        assert!(matches!(writer.take(&[0]).await, Err(Error::TooLong { limit_bytes: 100 })));
    }
}
