//! The writer's smaller works: channels and epochs, runs, keys, and what is forgotten.

use lienthong_core::id::ChannelId;
use lienthong_core::log::Position;
use lienthong_core::time::Timestamp;

use super::apply::{Apply, Done, Trouble};
use super::tail::End;
use super::{KeyOwner, KeyRow, Refusal, Run, RunOutcome, decode, receipts, steady};

/// How many runs of a connector are kept.
const RUNS_KEPT: i64 = 100;

/// Receipts forgotten in one transaction, so that groups need not wait for more.
pub(super) const SWEEP_ROWS: i64 = 5_000;

impl Apply<'_> {
    pub(super) async fn ensure_channels(&mut self, mut channels: Vec<ChannelId>) -> Result<Done, Trouble> {
        channels.sort();
        let mut made = 0;
        for channel in channels {
            let row = sqlx::query(
                "INSERT INTO channel (channel, epoch, next_offset, last_epoch, last_offset, accepted, stored, open, discarded, bytes)
                 VALUES ($1, 1, 0, 1, 0, 0, 0, 0, 0, 0) ON CONFLICT (channel) DO NOTHING",
            )
            .bind(channel.as_str())
            .execute(&mut *self.db)
            .await?;
            if row.rows_affected() == 1 {
                self.ends.push((channel, End { next: Position::START, last: Position::START, bytes: 0 }));
                made += 1;
            }
        }
        Ok(Done::Rows(made))
    }

    pub(super) async fn open_epoch(&mut self, channel: ChannelId, at_least: u32) -> Result<Done, Trouble> {
        let row = sqlx::query(
            "UPDATE channel SET epoch = CASE WHEN epoch + 1 < $1 THEN $1 ELSE epoch + 1 END, next_offset = 0 WHERE channel = $2
             RETURNING epoch, next_offset, last_epoch, last_offset, bytes",
        )
        .bind(i64::from(at_least))
        .bind(channel.as_str())
        .fetch_optional(&mut *self.db)
        .await?
        .ok_or_else(|| Refusal::UnknownChannel(channel.clone()))?;
        let end = decode::end(&row, 0)?;
        self.ends.push((channel, end));
        Ok(Done::Epoch(end.next))
    }

    pub(super) async fn record_run(&mut self, run: Run) -> Result<Done, Trouble> {
        self.tally(&run).await?;
        let connector = run.connector.as_str();
        let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM run WHERE connector = $1")
            .bind(connector)
            .fetch_one(&mut *self.db)
            .await?;
        let (kind, text) = run.error.map(|e| (e.kind, e.text)).unzip();
        sqlx::query(
            "INSERT INTO run (connector, id, started_at, duration_us, ok, records, rejected, error_kind, error_text, stderr_tail, cpu_us,
                egress_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(connector)
        .bind(id)
        .bind(run.started_at.micros())
        .bind(run.duration_us as i64)
        .bind(i64::from(run.outcome == RunOutcome::Ok))
        .bind(run.records as i64)
        .bind(run.rejected as i64)
        .bind(kind)
        .bind(text)
        .bind(run.stderr_tail)
        .bind(run.cpu_us as i64)
        .bind(run.egress_bytes as i64)
        .execute(&mut *self.db)
        .await?;
        sqlx::query("DELETE FROM run WHERE connector = $1 AND id <= $2")
            .bind(connector)
            .bind(id - RUNS_KEPT)
            .execute(&mut *self.db)
            .await?;
        Ok(Done::Rows(1))
    }

    pub(super) async fn insert_key(&mut self, key: KeyRow) -> Result<Done, Trouble> {
        let agency = match &key.owner {
            KeyOwner::Operator => None,
            KeyOwner::Agency(agency) => Some(agency.as_str()),
        };
        sqlx::query(
            "INSERT INTO access_key (id, agency, hash, may_read, may_write, note, created_at, expires_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(key.id)
        .bind(agency)
        .bind(key.hash.to_vec())
        .bind(serde_json::Value::from(key.read).to_string())
        .bind(serde_json::Value::from(key.write).to_string())
        .bind(key.note)
        .bind(key.created_at.micros())
        .bind(key.expires_at.map(Timestamp::micros))
        .bind(key.revoked_at.map(Timestamp::micros))
        .execute(&mut *self.db)
        .await?;
        Ok(Done::Rows(1))
    }

    /// Revokes a key once: the first moment stands.
    pub(super) async fn revoke_key(&mut self, id: &str, at: Timestamp) -> Result<Done, Trouble> {
        let done = sqlx::query("UPDATE access_key SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2")
            .bind(at.micros())
            .bind(id)
            .execute(&mut *self.db)
            .await?;
        Ok(Done::Rows(done.rows_affected()))
    }

    /// Forgets receipts that are old enough, and keeps the time by which they are.
    pub(super) async fn forget(&mut self) -> Result<Done, Trouble> {
        steady::keep(self.db, self.now).await?;
        self.forget_hours().await?;
        let before = self.now.plus_micros(-receipts::REMEMBERED_US);
        let done = sqlx::query(
            "DELETE FROM remembered WHERE (scope, key) IN (SELECT scope, key FROM remembered WHERE remembered_at < $1 ORDER BY remembered_at LIMIT $2)",
        )
        .bind(before.micros())
        .bind(SWEEP_ROWS)
        .execute(&mut *self.db)
        .await?;
        Ok(Done::Rows(done.rows_affected()))
    }
}
