//! The transport operator's web server: one feed at one address, with validators, so that who has it need not load it again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

use super::feed::Feed;
use crate::sim::ledger::{Entry, Ledger};
use crate::sim::server::{Answer, Server, plain};

/// The path of the feed.
pub const PATH: &str = "/gtfs.zip";

/// What the server has answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// The version that is published.
    pub version: u32,
    /// The feed, whole.
    pub whole: u64,
    /// "You have it already" (304).
    pub unchanged: u64,
}

/// The server, and what it publishes.
#[derive(Debug)]
pub struct Operator {
    server: Server,
    shared: Arc<Shared>,
    base: Feed,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    published: Mutex<Published>,
}

#[derive(Debug)]
struct Published {
    zip: Bytes,
    feed: Feed,
    etag: String,
    modified: DateTime<Utc>,
    /// Whether this version was handed out whole and so stands in the ledger.
    entered: bool,
    answered: Answered,
}

impl Operator {
    /// Binds `listen` and publishes version 1 of a feed, changed at `now` (seconds since 1970).
    ///
    /// # Errors
    /// When the address is taken, or the feed can not be packed.
    pub async fn start(listen: SocketAddr, base: Feed, ledger: Arc<Ledger>, now: i64) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared { ledger, published: Mutex::new(Published::new(&base, 1, now)?) });
        let answering = Arc::clone(&shared);
        let server = Server::start("the bus operator's server", listen, move |request| answer(&answering, request)).await?;
        Ok(Self { server, shared, base })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Publishes another version in the place of the one before.
    ///
    /// # Errors
    /// When the feed can not be packed.
    pub fn publish(&self, version: u32, now: i64) -> anyhow::Result<()> {
        let mut next = Published::new(&self.base, version, now)?;
        let mut published = self.shared.published();
        next.answered = Answered { version, ..published.answered };
        *published = next;
        Ok(())
    }

    /// What was asked for and answered so far.
    pub fn answered(&self) -> Answered {
        self.shared.published().answered
    }

    /// The version that is published, if nobody has loaded it yet, in words.
    pub fn waiting(&self) -> Option<String> {
        let published = self.shared.published();
        (!published.entered).then(|| format!("version {} of the timetable was not fetched", published.answered.version))
    }
}

impl Shared {
    fn published(&self) -> MutexGuard<'_, Published> {
        // A version is put there whole, so a panic elsewhere spoils nothing.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn new(base: &Feed, version: u32, now: i64) -> anyhow::Result<Self> {
        let feed = base.version(version);
        let zip = Bytes::from(feed.zip()?);
        let etag = format!("\"bao-loc-{version}-{:08x}\"", crc32fast::hash(&zip));
        let modified = DateTime::from_timestamp(now, 0).unwrap_or_default();
        Ok(Self { zip, feed, etag, modified, entered: false, answered: Answered { version, ..Answered::default() } })
    }
}

fn answer<B>(shared: &Shared, request: &Request<B>) -> Answer {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut published = shared.published();
    let mut response = if has_it(request.headers(), &published.etag, published.modified) {
        published.answered.unchanged += 1;
        plain(StatusCode::NOT_MODIFIED)
    } else if request.method() == Method::HEAD {
        plain(StatusCode::OK)
    } else {
        // A version that is loaded again is sent again, but counts once: the hub keeps what it committed.
        if !published.entered {
            let entry = Entry { way: "poll", name: format!("bao-loc-{}", published.answered.version), sent: published.feed.rows() };
            if shared.ledger.enter(&entry).is_err() {
                return plain(StatusCode::INTERNAL_SERVER_ERROR);
            }
            published.entered = true;
        }
        published.answered.whole += 1;
        Response::new(Full::new(published.zip.clone()))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/zip"));
    for (name, value) in [(header::ETAG, published.etag.clone()), (header::LAST_MODIFIED, http_date(published.modified))] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}

/// RFC 9110, 13.2.2: `If-None-Match` decides where it stands, else `If-Modified-Since`.
fn has_it(headers: &HeaderMap, etag: &str, modified: DateTime<Utc>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    if let Some(theirs) = text(header::IF_NONE_MATCH) {
        return theirs.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*");
    }
    let since = text(header::IF_MODIFIED_SINCE).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    since.is_some_and(|since| modified <= since)
}

fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::feed::tests::small;
    use super::*;
    use crate::client;
    use crate::sim::ledger::Sent;

    async fn get(operator: &Operator, headers: &[(HeaderName, String)]) -> client::Answer {
        client::send(operator.address(), Method::GET, PATH, headers, Bytes::new()).await.unwrap()
    }

    fn header_of(answer: &client::Answer, name: HeaderName) -> String {
        answer.headers[name].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn who_has_the_feed_does_not_load_it_again() {
        let (_folder, feed) = small();
        let ledger = Arc::new(Ledger::in_memory());
        let operator = Operator::start("127.0.0.1:0".parse().unwrap(), feed.clone(), Arc::clone(&ledger), 1_795_401_899).await.unwrap();

        let first = get(&operator, &[]).await;
        assert_eq!((first.status, first.body.to_vec()), (StatusCode::OK, feed.version(1).zip().unwrap()));
        assert_eq!(header_of(&first, header::LAST_MODIFIED), "Mon, 23 Nov 2026 02:44:59 GMT");
        let (etag, modified) = (header_of(&first, header::ETAG), header_of(&first, header::LAST_MODIFIED));
        for having in [
            (header::IF_NONE_MATCH, etag.clone()),
            (header::IF_NONE_MATCH, format!("\"x\", W/{etag}")),
            (header::IF_MODIFIED_SINCE, modified.clone()),
        ] {
            let again = get(&operator, std::slice::from_ref(&having)).await;
            assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{having:?}");
        }

        operator.publish(2, 1_795_401_999).unwrap();
        for old in [(header::IF_NONE_MATCH, etag.clone()), (header::IF_MODIFIED_SINCE, modified.clone())] {
            let next = get(&operator, std::slice::from_ref(&old)).await;
            assert_eq!((next.status, next.body.to_vec()), (StatusCode::OK, feed.version(2).zip().unwrap()), "{old:?}");
        }
        // The tag is the stronger validator: it decides although the date alone would say "you have it".
        let both = [(header::IF_NONE_MATCH, etag), (header::IF_MODIFIED_SINCE, "Mon, 23 Nov 2026 23:59:59 GMT".to_owned())];
        assert_eq!(get(&operator, &both).await.status, StatusCode::OK);

        assert_eq!(operator.answered(), Answered { version: 2, whole: 4, unchanged: 3 });
        // Four whole feeds, but two versions.
        assert_eq!((ledger.entries("poll"), ledger.totals()["transport/stops"]), (2, Sent { good: 6, bad: 2 }));
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let (_folder, feed) = small();
        let ledger = Arc::new(Ledger::in_memory());
        let first = Operator::start("127.0.0.1:0".parse().unwrap(), feed.clone(), Arc::clone(&ledger), 0).await.unwrap();
        let error = Operator::start(first.address(), feed, ledger, 0).await.unwrap_err();
        assert!(format!("{error:#}").contains(&format!("can not listen at {}", first.address())), "{error:#}");
    }
}
