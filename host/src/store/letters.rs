//! Dead letters: deliveries that were given up. They are made with the group that settles their batch, and lie here until an
//! operator has them delivered once more.

use lienthong_core::id::{ChannelId, ConnectorId, RouteId};
use lienthong_core::log::Position;
use lienthong_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row};
use tokio::sync::watch;

use super::apply::{Apply, Done, Trouble, Work};
use super::{Error, Store, decode};

/// Letters of one page at most.
const MAX_LETTERS: u32 = 1_000;

/// A delivery that is given up now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The route that led to it.
    pub route: RouteId,
    /// The connector that was to deliver it.
    pub sink: ConnectorId,
    /// The record's channel.
    pub channel: ChannelId,
    /// The record's place in it.
    pub at: Position,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Increasing, never reused.
    pub id: u64,
    /// What was given up, and why.
    pub given_up: GivenUp,
    /// When.
    pub died_at: Timestamp,
    /// It will be delivered once more.
    pub redrive: bool,
}

/// Which dead letters; the newest come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this route only.
    pub route: Option<RouteId>,
    /// Of this sink only.
    pub sink: Option<ConnectorId>,
    /// Older than this one: the last id of the page before.
    pub before: Option<u64>,
    /// At most so many, and never more than 1,000.
    pub limit: u32,
}

/// Which dead letters shall be delivered once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redrive {
    /// This one.
    One(u64),
    /// All of a route; all there are without one.
    All(Option<RouteId>),
}

/// What became of a letter that was tried once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// It is with the agency system: the letter goes.
    Delivered,
    /// It stays dead, for this reason.
    Dead(String),
}

impl Store {
    /// A page of the dead letters.
    pub async fn dead_letters(&self, filter: &LetterFilter) -> Result<Vec<DeadLetter>, Error> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM dead_letter WHERE id > 0");
        if let Some(route) = &filter.route {
            sql.push(" AND route = ").push_bind(route.as_str());
        }
        if let Some(sink) = &filter.sink {
            sql.push(" AND sink = ").push_bind(sink.as_str());
        }
        if let Some(before) = filter.before {
            sql.push(" AND id < ").push_bind(i64::try_from(before).unwrap_or(i64::MAX));
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit.min(MAX_LETTERS)));
        let rows = sql.build().fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok(letter(row)?)).collect()
    }

    /// How many dead letters each route and sink has; none without any.
    pub async fn dead_letter_counts(&self) -> Result<Vec<(RouteId, ConnectorId, u64)>, Error> {
        let rows =
            sqlx::query("SELECT route, sink, COUNT(*) FROM dead_letter GROUP BY route, sink").fetch_all(&mut *self.reader().await?).await?;
        rows.iter()
            .map(|row| Ok((decode::text(row, 0, "route")?, decode::text(row, 1, "sink")?, decode::number(row, 2, "count")?)))
            .collect()
    }

    /// The oldest letter of a route and sink that shall be delivered once more.
    pub async fn next_redrive(&self, route: &RouteId, sink: &ConnectorId) -> Result<Option<DeadLetter>, Error> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS)
            .push(" FROM dead_letter WHERE redrive = 1 AND route = ")
            .push_bind(route.as_str())
            .push(" AND sink = ")
            .push_bind(sink.as_str())
            .push(" ORDER BY id LIMIT 1");
        let row = sql.build().fetch_optional(&mut *self.reader().await?).await?;
        Ok(row.as_ref().map(letter).transpose()?)
    }

    /// Lets dead letters be delivered once more. Answers how many.
    pub async fn redrive(&self, which: Redrive) -> Result<u64, Error> {
        let letters = self.rows(Work::Redrive(which)).await?;
        self.inner.redrives.send_modify(|times| *times += 1);
        Ok(letters)
    }

    /// Changes whenever letters are to be delivered once more.
    pub fn redrives(&self) -> watch::Receiver<u64> {
        self.inner.redrives.subscribe()
    }

    /// Keeps what became of a letter that was tried once more.
    pub async fn settle_letter(&self, id: u64, became: Redriven) -> Result<(), Error> {
        self.rows(Work::SettleLetter { id, became }).await.map(|_| ())
    }
}

const COLUMNS: &str = "id, route, sink, channel, epoch, record_offset, attempts, reason, died_at, redrive";

fn letter(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    let given_up = GivenUp {
        route: decode::text(row, 1, "route")?,
        sink: decode::text(row, 2, "sink")?,
        channel: decode::channel(row, 3)?,
        at: decode::position(row, 4)?,
        attempts: decode::number(row, 6, "attempts")?,
        reason: row.try_get(7)?,
    };
    Ok(DeadLetter { id: decode::number(row, 0, "id")?, given_up, died_at: decode::time(row, 8)?, redrive: row.try_get::<i64, _>(9)? == 1 })
}

impl Apply<'_> {
    pub(super) async fn give_up(&mut self, letters: Vec<GivenUp>, at: Timestamp) -> Result<(), Trouble> {
        if letters.is_empty() {
            return Ok(());
        }
        let count = letters.len() as i64;
        let next: i64 = sqlx::query_scalar("UPDATE counter SET next = next + $1 WHERE name = 'dead_letter' RETURNING next")
            .bind(count)
            .fetch_one(&mut *self.db)
            .await?;
        for (letter, id) in letters.into_iter().zip(next - count..) {
            sqlx::query(
                "INSERT INTO dead_letter (id, route, sink, channel, epoch, record_offset, attempts, reason, died_at, redrive)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)",
            )
            .bind(id)
            .bind(letter.route.as_str())
            .bind(letter.sink.as_str())
            .bind(letter.channel.as_str())
            .bind(i64::from(letter.at.epoch))
            .bind(i64::try_from(letter.at.offset).unwrap_or(i64::MAX))
            .bind(i64::from(letter.attempts))
            .bind(letter.reason)
            .bind(at.micros())
            .execute(&mut *self.db)
            .await?;
        }
        Ok(())
    }

    pub(super) async fn redrive(&mut self, which: Redrive) -> Result<Done, Trouble> {
        let statement = match which {
            Redrive::One(id) => sqlx::query("UPDATE dead_letter SET redrive = 1 WHERE id = $1").bind(i64::try_from(id).unwrap_or(i64::MAX)),
            Redrive::All(Some(route)) => sqlx::query("UPDATE dead_letter SET redrive = 1 WHERE route = $1").bind(route.to_string()),
            Redrive::All(None) => sqlx::query("UPDATE dead_letter SET redrive = 1"),
        };
        Ok(Done::Rows(statement.execute(&mut *self.db).await?.rows_affected()))
    }

    pub(super) async fn settle_letter(&mut self, id: u64, became: Redriven) -> Result<Done, Trouble> {
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        let statement = match became {
            Redriven::Delivered => sqlx::query("DELETE FROM dead_letter WHERE id = $1").bind(id),
            Redriven::Dead(reason) => {
                sqlx::query("UPDATE dead_letter SET redrive = 0, attempts = attempts + 1, reason = $2 WHERE id = $1").bind(id).bind(reason)
            }
        };
        Ok(Done::Rows(statement.execute(&mut *self.db).await?.rows_affected()))
    }
}
