//! Delivers records to an agency's system: one `POST` of `application/json` a record, under an `Idempotency-Key` that is the record's own, so
//! that a record which comes twice is known whatever it comes with.

use lienthong_sdk::http::{Request, Response};
use lienthong_sdk::{Batch, Context, Failure, ItemStatus, Sink};
use serde::Deserialize;

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
}

/// The connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct Records;

impl Sink for Records {
    fn deliver(&self, context: &Context<'_>, batch: Batch, _: &str) -> Result<Vec<ItemStatus>, Failure> {
        let settings: Settings = context.settings()?;
        let mut statuses = Vec::with_capacity(batch.ids.len());
        for (id, record) in batch.items() {
            let request = Request::post(&settings.url, "application/json", record.to_vec())
                .header("idempotency-key", format!("\"{id}\""))
                .header("lienthong-channel", &batch.channel);
            let answer = context.fetch(request).map_err(Failure::from).and_then(status);
            match answer {
                Ok(status) => statuses.push(status),
                // Nothing was done yet: the failure speaks for the whole batch.
                Err(failure) if statuses.is_empty() => return Err(failure),
                // What is behind it would fare no better now.
                Err(failure) => {
                    statuses.resize(batch.ids.len(), ItemStatus::Retry(words(&failure)));
                    break;
                }
            }
        }
        Ok(statuses)
    }
}

/// What an answer says of its record; or a failure that says nothing of it, but of the system.
fn status(answer: Response) -> Result<ItemStatus, Failure> {
    match answer.status() {
        200..=299 => Ok(ItemStatus::Delivered),
        401 | 403 | 429 | 404 | 410 | 502..=504 => answer.ok().map(|_| ItemStatus::Delivered),
        // Too early, in conflict with another request under the same key, or the system stumbled over this very record.
        status @ (408 | 409 | 425 | 500..=599) => Ok(ItemStatus::Retry(format!("the server answered {status}"))),
        status => Ok(ItemStatus::Refused(format!("the server answered {status}"))),
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::RateLimited(_) => "the server asks for patience".into(),
        Failure::InvalidInput(why) | Failure::Unauthorized(why) | Failure::Upstream(why) | Failure::Config(why) | Failure::Internal(why) => {
            why.clone()
        }
    }
}

lienthong_sdk::export_sink!(Records);
