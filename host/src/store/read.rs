//! Pages of the log. Batches never change, so no page needs a transaction longer than one statement.

use lienthong_core::id::ChannelId;
use lienthong_core::log::{Position, StoredBatch};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::block::{Block, lines_end};
use super::{Error, decode};

/// Batches of one page at most, however small.
const MAX_BATCHES: i64 = 4_096;

/// Blocks that are still compressed, with their batch.
pub(super) struct Page {
    blocks: Vec<(StoredBatch, i64, Block)>,
    from: Position,
    max_records: u32,
}

/// Fetches what a page needs: at least one batch where there is one, else as many as fit.
pub(super) async fn page(
    db: &mut SqliteConnection,
    channel: &ChannelId,
    from: Position,
    max_records: u32,
    max_bytes: usize,
) -> Result<Page, Error> {
    let mut page = Page { blocks: Vec::new(), from, max_records };
    let Some((first, last)) = extent(db, channel, from, max_records, max_bytes).await? else { return Ok(page) };
    let rows = sqlx::query(
        "SELECT batch.epoch, batch.first_offset, batch.count, batch.agency, batch.connector, batch.received_at, batch.schema_version,
            batch.block, block.raw_bytes, block.crc32, block.lz4, block.envelope_bytes, block.envelopes_lz4
         FROM batch JOIN block ON block.block = batch.block
         WHERE batch.channel = $1 AND (batch.epoch, batch.first_offset) >= ($2, $3) AND (batch.epoch, batch.first_offset) <= ($4, $5)
         ORDER BY batch.epoch, batch.first_offset",
    )
    .bind(channel.as_str())
    .bind(i64::from(first.epoch))
    .bind(signed(first.offset))
    .bind(i64::from(last.epoch))
    .bind(signed(last.offset))
    .fetch_all(db)
    .await?;
    for row in rows {
        let batch = StoredBatch {
            first: decode::position(&row, 0)?,
            count: decode::number(&row, 2, "count")?,
            origin: decode::origin(&row, 3)?,
            received_at: decode::time(&row, 5)?,
            schema_version: decode::number(&row, 6, "schema version")?,
            ndjson: Vec::new(),
            envelopes: Vec::new(),
        };
        page.blocks.push((batch, row.try_get(7)?, block(&row, 8)?));
    }
    Ok(page)
}

/// A block's columns, side by side from `raw_bytes` on.
pub(super) fn block(row: &SqliteRow, at: usize) -> Result<Block, sqlx::Error> {
    Ok(Block {
        raw_bytes: decode::number(row, at, "size")?,
        crc32: decode::number(row, at + 1, "checksum")?,
        lz4: row.try_get(at + 2)?,
        envelope_bytes: decode::number(row, at + 3, "size")?,
        envelopes_lz4: row.try_get(at + 4)?,
    })
}

/// An offset as the database holds it. No channel reaches the largest.
fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// The first positions of the first and the last batch that belong to the page.
async fn extent(
    db: &mut SqliteConnection,
    channel: &ChannelId,
    from: Position,
    max_records: u32,
    max_bytes: usize,
) -> Result<Option<(Position, Position)>, Error> {
    // The batch that holds `from` begins at or before it.
    let rows = sqlx::query(
        "SELECT epoch, first_offset, count, bytes FROM batch
         WHERE channel = $1 AND (epoch, first_offset) >=
            ($2, COALESCE((SELECT MAX(first_offset) FROM batch WHERE channel = $1 AND epoch = $2 AND first_offset <= $3), 0))
         ORDER BY epoch, first_offset LIMIT $4",
    )
    .bind(channel.as_str())
    .bind(i64::from(from.epoch))
    .bind(signed(from.offset))
    .bind(MAX_BATCHES.min(i64::from(max_records).saturating_add(1)))
    .fetch_all(db)
    .await?;
    let mut extent = None;
    let (mut records, mut bytes) = (0_u64, 0_usize);
    for row in rows {
        let first = decode::position(&row, 0)?;
        let count: u64 = decode::number(&row, 2, "count")?;
        if first.epoch == from.epoch && first.offset + count <= from.offset {
            continue;
        }
        let skipped = if first.epoch == from.epoch { from.offset.saturating_sub(first.offset) } else { 0 };
        bytes = bytes.saturating_add(decode::number(&row, 3, "size")?);
        if records >= u64::from(max_records) || (extent.is_some() && bytes > max_bytes) {
            break;
        }
        records += count - skipped;
        let start = extent.map_or(first, |(start, _)| start);
        extent = Some((start, first));
    }
    Ok(extent)
}

impl Page {
    /// Compressed bytes: says whether unpacking is worth a thread of its own.
    pub(super) fn weight(&self) -> usize {
        self.blocks.iter().map(|(_, _, block)| block.weight()).sum()
    }

    /// Unpacks, and cuts the first batch to begin at the asked position and the last to the asked number.
    pub(super) fn unpack(self) -> Result<Vec<StoredBatch>, Error> {
        let Self { blocks, from, max_records } = self;
        let mut left = max_records;
        let mut batches = Vec::with_capacity(blocks.len());
        for (mut batch, number, block) in blocks {
            (batch.ndjson, batch.envelopes) = block.unseal(number)?;
            if batch.first < from && batch.first.epoch == from.epoch {
                let skipped = u32::try_from(from.offset - batch.first.offset).unwrap_or(u32::MAX).min(batch.count);
                batch.ndjson.drain(..lines_end(&batch.ndjson, skipped));
                batch.envelopes.drain(..batch.envelopes.len().min(skipped as usize));
                batch.first = from;
                batch.count -= skipped;
            }
            if batch.count > left {
                batch.ndjson.truncate(lines_end(&batch.ndjson, left));
                batch.envelopes.truncate(left as usize);
                batch.count = left;
            }
            left -= batch.count;
            if batch.count > 0 {
                batches.push(batch);
            }
        }
        Ok(batches)
    }
}
