//! What a part of a route keeps at its checkpoint, and the group that moves it.

use std::time::Duration;

use lienthong_core::id::AgencyId;
use lienthong_core::log::{Origin, Position};
use lienthong_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::pipeline::fault::Fault;
use crate::store::{Advance, Group, Outcome, Store};

/// How far the part that writes has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    epoch: u32,
    offset: u64,
    /// The schedule's last turn that was begun, microseconds since 1970-01-01T00:00:00Z.
    turn: i64,
    /// The one that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<Round>,
}

/// A scheduled turn under way: all keys are called with the same time, a page of them after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    now: i64,
    /// Keys up to this one are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

impl Round {
    /// The time that it is called with.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }
}

impl Cursor {
    /// At this record, with every turn up to now behind it.
    pub(super) fn new(at: Position, now: Timestamp) -> Self {
        Self { epoch: at.epoch, offset: at.offset, turn: now.micros(), round: None }
    }

    /// The next record.
    pub(super) fn at(&self) -> Position {
        Position { epoch: self.epoch, offset: self.offset }
    }

    /// The same with another next record.
    pub(super) fn moved(&self, to: Position) -> Self {
        Self { epoch: to.epoch, offset: to.offset, ..self.clone() }
    }

    /// Begins the turn that is due by now, if one is and none is under way; several that were missed are one.
    pub(super) fn begin_turn(&mut self, every: Duration, now: Timestamp) {
        let turn = turn_before(every, now);
        if self.round.is_none() && turn > self.turn {
            self.turn = turn;
            self.round = Some(Round { now: now.micros(), after: None });
        }
    }

    /// How long it is until the next turn.
    pub(super) fn until_turn(&self, every: Duration, now: Timestamp) -> Duration {
        let next = turn_before(every, now).saturating_add(micros(every));
        Duration::from_micros(u64::try_from(next.saturating_sub(now.micros())).unwrap_or(0))
    }
}

/// The last whole multiple of `every` before or at this time.
fn turn_before(every: Duration, now: Timestamp) -> i64 {
    let every = micros(every);
    now.micros().div_euclid(every) * every
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX).max(1)
}

/// A committed cursor, to be moved.
#[derive(Debug, Clone)]
pub(super) struct Mark<C> {
    pub(super) cursor: C,
    version: Option<u64>,
}

impl<C: Serialize + DeserializeOwned> Mark<C> {
    /// Reads the owner's checkpoint, or takes what `begin` gives where there is none yet.
    pub(super) async fn read(store: &Store, owner: &str, begin: impl FnOnce() -> C) -> Result<Self, Fault> {
        let checkpoint = store.checkpoint(owner).await.map_err(|error| Fault::hub(error.to_string()))?;
        match checkpoint {
            None => Ok(Self { cursor: begin(), version: None }),
            Some(checkpoint) => {
                let cursor = serde_json::from_slice(&checkpoint.cursor)
                    .map_err(|error| Fault::hub(format!("the checkpoint {owner} cannot be read ({error}): run the hub that wrote it")))?;
                Ok(Self { cursor, version: Some(checkpoint.version) })
            }
        }
    }

    /// Whether it was ever committed.
    pub(super) fn is_new(&self) -> bool {
        self.version.is_none()
    }

    /// Commits a group with this cursor, unless somebody else moved it meanwhile.
    pub(super) async fn commit(&mut self, store: &Store, owner: &str, cursor: C, mut group: Group) -> Result<(), Fault> {
        let bytes = serde_json::to_vec(&cursor).map_err(|error| Fault::hub(error.to_string()))?;
        group.advance = Some(Advance { owner: owner.to_owned(), expected: self.version, cursor: bytes });
        match store.commit(group).await {
            Outcome::Committed(_) | Outcome::Repeated(_) => {
                self.cursor = cursor;
                self.version = Some(self.version.unwrap_or(0) + 1);
                Ok(())
            }
            Outcome::Refused(refusal) => Err(Fault::hub(refusal.to_string())),
            // The checkpoint will tell.
            Outcome::Unknown(why) => Err(Fault::hub(format!("whether it was stored is not known: {why}"))),
        }
    }
}

/// An empty group of a reader.
pub(super) fn group(agency: &AgencyId, connector: lienthong_core::id::ConnectorId, now: Timestamp) -> Group {
    Group::new(now, Origin { agency: agency.clone(), connector: Some(connector) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_turn_comes_at_each_full_hour_and_missed_ones_are_one() {
        let mut cursor = Cursor::new(Position::START, at("2026-11-24T09:20:00Z"));
        cursor.begin_turn(HOUR, at("2026-11-24T09:59:59Z"));
        assert_eq!(cursor.round, None);
        assert_eq!(cursor.until_turn(HOUR, at("2026-11-24T09:59:59Z")), Duration::from_secs(1));
        cursor.begin_turn(HOUR, at("2026-11-24T10:00:03Z"));
        let round = cursor.round.take().unwrap();
        assert_eq!((round.now(), round.after), (at("2026-11-24T10:00:03Z"), None));
        cursor.begin_turn(HOUR, at("2026-11-24T10:59:00Z"));
        assert_eq!(cursor.round, None);
        cursor.begin_turn(HOUR, at("2026-11-24T15:10:00Z"));
        assert!(cursor.round.take().is_some());
        cursor.begin_turn(HOUR, at("2026-11-24T15:20:00Z"));
        assert_eq!(cursor.round, None);
    }

    #[test]
    fn a_turn_under_way_is_kept_with_its_time() {
        let mut cursor = Cursor::new(Position { epoch: 2, offset: 7 }, at("2026-11-24T09:20:00Z"));
        cursor.begin_turn(HOUR, at("2026-11-24T10:00:03Z"));
        if let Some(round) = &mut cursor.round {
            round.after = Some("KK01".into());
        }
        let kept: Cursor = serde_json::from_slice(&serde_json::to_vec(&cursor).unwrap()).unwrap();
        assert_eq!(kept, cursor);
        // The next hour comes while it is under way: it goes on as it was.
        cursor.begin_turn(HOUR, at("2026-11-24T11:00:00Z"));
        assert_eq!(kept, cursor);
        assert_eq!(cursor.moved(Position { epoch: 2, offset: 9 }).at(), Position { epoch: 2, offset: 9 });
    }
}
