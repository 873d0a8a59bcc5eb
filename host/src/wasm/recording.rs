//! HTTP exchanges at the place where a guest meets the world: recorded there, and replayed there instead of the world.
//!
//! An exchange is one line of JSON, so that a person can read a recording, mend it and write one by hand:
//!
//! ```json
//! {"method":"GET","url":"https://his.example.vn/visits?page=1","status":200,"headers":{"etag":"\"7\""},"body":"[]"}
//! {"method":"GET","url":"https://his.example.vn/visits?page=2","fails":"timeout"}
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, Uri};
use lienthong_core::id::ConnectorId;
use lienthong_core::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;
use wasmtime_wasi::WasiCtxBuilder;

use super::senses::Seen;
pub use super::senses::Senses;
use crate::fair::Share;

/// What stands between a call and the world.
#[derive(Clone)]
pub enum Tape {
    /// Requests go out, and what came of them is kept.
    Recording(Recorder),
    /// Nothing goes out: what was recorded answers. Where the guest's clocks and random numbers were recorded too, it sees the same again;
    /// else its calendar stands still at the given moment, and its random numbers are always the same, so that a repeat is one.
    Replaying(Replay),
}

impl Tape {
    /// Whoever records the call.
    pub(super) fn recorder(&self) -> Option<Recorder> {
        match self {
            Self::Recording(recorder) => Some(recorder.clone()),
            Self::Replaying(_) => None,
        }
    }
}

/// One request and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// In capitals.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// The request's body; without one any body will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Octets>,
    /// Nothing came back; or, of an answer that was cut, no more than what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<NoAnswer>,
    /// The answer's status.
    #[serde(default = "ok", skip_serializing_if = "is_missing")]
    pub status: u16,
    /// The answer's headers, names in small letters; of several of one name, their values with commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The answer's body.
    #[serde(default, skip_serializing_if = "Octets::is_empty")]
    pub body: Octets,
    /// How many bytes of it came at a time; without it, all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<usize>,
    /// An answer began, and broke off behind its body, as `fails` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

const fn ok() -> u16 {
    200
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_missing(status: &u16) -> bool {
    *status == 0
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoAnswer {
    /// No connection.
    Refused,
    /// A connection, and then no answer in time. It is told at once, without the wait.
    Timeout,
    /// The name has no address.
    Unresolved,
    /// Who answered was not who it should be.
    Tls,
    /// The answer was no HTTP, or it broke off.
    Broken,
    /// The address is one that may not be reached.
    Denied,
    /// Neither an answer nor an error, until the call is ended from outside.
    #[serde(skip)]
    Silence,
}

/// Bytes in JSON: a text where they are UTF-8, else `{"base64": "…"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl Octets {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written<T> {
    Text(T),
    Base64 { base64: String },
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text),
            Err(_) => Written::Base64 { base64: STANDARD.encode(&self.0) },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::<String>::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Base64 { base64 } => STANDARD.decode(base64).map(Self).map_err(D::Error::custom),
        }
    }
}

/// Keeps what a call meets: exchanges in the order of their requests, its clocks, and the seed of its random numbers. Clones share it.
#[derive(Clone, Default)]
pub struct Recorder {
    kept: Arc<Mutex<Kept>>,
    seen: Seen,
}

#[derive(Default)]
struct Kept {
    exchanges: Vec<Exchange>,
    bytes: usize,
    most: Option<(usize, Share<ConnectorId>)>,
    incomplete: bool,
}

/// One exchange on its way into a recording.
#[derive(Clone)]
pub(super) struct Keeping {
    recorder: Recorder,
    nth: usize,
}

impl Recorder {
    /// Keeps no more than so many bytes of bodies, and no more than this share may grow to; whoever needs more is not recorded at all.
    pub fn within(most_bytes: usize, share: Share<ConnectorId>) -> Self {
        let recorder = Self::default();
        held(&recorder.kept).most = Some((most_bytes, share));
        recorder
    }

