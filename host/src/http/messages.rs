//! Native messages of an agency's system to its webhook connector.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use lienthong_core::record::Violation;
use serde::Serialize;

use super::permission::Messenger;
use super::problem::Problem;
use super::records::idempotency_key;
use super::state::Spool;
use crate::pipeline::call::{Fault, FaultKind, Received};
use crate::transport::body::{self, BodyWriter};

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
    #[schema(value_type = Vec<Object>)]
    reasons: Vec<Violation>,
}

/// `POST /v1/connectors/{domain}/{name}/messages`
pub async fn post_message(
    Messenger(messages): Messenger,
    (State(spool), headers, body): (State<Spool>, HeaderMap, Body),
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let limit = messages.connector().config.limits.message_bytes;
    let body = take(body, BodyWriter::new(limit, &spool.0)).await?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let received = messages
        .hand_over(body, file_name(&headers), content_type, key)
        .await
        .ok_or_else(|| Problem::busy("too many messages of this connector are under way"))??;
    Ok(answer(messages.connector().id.as_str(), received))
}

/// The file's name, where the sender gives one: `Content-Disposition: attachment; filename="…"` (RFC 6266). Formats whose files say
/// by their name whose they are depend on it. It is handed to the plugin and never becomes a path.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, value) = disposition.split(';').filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("filename"))?;
    let name = value.trim().trim_matches('"');
    (1..=255).contains(&name.len()).then(|| name.to_owned())
}

async fn take(mut body: Body, mut writer: BodyWriter) -> Result<body::Body, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad_request(format!("the message broke off: {error}")))?;
        let Ok(piece) = frame.into_data() else { continue };
        // Large bodies go to disk: that is no work for the threads that serve everyone.
        writer = tokio::task::spawn_blocking(move || writer.push(&piece).map(|()| writer))
            .await
            .map_err(|error| Problem::unavailable(error.to_string()))?
            .map_err(|error| match error {
                body::Error::TooLong { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
                body::Error::Spool(_) => Problem::unavailable(error.to_string()),
            })?;
    }
    Ok(writer.finish())
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
            FaultKind::Hub => return Self::unavailable(fault.text),
        };
        Self::new(status, fault.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_may_name_the_file() {
        let long = format!("attachment; filename={}", "x".repeat(256));
        for (disposition, expected) in [
            ("attachment; filename=\"LamDong_TTQT_KK01_20261123094500.txt\"", Some("LamDong_TTQT_KK01_20261123094500.txt")),
            ("attachment;FileName = a.txt ; size=3", Some("a.txt")),
            ("attachment", None),
            ("attachment; filename=\"\"", None),
            ("attachment; filename*=UTF-8''a.txt", None),
            (long.as_str(), None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, disposition.parse().unwrap())]);
            assert_eq!(file_name(&headers).as_deref(), expected, "{disposition}");
        }
        assert_eq!(file_name(&HeaderMap::new()), None);
    }
}
