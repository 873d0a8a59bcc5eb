//! Looking up what changed, a page a call: `GET {url}?tuNgay=…&denNgay=…&trang=N&soLuong=M`. The README has the contract.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Cursor as Body;

use lienthong_sdk::http::{self, Request};
use lienthong_sdk::{Call, Failure, Level, Poll, Progress, vietnam};

use crate::envelope::{Envelope, Service};
use crate::object::whole;
use crate::window::{Brought, Cursor, Page, Steps};
use crate::{Settings, keep, record};

const DEFAULT_PAGE_SIZE: u32 = 200;
const DEFAULT_WINDOW_DAYS: u32 = 7;
const DEFAULT_OVERLAP_MINUTES: u32 = 10;

/// A page is held in memory, and the sandbox has 64 MiB by default.
const MAX_PAGE_BYTES: u64 = 16 << 20;

/// So much of the system's own message is told.
const MESSAGE_CHARS: usize = 200;

pub(crate) fn poll(call: &mut Call<'_>, poll: Poll<'_>, settings: Settings) -> Result<Progress, Failure> {
    let steps = Steps {
        page_size: settings.page_size.unwrap_or(DEFAULT_PAGE_SIZE),
        window_days: settings.window_days.unwrap_or(DEFAULT_WINDOW_DAYS),
        overlap_minutes: settings.overlap_minutes.unwrap_or(DEFAULT_OVERLAP_MINUTES),
    };
    let mut cursor = resume(&poll, settings, steps)?;
    let Some(page) = cursor.page(poll.now_ms, poll.max_records, steps) else {
        // With the first poll the place to begin at is settled, although nothing can be asked yet.
        let next = poll.since.is_none().then(|| encode(&cursor)).transpose()?;
        return Ok(Progress { next, more: false });
    };
    let body = fetch(call, &cursor.url, page)?;
    let brought = read(call, body, page, &cursor)?;
    let caught_up = cursor.advance(page, &brought, poll.now_ms, steps).map_err(Failure::Upstream)?;
    Ok(Progress { next: Some(encode(&cursor)?), more: !caught_up })
}

/// The cursor, if it was made under the same settings; else the beginning.
fn resume(poll: &Poll<'_>, settings: Settings, steps: Steps) -> Result<Cursor, Failure> {
    let url = settings.url.ok_or_else(|| Failure::Config("`url` is missing: where are dossiers looked up?".to_owned()))?;
    let known = poll.since.and_then(|bytes| serde_json::from_slice::<Cursor>(bytes).ok());
    if let Some(known) = known.filter(|known| known.url == url && known.from == settings.from) {
        return Ok(known);
    }
    let from_ms = match &settings.from {
        Some(day) => vietnam::instant_ms(day, &["yyyy-MM-dd"])
            .ok_or_else(|| Failure::Config("`from` is no day since 1970, for example 2026-01-01".to_owned()))?,
        None => poll.now_ms.saturating_sub(u64::from(steps.overlap_minutes) * 60_000),
    };
    Ok(Cursor::start(url, settings.from, from_ms))
}

fn encode(cursor: &Cursor) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(cursor).map_err(|e| Failure::Internal(e.to_string()))
}

fn fetch(call: &Call<'_>, url: &str, page: Page) -> Result<Vec<u8>, Failure> {
    let text = |ms| {
        vietnam::local(ms, "yyyyMMddHHmmss").ok_or_else(|| Failure::Internal("the time of the call lies beyond the year 9999".to_owned()))
    };
    let joint = if url.contains('?') { '&' } else { '?' };
    let (from, until) = (text(page.from_ms)?, text(page.until_ms)?);
    let url = format!("{url}{joint}tuNgay={from}&denNgay={until}&trang={}&soLuong={}", page.number, page.size);
    let response = call.fetch(Request::get(url).header("accept", "application/json"))?.ok()?;
    response.bytes(MAX_PAGE_BYTES).map_err(|error| match error {
        http::Error::TooLarge(max) => Failure::Config(format!("a page has more than {max} bytes: lower `page_size`")),
        other => other.into(),
    })
}

/// Emits a page's dossiers but those that were seen before.
fn read(call: &mut Call<'_>, body: Vec<u8>, page: Page, cursor: &Cursor) -> Result<Brought, Failure> {
    let mut body = Body::new(body);
    let envelope = Envelope::read(&mut body).map_err(not_an_answer)?;
    if let Some(code) = envelope.error_code.as_deref().filter(|code| whole(code) != Some(0)) {
        let said: String = envelope.message.as_deref().unwrap_or("no message").chars().take(MESSAGE_CHARS).collect();
        let code: String = code.chars().take(MESSAGE_CHARS).collect();
        return Err(Failure::Upstream(format!("the system answered error_code {code}: {said}")));
    }
    let total =
        envelope.total.ok_or_else(|| Failure::Upstream("the answer has no `total`: how many dossiers does the window have?".to_owned()))?;
    let mut hashes = Vec::new();
    let rejected_before = call.rejected();
    let mut known = 0u64;
    let looked_up = envelope.each_item(&mut body, |item| {
        let hash = hash(item.bytes);
        hashes.push(hash);
        let reading = record::read(&item, Some(Service::Dossiers), None);
        // Without the time of its change a dossier that says the same again may have been another in between.
        let tells_its_change = reading.record.as_ref().map_or(true, |record| record.contains_key("updated_at"));
        if tells_its_change && cursor.has_seen(hash) {
            known += 1;
            return Ok(());
        }
        keep(call, &item, &reading).map(|_| ())
    });
    looked_up.map_err(not_an_answer)?;
    let rejected = call.rejected() - rejected_before;
    let count = hashes.len();
    call.log(Level::Debug, &format!("page {}: {count} of {total} dossiers, {known} known, {rejected} rejected", page.number));
    Ok(Brought { total, hashes })
}

/// What a system answers with while it is being mended is often a page of HTML: the same request may do later.
fn not_an_answer(failure: Failure) -> Failure {
    match failure {
        Failure::InvalidInput(why) => Failure::Upstream(format!("the system's answer cannot be read: {why}")),
        other => other,
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