    /// The exchanges that were recorded so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        held(&self.kept).exchanges.clone()
    }

    /// All that the call met; none where not all of it was kept.
    pub fn whole(&self) -> Option<(Senses, Vec<Exchange>)> {
        let senses = self.seen.senses()?;
        let kept = held(&self.kept);
        (!kept.incomplete).then(|| (senses, kept.exchanges.clone()))
    }

    /// Lets the call see the world's time and chance.
    pub(super) fn watch(&self, wasi: &mut WasiCtxBuilder) {
        if !self.seen.watch(wasi) {
            held(&self.kept).incomplete = true;
        }
    }

    /// A request goes out.
    pub(super) fn asked(&self, method: &Method, url: &Uri) -> Keeping {
        let mut kept = held(&self.kept);
        let (method, url) = (method.to_string(), url.to_string());
        kept.exchanges.push(Exchange { method, url, ..Exchange::default() });
        Keeping { recorder: self.clone(), nth: kept.exchanges.len() - 1 }
    }
}

impl Keeping {
    /// Some of the request's body.
    pub(super) fn sent(&self, bytes: &[u8]) {
        self.take(bytes.len(), |exchange| exchange.request.get_or_insert_default().0.extend_from_slice(bytes));
    }

    /// The head of the answer.
    pub(super) fn answered<B>(&self, response: &Response<B>) {
        self.take(0, |exchange| {
            exchange.status = response.status().as_u16();
            exchange.headers = text_headers(response.headers());
        });
    }

    /// Some of the answer's body.
    pub(super) fn received(&self, bytes: &[u8]) {
        self.take(bytes.len(), |exchange| {
            exchange.body.0.extend_from_slice(bytes);
            exchange.pieces.push(bytes.len());
        });
    }

    /// Nothing came, or nothing more.
    pub(super) fn failed(&self, why: NoAnswer) {
        self.take(0, |exchange| (exchange.fails, exchange.cut) = (Some(why), exchange.status != 0));
    }

    fn take(&self, bytes: usize, change: impl FnOnce(&mut Exchange)) {
        let mut kept = held(&self.recorder.kept);
        kept.bytes = kept.bytes.saturating_add(bytes);
        let sum = kept.bytes;
        if kept.most.as_mut().is_some_and(|(most, share)| sum > *most || !share.try_grow(sum)) {
            kept.incomplete = true;
            kept.exchanges.iter_mut().for_each(|exchange| (exchange.body, exchange.request) = (Octets::default(), None));
        }
        if !kept.incomplete
            && let Some(exchange) = kept.exchanges.get_mut(self.nth)
        {
            change(exchange);
        }
    }
}

/// Answers from a recording. Each exchange answers once; clones share what is left.
#[derive(Clone)]
pub struct Replay {
    now: Timestamp,
    senses: Option<Arc<Senses>>,
    left: Arc<Mutex<Left>>,
    stalled: Arc<Notify>,
}

#[derive(Default)]
struct Left {
    waiting: Vec<Exchange>,
    unexpected: Vec<String>,
}

impl Replay {
    /// Answers with these, at this moment.
    pub fn new(now: Timestamp, exchanges: Vec<Exchange>) -> Self {
        let left = Left { waiting: exchanges, unexpected: Vec::new() };
        Self { now, senses: None, left: Arc::new(Mutex::new(left)), stalled: Arc::default() }
    }

    /// With the clocks and random numbers of a recorded call.
    #[must_use]
    pub fn seeing(self, senses: Senses) -> Self {
        Self { senses: Some(Arc::new(senses)), ..self }
    }

    /// What the call saw of time and chance, where that was recorded.
    pub(super) fn senses(&self) -> Option<&Senses> {
        self.senses.as_deref()
    }

    /// The moment at which the guest's calendar stands.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Waits until a request has met [`NoAnswer::Silence`].
    pub async fn stalled(&self) {
        self.stalled.notified().await;
    }

    /// Silence: the guest waits until its call is ended.
    pub(super) async fn stall(&self) {
        self.stalled.notify_one();
        std::future::pending().await
    }

    /// Requests that no exchange answers, as `METHOD url`.
    pub fn unexpected(&self) -> Vec<String> {
        held(&self.left).unexpected.clone()
    }

