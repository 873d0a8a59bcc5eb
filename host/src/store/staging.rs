//! What a call staged: invisible until the group that publishes it, and then only small rows move.

use std::collections::BTreeMap;

use lienthong_core::id::ChannelId;
use lienthong_core::log::Origin;
use lienthong_core::time::Timestamp;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::apply::{Apply, Done, Offset, ROWS, Take, Trouble};
use super::block::{Sealed, SealedBatch, SealedRejections};
use super::error::{Severity, severity};
use super::{CallId, Refusal, decode};

/// Deletes what calls staged that never came back: at opening, before anyone can begin a call. A full disk refuses
/// deletions too; what is left then waits for the next start, and the answer is the first number that no call has.
pub(super) async fn delete_lost(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    match delete_all(db).await {
        Err(error) if severity(&error) == Severity::Full => {
            tracing::warn!(%error, "the disk is full: output of lost calls is kept until the next start")
        }
        deleted => deleted?,
    }
    first_free_call(db).await
}

pub(super) async fn first_free_call(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let last: i64 = sqlx::query_scalar(
        "SELECT COALESCE(MAX(call), 0) FROM (SELECT MAX(call) AS call FROM staged_batch UNION ALL SELECT MAX(call) FROM staged_rejection
            UNION ALL SELECT MAX(call) FROM staged_attachment) AS staged",
    )
    .fetch_one(db)
    .await?;
    Ok(last + 1)
}

async fn delete_all(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut tx = sqlx::Connection::begin_with(db, "BEGIN IMMEDIATE").await?;
    for sql in [
        "DELETE FROM block WHERE block IN (SELECT block FROM staged_batch UNION SELECT block FROM staged_rejection)",
        "DELETE FROM staged_batch",
        "DELETE FROM staged_rejection",
    ] {
        sqlx::query(sql).execute(&mut *tx).await?;
    }
    tx.commit().await
}

