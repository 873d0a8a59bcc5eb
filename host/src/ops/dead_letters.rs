//! Deliveries that were given up: seen, and delivered once more.

use lienthong_core::id::{ConnectorId, RouteId};
use lienthong_core::log::record_id;
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{self, DeadLetter, LetterFilter, Redrive, Store};

/// One delivery that was given up. Its record is in the log.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Letter {
    /// Increasing, never reused.
    pub id: u64,
    /// The route that led to it.
    pub route: String,
    /// The connector that was to deliver it.
    pub sink: String,
    /// The record: its channel, epoch and offset.
    pub record: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up: the last reason.
    pub reason: String,
    /// When it was given up first.
    #[schema(value_type = String, format = DateTime)]
    pub died_at: Timestamp,
    /// It is delivered once more as soon as its route comes to it.
    pub redrive: bool,
}

/// A page of them, newest first.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<Letter>,
    /// Give it as `before` for the next page; null at the end.
    pub before: Option<u64>,
}

/// Which letters shall be delivered once more: one of `id` and `route`, or `all`.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedLetters {
    /// This one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// All of this route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub route: Option<RouteId>,
    /// All there are.
    #[serde(default)]
    pub all: bool,
}

impl WantedLetters {
    /// What the store is asked for.
    ///
    /// # Errors
    /// Where it is not exactly one of the three.
    pub fn which(self) -> Result<Redrive, &'static str> {
        match self {
            Self { id: Some(id), route: None, all: false } => Ok(Redrive::One(id)),
            Self { id: None, route: Some(route), all: false } => Ok(Redrive::All(Some(route))),
            Self { id: None, route: None, all: true } => Ok(Redrive::All(None)),
            _ => Err("say which: one of `id`, `route` and `all: true`"),
        }
    }
}

/// A page of the dead letters, at most `limit`.
pub async fn list(
    store: &Store,
    route: Option<RouteId>,
    sink: Option<ConnectorId>,
    before: Option<u64>,
    limit: u32,
) -> Result<LetterPage, store::Error> {
    let letters: Vec<_> = store.dead_letters(&LetterFilter { route, sink, before, limit }).await?.into_iter().map(letter).collect();
    let before = letters.last().filter(|_| letters.len() == limit as usize).map(|last| last.id);
    Ok(LetterPage { letters, before })
}

/// Lets letters be delivered once more. Answers how many.
pub async fn redrive(store: &Store, which: Redrive) -> Result<u64, store::Error> {
    store.redrive(which).await
}

fn letter(letter: DeadLetter) -> Letter {
    let DeadLetter { id, given_up, died_at, redrive } = letter;
    Letter {
        id,
        route: given_up.route.to_string(),
        sink: given_up.sink.to_string(),
        record: record_id(&given_up.channel, given_up.at.epoch, given_up.at.offset),
        attempts: given_up.attempts,
        reason: given_up.reason,
        died_at,
        redrive,
    }
}
