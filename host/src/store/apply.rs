//! The statements of one piece of work, inside the writer's transaction. Nothing here begins or ends one.

use std::collections::BTreeMap;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ChannelId, ConnectorId};
use lienthong_core::log::{Origin, Position};
use lienthong_core::time::Timestamp;
use sqlx::{QueryBuilder, SqliteConnection};

use super::attachment::Placed;
use super::block::{Block, Sealed, SealedBatch, SealedRejections};
use super::tail::End;
use super::{
    Advance, CallId, GivenUp, KeyRow, KeyState, Pause, Range, Receipt, Redrive, Redriven, Refusal, Remember, Remembered, Run, Sequence,
    decode, receipts,
};

/// Rows of one INSERT with many; 14 parameters each at most, far below every database's limit.
pub(super) const ROWS: usize = 500;

/// What the writer can be asked to do.
#[derive(Debug)]
pub(super) enum Work {
    Group(Box<SealedGroup>),
    Stage {
        call: CallId,
        received_at: Timestamp,
        origin: Origin,
        sealed: Sealed,
    },
    Abandon(CallId),
    /// Before their files are put into place.
    StageAttachments {
        call: CallId,
        hashes: Vec<ContentHash>,
    },
    EnsureChannels(Vec<ChannelId>),
    OpenEpoch {
        channel: ChannelId,
        at_least: u32,
    },
    RecordRun(Box<Run>),
    Redrive(Redrive),
    SettleLetter {
        id: u64,
        became: Redriven,
    },
    InsertKey(Box<KeyRow>),
    RevokeKey {
        id: String,
        at: Timestamp,
    },
    /// `None` ends it.
    Pause {
        connector: ConnectorId,
        pause: Option<Pause>,
    },
    Forget,
    /// Makes the disk as small as a test wants it, in pages.
    #[cfg(test)]
    MaxPages(i64),
}

/// A [`super::Group`] whose records are compressed.
#[derive(Debug)]
pub(super) struct SealedGroup {
    pub(super) received_at: Timestamp,
    pub(super) origin: Origin,
    pub(super) sealed: Sealed,
    pub(super) placed: Option<Placed>,
    pub(super) publish: Option<CallId>,
    pub(super) remember: Option<Remember>,
    pub(super) advance: Option<Advance>,
    pub(super) states: Vec<KeyState>,
    pub(super) given_up: Vec<GivenUp>,
    pub(super) run: Option<Run>,
    pub(super) sequence: Option<Sequence>,
}

impl Work {
    pub(super) fn group(&self) -> Option<&SealedGroup> {
        match self {
            Self::Group(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn sequence(&self) -> Option<&Sequence> {
        self.group()?.sequence.as_ref()
    }

    pub(super) fn changes_keys(&self) -> bool {
        matches!(self, Self::InsertKey(_) | Self::RevokeKey { .. })
    }
}

/// What became of it, as far as the transaction goes well.
#[derive(Debug)]
pub(super) enum Done {
    Committed(Receipt),
    Repeated(Receipt),
    /// How many rows it touched.
    Rows(u64),
    Epoch(Position),
}

/// Why a piece of work was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    Refused(Refusal),
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Numbers the blocks. What a rolled back transaction took is not given again.
#[derive(Debug)]
pub(super) struct BlockNumbers {
    next: i64,
}

impl BlockNumbers {
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let newest: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(block), 0) FROM block").fetch_one(db).await?;
        Ok(Self { next: newest + 1 })
    }

    pub(super) fn take(&mut self) -> i64 {
        let number = self.next;
        self.next += 1;
        number
    }
}

/// One transaction's hands: the connection, and the channels' ends to make known after COMMIT.
pub(super) struct Apply<'a> {
    pub(super) db: &'a mut SqliteConnection,
    pub(super) blocks: &'a mut BlockNumbers,
    pub(super) ends: Vec<(ChannelId, End)>,
    /// By the steady clock.
    pub(super) now: Timestamp,
}

