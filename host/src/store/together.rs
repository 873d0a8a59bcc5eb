//! Many light groups at once. Each statement is a message to the thread that runs SQLite, which for a group of one record
//! costs more than the statement itself: so a run of them shares one statement a channel and a few for all their rows.

use std::collections::BTreeMap;

use lienthong_core::id::ChannelId;
use sqlx::QueryBuilder;

use super::apply::{Apply, Offset, SealedGroup, Take, Trouble, Work};
use super::block::SealedBatch;
use super::{Range, Receipt, Refusal};

/// Compressed bytes of a light group at most: its blocks are copied, so that it can be tried alone after all.
const LIGHT: usize = 16 << 10;

/// Rows of one INSERT. Few different numbers, so that their statements stay prepared.
const ROWS: [usize; 4] = [64, 16, 4, 1];

impl Work {
    /// A group that brings a few records and nothing else.
    pub(super) fn is_light(&self) -> bool {
        self.group().is_some_and(|group| {
            let SealedGroup { received_at: _, origin: _, sealed, placed, publish, remember, advance, states, given_up, run, sequence } =
                group;
            sealed.rejections.is_empty()
                && sealed.weight() <= LIGHT
                && placed.is_none()
                && publish.is_none()
                && remember.is_none()
                && advance.is_none()
                && states.is_empty()
                && given_up.is_empty()
                && run.is_none()
                && sequence.is_none()
        })
    }
}

/// One batch with its place.
struct Placed<'g> {
    group: &'g SealedGroup,
    batch: &'g SealedBatch,
    offset: Offset,
    block: i64,
}

impl Apply<'_> {
    /// Appends what these light groups bring, in their order.
    pub(super) async fn append_together(&mut self, groups: &[&SealedGroup]) -> Result<Vec<Receipt>, Trouble> {
        let mut takes = BTreeMap::<&ChannelId, Take>::new();
        for batch in groups.iter().flat_map(|group| &group.sealed.batches) {
            takes.entry(&batch.channel).or_default().add(batch);
        }
        let mut offsets = BTreeMap::new();
        for (channel, take) in takes {
            let next = self.count(channel, &take).await?;
            offsets.insert(channel, Offset { epoch: next.epoch, next: next.offset as i64 - take.records });
        }
        let mut receipts = Vec::with_capacity(groups.len());
        let mut placed = Vec::with_capacity(groups.len());
        for group in groups {
            let mut ranges = BTreeMap::<&ChannelId, Range>::new();
            for batch in &group.sealed.batches {
                let offset = offsets.get_mut(&batch.channel).ok_or_else(|| Refusal::UnknownChannel(batch.channel.clone()))?;
                placed.push(Placed { group, batch, offset: *offset, block: self.blocks.take() });
                let range = ranges.entry(&batch.channel).or_insert_with(|| Range {
                    channel: batch.channel.clone(),
                    epoch: offset.epoch,
                    first: offset.next as u64,
                    count: 0,
                });
                range.count += u64::from(batch.count);
                offset.next += i64::from(batch.count);
            }
            receipts.push(Receipt { ranges: ranges.into_values().collect(), quarantined: 0, note: Vec::new() });
        }
        let mut rest = &placed[..];
        for size in ROWS {
            while let Some((chunk, behind)) = rest.split_at_checked(size) {
                self.insert_together(chunk).await?;
                rest = behind;
            }
        }
        Ok(receipts)
    }

    async fn insert_together(&mut self, placed: &[Placed<'_>]) -> Result<(), Trouble> {
        let mut blocks = QueryBuilder::new("INSERT INTO block (block, seg, raw_bytes, crc32, lz4, envelope_bytes, envelopes_lz4) ");
        blocks.push_values(placed, |mut row, Placed { group, batch, block: number, .. }| {
            let block = &batch.block;
            row.push_bind(*number).push_bind(group.received_at.day()).push_bind(block.raw_bytes as i64).push_bind(i64::from(block.crc32));
            row.push_bind(&block.lz4[..]).push_bind(block.envelope_bytes as i64).push_bind(block.envelopes_lz4.as_deref());
        });
        blocks.build().execute(&mut *self.db).await?;
        let mut batches = QueryBuilder::new(
            "INSERT INTO batch (channel, epoch, first_offset, seg, count, bytes, agency, connector, received_at, schema_version, block) ",
        );
        batches.push_values(placed, |mut row, Placed { group, batch, offset, block }| {
            row.push_bind(batch.channel.as_str()).push_bind(i64::from(offset.epoch)).push_bind(offset.next);
            row.push_bind(group.received_at.day()).push_bind(i64::from(batch.count)).push_bind(batch.block.raw_bytes as i64);
            row.push_bind(group.origin.agency.as_str()).push_bind(group.origin.connector.as_ref().map(|connector| connector.as_str()));
            row.push_bind(group.received_at.micros()).push_bind(i64::from(batch.schema_version)).push_bind(*block);
        });
        batches.build().execute(&mut *self.db).await?;
        Ok(())
    }
}
