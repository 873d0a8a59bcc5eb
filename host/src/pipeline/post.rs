//! What agencies post to a channel: newline-delimited JSON, a JSON array or object, CloudEvents (single or batch).
//!
//! Only the wrapping is read here; each record inside is decoded and validated by the channel's schema like any other.

#[cfg(any(test, fuzzing))]
pub mod bad_input;

use std::borrow::Cow;
use std::sync::Arc;

use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::log::Origin;
use lienthong_core::record::{Envelope, ValidBatch, Violation};
use lienthong_core::schema::flatten_line;
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::channels::Channel;
use super::intake::lines;
use crate::store::{Append, Group, Outcome, Rejection, Remember, Store};

/// Records of one post: each takes memory beside its bytes, so that a post of many tiny ones would take a multiple of it.
pub const POST_RECORDS: usize = 100_000;

/// Reasons told to the caller.
const FIRST_REASONS: usize = 20;

/// How the records are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/x-ndjson`: one record a line.
    Ndjson,
    /// `application/json`: one record, or an array of them.
    Json,
    /// `application/cloudevents+json`: one CloudEvent 1.0 with the record as its `data`.
    CloudEvent,
    /// `application/cloudevents-batch+json`: an array of them.
    CloudEventBatch,
}

impl Format {
    /// By media type, parameters ignored.
    pub fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match media_type.as_str() {
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Self::Ndjson,
            "application/json" => Self::Json,
            "application/cloudevents+json" => Self::CloudEvent,
            "application/cloudevents-batch+json" => Self::CloudEventBatch,
            _ => return None,
        })
    }
}

/// One bad record of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its place in the post, from 0.
    pub index: u64,
    /// Why.
    #[serde(flatten)]
    pub violation: Violation,
}

/// A post on its way into a channel.
pub struct Post {
    /// Who posts.
    pub origin: Origin,
    /// When it was received.
    pub received_at: Timestamp,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// How it is wrapped.
    pub format: Format,
    /// The body.
    pub body: bytes::Bytes,
}

/// Why nothing of a post was taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing in it.
    #[error("the body is empty: send the records in it")]
    Empty,
    /// The wrapping itself cannot be read.
    #[error("the body is no {expected}: {message}")]
    Unreadable {
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// More than [`POST_RECORDS`].
    #[error("a post holds at most {POST_RECORDS} records: split them over several")]
    TooMany,
    /// The hub's own fault.
    #[error("the records could not be validated ({0}): send them again")]
    Unvalidated(String),
}

/// What the caller learns, also when it asks again with the same key.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    reasons: Vec<Reason>,
}

/// Validates a post and appends it. With the outcome come the first reasons of what was refused, of the first time if it is a repeat.
pub async fn post(store: &Store, channel: &Channel, post: Post) -> Result<(Outcome, Vec<Reason>), Error> {
    let channel = channel.clone();
    let validated = tokio::task::spawn_blocking(move || group(&channel, post)).await;
    let (group, reasons) = validated.unwrap_or_else(|ended| Err(Error::Unvalidated(ended.to_string())))?;
    let outcome = store.commit(group).await;
    let reasons = match &outcome {
        Outcome::Repeated(receipt) => serde_json::from_slice::<Note>(&receipt.note).map(|note| note.reasons).unwrap_or_default(),
        _ => reasons,
    };
    Ok((outcome, reasons))
}

fn group(channel: &Channel, post: Post) -> Result<(Group, Vec<Reason>), Error> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut batch = ValidBatch::new(channel.schema.id().clone());
    let message_name: Option<Arc<str>> = post.idempotency_key.as_deref().map(Arc::from);
    let mut rejections = Vec::new();
    let mut reasons = Vec::new();
    for (index, item) in items(post.format, &post.body)?.into_iter().enumerate() {
        let checked = match &item.fault {
            Some(fault) => Err(fault.clone()),
            None => channel.schema.validate(&mut decoder, &item.record),
        };
        match checked {
            Ok(record) => batch.push(record, item.envelope),
            Err(violation) => {
                if reasons.len() < FIRST_REASONS {
                    reasons.push(Reason { index: index as u64, violation: violation.clone() });
                }
                let schema = channel.schema.id().clone();
                let (channel, message_name) = (channel.id.clone(), message_name.clone());
                rejections.push(Rejection { channel, schema, bytes: item.whole.to_vec(), violation, message_name });
            }
        }
    }
    let note = Note { reasons };
    let remember = post.idempotency_key.map(|key| Remember {
        scope: format!("{}:{}", post.origin.agency, channel.id),
        key: key.into_bytes(),
        body_hash: Sha256::digest(&post.body).into(),
        note: serde_json::to_vec(&note).unwrap_or_default(),
    });
    let appends = if batch.is_empty() { vec![] } else { vec![Append { channel: channel.id.clone(), batch }] };
    let group = Group { appends, rejections, remember, ..Group::new(post.received_at, post.origin) };
    Ok((group, note.reasons))
}

