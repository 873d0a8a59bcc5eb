//! The one mapping of errors to HTTP: RFC 9457 `application/problem+json`.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::ops::keys::{Denied, NotMade};
use crate::ops::plugins::Refused;
use crate::pipeline::post;
use crate::store::{self, Refusal};

/// An answer that says no.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(&'static HeaderName, HeaderValue)>,
}

/// Its form on the wire.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong and what to do.
    detail: String,
}

impl Problem {
    /// A problem with a status and what to do about it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    /// 400
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with(&WWW_AUTHENTICATE, "Bearer")
    }

    /// 404: absent, or not for this key; the two look alike.
    pub fn absent(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}, or this key has no right to it"))
    }

    /// 429
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(&RETRY_AFTER, "1")
    }

    /// 503
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(&RETRY_AFTER, "10")
    }

    pub(super) fn with(mut self, name: &'static HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// Whoever asks shall come back after so long; whole seconds, rounded up.
    pub(super) fn after(mut self, time: Duration) -> Self {
        self.header = Some((&RETRY_AFTER, HeaderValue::from(time.as_secs() + u64::from(time.subsec_nanos() > 0))));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error").to_owned();
        let body = ProblemBody { r#type: "about:blank", title, status: self.status.as_u16(), detail: self.detail };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], json).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        if matches!(error, store::Error::DamagedAttachment { .. }) {
            tracing::error!(%error, "an attachment cannot be read");
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the hub's copy is damaged: tell the city's operators");
        }
        tracing::error!(%error, "the store did not answer");
        Self::unavailable("the store did not answer; try again")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::KeyReused => Self::new(StatusCode::CONFLICT, refusal.to_string()),
            other => Self::unavailable(other.to_string()),
        }
    }
}

impl From<post::Error> for Problem {
    fn from(error: post::Error) -> Self {
        match error {
            post::Error::Empty | post::Error::Unreadable { .. } => Self::bad_request(error.to_string()),
            post::Error::TooMany => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            post::Error::Unvalidated(_) => {
                tracing::error!(%error, "a post was not validated");
                Self::unavailable(error.to_string())
            }
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Invalid => Self::unauthorized("the key is not valid: it is mistyped, expired or revoked; ask the city for a new one"),
            Denied::Unchecked(error) => {
                tracing::error!(%error, "a key could not be checked");
                Self::unavailable("keys cannot be checked now; try again")
            }
        }
    }
}

impl From<NotMade> for Problem {
    fn from(error: NotMade) -> Self {
        if let NotMade::Refused(why) = error {
            return Self::bad_request(why);
        }
        tracing::error!(%error, "a key was not made");
        Self::unavailable("the key was not made; try again")
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Absent(_) | Refused::Nobody(_) => Self::bad_request(refused.to_string()),
            Refused::NoRun => Self::new(StatusCode::NOT_FOUND, refused.to_string()),
            Refused::Distrusted { .. } | Refused::Lacks { .. } | Refused::Differs { .. } | Refused::Personal { .. } | Refused::Load(_) => {
                Self::new(StatusCode::CONFLICT, refused.to_string())
            }
            Refused::Io(_) | Refused::NotPerformed(_) | Refused::Stopping => {
                tracing::error!(error = %refused, "plugins could not be changed");
                Self::unavailable(refused.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_could_not_validate_is_no_fault_of_the_caller() {
        let problem = Problem::from(post::Error::Unvalidated("task 7 panicked".into()));
        assert_eq!(
            (problem.status, problem.header),
            (StatusCode::SERVICE_UNAVAILABLE, Some((&RETRY_AFTER, HeaderValue::from_static("10"))))
        );
        assert_eq!(Problem::from(post::Error::Empty).status, StatusCode::BAD_REQUEST);
    }
}
