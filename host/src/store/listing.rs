//! What operators read beside the log: sums, the quarantine, runs, keys and checkpoints.

use lienthong_core::id::ConnectorId;
use lienthong_core::record::Violation;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::{ChannelSums, Checkpoint, Error, KeyOwner, KeyRow, QuarantineEntry, QuarantineFilter, Run, RunError, RunOutcome, decode, read};

/// Entries of one page at most.
const MAX_ENTRIES: u32 = 1_000;

pub(super) async fn sums(db: &mut SqliteConnection) -> Result<Vec<ChannelSums>, Error> {
    let rows = sqlx::query(
        "SELECT channel, epoch, next_offset, accepted, stored, open, discarded, bytes, attachments, attachment_bytes
         FROM channel ORDER BY channel",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ChannelSums {
                channel: decode::channel(row, 0)?,
                next: decode::position(row, 1)?,
                accepted: decode::number(row, 3, "sum")?,
                stored: decode::number(row, 4, "sum")?,
                open: decode::number(row, 5, "sum")?,
                discarded: decode::number(row, 6, "sum")?,
                bytes: decode::number(row, 7, "sum")?,
                attachments: decode::number(row, 8, "sum")?,
                attachment_bytes: decode::number(row, 9, "sum")?,
            })
        })
        .collect()
}

pub(super) async fn checkpoint(db: &mut SqliteConnection, owner: &str) -> Result<Option<Checkpoint>, Error> {
    let row = sqlx::query("SELECT cursor, version, updated_at FROM checkpoint WHERE owner = $1").bind(owner).fetch_optional(db).await?;
    row.map(|row| {
        Ok(Checkpoint { cursor: row.try_get(0)?, version: decode::number(&row, 1, "version")?, updated_at: decode::time(&row, 2)? })
    })
    .transpose()
}

pub(super) async fn quarantine(db: &mut SqliteConnection, filter: &QuarantineFilter) -> Result<Vec<QuarantineEntry>, Error> {
    let mut sql = QueryBuilder::new(
        "SELECT id, channel, agency, connector, received_at, schema, pointer, keyword, message, size, message_name FROM quarantine WHERE id > 0",
    );
    if let Some(channel) = &filter.channel {
        sql.push(" AND channel = ").push_bind(channel.as_str());
    }
    if let Some(connector) = &filter.connector {
        sql.push(" AND connector = ").push_bind(connector.as_str());
    }
    if let Some(keyword) = &filter.keyword {
        sql.push(" AND keyword = ").push_bind(keyword.as_str());
    }
    if let Some(name) = &filter.message_name {
        sql.push(" AND message_name = ").push_bind(name.as_str());
    }
    if let Some(before) = filter.before {
        sql.push(" AND id < ").push_bind(i64::try_from(before).unwrap_or(i64::MAX));
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit.min(MAX_ENTRIES)));
    let rows = sql.build().fetch_all(db).await?;
    rows.iter().map(|row| Ok(entry(row)?)).collect()
}

fn entry(row: &SqliteRow) -> Result<QuarantineEntry, sqlx::Error> {
    Ok(QuarantineEntry {
        id: decode::number(row, 0, "id")?,
        channel: decode::channel(row, 1)?,
        origin: decode::origin(row, 2)?,
        received_at: decode::time(row, 4)?,
        schema: decode::text(row, 5, "schema")?,
        violation: Violation { pointer: row.try_get(6)?, keyword: row.try_get(7)?, message: row.try_get(8)? },
        size_bytes: decode::number(row, 9, "size")?,
        message_name: row.try_get(10)?,
    })
}

pub(super) async fn quarantine_entry(db: &mut SqliteConnection, id: u64) -> Result<Option<(QuarantineEntry, Vec<u8>)>, Error> {
    let row = sqlx::query(
        "SELECT q.id, q.channel, q.agency, q.connector, q.received_at, q.schema, q.pointer, q.keyword, q.message, q.size, q.message_name, q.block, q.start,
            block.raw_bytes, block.crc32, block.lz4, block.envelope_bytes, block.envelopes_lz4
         FROM quarantine AS q JOIN block ON block.block = q.block WHERE q.id = $1",
    )
    .bind(i64::try_from(id).unwrap_or(i64::MAX))
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let entry = entry(&row)?;
    let (number, start): (i64, usize) = (row.try_get(11)?, decode::number(&row, 12, "start")?);
    let (raw, _) = read::block(&row, 13)?.unseal(number)?;
    let bytes = usize::try_from(entry.size_bytes).ok().and_then(|size| raw.get(start..start.checked_add(size)?));
    let bytes = bytes.ok_or_else(|| Error::DamagedBlock { block: number, what: format!("it ends before entry {id}") })?.to_vec();
    Ok(Some((entry, bytes)))
}

pub(super) async fn runs(db: &mut SqliteConnection, connector: &ConnectorId, limit: u32) -> Result<Vec<Run>, Error> {
    let rows = sqlx::query(
        "SELECT id, started_at, duration_us, ok, records, rejected, error_kind, error_text, stderr_tail, cpu_us, egress_bytes FROM run
         WHERE connector = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(connector.as_str())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let (kind, text): (Option<String>, Option<String>) = (row.try_get(6)?, row.try_get(7)?);
            Ok(Run {
                id: decode::number(row, 0, "id")?,
                connector: connector.clone(),
                started_at: decode::time(row, 1)?,
                duration_us: decode::number(row, 2, "duration")?,
                outcome: if row.try_get::<i64, _>(3)? == 1 { RunOutcome::Ok } else { RunOutcome::Failed },
                records: decode::number(row, 4, "sum")?,
                rejected: decode::number(row, 5, "sum")?,
                error: kind.zip(text).map(|(kind, text)| RunError { kind, text }),
                stderr_tail: row.try_get(8)?,
                cpu_us: decode::number(row, 9, "sum")?,
                egress_bytes: decode::number(row, 10, "sum")?,
            })
        })
        .collect()
}

pub(super) async fn keys(db: &mut SqliteConnection) -> Result<Vec<KeyRow>, Error> {
    let rows = sqlx::query(
        "SELECT id, agency, hash, may_read, may_write, note, created_at, expires_at, revoked_at FROM access_key ORDER BY created_at, id",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok(key_row(row)?)).collect()
}

fn key_row(row: &SqliteRow) -> Result<KeyRow, sqlx::Error> {
    let owner = match row.try_get::<Option<&str>, _>(1)? {
        None => KeyOwner::Operator,
        Some(_) => KeyOwner::Agency(decode::text(row, 1, "agency")?),
    };
    Ok(KeyRow {
        id: row.try_get(0)?,
        owner,
        hash: decode::hash(row, 2)?,
        read: decode::json(row, 3, "list of channels")?,
        write: decode::json(row, 4, "list of channels")?,
        note: row.try_get(5)?,
        created_at: decode::time(row, 6)?,
        expires_at: decode::optional_time(row, 7)?,
        revoked_at: decode::optional_time(row, 8)?,
    })
}
