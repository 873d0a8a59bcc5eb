//! Bodies of messages: small ones in memory, large ones spooled to a file that vanishes with its last reader.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lienthong_core::ports::Blob;
use sha2::{Digest, Sha256};

use crate::disk::FileBlob;

/// Bytes kept in memory before a body is spooled.
const IN_MEMORY_BYTES: usize = 1 << 20;

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

/// Takes a body piece by piece.
pub struct BodyWriter {
    limit_bytes: u64,
    spool_folder: PathBuf,
    hasher: Sha256,
    memory: Vec<u8>,
    spool: Option<File>,
    size: u64,
}

impl BodyWriter {
    /// A body of at most `limit_bytes`, spooled into `spool_folder` when it is large.
    pub fn new(limit_bytes: u64, spool_folder: &Path) -> Self {
        Self { limit_bytes, spool_folder: spool_folder.to_owned(), hasher: Sha256::new(), memory: Vec::new(), spool: None, size: 0 }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.size += piece.len() as u64;
        if self.size > self.limit_bytes {
            return Err(Error::TooLong { limit_bytes: self.limit_bytes });
        }
        self.hasher.update(piece);
        match &mut self.spool {
            Some(file) => file.write_all(piece)?,
            None => {
                self.memory.extend_from_slice(piece);
                if self.memory.len() > IN_MEMORY_BYTES {
                    std::fs::create_dir_all(&self.spool_folder)?;
                    // Without a name: nothing is left when the hub is killed.
                    let mut file = tempfile::tempfile_in(&self.spool_folder)?;
                    file.write_all(&self.memory)?;
                    self.memory = Vec::new();
                    self.spool = Some(file);
                }
            }
        }
        Ok(())
    }

    /// The body is whole.
    pub fn finish(self) -> Body {
        let blob: Arc<dyn Blob> = match self.spool {
            Some(file) => Arc::new(FileBlob::new(file, self.size)),
            None => Arc::new(self.memory),
        };
        Body { blob, sha256: self.hasher.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_and_spooled_bodies_read_the_same_at_any_offset() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0usize, 10, IN_MEMORY_BYTES, 3 * IN_MEMORY_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut writer = BodyWriter::new(u64::MAX, dir.path());
            for piece in bytes.chunks(60_000) {
                writer.push(piece).unwrap();
            }
            let body = writer.finish();
            assert_eq!(body.blob.size(), size as u64);
            assert_eq!(body.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
            for offset in [0, size / 2, size, size + 5] {
                let read = body.blob.read(offset as u64, 1000).await.unwrap();
                assert_eq!(read, bytes[offset.min(size)..(offset + 1000).min(size)], "{size} at {offset}");
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "spooled bodies have no name");
    }

    #[test]
    fn a_body_past_its_limit_is_refused_while_it_arrives() {
        let mut writer = BodyWriter::new(100, Path::new("/nowhere"));
        writer.push(&[0; 100]).unwrap();
        assert!(matches!(writer.push(&[0]), Err(Error::TooLong { limit_bytes: 100 })));
    }
}
