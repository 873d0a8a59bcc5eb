//! More than in the fixtures: ten times as much, and what a thousand records cost.

use super::battery::{Battery, several, sound, with};
use super::report::{Check, Cost};
use crate::pipeline::intake::lines;
use crate::rehearsal::fixture::{Fixture, Input};

/// What is measured, in records; and the most that is made for it, in copies.
const RECORDS: u64 = 1_000;
const COPIES: usize = 1_000;
const COPIED_BYTES: usize = 32 << 20;

/// Ten times the batch: the message ten times in one, each group's records, the records of a delivery with their requests.
pub(super) async fn ten_times(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let (mut wrong, mut calls) = (Vec::new(), 0);
    for fixture in battery.fixtures {
        let Some(large) = copied(fixture, 10) else { continue };
        calls += 1;
        let ran = battery.call(&large, "ten times").await?;
        if let Err(why) = sound(&ran) {
            wrong.push(format!("{} ten times: {why}", fixture.name));
        }
    }
    if calls == 0 {
        return Ok(Check::not_applicable("ten times", "how much a source's page holds is the other system's own"));
    }
    Ok(Check::of("ten times", &wrong, format!("{} of ten times the size ended well or with a reason", several(calls, "call"))))
}

/// Processor time and memory, from the largest batch that can be made of a fixture.
pub(super) async fn cost(battery: &mut Battery<'_>) -> anyhow::Result<(Check, Option<Cost>)> {
    let mut cost: Option<Cost> = None;
    for fixture in battery.fixtures {
        let once = battery.call(fixture, "for its cost").await?;
        let few = handled(fixture, once.records);
        if once.cause.is_some() || few == 0 {
            continue;
        }
        let copies = usize::try_from(RECORDS.div_ceil(few)).unwrap_or(COPIES).clamp(1, COPIES);
        let many = match copied(fixture, copies) {
            Some(large) => {
                let ran = battery.call(&large, "for its cost").await?;
                let many = handled(&large, ran.records);
                // Not every format can be copied: an archive ten times over is still one archive.
                (ran.cause.is_none() && many > few).then_some((ran.used, many))
            }
            None => None,
        };
        let (used, records) = many.unwrap_or((once.used, few));
        let us = u64::try_from(used.cpu.as_micros()).unwrap_or(u64::MAX).saturating_mul(1_000) / records;
        let measured = Cost { records, cpu_us_per_1000: us, memory_peak_bytes: used.memory_peak };
        if cost.as_ref().is_none_or(|known| known.records < records) {
            cost = Some(measured);
        }
    }
    let Some(cost) = cost else {
        return Ok((Check::not_applicable("cost", "no fixture brings a record that could be measured"), None));
    };
    let limits = battery.rehearsal.limits();
    let mut wrong = Vec::new();
    if cost.memory_peak_bytes > limits.memory_bytes / 4 * 3 {
        wrong.push(format!(
            "it held {} MiB of the {} that it may: read in pieces",
            cost.memory_peak_bytes >> 20,
            limits.memory_bytes >> 20
        ));
    }
    let most_us = u64::try_from(limits.cpu_per_call.as_micros()).unwrap_or(u64::MAX) / 10;
    if cost.cpu_us_per_1000 > most_us {
        wrong.push(format!("1,000 records took {} ms of the processor: a tenth of what a whole call may", cost.cpu_us_per_1000 / 1_000));
    }
    Ok((Check::of("cost", &wrong, cost.to_string()), Some(cost)))
}

/// Records that a call is about: what it emitted, or what it was given.
fn handled(fixture: &Fixture, emitted: u64) -> u64 {
    match &fixture.input {
        Input::Message { .. } | Input::Poll { .. } => emitted,
        Input::Groups(groups) => groups.iter().map(|group| lines(&group.records).count() as u64).sum(),
        Input::Batch { ids, .. } => ids.len() as u64,
    }
}

/// The same so many times over; nothing for a source, or where it would be too large.
fn copied(fixture: &Fixture, copies: usize) -> Option<Fixture> {
    let size = match &fixture.input {
        Input::Message { body, .. } => body.len(),
        Input::Groups(groups) => groups.iter().map(|group| group.records.len()).sum(),
        Input::Batch { records, .. } => records.len(),
        Input::Poll { .. } => return None,
    };
    if size.saturating_mul(copies) > COPIED_BYTES {
        return None;
    }
    Some(with(fixture, |fixture| {
        let batch = match &mut fixture.input {
            Input::Message { body, .. } => {
                *body = body.repeat(copies);
                None
            }
            Input::Groups(groups) => {
                groups.iter_mut().for_each(|group| group.records = group.records.repeat(copies));
                None
            }
            Input::Batch { channel, records, key, .. } => Some(Input::batch(channel.clone(), records.repeat(copies), key.clone())),
            Input::Poll { .. } => None,
        };
        fixture.input = batch.unwrap_or_else(|| fixture.input.clone());
        let exchanges = std::mem::take(&mut fixture.exchanges);
        fixture.exchanges = std::iter::repeat_n(exchanges, copies).flatten().collect();
    }))
}
