//! Any headers and cursors: what must hold of them, for fuzzing and for the inputs that it found.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use lienthong_core::id::ChannelId;
use serde_json::value::RawValue;

use super::{cloud_events, cursor, messages, records};
use crate::pipeline::post::bad_input::record_of_an_event;

/// Cursors of readers: of this channel or of none, and read as they are written.
pub fn cursors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (channel, other) = (ChannelId::new("a/b").unwrap(), ChannelId::new("a/bc").unwrap());
    let read = |text: &str| {
        let position = cursor::read(&channel, text)?;
        assert_eq!(cursor::read(&channel, &cursor::write(&channel, position)), Some(position), "{text}");
        assert_eq!(cursor::read(&other, text), None, "{text}");
        Some(position)
    };
    read(text);
    // What an attacker would encode.
    use base64::Engine;
    read(&base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(data));
}

/// A request's headers, an empty line, its body: an event in binary mode becomes one in structured mode, its data to the letter.
/// The name of its message is no path, its key no text that breaks a line.
pub fn headers(data: &[u8]) {
    let at = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..at], data.get(at + 2..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = line[colon + 1..].trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    if let Some(name) = messages::file_name(&headers) {
        assert!(!name.is_empty() && !name.contains(['/', '\\']) && !name.chars().any(char::is_control), "{name:?}");
    }
    if let Ok(Some(key)) = records::idempotency_key(&headers) {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b" \t".contains(&b)), "{key:?}");
    }
    if body.is_empty() {
        return;
    }
    let Ok(Some(attributes)) = cloud_events::attributes(&headers) else { return };
    let event = cloud_events::structured(&attributes, body);
    let event = serde_json::from_slice::<&RawValue>(&event).unwrap();
    let taken = record_of_an_event(event.get().as_bytes());
    if let Some(record) = taken {
        let spaces = |text: &[u8]| text.iter().map(|b| if b"\r\n".contains(b) { b' ' } else { *b }).collect::<Vec<_>>();
        assert_eq!(record, spaces(body.trim_ascii()));
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_cursors_are_read_as_they_are_written() {
        super::kept::kept("cursors", super::cursors);
    }

    #[test]
    fn kept_headers_do_no_harm() {
        super::kept::kept("headers", super::headers);
    }
}
