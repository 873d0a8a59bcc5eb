//! Records as CloudEvents 1.0: the binary mode of the HTTP binding on the way in, batches on the way out.

use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::log::{Position, StoredBatch, event_time, record_id};
use lienthong_core::record::Envelope;
use lienthong_core::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::messages::percent_decoded;
use super::problem::Problem;
use crate::pipeline::channels::Channel;

/// What stands before an attribute's name in a header.
const PREFIX: &str = "ce-";

/// The attributes that the headers of a request hold, where it is an event in binary mode.
///
/// # Errors
/// A header that stands there twice, or is no text after its percent-encoding was undone.
pub fn attributes(headers: &HeaderMap) -> Result<Option<Map<String, Value>>, Problem> {
    let mut attributes = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        let text = value.to_str().ok().and_then(percent_decoded);
        let text = text.ok_or_else(|| Problem::bad_request(format!("the header {name} is no text: write it in UTF-8, percent-encoded")))?;
        if attributes.insert(attribute.to_owned(), Value::String(text)).is_some() {
            return Err(Problem::bad_request(format!("the header {name} stands there twice: an attribute has one value")));
        }
    }
    Ok((!attributes.is_empty()).then_some(attributes))
}

/// The same event in structured mode, its data to the letter, so that both are taken and kept in the same way.
pub fn structured(attributes: &Map<String, Value>, data: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(data.len() + 256);
    event.push(b'{');
    for (name, value) in attributes {
        event.extend_from_slice(format!("{}:{value},", Value::from(name.as_str())).as_bytes());
    }
    match serde_json::from_slice::<&RawValue>(data) {
        Ok(data) => event.extend_from_slice(format!("\"data\":{data}").as_bytes()),
        Err(_) => event.extend_from_slice(format!("\"data_base64\":\"{}\"", STANDARD.encode(data)).as_bytes()),
    }
    event.push(b'}');
    event.into()
}

/// A record as a CloudEvent 1.0.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CloudEvent {
    /// `1.0`
    specversion: &'static str,
    /// The producer's id, else `channel:epoch:offset`.
    id: String,
    /// The producer's, else the connector or the agency that the record came from.
    source: String,
    /// The producer's, else named after the channel's schema.
    r#type: String,
    /// The producer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subject: Option<String>,
    /// When it happened: the record's word at the channel's `time`, else the producer's, else when the hub received it.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// `application/json`
    datacontenttype: &'static str,
    /// Where the record's schema is.
    dataschema: String,
    /// Extension: when the hub received it.
    #[schema(value_type = String, format = DateTime)]
    receivedat: Timestamp,
    /// Extension: its position in the channel, `epoch:offset`.
    position: String,
    /// The record.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// A page of a channel as events.
pub fn events(channel: &Channel, page: &[StoredBatch]) -> Vec<CloudEvent> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    page.iter()
        .flat_map(|batch| batch.records().map(move |record| (batch, record)))
        .filter_map(|(batch, (offset, line, envelope))| {
            let own = channel.config.time.as_deref().and_then(|pointer| {
                let tape = decoder.decode(line).ok()?;
                Timestamp::parse(tape.root().pointer(pointer)?.as_str()?)
            });
            event(channel, batch, offset, line, envelope, own)
        })
        .collect()
}

fn event(
    channel: &Channel,
    batch: &StoredBatch,
    offset: u64,
    line: &[u8],
    envelope: Option<&Envelope>,
    own: Option<Timestamp>,
) -> Option<CloudEvent> {
    let position = Position { epoch: batch.first.epoch, offset };
    let said = |field: fn(&Envelope) -> &Option<String>| envelope.and_then(|envelope| field(envelope).clone());
    Some(CloudEvent {
        specversion: "1.0",
        id: said(|e| &e.id).unwrap_or_else(|| record_id(&channel.id, position.epoch, offset)),
        source: said(|e| &e.source).unwrap_or_else(|| match &batch.origin.connector {
            Some(connector) => format!("/v1/connectors/{connector}"),
            None => format!("/v1/agencies/{}", batch.origin.agency),
        }),
        r#type: said(|e| &e.r#type)
            .unwrap_or_else(|| format!("vn.lienthong.{}.v{}", channel.config.schema.name().replace('/', "."), batch.schema_version)),
        subject: said(|e| &e.subject),
        time: event_time(own, envelope, batch.received_at),
        datacontenttype: "application/json",
        dataschema: format!("/v1/channels/{}/schema", channel.id),
        receivedat: batch.received_at,
        position: position.to_string(),
        data: serde_json::from_slice(line).ok()?,
    })
}
