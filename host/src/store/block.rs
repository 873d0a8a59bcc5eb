//! Records and rejected items as compressed blocks of at most 1 MiB. Sealing happens in the callers' tasks, so that the
//! writer only moves bytes.

use std::sync::Arc;

use lienthong_core::id::{ChannelId, SchemaId};
use lienthong_core::record::{Envelope, Violation};

use super::{Append, Error, Rejection};

/// Uncompressed bytes of one block. A single longer item gets a block of its own.
pub(super) const MAX_BLOCK: usize = 1 << 20;

/// Bytes as they go into the table of blocks.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) raw_bytes: usize,
    pub(super) crc32: u32,
    pub(super) lz4: Vec<u8>,
    pub(super) envelope_bytes: usize,
    pub(super) envelopes_lz4: Option<Vec<u8>>,
}

impl Block {
    fn seal(raw: &[u8], envelopes: &[Envelope]) -> Self {
        // Only strings, options and times, which always serialise.
        let envelopes =
            if envelopes.iter().all(Envelope::is_empty) { Vec::new() } else { serde_json::to_vec(envelopes).unwrap_or_default() };
        let mut crc = crc32fast::Hasher::new();
        crc.update(raw);
        crc.update(&envelopes);
        Self {
            raw_bytes: raw.len(),
            crc32: crc.finalize(),
            lz4: lz4_flex::block::compress(raw),
            envelope_bytes: envelopes.len(),
            envelopes_lz4: (!envelopes.is_empty()).then(|| lz4_flex::block::compress(&envelopes)),
        }
    }

    /// What it weighs in a transaction, bytes.
    pub(super) fn weight(&self) -> usize {
        self.lz4.len() + self.envelopes_lz4.as_ref().map_or(0, Vec::len)
    }

    /// The bytes and envelopes that were sealed. `number` is for the error only.
    pub(super) fn unseal(&self, number: i64) -> Result<(Vec<u8>, Vec<Envelope>), Error> {
        let damaged = |what: String| Error::DamagedBlock { block: number, what };
        let inflate = |lz4: &[u8], size: usize| {
            // The size stands in a column of its own and cannot ask for more than lz4 can hold (255 to 1).
            if size / 256 > lz4.len() {
                return Err(damaged(format!("{} bytes cannot hold {size}", lz4.len())));
            }
            lz4_flex::block::decompress(lz4, size).map_err(|e| damaged(e.to_string()))
        };
        let raw = inflate(&self.lz4, self.raw_bytes)?;
        let envelopes = self.envelopes_lz4.as_ref().map_or(Ok(Vec::new()), |lz4| inflate(lz4, self.envelope_bytes))?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&raw);
        crc.update(&envelopes);
        if crc.finalize() != self.crc32 || raw.len() != self.raw_bytes {
            return Err(damaged("its checksum does not fit".into()));
        }
        let envelopes =
            if envelopes.is_empty() { Vec::new() } else { serde_json::from_slice(&envelopes).map_err(|e| damaged(e.to_string()))? };
        Ok((raw, envelopes))
    }
}

/// Records of one channel, at most a block.
#[derive(Debug)]
pub(super) struct SealedBatch {
    pub(super) channel: ChannelId,
    pub(super) count: u32,
    pub(super) schema_version: u32,
    pub(super) block: Block,
}

/// Rejected items that share a block.
#[derive(Debug)]
pub(super) struct SealedRejections {
    pub(super) items: Vec<SealedRejection>,
    pub(super) block: Block,
}

/// One item and where its bytes stand in the block.
#[derive(Debug)]
pub(super) struct SealedRejection {
    pub(super) channel: ChannelId,
    pub(super) schema: SchemaId,
    pub(super) violation: Violation,
    pub(super) message_name: Option<Arc<str>>,
    pub(super) start: usize,
    pub(super) size: usize,
}

/// What a caller hands over, ready for the writer.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    pub(super) batches: Vec<SealedBatch>,
    pub(super) rejections: Vec<SealedRejections>,
}

