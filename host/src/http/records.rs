//! Records into a channel and out of it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LINK};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lienthong_core::city::Access;
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::units::parse_duration;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::{self, Admission};
use super::intake::Intake;
use super::permission::{Reader, Writer};
use super::problem::Problem;
use super::state::Gate;
use super::{cloud_events, cursor};
use crate::clock;
use crate::pipeline::channels::Channel;
use crate::pipeline::post::{self, Format, Post, Reason};
use crate::store::{Outcome, Store};

const PAGE_RECORDS: u32 = 1_000;
const PAGE_RECORDS_MAX: u32 = 10_000;
const PAGE_BYTES: usize = 8 << 20;
/// A page is no smaller for want of memory.
const PAGE_BYTES_LEAST: usize = 1 << 20;
/// A page that is made takes so many times its bytes: as they are stored, unpacked, as events, and written.
const COPIES: usize = 4;
/// From so many bytes on, a page is written beside the threads that serve everyone.
const HEAVY: usize = 128 << 10;
const WAIT_MAX: Duration = Duration::from_secs(60);
const CURSOR: HeaderName = HeaderName::from_static("lienthong-cursor");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What became of a post. Everything counted here is durable.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Posted {
    channel: String,
    /// Records stored.
    accepted: u64,
    /// Records kept in quarantine, whole, until somebody mends or discards them.
    quarantined: u64,
    /// Where the stored ones stand.
    offsets: Vec<Offsets>,
    /// Why the first ones were refused.
    #[schema(value_type = Vec<RefusedRecord>)]
    reasons: Vec<Reason>,
}

/// How [`Reason`] looks.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "for the document alone")]
pub struct RefusedRecord {
    /// The record's place in the post, from 0.
    index: u64,
    /// JSON pointer to the value at fault.
    pointer: String,
    /// The schema's keyword, `decode` or `cloudevent`.
    keyword: String,
    /// What is wrong and what was expected.
    message: String,
}

/// A run of offsets.
#[derive(Serialize, utoipa::ToSchema)]
struct Offsets {
    epoch: u32,
    first: u64,
    count: u64,
}

/// `POST /v1/channels/{domain}/{name}/records`
pub async fn post_records(
    writer: Writer,
    (State(store), State(admission), State(bodies), headers, body): (State<Store>, State<Admission>, State<Intake>, HeaderMap, Body),
) -> Result<Response, Problem> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::of(content_type).ok_or_else(|| {
        let known = "application/x-ndjson, application/json, application/cloudevents+json or application/cloudevents-batch+json";
        Problem::unsupported(format!("send records as {known}, not as `{}`", content_type.escape_default()))
    })?;
    // In structured mode the body alone counts, as the binding has it.
    let binary = match format {
        Format::CloudEvent | Format::CloudEventBatch => None,
        Format::Json | Format::Ndjson => cloud_events::attributes(&headers)?,
    };
    if binary.is_some() && format == Format::Ndjson {
        return Err(Problem::bad_request(
            "the headers ce-… tell of one event: send its record as application/json, or several as application/cloudevents-batch+json",
        ));
    }
    let idempotency_key = idempotency_key(&headers)?;
    store.takes_data()?;
    let agency = writer.origin.agency.clone();
    let held = bodies.read(&agency, &headers, body).await?;
    let _place = admission.post(&agency).await?;
    let (format, body) = match &binary {
        Some(attributes) if !held.bytes.is_empty() => (Format::CloudEvent, cloud_events::structured(attributes, &held.bytes)),
        _ => (format, held.bytes.clone()),
    };
    let post = Post { origin: writer.origin, received_at: clock::now(), idempotency_key, format, body };
    let (outcome, reasons) = post::post(&store, &writer.channel, post).await?;
    let (receipt, replayed) = match outcome {
        Outcome::Committed(receipt) => (receipt, false),
        Outcome::Repeated(receipt) => (receipt, true),
        Outcome::Refused(refusal) => return Err(refusal.into()),
        Outcome::Unknown(why) => {
            tracing::error!(why, "the fate of a post is unknown");
            return Err(Problem::unavailable(
                "whether the records were stored is not known: send them again under the same Idempotency-Key",
            ));
        }
    };
    let offsets: Vec<_> =
        receipt.ranges.iter().map(|range| Offsets { epoch: range.epoch, first: range.first, count: range.count }).collect();
    let posted = Posted {
        channel: writer.channel.id.to_string(),
        accepted: offsets.iter().map(|range| range.count).sum(),
        quarantined: receipt.quarantined,
        offsets,
        reasons,
    };
    let mut response = axum::Json(posted).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The caller's `Idempotency-Key`, checked.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request("the Idempotency-Key must be 1 to 255 visible ASCII characters")),
    }
}

