//! A plugin's answer to a message, and how it is kept for a sender that asks again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A plugin's answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its media type.
    pub content_type: String,
    /// Its bytes; in base 64 where they are kept.
    #[serde(serialize_with = "written", deserialize_with = "read")]
    pub body: Vec<u8>,
}

fn written<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&STANDARD.encode(bytes))
}

/// Earlier hubs wrote an array of numbers, three times as long.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Base64(String),
    Numbers(Vec<u8>),
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    match Kept::deserialize(from)? {
        Kept::Base64(text) => STANDARD.decode(text).map_err(serde::de::Error::custom),
        Kept::Numbers(bytes) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_kept_in_little_more_than_its_bytes_and_given_back() {
        let reply = Reply { content_type: "x-application/hl7-v2+er7".into(), body: (0..=255).cycle().take(3_000).collect() };
        let kept = serde_json::to_vec(&reply).unwrap();
        assert!(kept.len() < 4_100, "{}", kept.len());
        assert_eq!(serde_json::from_slice::<Reply>(&kept).unwrap(), reply);
    }

    #[test]
    fn a_reply_that_an_earlier_hub_kept_is_read() {
        let reply: Reply = serde_json::from_str(r#"{"content_type":"text/plain","body":[77,83,72,255]}"#).unwrap();
        assert_eq!(reply.body, b"MSH\xff");
        assert!(serde_json::from_str::<Reply>(r#"{"content_type":"text/plain","body":"=="}"#).is_err());
    }
}
