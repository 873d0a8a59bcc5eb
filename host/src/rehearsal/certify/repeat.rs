//! The same call again: twice, after a kill, and at other times.

use lienthong_core::time::Timestamp;
use serde_json::Value;

use super::battery::{Battery, several, sound, with};
use super::report::Check;
use crate::rehearsal::difference::difference;
use crate::rehearsal::run::World;
use crate::wasm::NoAnswer;

const DAY: i64 = 86_400_000_000;

/// A message that comes twice, a poll that is repeated: the hub knows a repeat by what it brings.
pub(super) async fn twice(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let mut wrong = Vec::new();
    for (place, fixture) in battery.fixtures.iter().enumerate() {
        let ran = battery.call(fixture, "a second time").await?;
        if let Some(first) = difference(&battery.usual[place], &ran.lines).first() {
            wrong.push(format!("{} brings something else the second time:{first}: let nothing but the input decide", fixture.name));
        }
    }
    Ok(Check::of("repeat", &wrong, "the same input brings the same output".into()))
}

/// Killed while the other system is silent, and called again from the same place.
pub(super) async fn killed(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let (mut wrong, mut kills) = (Vec::new(), 0);
    for (place, fixture) in battery.fixtures.iter().enumerate() {
        for silent in 0..fixture.exchanges.len().min(3) {
            let stalling = with(fixture, |fixture| fixture.exchanges[silent].fails = Some(NoAnswer::Silence));
            let replay = stalling.replay();
            tokio::select! {
                () = replay.stalled() => kills += 1,
                _ = battery.rehearsal.run(&stalling, World::Recorded(replay.clone())) => continue,
            }
            let ran = battery.call(fixture, "after a kill").await?;
            if let Some(first) = difference(&battery.usual[place], &ran.lines).first() {
                wrong.push(format!("{}, killed at request {}, brings something else when called again:{first}", fixture.name, silent + 1));
            }
        }
    }
    if kills == 0 {
        return Ok(Check::not_applicable("kill and resume", "no fixture has requests that a kill could interrupt"));
    }
    Ok(Check::of("kill and resume", &wrong, format!("after {} the call brought what it brings without", several(kills, "kill"))))
}

/// Clocks that are wrong, and years far away.
pub(super) async fn clock(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let far = Timestamp::from_micros(2_147_483_648_000_000);
    let mut wrong = Vec::new();
    for fixture in battery.fixtures {
        let moments = [
            ("the day before", fixture.now.plus_micros(-DAY)),
            ("ten years later", fixture.now.plus_micros(3_653 * DAY)),
            ("in 1970", Timestamp::from_micros(0)),
            ("in 2038", far),
            ("in 9999", Timestamp::MAX),
        ];
        for (what, now) in moments {
            let ran = battery.call(&with(fixture, |fixture| fixture.now = now), what).await?;
            if let Err(why) = sound(&ran) {
                wrong.push(format!("{} {what}: {why}", fixture.name));
            }
        }
    }
    Ok(Check::of("clock", &wrong, "clocks that jump break nothing".into()))
}

/// Values under a key, as texts.
pub(super) fn values<'a>(lines: &'a [Value], key: &'a str) -> impl Iterator<Item = &'a str> {
    lines.iter().filter_map(move |line| line.get(key).and_then(Value::as_str))
}
