//! Fetches __schema__ page by page.

mod records;

use lienthong_sdk::http::Request;
use lienthong_sdk::{Call, Failure, Poll, Progress, Source};
pub use records::__Record__;
use serde::Deserialize;
use serde_json::Value;

const PORT: &str = "__port__";
const PAGE_BYTES: u64 = 8 << 20;

/// The connector.
#[derive(Debug, Default)]
pub struct Plugin;

lienthong_sdk::export_source!(Plugin);

/// `plugin.toml` has their schema.
#[derive(Deserialize)]
struct Settings {
    url: String,
}

/// What the system answers.
#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    /// Where the next page begins; none on the last.
    next: Option<String>,
}

impl Source for Plugin {
    /// One page a call. The cursor is what the page before called its next one: put your system's paging in its place.
    fn poll(&self, call: &mut Call<'_>, poll: Poll<'_>) -> Result<Progress, Failure> {
        let settings: Settings = call.settings()?;
        let after = poll.since.map(String::from_utf8_lossy).unwrap_or_default();
        let answer = call.fetch(Request::get(format!("{}?after={after}", settings.url)))?.ok()?.bytes(PAGE_BYTES)?;
        // A page that cannot be read is the system's trouble, and may be whole next time.
        let page: Page = serde_json::from_slice(&answer).map_err(|_| Failure::Upstream("the answer is no page of items".to_owned()))?;
        for (index, item) in page.items.iter().enumerate() {
            match serde_json::from_value::<__Record__>(item.clone()) {
                Ok(record) => call.emit(PORT, &record)?,
                Err(_) => {
                    let reason = "this item is no __one__: a field is missing, unknown or of another type";
                    call.reject(PORT, item.to_string().as_bytes(), reason, Some(&format!("/items/{index}")))?;
                }
            }
        }
        Ok(Progress { more: page.next.is_some(), next: page.next.map(String::into_bytes) })
    }
}
