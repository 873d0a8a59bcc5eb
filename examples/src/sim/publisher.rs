//! The web server of a system that publishes one thing at one address, edition after edition, with validators, so that who has it need
//! not load it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

use super::ledger::{Entry, Ledger, Sent};
use super::server::{Answer, Server, plain};

/// One edition of what is published.
#[derive(Debug, Clone)]
pub struct Edition {
    /// Its number; each has its own.
    pub number: u32,
    /// What people call it.
    pub name: String,
    /// Its bytes.
    pub body: Bytes,
    /// What it should come to, by channel.
    pub sent: BTreeMap<&'static str, Sent>,
}

/// What is published, and where.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The server, for errors.
    pub whose: &'static str,
    /// What is published, for people: `the timetable`.
    pub what: &'static str,
    /// The path of the address.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
}

/// What the server has answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// The edition that is published.
    pub edition: u32,
    /// It, whole.
    pub whole: u64,
    /// "You have it already" (304).
    pub unchanged: u64,
}

/// The server, and what it publishes.
#[derive(Debug)]
pub struct Publisher {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    about: About,
    ledger: Arc<Ledger>,
    published: Mutex<Published>,
}

#[derive(Debug)]
struct Published {
    edition: Edition,
    etag: String,
    modified: DateTime<Utc>,
    /// Whether this edition was handed out whole and so stands in the ledger.
    entered: bool,
    answered: Answered,
}

impl Publisher {
    /// Binds `listen` and publishes a first edition, changed at `now` (seconds since 1970).
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr, about: About, edition: Edition, ledger: Arc<Ledger>, now: i64) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared { about, ledger, published: Mutex::new(Published::new(edition, now)) });
        let answering = Arc::clone(&shared);
        let server = Server::start(about.whose, listen, move |request| answer(&answering, request)).await?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Publishes another edition in the place of the one before.
    pub fn publish(&self, edition: Edition, now: i64) {
        let mut next = Published::new(edition, now);
        let mut published = self.shared.published();
        next.answered = Answered { edition: next.edition.number, ..published.answered };
        *published = next;
    }

    /// What was asked for and answered so far.
    pub fn answered(&self) -> Answered {
        self.shared.published().answered
    }

    /// The edition that is published, if nobody has loaded it yet, in words.
    pub fn waiting(&self) -> Option<String> {
        let published = self.shared.published();
        (!published.entered).then(|| format!("version {} of {} was not fetched", published.edition.number, self.shared.about.what))
    }
}

impl Shared {
    fn published(&self) -> MutexGuard<'_, Published> {
        // An edition is put there whole, so a panic elsewhere spoils nothing.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn new(edition: Edition, now: i64) -> Self {
        let etag = format!("\"{}-{:08x}\"", edition.name, crc32fast::hash(&edition.body));
        let answered = Answered { edition: edition.number, ..Answered::default() };
        Self { edition, etag, modified: DateTime::from_timestamp(now, 0).unwrap_or_default(), entered: false, answered }
    }
}

fn answer<B>(shared: &Shared, request: &Request<B>) -> Answer {
    if request.uri().path() != shared.about.path {
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
        // An edition that is loaded again is sent again, but counts once: the hub keeps what it committed.
        if !published.entered {
            let entry = Entry { way: "poll", name: published.edition.name.clone(), sent: published.edition.sent.clone() };
            if shared.ledger.enter(&entry).is_err() {
                return plain(StatusCode::INTERNAL_SERVER_ERROR);
            }
            published.entered = true;
        }
        published.answered.whole += 1;
        Response::new(Full::new(published.edition.body.clone()))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shared.about.content_type));
    for (name, value) in [(header::ETAG, published.etag.clone()), (header::LAST_MODIFIED, http_date(published.modified))] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}

/// RFC 9110, 13.2.2: `If-None-Match` decides where it stands, else `If-Modified-Since`.
fn has_it(headers: &HeaderMap, etag: &str, modified: DateTime<Utc>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
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

    use super::*;
    use crate::client;

    const ABOUT: About = About { whose: "the server", what: "the list", path: "/list.txt", content_type: "text/plain" };

    fn edition(number: u32) -> Edition {
        let body = Bytes::from(format!("edition {number}\n"));
        Edition { number, name: format!("list-{number}"), body, sent: BTreeMap::from([("a/b", Sent { good: 3, bad: 1 })]) }
    }

    async fn start(listen: SocketAddr, ledger: &Arc<Ledger>) -> anyhow::Result<Publisher> {
        Publisher::start(listen, ABOUT, edition(1), Arc::clone(ledger), 1_795_401_899).await
    }

    async fn get(publisher: &Publisher, headers: &[(HeaderName, String)]) -> client::Answer {
        client::send(publisher.address(), Method::GET, ABOUT.path, headers, Bytes::new()).await.unwrap()
    }

    fn header_of(answer: &client::Answer, name: HeaderName) -> String {
        answer.headers[name].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn who_has_it_does_not_load_it_again() {
        let ledger = Arc::new(Ledger::in_memory());
        let publisher = start("127.0.0.1:0".parse().unwrap(), &ledger).await.unwrap();

        let first = get(&publisher, &[]).await;
        assert_eq!((first.status, &first.body[..]), (StatusCode::OK, &b"edition 1\n"[..]));
        assert_eq!(header_of(&first, header::LAST_MODIFIED), "Mon, 23 Nov 2026 02:44:59 GMT");
        let (etag, modified) = (header_of(&first, header::ETAG), header_of(&first, header::LAST_MODIFIED));
        for having in [
            (header::IF_NONE_MATCH, etag.clone()),
            (header::IF_NONE_MATCH, format!("\"x\", W/{etag}")),
            (header::IF_MODIFIED_SINCE, modified.clone()),
        ] {
            let again = get(&publisher, std::slice::from_ref(&having)).await;
            assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{having:?}");
        }

        publisher.publish(edition(2), 1_795_401_999);
        assert_eq!(publisher.waiting().unwrap(), "version 2 of the list was not fetched");
        for old in [(header::IF_NONE_MATCH, etag.clone()), (header::IF_MODIFIED_SINCE, modified.clone())] {
            let next = get(&publisher, std::slice::from_ref(&old)).await;
            assert_eq!((next.status, &next.body[..]), (StatusCode::OK, &b"edition 2\n"[..]), "{old:?}");
        }
        // The tag is the stronger validator: it decides although the date alone would say "you have it".
        let both = [(header::IF_NONE_MATCH, etag), (header::IF_MODIFIED_SINCE, "Mon, 23 Nov 2026 23:59:59 GMT".to_owned())];
        assert_eq!(get(&publisher, &both).await.status, StatusCode::OK);

        assert_eq!(publisher.answered(), Answered { edition: 2, whole: 4, unchanged: 3 });
        // Four whole answers, but two editions.
        assert_eq!((ledger.entries("poll"), ledger.totals()["a/b"]), (2, Sent { good: 6, bad: 2 }));
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let ledger = Arc::new(Ledger::in_memory());
        let first = start("127.0.0.1:0".parse().unwrap(), &ledger).await.unwrap();
        let error = start(first.address(), &ledger).await.unwrap_err();
        assert!(format!("{error:#}").contains(&format!("can not listen at {}", first.address())), "{error:#}");
    }
}
