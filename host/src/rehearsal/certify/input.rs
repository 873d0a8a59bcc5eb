//! Bytes that are not what they should be, from the sender, the cursor, the state or the other system.

use super::battery::{Battery, several, sound, with};
use super::report::Check;
use crate::rehearsal::fixture::{Fixture, Input};
use crate::wasm::Cause;

/// Any bytes at all, and some that break readers.
pub(super) async fn garbage(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let garbage = [
        ("nothing", Vec::new()),
        ("a zero byte", vec![0]),
        ("noise", noise(4 << 10)),
        ("64 KiB that are no UTF-8", vec![0xff; 64 << 10]),
        ("a line without end", vec![b'a'; 1 << 20]),
        ("100,000 levels", vec![b'['; 100_000]),
        ("an object that is none", b"{\"a\":NaN,\"a\":1e999,\"b\":\"\\ud800\"}\n".to_vec()),
    ];
    let mut changed = Vec::new();
    for fixture in battery.fixtures {
        for (what, bytes) in &garbage {
            changed.extend(replaced(fixture, |_| bytes.clone()).into_iter().map(|(where_, case)| (case, format!("{what} as {where_}"))));
        }
        changed.extend(replaced(fixture, damaged).into_iter().map(|(where_, case)| (case, format!("damaged bytes as {where_}"))));
    }
    hold(battery, "garbage", changed).await
}

/// What was broken off.
pub(super) async fn truncation(battery: &mut Battery<'_>) -> anyhow::Result<Check> {
    let mut changed = Vec::new();
    for fixture in battery.fixtures {
        for (quarters, part) in [(1, "a quarter"), (2, "half"), (3, "three quarters")] {
            let cut = |bytes: &[u8]| bytes[..bytes.len() * quarters / 4].to_vec();
            changed.extend(replaced(fixture, cut).into_iter().map(|(where_, case)| (case, format!("{part} of {where_}"))));
        }
        let cut = |bytes: &[u8]| bytes[..bytes.len().saturating_sub(1)].to_vec();
        changed.extend(replaced(fixture, cut).into_iter().map(|(where_, case)| (case, format!("all but the last byte of {where_}"))));
    }
    hold(battery, "truncation", changed).await
}

async fn hold(battery: &mut Battery<'_>, name: &'static str, changed: Vec<(Fixture, String)>) -> anyhow::Result<Check> {
    if changed.is_empty() {
        return Ok(Check::not_applicable(name, "the fixtures give it no bytes from outside: no message, cursor, state or answer"));
    }
    let (mut wrong, calls) = (Vec::new(), changed.len());
    for (fixture, what) in changed {
        let ran = battery.call_with_damage(&fixture).await?;
        // What a plugin cannot read of its own state is its own fault, and it may say so.
        let own = matches!(fixture.input, Input::Groups(_)) && matches!(ran.cause, Some(Cause::Plugin(_)));
        if let Err(why) = sound(&ran)
            && !own
        {
            wrong.push(format!("{}, {what}: {why}: reject the item, or fail with `invalid-input` or `upstream`", fixture.name));
        }
    }
    Ok(Check::of(name, &wrong, format!("{} ended well or with a reason", several(calls, "call"))))
}

/// The fixture once for each place that bytes come from, with other bytes there.
fn replaced(fixture: &Fixture, other: impl Fn(&[u8]) -> Vec<u8>) -> Vec<(&'static str, Fixture)> {
    let mut changed = Vec::new();
    match &fixture.input {
        Input::Message { .. } => changed.push((
            "the message",
            with(fixture, |fixture| {
                if let Input::Message { body, .. } = &mut fixture.input {
                    *body = other(body);
                }
            }),
        )),
        Input::Poll { .. } => changed.push((
            "the cursor",
            with(fixture, |fixture| {
                if let Input::Poll { since, .. } = &mut fixture.input {
                    *since = Some(other(since.as_deref().unwrap_or_default()));
                }
            }),
        )),
        Input::Groups(_) => changed.push((
            "the state",
            with(fixture, |fixture| {
                if let Input::Groups(groups) = &mut fixture.input {
                    groups.iter_mut().for_each(|group| group.state = Some(other(group.state.as_deref().unwrap_or_default())));
                }
            }),
        )),
        Input::Batch { .. } => {}
    }
    if fixture.exchanges.iter().any(|exchange| !exchange.body.0.is_empty()) {
        changed.push((
            "the answers",
            with(fixture, |fixture| fixture.exchanges.iter_mut().for_each(|exchange| exchange.body.0 = other(&exchange.body.0))),
        ));
    }
    // A cursor and a state have their bounds, which the hub holds.
    changed.retain(|(_, case)| match &case.input {
        Input::Poll { since, .. } => since.as_ref().is_none_or(|cursor| cursor.len() <= crate::wasm::CURSOR_BYTES),
        Input::Groups(groups) => {
            groups.iter().all(|group| group.state.as_ref().is_none_or(|state| state.len() <= crate::wasm::CURSOR_BYTES))
        }
        _ => true,
    });
    changed
}

/// Every 37th byte another one.
fn damaged(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().enumerate().map(|(place, byte)| if place % 37 == 11 { byte ^ 0x55 } else { *byte }).collect()
}

/// Bytes without a pattern, the same each time (xorshift64, Marsaglia 2003).
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}
