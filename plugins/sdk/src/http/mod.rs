//! Outbound HTTP, through standard `wasi:http` in the sandbox and through scripted answers in tests.
//!
//! Only the hosts of the connector's `egress:` list answer. Credentials are the hub's work: an `Authorization` header set
//! here is removed at the door.

use std::fmt;
use std::io::{self, Read};

use crate::Failure;

#[cfg(target_arch = "wasm32")]
pub(crate) mod wasi;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod wasi {
    //! Outside the sandbox there is no hub to ask.
    pub(crate) fn send(_: super::Request) -> Result<super::Response, super::Error> {
        Err(super::Error::Network("there is no network outside the sandbox: use testing::Hub".to_owned()))
    }
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// An absolute `http://` or `https://` URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::Get, url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A POST.
    pub fn post(url: impl Into<String>, content_type: &str, body: Vec<u8>) -> Self {
        Self { method: Method::Post, url: url.into(), headers: vec![("content-type".to_owned(), content_type.to_owned())], body }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// An answer whose body has not been read yet. Any status is an answer: see [`Response::ok`].
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Box<dyn Read>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Response {
    /// From its parts.
    pub fn new(status: u16, headers: Vec<(String, Vec<u8>)>, body: impl Read + 'static) -> Self {
        Self { status, headers, body: Box::new(body) }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's first value, if it is text. Names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// Turns an error status into the failure that the hub understands: 401 and 403, 429 with its `Retry-After` in
    /// seconds, 404 and 410 as settings that name the wrong place, and the rest as the agency system's trouble.
    pub fn ok(self) -> Result<Self, Failure> {
        match self.status {
            200..=299 | 304 => Ok(self),
            401 | 403 => Err(Failure::Unauthorized(format!("the server answered {}", self.status))),
            429 => Err(Failure::RateLimited(self.header("retry-after").and_then(|v| v.trim().parse().ok()))),
            404 | 410 => Err(Failure::Config(format!("the server answered {}: check the address", self.status))),
            status => Err(Failure::Upstream(format!("the server answered {status}"))),
        }
    }

    /// The body as a stream.
    pub fn into_reader(self) -> impl Read {
        self.body
    }

    /// The whole body, if it has at most `max_bytes`.
    pub fn bytes(self, max_bytes: u64) -> Result<Vec<u8>, Error> {
        let declared = self.header("content-length").and_then(|v| v.trim().parse::<u64>().ok());
        if declared.is_some_and(|length| length > max_bytes) {
            return Err(Error::TooLarge(max_bytes));
        }
        // Reserved exactly where the length is known: growing by doubling would need twice the body.
        let mut bytes = Vec::with_capacity(declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(0));
        self.body.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::from_io)?;
        if bytes.len() as u64 > max_bytes { Err(Error::TooLarge(max_bytes)) } else { Ok(bytes) }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The URL cannot be used; why.
    Url(String),
    /// The operator's `egress:` list does not allow it.
    Denied(String),
    /// The body has more bytes than this.
    TooLarge(u64),
    /// No connection, no answer in time, or the answer broke off.
    Network(String),
}

impl Error {
    fn from_io(e: io::Error) -> Self {
        Self::Network(e.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(why) => write!(f, "unusable URL: {why}"),
            Self::Denied(what) => write!(f, "the connector may not reach {what}: list it under `egress:`"),
            Self::TooLarge(max) => write!(f, "the answer has more than {max} bytes"),
            Self::Network(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Url(_) | Error::Denied(_) | Error::TooLarge(_) => Self::Config(text),
            Error::Network(_) => Self::Upstream(text),
        }
    }
}

/// Scheme, authority, and path with query of an absolute URL.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
fn split_url(url: &str) -> Result<(bool, &str, &str), Error> {
    let (secure, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        _ => return Err(Error::Url("it must start with http:// or https://".to_owned())),
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || authority.contains('@') {
        return Err(Error::Url("it needs a host, and no user name or password in front of it".to_owned()));
    }
    Ok((secure, authority, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_fall_into_their_parts() {
        assert_eq!(split_url("https://a.vn/b?c=d#e").unwrap(), (true, "a.vn", "/b?c=d"));
        assert_eq!(split_url("HTTP://a.vn:81").unwrap(), (false, "a.vn:81", ""));
        assert_eq!(split_url("http://[::1]:8080?x").unwrap(), (false, "[::1]:8080", "?x"));
        for bad in ["", "a.vn/b", "ftp://a.vn", "https:///b", "https://u:p@a.vn/"] {
            assert!(split_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_body_beyond_the_cap_is_refused_whether_or_not_it_says_so() {
        let declared = Response::new(200, vec![("Content-Length".into(), b"11".to_vec())], &b""[..]);
        assert_eq!(declared.bytes(10), Err(Error::TooLarge(10)));
        assert_eq!(Response::new(200, Vec::new(), &b"01234567890"[..]).bytes(10), Err(Error::TooLarge(10)));
        assert_eq!(Response::new(200, Vec::new(), &b"0123456789"[..]).bytes(10).unwrap(), b"0123456789");
    }

    #[test]
    fn error_statuses_become_the_failures_that_the_hub_understands() {
        let answer = |status, headers| Response::new(status, headers, &b""[..]).ok().map(|_| ());
        assert_eq!(answer(304, Vec::new()), Ok(()));
        assert_eq!(answer(429, vec![("Retry-After".into(), b"30".to_vec())]), Err(Failure::RateLimited(Some(30))));
        assert!(matches!(answer(401, Vec::new()), Err(Failure::Unauthorized(_))));
        assert!(matches!(answer(404, Vec::new()), Err(Failure::Config(_))));
        assert!(matches!(answer(503, Vec::new()), Err(Failure::Upstream(_))));
    }
}
