//! One call of a transform: records grouped by key, each group with what was kept of its key, and what comes back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lienthong_core::city::Fold;
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::{ConnectorId, Port};
use lienthong_core::log::{Position, StoredBatch, record_id};
use lienthong_core::ports::{Nowhere, Stopped};
use lienthong_core::record::Violation;
use lienthong_core::tape::Node;
use lienthong_core::time::Timestamp;

use crate::pipeline::channels::Channel;
use crate::pipeline::fault::{Fault, FaultKind};
use crate::pipeline::intake::{Intake, lines, rejected};
use crate::store::{KeyState, Store};
use crate::wasm::{Call, Keyed, Plugin, Usage};

/// Keys of one call at most: with a full state each, 8 MiB.
pub(super) const PAGE_KEYS: usize = 128;

/// The longest key, bytes.
const KEY_BYTES: usize = 1 << 10;

/// A transform with its places.
pub(super) struct Folder {
    pub(super) plugin: Plugin,
    pub(super) config: Fold,
    pub(super) to: BTreeMap<Port, Vec<Arc<Channel>>>,
}

/// What came of a call beside what is in the intake.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) states: Vec<KeyState>,
    pub(super) used: Usage,
}

/// Records on their way into a call.
pub(super) struct Groups {
    list: Vec<(String, Vec<u8>)>,
    keyless: Vec<Keyless>,
    /// The position behind the last record that is in it.
    pub(super) end: Position,
}

struct Keyless {
    at: Position,
    bytes: Vec<u8>,
    why: Violation,
}

impl Folder {
    /// Where rejections go: the first channel of the first port.
    pub(super) fn first(&self) -> Result<&Arc<Channel>, Fault> {
        self.to.values().flatten().next().ok_or_else(|| Fault::hub("the route leads nowhere"))
    }

    /// Groups a page by key, their order kept; less of it where there are too many keys.
    pub(super) fn groups(&self, page: &[StoredBatch], from: Position) -> Groups {
        let mut decoder = Decoder::new(DecodeLimits::default());
        let mut known = HashMap::<String, usize>::new();
        let mut groups = Groups { list: Vec::new(), keyless: Vec::new(), end: from };
        for batch in page {
            for (offset, line, _) in batch.records() {
                let at = Position { epoch: batch.first.epoch, offset };
                match key(&mut decoder, line, self.config.by.as_deref()) {
                    Ok(key) => {
                        let count = known.len();
                        if count == PAGE_KEYS && !known.contains_key(&key) {
                            return groups;
                        }
                        let index = *known.entry(key).or_insert_with_key(|key| {
                            groups.list.push((key.clone(), Vec::new()));
                            count
                        });
                        let records = &mut groups.list[index].1;
                        records.extend_from_slice(line);
                        records.push(b'\n');
                    }
                    Err(why) => groups.keyless.push(Keyless { at, bytes: line.to_vec(), why }),
                }
                groups.end = Position { epoch: at.epoch, offset: offset + 1 };
            }
        }
        groups
    }

    /// Calls the transform with a page's groups. What comes back is in the intake, but for the new states.
    pub(super) async fn page(&self, as_whom: Caller<'_>, groups: Groups, now: Timestamp, intake: &Intake) -> Result<Folded, Fault> {
        let first = self.first()?;
        for Keyless { at, bytes, why } in groups.keyless {
            let name = record_id(as_whom.from, at.epoch, at.offset).into();
            intake.put_aside(first, bytes, why, Some(name)).await.map_err(not_kept)?;
        }
        if groups.list.is_empty() {
            return Ok(Folded::default());
        }
        let keys: Vec<&str> = groups.list.iter().map(|(key, _)| key.as_str()).collect();
        let mut states = as_whom.store.states(as_whom.owner, &keys).await.map_err(|error| Fault::hub(error.to_string()))?;
        let keyed = groups.list.into_iter().map(|(key, records)| Keyed { state: states.remove(&key), key, records }).collect();
        self.call(as_whom, keyed, now, intake).await
    }

    /// Calls it on its schedule: keys with their states and no records.
    pub(super) async fn turn(
        &self,
        as_whom: Caller<'_>,
        states: Vec<(String, Vec<u8>)>,
        now: Timestamp,
        intake: &Intake,
    ) -> Result<Folded, Fault> {
        let keyed = states.into_iter().map(|(key, state)| Keyed { key, state: Some(state), records: Vec::new() }).collect();
        self.call(as_whom, keyed, now, intake).await
    }

