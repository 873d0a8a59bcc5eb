//! Clocks that jump, back by a day and forward by ten, while the hub runs and between two of its lives. Order, keys and sums
//! hold: a key of minutes ago is known, whatever day it is said to be.

use lienthong_tests::chance::Chance;
use lienthong_tests::client::Client;
use lienthong_tests::ledger::{self, Entry};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::bench::Bench;
use crate::interposer::Number;
use crate::oracle;
use crate::tally::Tally;
use crate::town;

const HOUR_US: i64 = 3_600_000_000;
/// The first jumps, hours from the right time; others follow at random.
const JUMPS: [i64; 3] = [-24, 240, 0];
const MORE_JUMPS: u32 = 3;

/// Sets one hub's clock again and again.
pub async fn trial(seed: u64) -> Tally {
    let mut chance = Chance::new(seed);
    let mut tally = Tally::default();
    let Bench { interposer, mut hub, doors, senders, .. } = Bench::new(seed, 2, false).await;
    let mut witnesses = vec![witness(&doors.sender, 0).await];
    let more: Vec<_> = (0..MORE_JUMPS).map(|_| chance.below(24 * 60).cast_signed() - 24 * 30).collect();
    for (hours, nth) in JUMPS.into_iter().chain(more).zip(1..) {
        interposer.set(Number::ClockAhead, hours * HOUR_US);
        senders.go_on("after a jump of the clock").await;
        tally.add("jumps of the clock", 1);
        // A start forgets what is old.
        match chance.below(3) {
            0 => hub.kill().await,
            _ => assert!(hub.terminate().await.success(), "{}", hub.log()),
        }
        hub.start_again().await;
        for witness in &witnesses {
            let again = ledger::send(&doors.sender, witness).await.unwrap().expect(200);
            assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", witness.answer.clone()), "{} h", hours);
            tally.add("keys known after a jump", 1);
        }
        witnesses.push(witness(&doors.sender, nth).await);
    }
    let mut sent = senders.finish().await;
    sent.entries.extend(witnesses);
    oracle::settle(&hub, &doors, &sent, &mut tally).await;
    tally
}

/// A post whose key is sent again after each jump.
async fn witness(sender: &Client, nth: u64) -> Entry {
    let (id, n) = (format!("c99-{nth}-0"), nth);
    let line = format!(r#"{{"id":"{id}","n":{n},"value":1}}"#);
    let mut entry = Entry {
        key: format!("witness-{nth}"),
        channel: town::POSTS[0].to_owned(),
        body: line.clone().into(),
        good: vec![(id, Sha256::digest(&line).into(), n)],
        bad: Vec::new(),
        answer: Value::Null,
        unknown: 0,
        replayed: false,
        journal_bytes: 0,
    };
    entry.answer = ledger::send(sender, &entry).await.unwrap().expect(200).json();
    entry
}
