//! Fetching: asks the server whether the feed changed, and reads it whole when it did.

use std::io::Cursor as ReadCursor;

use lienthong_sdk::http::Request;
use lienthong_sdk::{Call, Failure, Level, Progress};
use serde::{Deserialize, Serialize};

use crate::{Settings, feed};

/// The archive is held in memory while it is read, and the sandbox has 64 MiB by default.
const DEFAULT_DOWNLOAD_MIB: u32 = 32;

/// What the server said of the feed that was read last.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// For servers that say neither: the archive's length and FNV-1a hash.
    content: String,
}

pub(crate) fn poll(call: &mut Call<'_>, since: Option<&[u8]>, settings: Settings) -> Result<Progress, Failure> {
    let url = settings.url.ok_or_else(|| Failure::Config("`url` is missing: where is the feed published?".to_owned()))?;
    // A cursor of another address, or of another version of this plugin, only means that all is new.
    let known = since.and_then(|bytes| serde_json::from_slice::<Cursor>(bytes).ok()).filter(|known| known.url == url).unwrap_or_default();

    let mut request = Request::get(&url).header("accept", "application/zip, application/octet-stream;q=0.9, */*;q=0.1");
    if let Some(etag) = &known.etag {
        request = request.header("if-none-match", etag);
    }
    if let Some(moment) = &known.last_modified {
        request = request.header("if-modified-since", moment);
    }
    let response = call.fetch(request)?.ok()?;
    if response.status() == 304 {
        return Ok(Progress::default());
    }
    let header = |name| response.header(name).filter(|value| value.len() <= 1024).map(str::to_owned);
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    let max_bytes = u64::from(settings.max_download_mib.unwrap_or(DEFAULT_DOWNLOAD_MIB)) << 20;
    let archive = response.bytes(max_bytes)?;
    let content = format!("{}-{:016x}", archive.len(), fnv1a(&archive));
    if content == known.content {
        call.log(Level::Debug, "the server sent the feed again, unchanged");
    } else {
        feed::read(call, ReadCursor::new(archive), settings.feed)?;
    }
    let next = Cursor { url, etag, last_modified, content };
    let next = serde_json::to_vec(&next).map_err(|e| Failure::Internal(e.to_string()))?;
    Ok(Progress { next: Some(next), more: false })
}

/// 64-bit FNV-1a: to notice a change, not an attack.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