/// Which page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    after: Option<String>,
    limit: Option<u32>,
    wait: Option<String>,
}

type PageRequest =
    (State<Store>, State<Gate>, State<Admission>, State<CancellationToken>, Result<Query<PageQuery>, QueryRejection>, HeaderMap);

/// `GET /v1/channels/{domain}/{name}/records`
pub async fn read_records(
    reader: Reader,
    (State(store), State(gate), State(admission), State(stop), query, headers): PageRequest,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let channel = &reader.channel;
    let from = match &query.after {
        Some(text) => cursor::read(&channel.id, text)
            .ok_or_else(|| Problem::bad_request("`after` is no cursor of this channel: use the one of your last page"))?,
        None => Position::START,
    };
    let limit = query.limit.unwrap_or(PAGE_RECORDS);
    if !(1..=PAGE_RECORDS_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit` must be 1 to {PAGE_RECORDS_MAX}")));
    }
    let wait = match &query.wait {
        Some(text) => parse_duration(text).ok_or_else(|| Problem::bad_request("`wait` must be a duration such as 20s"))?.min(WAIT_MAX),
        None => Duration::ZERO,
    };
    let form = Form::wanted(&headers)?;
    let Some(agency) = reader.principal.agency() else { return Err(Problem::absent("channel")) };
    let read = async || {
        let (share, bytes) = admission.answer(agency, PAGE_BYTES_LEAST * COPIES, PAGE_BYTES * COPIES).await?;
        Ok::<_, Problem>((store.read(&channel.id, from, limit, bytes / COPIES).await?, share))
    };
    let (mut page, mut share) = read().await?;
    if page.is_empty() && !wait.is_zero() {
        drop(share);
        let _place = admission.waiting(agency)?;
        tokio::select! {
            _ = store.wait(&channel.id, from, Instant::now() + wait) => {}
            () = stop.cancelled() => {}
        }
        // The key or the grant may have ended meanwhile.
        gate.check_again(&reader.principal).await?;
        if !gate.allows(&reader.principal, channel, Access { read: true, write: false }) {
            return Err(Problem::absent("channel"));
        }
        (page, share) = read().await?;
    }
    let next = cursor::write(&channel.id, page.last().map_or(from, StoredBatch::end));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    let link = format!("</v1/channels/{}/records?after={next}&limit={limit}>; rel=\"next\"", channel.id);
    for (name, value) in [(CURSOR, next), (LINK, link)] {
        headers.insert(name, HeaderValue::try_from(value).map_err(|_| Problem::unavailable("the cursor could not be written"))?);
    }
    let body = form.write(channel, page).await?;
    Ok((headers, admission::held(body, share)).into_response())
}

/// How a page is written.
#[derive(Clone, Copy)]
enum Form {
    Ndjson,
    CloudEvents,
}

impl Form {
    fn wanted(headers: &HeaderMap) -> Result<Self, Problem> {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        for wanted in accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim()) {
            match wanted {
                "application/x-ndjson" | "application/ndjson" | "application/jsonl" => return Ok(Self::Ndjson),
                "application/cloudevents-batch+json" | "application/json" | "application/*" | "*/*" | "" => return Ok(Self::CloudEvents),
                _ => {}
            }
        }
        let known = "application/cloudevents-batch+json or application/x-ndjson";
        Err(Problem::new(StatusCode::NOT_ACCEPTABLE, format!("records come as {known}")))
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::CloudEvents => "application/cloudevents-batch+json",
        }
    }

    async fn write(self, channel: &Channel, page: Vec<StoredBatch>) -> Result<Vec<u8>, Problem> {
        let channel = channel.clone();
        let bytes: usize = page.iter().map(|batch| batch.ndjson.len()).sum();
        let write = move || match self {
            Self::Ndjson => page.iter().map(|batch| batch.ndjson.as_slice()).collect::<Vec<_>>().concat(),
            Self::CloudEvents => serde_json::to_vec(&cloud_events::events(&channel, &page)).unwrap_or_default(),
        };
        match bytes {
            0..HEAVY => Ok(write()),
            _ => tokio::task::spawn_blocking(write).await.map_err(|_| Problem::unavailable("the page could not be written; try again")),
        }
    }
}