impl Apply<'_> {
    pub(super) async fn stage(&mut self, call: CallId, at: Timestamp, origin: &Origin, sealed: Sealed) -> Result<Done, Trouble> {
        let mut rows = 0;
        for SealedBatch { channel, count, schema_version, block } in sealed.batches {
            let bytes = block.raw_bytes as i64;
            let number = self.block(block, at).await?;
            sqlx::query(
                "INSERT INTO staged_batch (call, channel, block, seg, count, bytes, agency, connector, received_at, schema_version)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(call.0)
            .bind(channel.as_str())
            .bind(number)
            .bind(at.day())
            .bind(i64::from(count))
            .bind(bytes)
            .bind(origin.agency.as_str())
            .bind(origin.connector.as_ref().map(|c| c.as_str()))
            .bind(at.micros())
            .bind(i64::from(schema_version))
            .execute(&mut *self.db)
            .await
            .map_err(|error| unknown_channel(error, &channel))?;
            rows += 1;
        }
        for SealedRejections { items, block } in sealed.rejections {
            let number = self.block(block, at).await?;
            for (part, items) in items.chunks(ROWS).enumerate() {
                let mut sql = QueryBuilder::new(
                    "INSERT INTO staged_rejection (call, block, seq, start, channel, agency, connector, received_at, schema, pointer, keyword, message, size,
                        message_name) ",
                );
                sql.push_values(items.iter().zip((part * ROWS) as i64..), |mut row, (item, seq)| {
                    row.push_bind(call.0).push_bind(number).push_bind(seq).push_bind(item.start as i64).push_bind(item.channel.as_str());
                    row.push_bind(origin.agency.as_str()).push_bind(origin.connector.as_ref().map(|c| c.as_str())).push_bind(at.micros());
                    row.push_bind(item.schema.to_string()).push_bind(item.violation.pointer.as_str());
                    row.push_bind(item.violation.keyword.as_str()).push_bind(item.violation.message.as_str()).push_bind(item.size as i64);
                    row.push_bind(item.message_name.as_deref());
                });
                let done = sql.build().persistent(false).execute(&mut *self.db).await;
                rows += done.map_err(|error| unknown_channel(error, &items[0].channel))?.rows_affected();
            }
        }
        Ok(Done::Rows(rows))
    }

    /// Gives a call's staged batches of one channel their offsets, in the order in which they were staged.
    pub(super) async fn publish_batches(&mut self, call: CallId, channel: &ChannelId, from: Offset) -> Result<(), Trouble> {
        sqlx::query(
            "INSERT INTO batch (channel, epoch, first_offset, seg, count, bytes, agency, connector, received_at, schema_version, block)
             SELECT channel, $1, $2 + CAST(SUM(count) OVER (ORDER BY block) AS BIGINT) - count, seg, count, bytes, agency, connector, received_at,
                schema_version, block
             FROM staged_batch WHERE call = $3 AND channel = $4",
        )
        .bind(i64::from(from.epoch))
        .bind(from.next)
        .bind(call.0)
        .bind(channel.as_str())
        .execute(&mut *self.db)
        .await?;
        sqlx::query("DELETE FROM staged_batch WHERE call = $1 AND channel = $2")
            .bind(call.0)
            .bind(channel.as_str())
            .execute(&mut *self.db)
            .await?;
        Ok(())
    }

    pub(super) async fn publish_rejections(&mut self, call: CallId, first: i64) -> Result<(), Trouble> {
        sqlx::query(
            "INSERT INTO quarantine (id, channel, agency, connector, received_at, schema, pointer, keyword, message, block, start, size,
                message_name)
             SELECT $1 + ROW_NUMBER() OVER (ORDER BY block, seq) - 1, channel, agency, connector, received_at, schema, pointer, keyword, message, block,
                start, size, message_name
             FROM staged_rejection WHERE call = $2",
        )
        .bind(first)
        .bind(call.0)
        .execute(&mut *self.db)
        .await?;
        sqlx::query("DELETE FROM staged_rejection WHERE call = $1").bind(call.0).execute(&mut *self.db).await?;
        Ok(())
    }

    pub(super) async fn abandon(&mut self, call: CallId) -> Result<Done, Trouble> {
        let mut rows = 0;
        for sql in [
            "DELETE FROM block WHERE block IN (SELECT block FROM staged_batch WHERE call = $1 UNION SELECT block FROM staged_rejection WHERE call = $1)",
            "DELETE FROM staged_batch WHERE call = $1",
            "DELETE FROM staged_rejection WHERE call = $1",
        ] {
            rows = sqlx::query(sql).bind(call.0).execute(&mut *self.db).await?.rows_affected();
        }
        Ok(Done::Rows(rows))
    }

    pub(super) async fn staged_takes(&mut self, call: CallId, takes: &mut BTreeMap<ChannelId, Take>) -> Result<(), Trouble> {
        let rows = sqlx::query(
            "SELECT channel, CAST(SUM(count) AS BIGINT), CAST(SUM(bytes) AS BIGINT), CAST(0 AS BIGINT) FROM staged_batch WHERE call = $1 GROUP BY channel
             UNION ALL
             SELECT channel, CAST(0 AS BIGINT), CAST(0 AS BIGINT), COUNT(*) FROM staged_rejection WHERE call = $1 GROUP BY channel",
        )
        .bind(call.0)
        .fetch_all(&mut *self.db)
        .await?;
        for row in rows {
            let take = takes.entry(decode::channel(&row, 0)?).or_default();
            take.records += row.try_get::<i64, _>(1)?;
            take.bytes += row.try_get::<i64, _>(2)?;
            take.rejections += row.try_get::<i64, _>(3)?;
        }
        Ok(())
    }
}

/// A staged row refers to its channel; where there is none, that is what the foreign key says.
pub(super) fn unknown_channel(error: sqlx::Error, channel: &ChannelId) -> Trouble {
    if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) {
        return Refusal::UnknownChannel(channel.clone()).into();
    }
    error.into()
}
