use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Bytes that can be read at any offset.
pub trait ReadAt {
    /// Their length.
    fn size(&self) -> u64;
    /// Up to `max` bytes from `offset`; empty at the end. It may return fewer than it could.
    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(max as usize).min(self.len());
        Ok(self[start..end].to_vec())
    }
}

/// Crossing the boundary costs tens of nanoseconds and a copy: small reads share one crossing.
const READ_AHEAD_BYTES: u32 = 128 << 10;

/// A body that the hub holds and that may be larger than the sandbox: `Read`, `BufRead` and `Seek`, one block in memory.
pub struct Blob {
    source: Box<dyn ReadAt>,
    position: u64,
    block: Vec<u8>,
    block_start: u64,
}

impl Blob {
    /// A reader at the start of `source`.
    pub fn new(source: impl ReadAt + 'static) -> Self {
        Self { source: Box::new(source), position: 0, block: Vec::new(), block_start: 0 }
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// The part of the block that starts at the position.
    fn ahead(&self) -> &[u8] {
        match self.position.checked_sub(self.block_start).and_then(|skip| usize::try_from(skip).ok()) {
            Some(skip) if skip < self.block.len() => &self.block[skip..],
            _ => &[],
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("size", &self.size()).field("position", &self.position).finish_non_exhaustive()
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl BufRead for Blob {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ahead().is_empty() && self.position < self.source.size() {
            self.block = self.source.read_at(self.position, READ_AHEAD_BYTES)?;
            self.block_start = self.position;
        }
        Ok(self.ahead())
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
    }
}

impl Read for Blob {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let count = ahead.len().min(out.len());
        out[..count].copy_from_slice(&ahead[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl Seek for Blob {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.source.size().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start of the body"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_across_blocks_and_from_any_offset() {
        let bytes: Vec<u8> = (0..400_000u32).map(|i| (i % 251) as u8).collect();
        let mut blob = Blob::from(bytes.clone());
        let mut all = Vec::new();
        blob.read_to_end(&mut all).unwrap();
        assert!(all == bytes);
        for offset in [0u64, 1, 131_071, 131_072, 399_999, 400_000, 500_000] {
            blob.seek(SeekFrom::Start(offset)).unwrap();
            let mut tail = Vec::new();
            blob.read_to_end(&mut tail).unwrap();
            assert!(tail == bytes[(offset as usize).min(bytes.len())..], "from {offset}");
        }
        blob.seek(SeekFrom::End(-3)).unwrap();
        assert_eq!(blob.seek(SeekFrom::Current(-2)).unwrap(), 399_995);
        assert!(blob.seek(SeekFrom::End(-400_001)).is_err());
    }
}
