//! A disk that is full at any moment, for a while, and slow besides. Nothing acknowledged is lost; the hub goes on when there
//! is space again, or says why it cannot and does so after a restart.

use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::client::Client;
use lienthong_tests::hub::Hub;
use lienthong_tests::wait::until;

use crate::bench::Bench;
use crate::interposer::Number;
use crate::oracle;
use crate::senders::Senders;
use crate::tally::Tally;
use crate::town;

/// How often the disk is full in one trial.
const TIMES: u32 = 6;
/// Bytes that it still takes, at most.
const SPACE: u64 = 400_000;
/// The slowest sync, microseconds.
const SLOW_US: u64 = 120_000;
/// The longest time for which it stays full, milliseconds.
const FULL_MS: u64 = 800;

/// Fills the disk of one hub again and again.
pub async fn trial(seed: u64) -> Tally {
    let mut chance = Chance::new(seed);
    let mut tally = Tally::default();
    let Bench { interposer, mut hub, doors, senders, .. } = Bench::new(seed, 3, false).await;
    for _ in 0..TIMES {
        senders.go_on("before the disk is full").await;
        interposer.set(Number::SyncTakes, if chance.below(3) == 0 { chance.below(SLOW_US).cast_signed() } else { 0 });
        let refused = interposer.get(Number::RefusedWrites);
        interposer.set(Number::SpaceLeft, chance.below(SPACE).cast_signed());
        interposer.set(Number::SpaceEnds, 1);
        until("the disk is full", || async { (interposer.get(Number::RefusedWrites) > refused).then_some(()) }).await;
        tokio::time::sleep(Duration::from_millis(chance.below(FULL_MS))).await;
        tally.add("times the disk was full", 1);
        let path = format!("/v1/channels/{}/records?limit=10", town::POSTS[0]);
        doors.reader.get(&path).send().await.expect(200);
        tally.add("reads while it was full", 1);
        if chance.below(3) == 0 {
            hub.kill().await;
            hub.spawn_again();
            tally.add("kills while it was full", 1);
            if hub.ready_or_ended().await.is_some() {
                let log = hub.log();
                assert!(log.contains("full") || log.contains("No space left"), "it does not start, and does not say why:\n{log}");
                tally.add("starts that a full disk stopped, which was said", 1);
                interposer.set(Number::SpaceEnds, 0);
                hub.start_again().await;
            }
        }
        interposer.set(Number::SpaceEnds, 0);
        go_on(&mut hub, &senders, &mut tally).await;
    }
    interposer.set(Number::SyncTakes, 0);
    tally.add("syncs under slow spells and others", interposer.get(Number::Syncs).unsigned_abs());
    let sent = senders.finish().await;
    oracle::settle(&hub, &doors, &sent, &mut tally).await;
    tally
}

/// With space again it takes data by itself, or has told that it must be started anew.
async fn go_on(hub: &mut Hub, senders: &Senders, tally: &mut Tally) {
    let nobody: Client = hub.nobody();
    let answered = senders.flag.answered();
    let failed = until("it goes on or says why not", || async {
        if senders.flag.answered() > answered {
            return Some(false);
        }
        let answer = nobody.get("/readyz").attempt().await.ok()?;
        (answer.status == 503 && answer.text().contains("restart the hub")).then_some(true)
    })
    .await;
    if failed {
        hub.kill().await;
        hub.start_again().await;
        senders.go_on("after a start with space").await;
        tally.add("of them, times it asked to be started anew", 1);
    } else {
        tally.add("of them, times it went on by itself", 1);
    }
}
