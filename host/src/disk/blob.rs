//! A file as a body that is read at any offset.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use lienthong_core::ports::{Blob, Pending};
use sha2::{Digest, Sha256};

/// A file on the hub's own disk, read at any offset.
#[derive(Debug)]
pub struct FileBlob {
    file: Arc<File>,
    size: u64,
}

impl FileBlob {
    /// The first `size` bytes of an open file.
    pub fn new(file: File, size: u64) -> Self {
        Self { file: Arc::new(file), size }
    }

    /// Opens a file and takes its length as it is now.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self::new(file, size))
    }

    /// SHA-256 of the content, read to its end. Blocking.
    pub fn sha256(&self) -> io::Result<[u8; 32]> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut offset = 0;
        loop {
            let read = self.file.read_at(&mut buffer, offset)?;
            if read == 0 {
                return Ok(hasher.finalize().into());
            }
            hasher.update(&buffer[..read]);
            offset += read as u64;
        }
    }
}

impl Blob for FileBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, max: usize) -> Pending<'_, io::Result<Vec<u8>>> {
        let file = Arc::clone(&self.file);
        let max = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(max);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0; max];
                let mut filled = 0;
                while filled < max {
                    match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
                        0 => break,
                        read => filled += read,
                    }
                }
                buffer.truncate(filled);
                Ok(buffer)
            })
            .await
            .map_err(io::Error::other)?
        })
    }
}
