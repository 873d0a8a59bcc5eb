//! Any bytes as a post: what must hold of them, for fuzzing and for the inputs that it found.

use std::sync::Arc;

use lienthong_core::city;
use lienthong_core::id::{AgencyId, ChannelId, SchemaId};
use lienthong_core::log::Origin;
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;

use super::{FIRST_REASONS, Format, Post, cloud_event, group};
use crate::pipeline::channels::Channel;

const FORMATS: [Format; 4] = [Format::Ndjson, Format::Json, Format::CloudEvent, Format::CloudEventBatch];

/// In whatever wrapping: each item becomes a record or a rejection that holds it as it came, or the post is refused as a whole.
pub fn envelopes(data: &[u8]) {
    let document = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let schema = SchemaId::new("any/input.v1").unwrap();
    let channel = Channel {
        id: ChannelId::new("any/input").unwrap(),
        config: city::Channel { schema: schema.clone(), key: Vec::new(), time: None, retention: None },
        schema: Arc::new(ChannelSchema::compile(schema, document, &[]).unwrap()),
    };
    for format in FORMATS {
        let post = Post {
            origin: Origin { agency: AgencyId::new("any").unwrap(), connector: None },
            received_at: Timestamp::from_micros(0),
            idempotency_key: None,
            format,
            body: data.to_vec().into(),
        };
        let items = items(format, data);
        let Ok((group, reasons)) = group(&channel, post) else {
            assert_eq!(items, None, "{format:?}: refused as a whole");
            continue;
        };
        let items = items.unwrap_or_else(|| panic!("{format:?}: taken"));
        let records: Vec<&[u8]> = group.appends.iter().flat_map(|append| append.batch.ndjson().split_inclusive(|b| *b == b'\n')).collect();
        assert_eq!(records.len() + group.rejections.len(), items.len(), "{format:?}");
        assert!(group.appends.iter().all(|append| append.batch.count() as usize == records.len()));
        assert_eq!(reasons.len(), group.rejections.len().min(FIRST_REASONS));
        // What was refused is what came, in its order.
        let mut left = items.iter();
        for rejection in &group.rejections {
            assert!(left.any(|item| *item == rejection.bytes), "{format:?}: {:?}", String::from_utf8_lossy(&rejection.bytes));
        }
    }
}

/// The items of a post by the plainest reading; none where the wrapping is broken.
fn items(format: Format, body: &[u8]) -> Option<Vec<&[u8]>> {
    let blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
    if blank(body) {
        return None;
    }
    let array = || Some(serde_json::from_slice::<Vec<&RawValue>>(body).ok()?.into_iter().map(|item| item.get().as_bytes()).collect());
    match format {
        Format::Ndjson => Some(body.split(|byte| *byte == b'\n').filter(|line| !blank(line)).collect()),
        Format::Json if body.trim_ascii_start().starts_with(b"[") => array(),
        Format::CloudEventBatch => array(),
        Format::Json | Format::CloudEvent => Some(vec![body]),
    }
}

/// The record in a CloudEvent, where it is one.
pub(crate) fn record_of_an_event(event: &[u8]) -> Option<Vec<u8>> {
    let item = cloud_event(event);
    assert_eq!(item.whole, event);
    item.fault.is_none().then(|| item.record.into_owned())
}

#[cfg(test)]
#[path = "../../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_posts_are_taken_or_refused() {
        super::kept::kept("envelopes", super::envelopes);
    }
}