impl Apply<'_> {
    pub(super) async fn work(&mut self, work: Work) -> Result<Done, Trouble> {
        match work {
            Work::Group(group) => self.group(*group).await,
            Work::Stage { call, received_at, origin, sealed } => self.stage(call, received_at, &origin, sealed).await,
            Work::Abandon(call) => self.abandon(call).await,
            Work::StageAttachments { call, hashes } => self.stage_attachments(call, hashes).await,
            Work::EnsureChannels(channels) => self.ensure_channels(channels).await,
            Work::OpenEpoch { channel, at_least } => self.open_epoch(channel, at_least).await,
            Work::RecordRun(run) => self.record_run(*run).await,
            Work::Redrive(which) => self.redrive(which).await,
            Work::SettleLetter { id, became } => self.settle_letter(id, became).await,
            Work::InsertKey(key) => self.insert_key(*key).await,
            Work::RevokeKey { id, at } => self.revoke_key(&id, at).await,
            Work::Pause { connector, pause } => self.pause(&connector, pause).await,
            Work::Forget => self.forget().await,
            #[cfg(test)]
            Work::MaxPages(pages) => {
                sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&mut *self.db).await?;
                Ok(Done::Rows(0))
            }
        }
    }

    async fn group(&mut self, group: SealedGroup) -> Result<Done, Trouble> {
        let SealedGroup { received_at, origin, sealed, placed, publish, remember, advance, states, given_up, run, sequence: _ } = group;
        if let Some(remember) = &remember
            && let Some(known) = receipts::recall(self.db, &remember.scope, &remember.key).await?
        {
            let Remembered { receipt, body_hash, .. } = known;
            return if body_hash == remember.body_hash { Ok(Done::Repeated(receipt)) } else { Err(Refusal::KeyReused.into()) };
        }
        if let Some(advance) = advance {
            self.advance(advance, received_at).await?;
        }
        self.keep_states(states).await?;
        self.give_up(given_up, received_at).await?;

        let mut takes = BTreeMap::<ChannelId, Take>::new();
        for batch in &sealed.batches {
            takes.entry(batch.channel.clone()).or_default().add(batch);
        }
        for item in sealed.rejections.iter().flat_map(|r| &r.items) {
            takes.entry(item.channel.clone()).or_default().rejections += 1;
        }
        if let Some(call) = publish {
            self.staged_takes(call, &mut takes).await?;
        }
        if let Some(placed) = placed {
            self.attach(placed, received_at, &origin, &mut takes).await?;
        }

        // One statement a channel, in the channels' order: so two transactions can never wait for each other.
        let mut ranges = Vec::new();
        let mut offsets = BTreeMap::new();
        for (channel, take) in &takes {
            let next = self.count(channel, take).await?;
            let first = next.offset as i64 - take.records;
            offsets.insert(channel.clone(), Offset { epoch: next.epoch, next: first });
            if take.records > 0 {
                ranges.push(Range { channel: channel.clone(), epoch: next.epoch, first: first as u64, count: take.records as u64 });
            }
        }
        for batch in sealed.batches {
            self.append(batch, received_at, &origin, &mut offsets).await?;
        }
        let quarantined: i64 = takes.values().map(|take| take.rejections).sum();
        if quarantined > 0 {
            let first: i64 = sqlx::query_scalar("UPDATE counter SET next = next + $1 WHERE name = 'quarantine' RETURNING next")
                .bind(quarantined)
                .fetch_one(&mut *self.db)
                .await?;
            let mut id = first - quarantined;
            for rejections in sealed.rejections {
                id = self.quarantine(rejections, received_at, &origin, id).await?;
            }
            if let Some(call) = publish {
                self.publish_rejections(call, id).await?;
            }
        }
        if let Some(call) = publish {
            for (channel, offset) in &offsets {
                self.publish_batches(call, channel, *offset).await?;
            }
        }
        let mut receipt = Receipt { ranges, quarantined: quarantined as u64, note: Vec::new() };
        if let Some(remember) = remember {
            receipts::remember(self.db, &remember, &receipt, self.now).await?;
            receipt.note = remember.note;
        }
        if let Some(run) = run {
            self.record_run(run).await?;
        }
        Ok(Done::Committed(receipt))
    }

    /// Moves a checkpoint from the version it must have.
    async fn advance(&mut self, advance: Advance, at: Timestamp) -> Result<(), Trouble> {
        let Advance { owner, expected, cursor } = advance;
        let moved = match expected {
            None => {
                sqlx::query(
                    "INSERT INTO checkpoint (owner, version, cursor, updated_at) VALUES ($1, 1, $2, $3) ON CONFLICT (owner) DO NOTHING",
                )
                .bind(owner)
                .bind(cursor)
                .bind(at.micros())
                .execute(&mut *self.db)
                .await?
            }
            Some(version) => {
                sqlx::query("UPDATE checkpoint SET version = version + 1, cursor = $1, updated_at = $2 WHERE owner = $3 AND version = $4")
                    .bind(cursor)
                    .bind(at.micros())
                    .bind(owner)
                    .bind(i64::try_from(version).unwrap_or(i64::MAX))
                    .execute(&mut *self.db)
                    .await?
            }
        };
        if moved.rows_affected() == 1 { Ok(()) } else { Err(Refusal::CheckpointMoved.into()) }
    }

    /// Moves a channel's counters; answers its new end.
    pub(super) async fn count(&mut self, channel: &ChannelId, take: &Take) -> Result<Position, Trouble> {
        let row = sqlx::query(
            "UPDATE channel SET next_offset = next_offset + $1, accepted = accepted + $1 + $2, stored = stored + $1, open = open + $2, bytes = bytes + $3,
                attachments = attachments + $4, attachment_bytes = attachment_bytes + $5,
                last_epoch = CASE WHEN $1 > 0 THEN epoch ELSE last_epoch END,
                last_offset = CASE WHEN $1 > 0 THEN next_offset + $1 ELSE last_offset END
             WHERE channel = $6 RETURNING epoch, next_offset, last_epoch, last_offset, bytes",
        )
        .bind(take.records)
        .bind(take.rejections)
        .bind(take.bytes)
        .bind(take.attachments)
        .bind(take.attachment_bytes)
        .bind(channel.as_str())
        .fetch_optional(&mut *self.db)
        .await?
        .ok_or_else(|| Refusal::UnknownChannel(channel.clone()))?;
        let end = decode::end(&row, 0)?;
        self.ends.push((channel.clone(), end));
        Ok(end.next)
    }

    async fn append(
        &mut self,
        batch: SealedBatch,
        at: Timestamp,
        origin: &Origin,
        offsets: &mut BTreeMap<ChannelId, Offset>,
    ) -> Result<(), Trouble> {
        let SealedBatch { channel, count, schema_version, block } = batch;
        let offset = offsets.get_mut(&channel).ok_or_else(|| Refusal::UnknownChannel(channel.clone()))?;
        let (first, bytes) = (*offset, block.raw_bytes as i64);
        offset.next += i64::from(count);
        let number = self.block(block, at).await?;
        sqlx::query(
            "INSERT INTO batch (channel, epoch, first_offset, seg, count, bytes, agency, connector, received_at, schema_version, block)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(channel.as_str())
        .bind(i64::from(first.epoch))
        .bind(first.next)
        .bind(at.day())
        .bind(i64::from(count))
        .bind(bytes)
        .bind(origin.agency.as_str())
        .bind(origin.connector.as_ref().map(|c| c.as_str()))
        .bind(at.micros())
        .bind(i64::from(schema_version))
        .bind(number)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    pub(super) async fn block(&mut self, block: Block, at: Timestamp) -> Result<i64, Trouble> {
        let number = self.blocks.take();
        sqlx::query(
            "INSERT INTO block (block, seg, raw_bytes, crc32, lz4, envelope_bytes, envelopes_lz4) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(number)
        .bind(at.day())
        .bind(block.raw_bytes as i64)
        .bind(i64::from(block.crc32))
        .bind(block.lz4)
        .bind(block.envelope_bytes as i64)
        .bind(block.envelopes_lz4)
        .execute(&mut *self.db)
        .await?;
        Ok(number)
    }

    pub(super) async fn quarantine(
        &mut self,
        rejections: SealedRejections,
        at: Timestamp,
        origin: &Origin,
        first: i64,
    ) -> Result<i64, Trouble> {
        let number = self.block(rejections.block, at).await?;
        let mut id = first;
        for items in rejections.items.chunks(ROWS) {
            let mut sql = QueryBuilder::new(
                "INSERT INTO quarantine (id, channel, agency, connector, received_at, schema, pointer, keyword, message, block, start, size,
                    message_name) ",
            );
            sql.push_values(items.iter().zip(id..), |mut row, (item, id)| {
                row.push_bind(id).push_bind(item.channel.as_str()).push_bind(origin.agency.as_str());
                row.push_bind(origin.connector.as_ref().map(|c| c.as_str())).push_bind(at.micros()).push_bind(item.schema.to_string());
                row.push_bind(item.violation.pointer.as_str()).push_bind(item.violation.keyword.as_str());
                row.push_bind(item.violation.message.as_str());
                row.push_bind(number).push_bind(item.start as i64).push_bind(item.size as i64).push_bind(item.message_name.as_deref());
            });
            sql.build().persistent(false).execute(&mut *self.db).await?;
            id += items.len() as i64;
        }
        Ok(id)
    }
}

/// What a group brings to one channel.
#[derive(Debug, Default)]
pub(super) struct Take {
    pub(super) records: i64,
    pub(super) rejections: i64,
    pub(super) bytes: i64,
    pub(super) attachments: i64,
    pub(super) attachment_bytes: i64,
}

impl Take {
    pub(super) fn add(&mut self, batch: &SealedBatch) {
        self.records += i64::from(batch.count);
        self.bytes += batch.block.raw_bytes as i64;
    }
}

/// Where the next batch of a channel goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offset {
    pub(super) epoch: u32,
    pub(super) next: i64,
}
