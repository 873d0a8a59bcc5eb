//! What is kept of connectors from one start to the next: what each did in each hour, and which an operator paused.

use std::collections::BTreeMap;

use lienthong_core::id::ConnectorId;
use lienthong_core::time::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::apply::{Apply, Done, Trouble};
use super::{Error, Run, RunOutcome, decode};

/// Hours of a connector that are kept behind its last one: a week and a day.
const HOURS_KEPT: i64 = 8 * 24;

const HOUR_US: i64 = 3_600_000_000;

/// What calls of a connector did and used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that ended.
    pub calls: u64,
    /// Those of which nothing counts.
    pub failures: u64,
    /// Records stored.
    pub records: u64,
    /// Items that went to quarantine.
    pub rejected: u64,
    /// Time in the plugin's code, microseconds.
    pub cpu_us: u64,
    /// Bytes that its HTTP sent and brought.
    pub egress_bytes: u64,
    /// When it last stored a record.
    pub newest_at: Option<Timestamp>,
}

/// What a connector did in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// Hours since 1970-01-01T00:00:00Z.
    pub hour: i64,
    /// All of it.
    pub tally: Tally,
}

/// An operator's word that a connector is not to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub note: String,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failures += other.failures;
        self.records += other.records;
        self.rejected += other.rejected;
        self.cpu_us += other.cpu_us;
        self.egress_bytes += other.egress_bytes;
        self.newest_at = self.newest_at.max(other.newest_at);
    }
}

impl Run {
    /// The hour in which it began.
    pub fn hour(&self) -> i64 {
        hour_of(self.started_at)
    }

    /// What it adds to its connector's tally.
    pub fn tally(&self) -> Tally {
        Tally {
            calls: 1,
            failures: u64::from(self.outcome == RunOutcome::Failed),
            records: self.records,
            rejected: self.rejected,
            cpu_us: self.cpu_us,
            egress_bytes: self.egress_bytes,
            newest_at: (self.records > 0).then_some(self.started_at),
        }
    }
}

/// The hour of a moment.
pub fn hour_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(HOUR_US)
}

impl Apply<'_> {
    /// Adds a run to its connector's hour.
    pub(super) async fn tally(&mut self, run: &Run) -> Result<(), Trouble> {
        let tally = run.tally();
        sqlx::query(
            "INSERT INTO connector_hour (connector, hour, calls, failures, records, rejected, cpu_us, egress_bytes, newest_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (connector, hour) DO UPDATE SET calls = connector_hour.calls + excluded.calls,
                failures = connector_hour.failures + excluded.failures, records = connector_hour.records + excluded.records,
                rejected = connector_hour.rejected + excluded.rejected, cpu_us = connector_hour.cpu_us + excluded.cpu_us,
                egress_bytes = connector_hour.egress_bytes + excluded.egress_bytes,
                newest_at = COALESCE(excluded.newest_at, connector_hour.newest_at)",
        )
        .bind(run.connector.as_str())
        .bind(run.hour())
        .bind(tally.calls as i64)
        .bind(tally.failures as i64)
        .bind(tally.records as i64)
        .bind(tally.rejected as i64)
        .bind(tally.cpu_us as i64)
        .bind(tally.egress_bytes as i64)
        .bind(tally.newest_at.map(Timestamp::micros))
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    /// Forgets hours that no scorecard looks at any more.
    pub(super) async fn forget_hours(&mut self) -> Result<(), Trouble> {
        sqlx::query(
            "DELETE FROM connector_hour WHERE hour < $1 + (SELECT MAX(newest.hour) FROM connector_hour AS newest
             WHERE newest.connector = connector_hour.connector)",
        )
        .bind(-HOURS_KEPT)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    pub(super) async fn pause(&mut self, connector: &ConnectorId, pause: Option<Pause>) -> Result<Done, Trouble> {
        let done = match pause {
            Some(Pause { at, note }) => {
                sqlx::query(
                    "INSERT INTO paused_connector (connector, at, note) VALUES ($1, $2, $3)
                     ON CONFLICT (connector) DO UPDATE SET note = excluded.note",
                )
                .bind(connector.as_str())
                .bind(at.micros())
                .bind(note)
                .execute(&mut *self.db)
                .await?
            }
            None => {
                sqlx::query("DELETE FROM paused_connector WHERE connector = $1").bind(connector.as_str()).execute(&mut *self.db).await?
            }
        };
        Ok(Done::Rows(done.rows_affected()))
    }
}

pub(super) async fn hours(db: &mut SqliteConnection) -> Result<BTreeMap<ConnectorId, Vec<Hour>>, Error> {
    let rows = sqlx::query(
        "SELECT connector, hour, calls, failures, records, rejected, cpu_us, egress_bytes, newest_at FROM connector_hour
         ORDER BY connector, hour",
    )
    .fetch_all(db)
    .await?;
    let mut all = BTreeMap::<ConnectorId, Vec<Hour>>::new();
    for row in &rows {
        let tally = Tally {
            calls: decode::number(row, 2, "sum")?,
            failures: decode::number(row, 3, "sum")?,
            records: decode::number(row, 4, "sum")?,
            rejected: decode::number(row, 5, "sum")?,
            cpu_us: decode::number(row, 6, "sum")?,
            egress_bytes: decode::number(row, 7, "sum")?,
            newest_at: decode::optional_time(row, 8)?,
        };
        all.entry(decode::text(row, 0, "connector")?).or_default().push(Hour { hour: row.try_get(1)?, tally });
    }
    Ok(all)
}

pub(super) async fn paused(db: &mut SqliteConnection) -> Result<BTreeMap<ConnectorId, Pause>, Error> {
    let rows = sqlx::query("SELECT connector, at, note FROM paused_connector").fetch_all(db).await?;
    let pause = |row| Ok((decode::text(row, 0, "connector")?, Pause { at: decode::time(row, 1)?, note: row.try_get(2)? }));
    rows.iter().map(pause).collect()
}