impl Sealed {
    /// Compresses everything. Long batches are split between records.
    pub(super) fn new(appends: Vec<Append>, rejections: Vec<Rejection>) -> Self {
        let mut sealed = Self::default();
        for append in appends {
            sealed.add_batch(&append);
        }
        let (mut raw, mut items) = (Vec::new(), Vec::new());
        for rejection in rejections {
            if !raw.is_empty() && raw.len() + rejection.bytes.len() > MAX_BLOCK {
                sealed.rejections.push(SealedRejections { items: std::mem::take(&mut items), block: Block::seal(&raw, &[]) });
                raw.clear();
            }
            let Rejection { channel, schema, bytes, violation, message_name } = rejection;
            items.push(SealedRejection { channel, schema, violation, message_name, start: raw.len(), size: bytes.len() });
            raw.extend_from_slice(&bytes);
        }
        if !items.is_empty() {
            sealed.rejections.push(SealedRejections { items, block: Block::seal(&raw, &[]) });
        }
        sealed
    }

    fn add_batch(&mut self, append: &Append) {
        let schema_version = append.batch.schema().version();
        let (mut rest, mut envelopes, mut left) = (append.batch.ndjson(), append.batch.envelopes(), append.batch.count());
        while left > 0 {
            let (bytes, count) = if rest.len() <= MAX_BLOCK { (rest.len(), left) } else { first_lines(rest, MAX_BLOCK) };
            let (raw, later) = rest.split_at(bytes);
            let (said, later_said) = envelopes.split_at(envelopes.len().min(count as usize));
            self.batches.push(SealedBatch { channel: append.channel.clone(), count, schema_version, block: Block::seal(raw, said) });
            (rest, envelopes, left) = (later, later_said, left - count);
        }
    }

    /// What it weighs in a transaction, bytes.
    pub(super) fn weight(&self) -> usize {
        let batches: usize = self.batches.iter().map(|b| b.block.weight() + 200).sum();
        let rejections: usize = self.rejections.iter().map(|r| r.block.weight() + r.items.len() * 400).sum();
        batches + rejections
    }
}

/// The longest run of whole lines within `limit` bytes, or one line where the first is longer: its bytes and lines.
fn first_lines(ndjson: &[u8], limit: usize) -> (usize, u32) {
    let fits = ndjson[..limit].iter().rposition(|b| *b == b'\n').map(|at| at + 1);
    let bytes = fits.or_else(|| ndjson.iter().position(|b| *b == b'\n').map(|at| at + 1)).unwrap_or(ndjson.len());
    (bytes, ndjson[..bytes].iter().filter(|b| **b == b'\n').count() as u32)
}

/// Where the first `lines` lines end, bytes.
pub(super) fn lines_end(ndjson: &[u8], lines: u32) -> usize {
    let Some(last) = lines.checked_sub(1) else { return 0 };
    ndjson.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(last as usize).map_or(ndjson.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_back_what_it_took() {
        let envelopes = [Envelope::default(), Envelope { id: Some("a-1".into()), ..Envelope::default() }];
        let block = Block::seal(b"{}\n{\"a\":1}\n", &envelopes);
        assert_eq!(block.unseal(1).unwrap(), (b"{}\n{\"a\":1}\n".to_vec(), envelopes.to_vec()));
        let bare = Block::seal(b"{}\n", &[Envelope::default()]);
        assert_eq!(bare.unseal(1).unwrap(), (b"{}\n".to_vec(), vec![]));
    }

    #[test]
    fn a_changed_block_is_refused_and_asks_for_no_memory() {
        let mut block = Block::seal(b"{\"a\":1}\n", &[]);
        block.crc32 ^= 1;
        insta::assert_snapshot!(block.unseal(7).unwrap_err(), @"block 7 of the log is damaged (its checksum does not fit): restore a backup");
        block.raw_bytes = usize::MAX;
        insta::assert_snapshot!(block.unseal(7).unwrap_err(), @"block 7 of the log is damaged (9 bytes cannot hold 18446744073709551615): restore a backup");
    }

    #[test]
    fn lines_are_cut_at_line_feeds() {
        assert_eq!(first_lines(b"aa\nbb\ncc\n", 7), (6, 2));
        assert_eq!(first_lines(b"aaaaaaaa\nbb\n", 3), (9, 1));
        for (lines, end) in [(0, 0), (1, 3), (2, 6), (3, 9), (4, 9)] {
            assert_eq!(lines_end(b"aa\nbb\ncc\n", lines), end, "{lines}");
        }
    }
}
