//! The transport operator's web server: one feed at one address, with validators, so that who has it need not load it again.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::feed::Feed;
use super::ledger::{Entry, Ledger};

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

/// A server that runs until it is stopped, or at the latest dropped.
#[derive(Debug)]
pub struct Operator {
    address: SocketAddr,
    shared: Arc<Shared>,
    base: Feed,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
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
        let listener = TcpListener::bind(listen).await.with_context(|| format!("the bus operator's server can not listen at {listen}"))?;
        let address = listener.local_addr()?;
        let published = Mutex::new(Published::new(&base, 1, now)?);
        let shared = Arc::new(Shared { ledger, published });
        let stop = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::clone(&shared), stop.clone())));
        Ok(Self { address, shared, base, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes another version in the place of the one before.
    ///
    /// # Errors
    /// When the feed can not be packed.
    pub fn publish(&self, version: u32, now: i64) -> anyhow::Result<()> {
        let mut next = Published::new(&self.base, version, now)?;
        let mut published = self.shared.published.lock().unwrap_or_else(PoisonError::into_inner);
        next.answered = Answered { version, ..published.answered };
        *published = next;
        Ok(())
    }

    /// What was asked for and answered so far.
    pub fn answered(&self) -> Answered {
        self.shared.published.lock().unwrap_or_else(PoisonError::into_inner).answered
    }

    /// Ends the server and everything it began.
    pub async fn stop(self) {
        self.stop.cancel();
        // The task ends by itself; that it panicked would have shown before.
        let _ = self.task.await;
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

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => {
                // A connection that was given up before it was taken is nobody's loss.
                let Ok((stream, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let response = answer(&shared, &request);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    // A client that hangs up in the middle is its own affair.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
    connections.shutdown().await;
}

fn answer<B>(shared: &Shared, request: &Request<B>) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode| {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut published = shared.published.lock().unwrap_or_else(PoisonError::into_inner);
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
    use super::super::ledger::Sent;
    use super::*;
    use crate::client::{self, Answer};

    async fn get(operator: &Operator, headers: &[(HeaderName, String)]) -> Answer {
        client::send(operator.address(), Method::GET, PATH, headers, Bytes::new()).await.unwrap()
    }

    fn header_of(answer: &Answer, name: HeaderName) -> String {
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
        operator.stop().await;
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let (_folder, feed) = small();
        let ledger = Arc::new(Ledger::in_memory());
        let first = Operator::start("127.0.0.1:0".parse().unwrap(), feed.clone(), Arc::clone(&ledger), 0).await.unwrap();
        let error = Operator::start(first.address(), feed, ledger, 0).await.unwrap_err();
        assert!(format!("{error:#}").contains(&format!("can not listen at {}", first.address())), "{error:#}");
        first.stop().await;
    }
}
