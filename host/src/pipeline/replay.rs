//! A recorded run once more, by the version that ran then or by another, and how that differs. Nothing of it is stored.

use std::sync::Arc;

use lienthong_core::city::Connector as Configured;
use lienthong_core::id::ConnectorId;
use lienthong_core::log::Origin;
use serde_json::Value;

use super::call::{Caller, Connector};
use super::channels::Channels;
use super::fault::{Fault, FaultKind};
use super::intake::Intake;
use super::recording::{Emitted, Ending, Head, Input, Item, Recording, items};
use super::reply::Reply;
use super::taping::{Output, Tee};
use crate::wasm::{Call, Message, Octets, Plugin, Replay, Tape};

/// Differences that are told.
const TOLD: usize = 20;
/// Of one value in them, characters.
const SHOWN: usize = 80;

/// What a run puts out, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    /// In order.
    pub emitted: Vec<Emitted>,
    /// How it ended.
    pub ending: Ending,
    /// Requests that the recording has no answer for.
    pub unexpected: Vec<String>,
}

impl Caller {
    /// Performs a recorded run again. The plugin sees what it saw then: message or cursor, settings, clocks, random numbers and what the
    /// network answered. What it puts out is held against the connector's schemas as then, and forgotten.
    ///
    /// # Errors
    /// The hub could not run it.
    pub async fn replay(&self, connector: &Connector, plugin: &Plugin, head: &Head, recording: &Recording) -> Result<Performance, Fault> {
        // What breaks again must not make the connector's own messages wait.
        let replayed = ConnectorId::new("hub/replay").map_err(|error| Fault::hub(error.to_string()))?;
        let name: Arc<str> = head.message_name.as_str().into();
        let origin = Origin { agency: connector.config.agency.clone(), connector: Some(connector.id.clone()) };
        let intake = Intake::new(self.store.clone(), &self.channels, &connector.config.emits, origin, head.started_at, Arc::clone(&name));
        let (output, replay) = (Output::all(), Replay::new(head.started_at, recording.exchanges.clone()).seeing(recording.senses.clone()));
        let call = Call {
            connector: replayed,
            message_name: name,
            settings: recording.settings.clone(),
            limits: connector.config.limits,
            emit: Box::new(Tee { intake: intake.clone(), output: output.clone() }),
            door: None,
            tape: Some(Tape::Replaying(replay.clone())),
        };
        let ended = match recording.input.clone() {
            Input::Message { body, name, content_type, received_at } => {
                let message = Message { body: Arc::new(body.0), name, content_type, received_at };
                let reply = |reply: crate::wasm::Reply| Reply { content_type: reply.content_type, body: reply.body };
                plugin.receive(call, message).await.map(|(answer, _)| Ending::Received { reply: answer.map(reply) })
            }
            Input::Poll { now, since, max_records } => {
                let polled = plugin.poll(call, now, since.map(|since| since.0), max_records).await;
                polled.map(|(progress, _)| Ending::Polled { next: progress.next.map(Octets), more: progress.more })
            }
        };
        intake.abandon().await;
        let ending = match ended.map_err(Fault::from) {
            Ok(ending) => ending,
            Err(fault) if fault.kind == FaultKind::Hub => return Err(fault),
            Err(fault) => Ending::failed(&fault),
        };
        Ok(Performance { emitted: output.into_emitted().unwrap_or_default(), ending, unexpected: replay.unexpected() })
    }
}

/// How two performances of one run compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Records and rejected items that are the same, to the byte.
    pub same: u64,
    /// What is not, in words, the first of it. Values of channels with personal data are not told.
    pub differences: Vec<String>,
}

/// Compares what came now with what came then; of a run whose output was not kept, its end alone.
pub fn compare(connector: &Configured, channels: &Channels, then: (Option<&[Emitted]>, &Ending), now: &Performance) -> Comparison {
    let mut differences = Vec::new();
    let new = items(&now.emitted);
    let mut same = new.len() as u64;
    if let Some(old) = then.0.map(items) {
        same = old.iter().zip(&new).filter(|(old, new)| old == new).count() as u64;
        for place in 0..old.len().max(new.len()) {
            if let Some(difference) = different(connector, channels, place, old.get(place), new.get(place)) {
                differences.push(difference);
            }
        }
    }
    differences.extend(other_end(then.1, &now.ending));
    differences.extend(now.unexpected.iter().map(|request| format!("it now requests {request}, which was not requested then")));
    let more = differences.len().saturating_sub(TOLD);
    differences.truncate(TOLD);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    Comparison { same, differences }
}

fn different(connector: &Configured, channels: &Channels, place: usize, old: Option<&Item<'_>>, new: Option<&Item<'_>>) -> Option<String> {
    let item = old.or(new).filter(|_| old != new)?;
    let channel = item.known_port().and_then(|port| channels.get(connector.emits.get(&port)?));
    // What a port is unknown for could be anybody's.
    let shown = channel.is_some_and(|channel| !channel.schema.is_personal());
    let what = format!("{} {} (port `{}`)", if item.rejected.is_some() { "rejected item" } else { "record" }, place + 1, item.port);
    let text = |item: &Item<'_>| if shown { format!(": {}", cut(&String::from_utf8_lossy(item.bytes))) } else { String::new() };
    Some(match (old, new) {
        (Some(old), Some(new)) => {
            let mut fields = Vec::new();
            let values = [old, new].map(|item| serde_json::from_slice::<Value>(item.bytes).unwrap_or(Value::Null));
            of_fields("", Some(&values[0]), Some(&values[1]), shown, &mut fields);
            let fields = if fields.is_empty() { "in its form or reason".to_owned() } else { fields.join(", ") };
            format!("{what} differs: {fields}")
        }
        (Some(old), None) => format!("{what} does not come any more{}", text(old)),
        (None, Some(new)) => format!("{what} is new{}", text(new)),
        (None, None) => return None,
    })
}

/// The fields that differ, by JSON pointer.
fn of_fields(pointer: &str, old: Option<&Value>, new: Option<&Value>, shown: bool, told: &mut Vec<String>) {
    if old == new || told.len() >= TOLD {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (old, new) {
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            of_fields(&pointer, before.get(name), after.get(name), shown, told);
        }
        return;
    }
    let value = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), |value| cut(&value.to_string()));
    let pointer = if pointer.is_empty() { "all of it" } else { pointer };
    told.push(if shown { format!("{pointer} was {} and is {}", value(old), value(new)) } else { pointer.to_owned() });
}

fn other_end(then: &Ending, now: &Ending) -> Option<String> {
    if then == now {
        return None;
    }
    Some(match (then.error(), now.error()) {
        (Some(then), Some(now)) => format!("it failed then: {then}; and fails now: {now}"),
        (Some(then), None) => format!("it failed then, and does not fail now: {then}"),
        (None, Some(now)) => format!("it went well then, and fails now: {now}"),
        (None, None) => match now {
            Ending::Polled { .. } => "the next checkpoint, or whether there is more, differs".to_owned(),
            _ => "the reply differs".to_owned(),
        },
    })
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
