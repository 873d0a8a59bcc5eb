//! Posts records of __schema__ to an agency's system, one by one.

mod records;

use lienthong_sdk::http::Request;
use lienthong_sdk::{Batch, Context, Failure, ItemStatus, Sink};
pub use records::__Record__;
use serde::Deserialize;

/// The connector.
#[derive(Debug, Default)]
pub struct Plugin;

lienthong_sdk::export_sink!(Plugin);

/// `plugin.toml` has their schema.
#[derive(Deserialize)]
struct Settings {
    url: String,
}

impl Sink for Plugin {
    /// One request a record. The record's id goes with it, so that the system knows a repeat: a batch may come again.
    fn deliver(&self, context: &Context<'_>, batch: Batch, _idempotency_key: &str) -> Result<Vec<ItemStatus>, Failure> {
        let settings: Settings = context.settings()?;
        Ok(batch.items().map(|(id, line)| post(context, &settings.url, id, line)).collect())
    }
}

fn post(context: &Context<'_>, url: &str, id: &str, line: &[u8]) -> ItemStatus {
    let record: __Record__ = match serde_json::from_slice(line) {
        Ok(record) => record,
        Err(_) => return ItemStatus::Refused("this is no __one__".to_owned()),
    };
    // Here the record becomes what the system takes.
    let body = match serde_json::to_vec(&record) {
        Ok(body) => body,
        Err(error) => return ItemStatus::Refused(error.to_string()),
    };
    match context.fetch(Request::post(url, "application/json", body).header("idempotency-key", id)) {
        // 409: it has this id already.
        Ok(answer) => match answer.status() {
            200..=299 | 409 => ItemStatus::Delivered,
            status @ (408 | 425 | 429 | 500..=599) => ItemStatus::Retry(format!("the server answered {status}")),
            status => ItemStatus::Refused(format!("the server answered {status}")),
        },
        Err(error) => ItemStatus::Retry(error.to_string()),
    }
}