    async fn call(&self, as_whom: Caller<'_>, keyed: Vec<Keyed>, now: Timestamp, intake: &Intake) -> Result<Folded, Fault> {
        let call = Call {
            connector: as_whom.connector.clone(),
            message_name: Arc::clone(&as_whom.page_name),
            settings: "{}".into(),
            limits: self.config.limits,
            emit: Box::new(Nowhere),
            door: None,
            tape: None,
        };
        let (folded, used) = self.plugin.apply(call, now, keyed).await?;
        let first = self.first()?;
        let mut states = Vec::with_capacity(folded.len());
        for result in folded {
            for output in result.outputs {
                let port = Port::new(&output.port).ok().and_then(|port| self.to.get(&port));
                let channels = port.ok_or_else(|| unknown_port(&output.port))?;
                for channel in channels {
                    intake.put(channel, lines(&output.records).map(|line| (line, None))).await.map_err(not_kept)?;
                }
            }
            for item in result.rejects {
                intake.put_aside(first, item.bytes, rejected(item.reason, item.at), None).await.map_err(not_kept)?;
            }
            states.push(KeyState { owner: as_whom.owner.to_owned(), key: result.key, state: result.state });
        }
        Ok(Folded { states, used })
    }
}

/// On whose behalf a call is made, and about what.
#[derive(Clone)]
pub(super) struct Caller<'a> {
    pub(super) store: &'a Store,
    pub(super) connector: &'a ConnectorId,
    pub(super) owner: &'a str,
    pub(super) from: &'a lienthong_core::id::ChannelId,
    pub(super) page_name: Arc<str>,
}

pub(super) fn not_kept(why: Stopped) -> Fault {
    Fault::hub(why.to_string())
}

fn unknown_port(port: &str) -> Fault {
    let shown: String = port.chars().take(80).flat_map(char::escape_default).collect();
    let text = format!("the transform gave records for the port `{shown}`, which its manifest does not have; the vendor must mend it");
    Fault { kind: FaultKind::Plugin, text, stderr: String::new(), retry_after: None }
}

/// What a record is grouped by: a text as it is, a number or a boolean as it is written.
fn key(decoder: &mut Decoder, line: &[u8], by: Option<&str>) -> Result<String, Violation> {
    let Some(by) = by else { return Ok(String::new()) };
    let missing = |message: String| Violation { pointer: by.to_owned(), keyword: "by".into(), message };
    let tape = decoder.decode(line)?;
    let key = tape.root().pointer(by).and_then(written);
    match key {
        Some(key) if key.len() <= KEY_BYTES => Ok(key),
        Some(key) => Err(missing(format!("the route's key has {} bytes and may have {KEY_BYTES}", key.len()))),
        None => Err(missing("the route's key is no text, number or boolean here: send one, or group `by` another property".into())),
    }
}

fn written(value: Node<'_>) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_bool().map(|value| value.to_string()))
        .or_else(|| value.as_i64().map(|value| value.to_string()))
        .or_else(|| value.as_f64().map(|value| value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_text_a_number_or_a_boolean() {
        let mut decoder = Decoder::new(DecodeLimits::default());
        let mut key = |line: &str, by| key(&mut decoder, line.as_bytes(), by).map_err(|violation| violation.pointer);
        assert_eq!(key(r#"{"station":"KK01"}"#, Some("/station")), Ok("KK01".into()));
        assert_eq!(key(r#"{"station":7}"#, Some("/station")), Ok("7".into()));
        assert_eq!(key(r#"{"a":{"b":[1.5,true]}}"#, Some("/a/b/0")), Ok("1.5".into()));
        assert_eq!(key(r#"{"a":{"b":[1.5,true]}}"#, Some("/a/b/1")), Ok("true".into()));
        assert_eq!(key(r#"{"station":"KK01"}"#, None), Ok(String::new()));
        for without in [r#"{}"#, r#"{"station":null}"#, r#"{"station":{}}"#, r#"{"station":[]}"#] {
            assert_eq!(key(without, Some("/station")), Err("/station".into()), "{without}");
        }
        let long = format!("{{\"station\":\"{}\"}}", "x".repeat(KEY_BYTES + 1));
        assert_eq!(key(&long, Some("/station")), Err("/station".into()));
    }
}
