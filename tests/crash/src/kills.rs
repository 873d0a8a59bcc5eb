//! kill -9, at moments that chance picks and at named places of the hub's own code, under load, again and again.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use lienthong::failpoint;
use lienthong_tests::chance::Chance;
use lienthong_tests::client::Client;
use lienthong_tests::hub::Hub;
use lienthong_tests::ledger::{self, Flag};

use crate::oracle::{self, Doors};
use crate::senders::{Company, Senders, joined};
use crate::tally::Tally;
use crate::town;

/// The longest life at whose end chance stands, milliseconds.
const LIFE_MS: u64 = 1_200;
/// A place that is not reached within this is not reached in this life.
const PATIENCE: Duration = Duration::from_secs(60);
const SIGKILL: i32 = 9;
/// A place that a table comes to once in a hundred commits: tried when it is near.
const CHECKPOINT: &str = "lake.checkpoint-written";

/// How a life of the hub ends.
enum Fate {
    /// So long after it was ready.
    AfterReady(Duration),
    /// So long after its start, ready or not.
    AfterStart(Duration),
    /// When it reaches a place for the n-th time.
    At { place: &'static str, times: u64 },
}

/// Kills a hub so many times, then holds it to all that it had acknowledged.
pub async fn trial(seed: u64, kills: u32) -> Tally {
    let mut chance = Chance::new(seed);
    let mut tally = Tally::default();
    let mut hub = Hub::start(town::new()).await;
    let doors = Doors::open(&hub).await;
    let senders = Senders::start(&hub, &doors.sender, seed, Company { posting: 4, scans: true, files: true }, None);
    let follower = tokio::spawn(follow(senders.flag.clone(), doors.reader.clone(), town::POSTS[0].to_owned()));

    // Trials begin at different places and go round, so that a few kills in each try all of them together.
    let mut next_place = seed as usize;
    let mut fate = Fate::AfterReady(Duration::from_millis(chance.below(LIFE_MS)));
    for left in (0..kills).rev() {
        end(&mut hub, fate, &mut tally).await;
        fate = choose(&hub, &mut chance, &mut next_place);
        hub.environment().remove(failpoint::VARIABLE);
        if let Fate::At { place, times } = &fate
            && left > 0
        {
            hub.environment().insert(failpoint::VARIABLE, format!("{place}@{times}").into());
        }
        hub.spawn_again();
    }
    hub.ready().await;
    senders.go_on("after the last kill").await;
    let sent = senders.finish().await;
    oracle::settle(&hub, &doors, &sent, &mut tally).await;

    // Who followed the channel all the while saw each record once, in order.
    let followed = joined(follower).await;
    let log: Vec<_> = ledger::read_log(&doors.reader, town::POSTS[0]).await.into_values().map(|(id, _)| id).collect();
    assert!(!followed.is_empty() && log.starts_with(&followed), "what was followed is not the beginning of the log");
    tally.add("records followed over all interruptions, in order", followed.len() as u64);
    tally
}

/// The places that no kill of these trials has hit.
pub fn never_reached(tally: &Tally) -> Vec<&'static str> {
    failpoint::PLACES.iter().copied().filter(|place| tally.of(&at(place)) == 0).collect()
}

fn at(place: &str) -> String {
    format!("kills at {place}")
}

fn choose(hub: &Hub, chance: &mut Chance, next_place: &mut usize) -> Fate {
    let after = Duration::from_millis(chance.below(LIFE_MS));
    match chance.below(8) {
        _ if checkpoint_is_near(hub) => Fate::At { place: CHECKPOINT, times: 1 },
        0..3 => Fate::AfterReady(after),
        3 => Fate::AfterStart(after / 2),
        _ => {
            let mut place = CHECKPOINT;
            while place == CHECKPOINT {
                place = failpoint::PLACES[*next_place % failpoint::PLACES.len()];
                *next_place += 1;
            }
            // Those that are reached with every post are tried deep within a life too.
            let often = match place {
                "store.before-commit" | "store.after-commit" => 200,
                "call.emitted" | "attachment.noted" | "attachment.in-place" => 10,
                "lake.data-file-written" | "lake.commit-written" | "lake.landed" => 4,
                _ => 1,
            };
            Fate::At { place, times: 1 + chance.below(often) }
        }
    }
}

/// Whether a life might see a table's next checkpoint: its log has none, or one, for every hundred versions.
fn checkpoint_is_near(hub: &Hub) -> bool {
    let log = hub.city().data().join("lake").join(town::POSTS[0]).join("_delta_log");
    let names = std::fs::read_dir(log).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.file_name());
    let ends = |names: &[OsString], end: &str| names.iter().filter(|name| name.to_string_lossy().ends_with(end)).count();
    let names: Vec<_> = names.collect();
    ends(&names, ".json") >= 100 * ends(&names, ".checkpoint.parquet") + 90
}

async fn end(hub: &mut Hub, fate: Fate, tally: &mut Tally) {
    tally.add("kills in all", 1);
    let (place, times) = match fate {
        Fate::AfterReady(after) => {
            hub.ready().await;
            // The moment itself is the trial: anywhere in the hub's life.
            tokio::time::sleep(after).await;
            hub.kill().await;
            return tally.add("kills at a moment, ready", 1);
        }
        Fate::AfterStart(after) => {
            tokio::time::sleep(after).await;
            hub.kill().await;
            return tally.add("kills at a moment, from its start on", 1);
        }
        Fate::At { place, times } => (place, times),
    };
    let ended = match hub.ready_or_ended().await {
        Some(status) => Some(status),
        None => tokio::time::timeout(PATIENCE, hub.ended()).await.ok(),
    };
    let Some(status) = ended else {
        hub.kill().await;
        tally.add(format!("places not reached in {} s, killed there", PATIENCE.as_secs()), 1);
        eprintln!("{place}@{times} was not reached in {} s", PATIENCE.as_secs());
        return;
    };
    let said = format!("failpoint {place}: the process ends here");
    assert!(status.signal() == Some(SIGKILL) && hub.log().contains(&said), "{place}@{times}: it ended with {status}:\n{}", hub.log());
    tally.add(at(place), 1);
}

/// Reads a channel by its cursor, over all interruptions, until the flag is raised.
async fn follow(flag: Arc<Flag>, reader: Client, channel: String) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while !flag.raised() {
        let path = format!("/v1/channels/{channel}/records?wait=1s&limit=500{cursor}");
        let Ok(page) = reader.get(&path).header("accept", "application/x-ndjson").attempt().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if page.status.is_success() {
            ids.extend(page.text().lines().map(|line| ledger::property(line, "id")));
            cursor = format!("&after={}", page.header("lienthong-cursor"));
        }
    }
    ids
}
