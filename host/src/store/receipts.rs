//! What is remembered of a group under its idempotency key.

use lienthong_core::time::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{Receipt, Remember, Remembered, decode};

/// How long a key is known, microseconds: seven days.
pub(super) const REMEMBERED_US: i64 = 7 * 86_400_000_000;

pub(super) async fn recall(db: &mut SqliteConnection, scope: &str, key: &[u8]) -> Result<Option<Remembered>, sqlx::Error> {
    let row = sqlx::query("SELECT receipt, note, body_hash FROM remembered WHERE scope = $1 AND key = $2")
        .bind(scope)
        .bind(key)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let receipt = Receipt { note: row.try_get(1)?, ..decode::json(&row, 0, "receipt")? };
    Ok(Some(Remembered { receipt, body_hash: decode::hash(&row, 2)? }))
}

pub(super) async fn remember(db: &mut SqliteConnection, remember: &Remember, receipt: &Receipt, at: Timestamp) -> Result<(), sqlx::Error> {
    let receipt = serde_json::to_string(receipt).map_err(|e| sqlx::Error::Encode(e.into()))?;
    sqlx::query("INSERT INTO remembered (scope, key, body_hash, receipt, note, remembered_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(remember.scope.as_str())
        .bind(remember.key.as_slice())
        .bind(remember.body_hash.to_vec())
        .bind(receipt)
        .bind(remember.note.as_slice())
        .bind(at.micros())
        .execute(db)
        .await?;
    Ok(())
}
