//! Which channels there are for a key, and what their records look like.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, VARY};
use axum::response::IntoResponse;
use lienthong_core::city::Access;
use lienthong_core::lang::Lang;
use lienthong_core::schema::page::{Among, Page, html, markdown};
use serde::Serialize;

use super::permission::{Caller, Reader};
use super::state::Gate;
use crate::pipeline::channels::{Channel, Channels};
use crate::store::Store;

/// A channel as an agency sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ChannelInfo {
    /// `domain/name`
    channel: String,
    /// The schema its records fit.
    schema: String,
    /// The schema's title.
    title: Option<String>,
    /// This key may read records.
    may_read: bool,
    /// This key may post records.
    may_write: bool,
    /// Its current epoch.
    epoch: u32,
    /// The next offset of that epoch.
    next_offset: u64,
}

/// `GET /v1/channels`
pub async fn list(
    Caller(principal): Caller,
    (State(gate), State(channels), State(store)): (State<Gate>, State<Channels>, State<Store>),
) -> impl IntoResponse {
    let granted = channels.iter().filter_map(|channel| {
        let may_read = gate.allows(&principal, channel, Access { read: true, write: false });
        let may_write = gate.allows(&principal, channel, Access { read: false, write: true });
        (may_read || may_write).then(|| info(channel, &store, may_read, may_write))
    });
    Json(granted.collect::<Vec<_>>())
}

/// `GET /v1/channels/{domain}/{name}`
pub async fn show(reader: Reader, (State(gate), State(store)): (State<Gate>, State<Store>)) -> impl IntoResponse {
    let may_write = gate.allows(&reader.principal, &reader.channel, Access { read: false, write: true });
    Json(info(&reader.channel, &store, true, may_write))
}

/// `GET /v1/channels/{domain}/{name}/schema`: for machines, and for people who ask for `text/html` or `text/markdown`.
pub async fn schema(reader: Reader, headers: HeaderMap) -> impl IntoResponse {
    let schema = &reader.channel.schema;
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let page = || Page::of(schema.id(), schema.document(), Lang::from_locale(header(ACCEPT_LANGUAGE)));
    let (media_type, text) = match header(ACCEPT) {
        accept if accept.contains("text/html") => ("text/html; charset=utf-8", html(&page(), Among::Nothing)),
        accept if accept.contains("text/markdown") => ("text/markdown; charset=utf-8", markdown(&page())),
        _ => ("application/schema+json", schema.document().to_string()),
    };
    ([(CONTENT_TYPE, media_type), (VARY, "accept, accept-language")], text)
}

fn info(channel: &Channel, store: &Store, may_read: bool, may_write: bool) -> ChannelInfo {
    let end = store.end(&channel.id).unwrap_or(lienthong_core::log::Position::START);
    ChannelInfo {
        channel: channel.id.to_string(),
        schema: channel.config.schema.to_string(),
        title: channel.schema.document().get("title").and_then(|title| title.as_str()).map(str::to_owned),
        may_read,
        may_write,
        epoch: end.epoch,
        next_offset: end.offset,
    }
}
