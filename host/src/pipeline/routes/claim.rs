//! What the part of a route that delivers keeps at its checkpoint: how far it has come, and which records it has claimed. And the key
//! under which those go.

use lienthong_core::hash::ContentHash;
use lienthong_core::log::Position;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far it has come, and what it has claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The next record to claim.
    pub(super) epoch: u32,
    pub(super) offset: u64,
    /// Records of this epoch that are claimed and not settled.
    #[serde(default)]
    pub(super) claimed_epoch: u32,
    #[serde(default)]
    pub(super) claimed: Vec<Claimed>,
}

/// One record that is on its way: its offset, and how often it was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claimed(pub(super) u64, pub(super) u32);

impl Cursor {
    pub(super) fn at(position: Position) -> Self {
        Self { epoch: position.epoch, offset: position.offset, claimed_epoch: 0, claimed: Vec::new() }
    }

    pub(super) fn next(&self) -> Position {
        Position { epoch: self.epoch, offset: self.offset }
    }

    /// Everything before it is settled.
    pub(super) fn settled_until(&self) -> Position {
        match self.claimed.iter().map(|record| record.0).min() {
            Some(offset) => Position { epoch: self.claimed_epoch, offset },
            None => self.next(),
        }
    }
}

/// The same for the same records of the same place (log, route, sink and channel), and for no others.
pub(super) fn idempotency_key(place: &[&str; 4], epoch: u32, records: &[Claimed]) -> String {
    let mut hash = Sha256::new();
    for part in place {
        hash.update(part);
        // No name holds it, so none runs into the next.
        hash.update([0]);
    }
    hash.update(epoch.to_be_bytes());
    for Claimed(offset, _) in records {
        hash.update(offset.to_be_bytes());
    }
    ContentHash::new(hash.finalize().into()).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_is_that_of_its_records_however_often_they_were_tried() {
        let place = ["log", "a/route", "a/sink", "a/channel"];
        let key = |attempts| idempotency_key(&place, 1, &[Claimed(4, attempts), Claimed(7, 0)]);
        assert_eq!(key(0), key(3));
        let others = [
            idempotency_key(&["other", "a/route", "a/sink", "a/channel"], 1, &[Claimed(4, 0), Claimed(7, 0)]),
            idempotency_key(&["log", "a/routea/sink", "", "a/channel"], 1, &[Claimed(4, 0), Claimed(7, 0)]),
            idempotency_key(&place, 2, &[Claimed(4, 0), Claimed(7, 0)]),
            idempotency_key(&place, 1, &[Claimed(4, 0)]),
            idempotency_key(&place, 1, &[Claimed(7, 0), Claimed(4, 0)]),
        ];
        assert_eq!(others.into_iter().chain([key(0)]).collect::<BTreeSet<_>>().len(), 6);
    }

    #[test]
    fn a_claim_is_settled_up_to_its_first_record() {
        let cursor = Cursor { epoch: 2, offset: 5, claimed_epoch: 1, claimed: vec![Claimed(97, 0), Claimed(99, 2)] };
        assert_eq!(cursor.settled_until(), Position { epoch: 1, offset: 97 });
        let kept: Cursor = serde_json::from_slice(&serde_json::to_vec(&cursor).unwrap()).unwrap();
        assert_eq!(kept, cursor);
        let settled = Cursor { claimed: Vec::new(), ..cursor };
        assert_eq!((settled.settled_until(), settled.next()), (Position { epoch: 2, offset: 5 }, Position { epoch: 2, offset: 5 }));
    }
}
