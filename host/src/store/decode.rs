//! Columns to the hub's types. What the hub would never have written is an error, not a panic.

use std::str::FromStr;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId};
use lienthong_core::log::{Origin, Position};
use lienthong_core::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::tail::End;

fn impossible(what: &'static str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> sqlx::Error {
    move |source| sqlx::Error::ColumnDecode { index: what.into(), source }
}

/// A text that only holds what its type allows.
pub(super) fn text<T>(row: &SqliteRow, at: usize, what: &'static str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.try_get::<&str, _>(at)?.parse().map_err(|e: T::Err| impossible(what)(e.into()))
}

pub(super) fn channel(row: &SqliteRow, at: usize) -> Result<ChannelId, sqlx::Error> {
    text(row, at, "channel")
}

/// A number that is never negative.
pub(super) fn number<T: TryFrom<i64>>(row: &SqliteRow, at: usize, what: &'static str) -> Result<T, sqlx::Error> {
    let found = row.try_get::<i64, _>(at)?;
    T::try_from(found).map_err(|_| impossible(what)(found.to_string().into()))
}

/// Epoch and offset, side by side.
pub(super) fn position(row: &SqliteRow, at: usize) -> Result<Position, sqlx::Error> {
    Ok(Position { epoch: number(row, at, "epoch")?, offset: number(row, at + 1, "offset")? })
}

/// A channel's end: `epoch`, `next_offset`, `last_epoch`, `last_offset` and `bytes`, side by side.
pub(super) fn end(row: &SqliteRow, at: usize) -> Result<End, sqlx::Error> {
    Ok(End { next: position(row, at)?, last: position(row, at + 2)?, bytes: number(row, at + 4, "bytes")? })
}

/// Agency and connector, side by side.
pub(super) fn origin(row: &SqliteRow, at: usize) -> Result<Origin, sqlx::Error> {
    let agency: AgencyId = text(row, at, "agency")?;
    let connector = match row.try_get::<Option<&str>, _>(at + 1)? {
        None => None,
        Some(connector) => Some(connector.parse::<ConnectorId>().map_err(|e| impossible("connector")(e.into()))?),
    };
    Ok(Origin { agency, connector })
}

pub(super) fn time(row: &SqliteRow, at: usize) -> Result<Timestamp, sqlx::Error> {
    row.try_get(at).map(Timestamp::from_micros)
}

pub(super) fn optional_time(row: &SqliteRow, at: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(at)?.map(Timestamp::from_micros))
}

/// SHA-256 and its like.
pub(super) fn hash(row: &SqliteRow, at: usize) -> Result<[u8; 32], sqlx::Error> {
    let bytes = row.try_get::<&[u8], _>(at)?;
    bytes.try_into().map_err(|e: std::array::TryFromSliceError| impossible("hash")(e.into()))
}

pub(super) fn content_hash(row: &SqliteRow, at: usize) -> Result<ContentHash, sqlx::Error> {
    hash(row, at).map(ContentHash::new)
}

/// A JSON text.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &SqliteRow, at: usize, what: &'static str) -> Result<T, sqlx::Error> {
    serde_json::from_str(row.try_get(at)?).map_err(|e| impossible(what)(e.into()))
}
