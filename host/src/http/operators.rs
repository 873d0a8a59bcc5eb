//! What operators see: status, routes and the quarantine.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong_core::id::{ChannelId, ConnectorId};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::permission::Operator;
use super::problem::Problem;
use crate::ops::status::{self, Sources};
use crate::store::{QuarantineEntry, QuarantineFilter, Store};

/// `GET /v1/status`
pub async fn show_status(_: Operator, State(sources): State<Sources>) -> Result<impl IntoResponse, Problem> {
    Ok(Json(status::status(&sources).await?))
}

/// `GET /v1/routes`
pub async fn routes(_: Operator, State(sources): State<Sources>) -> Result<impl IntoResponse, Problem> {
    Ok(Json(status::routes(&sources).await?))
}

/// Which part of the quarantine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    channel: Option<ChannelId>,
    connector: Option<ConnectorId>,
    keyword: Option<String>,
    message_name: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

/// A page of the quarantine, newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QuarantinePage {
    entries: Vec<QuarantineItem>,
    /// Give it as `before` for the next page; null at the end.
    before: Option<u64>,
}

/// One rejection.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QuarantineItem {
    id: u64,
    channel: String,
    /// The connector it came through; null for a post to the API.
    connector: Option<String>,
    agency: String,
    /// The message it came in: the file's name, else the sender's Idempotency-Key, else the message's SHA-256; `poll` and the
    /// checkpoint's version where the hub fetched it. Null for a post to a channel without a key.
    message_name: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The schema that refused it.
    schema: String,
    /// JSON pointer to the value at fault, or the plugin's own place.
    pointer: String,
    /// The schema's keyword, `decode`, `cloudevent` or `plugin`.
    keyword: String,
    /// What is wrong.
    message: String,
    size_bytes: u64,
}

/// One rejection with its bytes.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QuarantineDetail {
    #[serde(flatten)]
    item: QuarantineItem,
    /// The bytes as text, where they are UTF-8.
    text: Option<String>,
    /// The bytes in base 64, where they are not.
    base64: Option<String>,
}

/// `GET /v1/quarantine`
pub async fn quarantine(
    _: Operator,
    (State(store), query): (State<Store>, Result<Query<Wanted>, QueryRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Query(wanted) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let limit = wanted.limit.unwrap_or(50);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::bad_request("`limit` must be 1 to 1000"));
    }
    let Wanted { channel, connector, keyword, message_name, before, limit: _ } = wanted;
    let filter = QuarantineFilter { channel, connector, keyword, message_name, before, limit };
    let entries: Vec<_> = store.quarantine(filter).await?.into_iter().map(item).collect();
    let before = entries.last().filter(|_| entries.len() == limit as usize).map(|last| last.id);
    Ok(Json(QuarantinePage { entries, before }))
}

/// `GET /v1/quarantine/{id}`
pub async fn quarantine_entry(
    _: Operator,
    (State(store), id): (State<Store>, Result<Path<u64>, axum::extract::rejection::PathRejection>),
) -> Result<impl IntoResponse, Problem> {
    let Ok(Path(id)) = id else { return Err(Problem::absent("quarantine entry")) };
    let (entry, bytes) = store.quarantine_entry(id).await?.ok_or_else(|| Problem::absent("quarantine entry"))?;
    let (text, base64) = match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.into_bytes()))),
    };
    Ok(Json(QuarantineDetail { item: item(entry), text, base64 }))
}

fn item(entry: QuarantineEntry) -> QuarantineItem {
    QuarantineItem {
        id: entry.id,
        channel: entry.channel.to_string(),
        connector: entry.origin.connector.map(|connector| connector.to_string()),
        agency: entry.origin.agency.to_string(),
        message_name: entry.message_name,
        received_at: entry.received_at,
        schema: entry.schema.to_string(),
        pointer: entry.violation.pointer,
        keyword: entry.violation.keyword,
        message: entry.violation.message,
        size_bytes: entry.size_bytes,
    }
}