    /// Exchanges that nobody asked for.
    pub fn unused(&self) -> Vec<Exchange> {
        held(&self.left).waiting.clone()
    }

    /// The first exchange left for such a request. Which other requests were made does not matter, nor in which order: a guest may
    /// have several under way.
    pub(super) fn answer(&self, method: &Method, url: &Uri, body: &[u8]) -> Option<Exchange> {
        let mut left = held(&self.left);
        let url = url.to_string();
        let fits = |exchange: &Exchange| {
            let same_body = exchange.request.as_ref().is_none_or(|wanted| wanted.0 == body);
            exchange.method.eq_ignore_ascii_case(method.as_str()) && same_url(&exchange.url, &url) && same_body
        };
        match left.waiting.iter().position(fits) {
            Some(place) => Some(left.waiting.remove(place)),
            None => {
                let known = left.waiting.iter().any(|e| e.method.eq_ignore_ascii_case(method.as_str()) && same_url(&e.url, &url));
                let body = if known { format!(" with the body {}", shown(body)) } else { String::new() };
                left.unexpected.push(format!("{method} {url}{body}"));
                None
            }
        }
    }
}

/// `https://a.vn` and `https://a.vn/` are one.
fn same_url(one: &str, other: &str) -> bool {
    one == other || matches!((one.parse::<Uri>(), other.parse::<Uri>()), (Ok(one), Ok(other)) if one == other)
}

fn shown(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
    format!("{text:?}")
}

impl Exchange {
    /// The head of the answer as it goes to the guest; none where it is no HTTP answer.
    pub(super) fn head(&self) -> Result<Response<()>, http::Error> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(())
    }

    /// The body in the pieces in which it came.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        let mut rest = Bytes::from(self.body.0.clone());
        let mut pieces: Vec<_> = self.pieces.iter().map(|size| rest.split_to(rest.len().min(*size))).collect();
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

fn text_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        texts.entry(name.to_string()).and_modify(|kept| *kept = format!("{kept}, {value}")).or_insert_with(|| value.into_owned());
    }
    texts
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_a_line_that_a_person_writes() {
        let line = r#"{"method":"GET","url":"https://a.vn","status":404,"body":"gone"}"#;
        let exchange: Exchange = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&exchange).unwrap(), line);
        let binary = Exchange { body: Octets(vec![0xff, 0]), ..exchange };
        let written = serde_json::to_string(&binary).unwrap();
        assert!(written.ends_with(r#""body":{"base64":"/wA="}}"#), "{written}");
        assert_eq!(serde_json::from_str::<Exchange>(&written).unwrap(), binary);
        let brief: Exchange = serde_json::from_str(r#"{"method":"GET","url":"https://a.vn"}"#).unwrap();
        assert_eq!(brief.status, 200);
        assert!(serde_json::from_str::<Exchange>(r#"{"method":"GET","url":"https://a.vn","colour":1}"#).is_err());
    }

    #[test]
    fn each_exchange_answers_one_such_request() {
        let exchange = |url: &str, request: Option<&str>, status| Exchange {
            method: "POST".into(),
            url: url.into(),
            request: request.map(|text| Octets(text.into())),
            status,
            ..Exchange::default()
        };
        let replay = Replay::new(
            Timestamp::from_micros(0),
            vec![exchange("https://a.vn", Some("1"), 201), exchange("https://a.vn/", None, 202), exchange("https://b.vn/", None, 203)],
        );
        let ask = |url: &str, body: &str| replay.answer(&Method::POST, &url.parse().unwrap(), body.as_bytes()).map(|e| e.status);
        assert_eq!(ask("https://a.vn/", "2"), Some(202), "the first one wants another body");
        assert_eq!(ask("https://a.vn/", "2"), None);
        assert_eq!(ask("https://a.vn/", "1"), Some(201));
        assert_eq!(ask("https://a.vn/x", ""), None);
        assert_eq!(replay.unexpected(), ["POST https://a.vn/ with the body \"2\"", "POST https://a.vn/x"]);
        assert_eq!(replay.unused().len(), 1);
    }
}
