//! What came of a call, one JSON object a thing: what a fixture expects, and what a call is held against.
//!
//! | object | what it is |
//! |---|---|
//! | `{"port", "record"}` | a record that its port's schema accepts |
//! | `{"port", "refused", "pointer", "keyword", "message"}` | one that it does not |
//! | `{"port", "rejected", "reason", "at"}` | an item that the plugin itself put aside; `port` is missing in a transform |
//! | `{"port", "attachment", "size"}` | a finished attachment, by its SHA-256 |
//! | `{"reply", "content_type"}` | a receiver's answer |
//! | `{"next", "more"}` | how far a source came |
//! | `{"key", "state"}` | what a transform keeps for a key |
//! | `{"id", "status", "why"}` | what a sink made of a record |
//! | `{"failed", "why"}` | the call failed: nothing else counts |

use lienthong_core::record::Violation;
use serde_json::{Map, Value, json};

use crate::pipeline::intake::{Output, lines};
use crate::wasm::{Failed, Folded, ItemStatus, Octets, Progress, Reply};

/// What was emitted, rejected and attached.
pub(super) fn of_output(output: &Output) -> Vec<Value> {
    let mut told = Vec::new();
    for append in &output.appends {
        for line in lines(append.batch.ndjson()) {
            let record: Value = serde_json::from_slice(line).unwrap_or_default();
            told.push(json!({ "port": append.channel.name(), "record": record }));
        }
    }
    for rejection in &output.rejections {
        let Violation { pointer, keyword, message } = &rejection.violation;
        let (port, bytes) = (rejection.channel.name(), &rejection.bytes);
        told.push(match keyword.as_str() {
            "plugin" => rejected(Some(port), bytes, message, Some(pointer).filter(|at| !at.is_empty())),
            _ => json!({ "port": port, "refused": item(bytes), "pointer": pointer, "keyword": keyword, "message": message }),
        });
    }
    for attachment in &output.attachments {
        let file = &attachment.file;
        told.push(json!({ "port": attachment.channel.name(), "attachment": file.hash.to_string(), "size": file.size_bytes }));
    }
    told
}

pub(super) fn of_reply(reply: &Reply) -> Value {
    json!({ "reply": octets(&reply.body), "content_type": reply.content_type })
}

pub(super) fn of_progress(progress: &Progress) -> Value {
    json!({ "next": progress.next.as_deref().map(octets), "more": progress.more })
}

/// Its rejections and state; its records go through their ports.
pub(super) fn of_folded(folded: &Folded) -> Vec<Value> {
    let mut told: Vec<_> = folded.rejects.iter().map(|r| rejected(None, &r.bytes, &r.reason, r.at.as_ref())).collect();
    told.push(json!({ "key": folded.key, "state": folded.state.as_deref().map(octets) }));
    told
}

pub(super) fn of_status(id: &str, status: &ItemStatus) -> Value {
    match status {
        ItemStatus::Delivered => json!({ "id": id, "status": "delivered" }),
        ItemStatus::Retry(why) => json!({ "id": id, "status": "retry", "why": why }),
        ItemStatus::Refused(why) => json!({ "id": id, "status": "refused", "why": why }),
    }
}

pub(super) fn of_failure(failed: &Failed) -> Value {
    json!({ "failed": failed.cause.word(), "why": failed.message })
}

fn rejected(port: Option<&str>, bytes: &[u8], reason: &str, at: Option<&String>) -> Value {
    let mut told = Map::new();
    told.extend(port.map(|port| ("port".to_owned(), port.into())));
    told.insert("rejected".to_owned(), octets(bytes));
    told.insert("reason".to_owned(), reason.into());
    told.extend(at.map(|at| ("at".to_owned(), at.as_str().into())));
    Value::Object(told)
}

/// A record as JSON where it is any, else its bytes.
fn item(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| octets(bytes))
}

fn octets(bytes: &[u8]) -> Value {
    serde_json::to_value(Octets(bytes.to_vec())).unwrap_or_default()
}
