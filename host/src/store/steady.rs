//! A clock that nobody sets. It began as the machine's and goes on only while the store is open, so that a machine whose
//! clock jumps, by a wrong setting or the mending of one, neither forgets a key early nor keeps it for years.

use std::time::Instant;

use lienthong_core::time::Timestamp;
use sqlx::SqliteConnection;

use crate::clock;

/// The steady clock of an open store. Time in which no hub ran does not count, nor does what passed between the last
/// [`keep`] and a crash: what is held for a while by it is held at least that long.
#[derive(Debug)]
pub(super) struct Steady {
    at_opening: Timestamp,
    opened: Instant,
}

impl Steady {
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let kept: Option<i64> = sqlx::query_scalar("SELECT next FROM counter WHERE name = 'steady_clock'").fetch_optional(&mut *db).await?;
        let at_opening = match kept {
            Some(kept) => Timestamp::from_micros(kept),
            // Behind everything that was remembered by the machine's clock before there was this one.
            None => {
                let newest: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(remembered_at), 0) FROM remembered").fetch_one(&mut *db).await?;
                Timestamp::from_micros(newest.max(clock::now().micros()))
            }
        };
        Ok(Self { at_opening, opened: Instant::now() })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.at_opening.plus_micros(i64::try_from(self.opened.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// Writes down what time it is, for the next opening.
pub(super) async fn keep(db: &mut SqliteConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO counter (name, next) VALUES ('steady_clock', $1) ON CONFLICT (name) DO UPDATE SET next = excluded.next")
        .bind(now.micros())
        .execute(db)
        .await?;
    Ok(())
}
