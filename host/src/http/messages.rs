//! Native messages of an agency's system to its webhook connector.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lienthong_core::record::Violation;
use serde::Serialize;

use super::permission::Messenger;
use super::pieces::{Pace, Pieces};
use super::problem::Problem;
use super::records::idempotency_key;
use crate::pipeline::call::Received;
use crate::pipeline::fault::{Fault, FaultKind};
use crate::store::Store;
use crate::transport::body::{self, BodyWriter, Spool};

/// A longer name is none.
const NAME_BYTES: usize = 255;

/// What became of a message whose plugin gave no reply of its own.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Taken {
    connector: String,
    /// Records stored.
    accepted: u64,
    /// Items kept in quarantine.
    quarantined: u64,
    /// The message was known: this is what became of it the first time.
    repeated: bool,
    /// Why the first items were refused.
    #[schema(value_type = Vec<RefusedItem>)]
    reasons: Vec<Violation>,
}

/// How [`Violation`] looks.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "for the document alone")]
pub struct RefusedItem {
    /// JSON pointer to the value at fault, or the plugin's own place.
    pointer: String,
    /// The schema's keyword, `decode` or `plugin`.
    keyword: String,
    /// What is wrong and what was expected.
    message: String,
}

/// `POST /v1/connectors/{domain}/{name}/messages`
pub async fn post_message(
    Messenger(messages): Messenger,
    (State(store), State(spool), headers, body): (State<Store>, State<Spool>, HeaderMap, Body),
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    store.takes_data()?;
    let config = &messages.connector().config;
    let body =
        take(Pieces::new(&headers, body, Pace::default())?, spool.writer(config.agency.clone(), config.limits.message_bytes)).await?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let name = file_name(&headers);
    let nameless = name.is_none();
    let received = messages
        .hand_over(body, name, content_type, key)
        .await
        .ok_or_else(|| Problem::busy("too many messages of this connector are under way"))?;
    let received = received.map_err(|mut fault| {
        if nameless && fault.kind == FaultKind::Message {
            fault
                .text
                .push_str("; the message had no name: if the plugin reads one, send `Content-Disposition: attachment; filename=\"…\"`");
        }
        fault
    })?;
    Ok(answer(messages.connector().id.as_str(), received))
}

/// The file's name as its sender gives it: `Content-Disposition: attachment; filename="…"` (RFC 6266). The extended form
/// (`filename*`) goes first. A name of the message, never a path: what stands before the last slash is cut off.
pub(super) fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = std::str::from_utf8(headers.get(CONTENT_DISPOSITION)?.as_bytes()).ok()?;
    let parameters = parameters(text);
    let value = |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str());
    let extended = value("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let encoded = rest.split_once('\'')?.1;
        charset.eq_ignore_ascii_case("utf-8").then(|| percent_decoded(encoded))?
    });
    let name = extended.or_else(|| value("filename").map(str::to_owned))?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    (!name.is_empty() && name.len() <= NAME_BYTES && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// `name=value` and `name="quoted value"` behind the first semicolon.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let mut value = String::new();
        let used = if behind.starts_with('"') {
            let mut escaped = false;
            let end = behind.char_indices().skip(1).find(|(_, c)| {
                if !escaped && *c == '"' {
                    return true;
                }
                escaped = !escaped && *c == '\\';
                if !escaped {
                    value.push(*c);
                }
                false
            });
            end.map_or(behind.len(), |(at, _)| at + 1)
        } else {
            let end = behind.find(';').unwrap_or(behind.len());
            value.push_str(behind[..end].trim());
            end
        };
        found.push((name.trim_matches([';', ' ', '\t']).to_owned(), value));
        rest = &behind[used..];
    }
    found
}

/// Percent-encoded UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => u8::from_str_radix(std::str::from_utf8(&[rest.next()?, rest.next()?]).ok()?, 16).ok()?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

async fn take(mut pieces: Pieces, mut writer: BodyWriter) -> Result<body::Body, Problem> {
    writer.expect(pieces.declared()).map_err(not_taken)?;
    while let Some(piece) = pieces.next().await? {
        writer = writer.take(&piece).await.map_err(not_taken)?;
    }
    Ok(writer.finish())
}

fn not_taken(error: body::Error) -> Problem {
    match error {
        body::Error::TooLong { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        body::Error::Busy => Problem::busy(error.to_string()),
        body::Error::Spool(_) => Problem::unavailable(error.to_string()),
    }
}

fn answer(connector: &str, received: Received) -> Response {
    match received.reply {
        Some(reply) => ([(CONTENT_TYPE, reply.content_type)], reply.body).into_response(),
        None => Json(Taken {
            connector: connector.to_owned(),
            accepted: received.accepted,
            quarantined: received.quarantined,
            repeated: received.repeated,
            reasons: received.first,
        })
        .into_response(),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let status = match fault.kind {
            FaultKind::Message => StatusCode::UNPROCESSABLE_ENTITY,
            FaultKind::KeyReused => StatusCode::CONFLICT,
            FaultKind::Plugin => StatusCode::INTERNAL_SERVER_ERROR,
            FaultKind::Time => StatusCode::GATEWAY_TIMEOUT,
            FaultKind::Upstream => StatusCode::BAD_GATEWAY,
            FaultKind::Held | FaultKind::Spent => {
                let status = if fault.kind == FaultKind::Spent { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
                return Self::new(status, fault.text).after(fault.retry_after.unwrap_or_default());
            }
            FaultKind::Hub => return Self::unavailable(fault.text),
        };
        Self::new(status, fault.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_by_its_sender_and_never_by_a_path() {
        for (header, name) in [
            ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment;FileName = a.txt ; size=3", Some("a.txt")),
            ("form-data; name=\"x; filename=no\"; filename=\"yes.txt\"", Some("yes.txt")),
            ("attachment; filename=\"say \\\"a\\\".txt\"", Some("say \"a\".txt")),
            ("attachment; filename=\"plain.txt\"; filename*=UTF-8''tr%E1%BA%A1m.txt", Some("trạm.txt")),
            ("attachment; filename*=latin1''x; filename=plain.txt", Some("plain.txt")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename*=UTF-8''..%2f%2e%2e%5Chosts", Some("hosts")),
            ("attachment; filename*=UTF-8''a%00b", None),
            ("attachment; filename=\"\"", None),
            ("attachment; filename=\"open", Some("open")),
            ("attachment", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, header.parse().unwrap())]);
            assert_eq!(file_name(&headers).as_deref(), name, "{header}");
        }
        assert_eq!(file_name(&HeaderMap::new()), None);
        let long = format!("attachment; filename={}", "x".repeat(256));
        assert_eq!(file_name(&HeaderMap::from_iter([(CONTENT_DISPOSITION, long.parse().unwrap())])), None);
    }
}