struct Item<'a> {
    /// What goes to quarantine when it is bad: the item as it came.
    whole: Cow<'a, [u8]>,
    record: Cow<'a, [u8]>,
    envelope: Option<Envelope>,
    /// Bad already by its wrapping.
    fault: Option<Violation>,
}

impl<'a> Item<'a> {
    fn plain(bytes: &'a [u8]) -> Self {
        Self { whole: Cow::Borrowed(bytes), record: one_line(bytes), envelope: None, fault: None }
    }
}

fn one_line(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let mut owned = bytes.to_vec();
        flatten_line(&mut owned);
        Cow::Owned(owned)
    } else {
        Cow::Borrowed(bytes)
    }
}

fn items(format: Format, body: &[u8]) -> Result<Vec<Item<'_>>, Error> {
    if body.trim_ascii().is_empty() {
        return Err(Error::Empty);
    }
    match format {
        Format::Ndjson if lines(body).nth(POST_RECORDS).is_some() => Err(Error::TooMany),
        Format::Ndjson => Ok(lines(body).map(Item::plain).collect()),
        Format::Json if body.trim_ascii_start().first() == Some(&b'[') => {
            Ok(array(body, "JSON array")?.into_iter().map(|raw| Item::plain(raw.get().as_bytes())).collect())
        }
        Format::Json => Ok(vec![Item::plain(body)]),
        Format::CloudEvent => Ok(vec![cloud_event(body)]),
        Format::CloudEventBatch => Ok(array(body, "CloudEvents batch")?.into_iter().map(|raw| cloud_event(raw.get().as_bytes())).collect()),
    }
}

fn array<'a>(body: &'a [u8], expected: &'static str) -> Result<Vec<&'a RawValue>, Error> {
    let read = serde_json::from_slice::<AtMost<'_>>(body).map_err(|error| Error::Unreadable { expected, message: error.to_string() })?;
    read.0.ok_or(Error::TooMany)
}

/// The elements of an array; none where there are more than [`POST_RECORDS`], of which no more are kept.
struct AtMost<'a>(Option<Vec<&'a RawValue>>);

impl<'de> Deserialize<'de> for AtMost<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> serde::de::Visitor<'de> for Elements {
            type Value = AtMost<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut array: A) -> Result<AtMost<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = array.next_element()? {
                    if elements.len() == POST_RECORDS {
                        while array.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                        return Ok(AtMost(None));
                    }
                    elements.push(element);
                }
                Ok(AtMost(Some(elements)))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// The attributes of CloudEvents 1.0 that the hub keeps; others are allowed and not kept.
#[derive(Deserialize)]
struct CloudEvent<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    r#type: Cow<'a, str>,
    #[serde(default)]
    subject: Option<Cow<'a, str>>,
    #[serde(default)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    data_base64: Option<Cow<'a, str>>,
}

fn cloud_event(bytes: &[u8]) -> Item<'_> {
    let fault = |pointer: &str, message: String| Item {
        whole: Cow::Borrowed(bytes),
        record: Cow::Borrowed(&[]),
        envelope: None,
        fault: Some(Violation { pointer: pointer.into(), keyword: "cloudevent".into(), message }),
    };
    let event: CloudEvent<'_> = match serde_json::from_slice(bytes) {
        Ok(event) => event,
        Err(error) => return fault("", format!("not a CloudEvent 1.0 in JSON: {error}")),
    };
    if event.specversion != "1.0" {
        return fault("/specversion", "expected \"1.0\"".into());
    }
    if let Some((pointer, _)) = [("/id", &event.id), ("/source", &event.source), ("/type", &event.r#type)]
        .into_iter()
        .find(|(_, text)| text.is_empty() || text.len() > 1024)
    {
        return fault(pointer, "expected 1 to 1024 bytes of text".into());
    }
    let time = match event.time.as_deref().map(Timestamp::parse) {
        Some(None) => return fault("/time", "expected an RFC 3339 time".into()),
        Some(time) => time,
        None => None,
    };
    let (Some(data), None) = (event.data, event.data_base64) else {
        return fault("/data", "expected the record as a JSON object in `data`".into());
    };
    let envelope = Envelope {
        id: Some(event.id.into_owned()),
        source: Some(event.source.into_owned()),
        r#type: Some(event.r#type.into_owned()),
        subject: event.subject.map(Cow::into_owned),
        time,
    };
    Item { whole: Cow::Borrowed(bytes), record: one_line(data.get().as_bytes()), envelope: Some(envelope), fault: None }
}
