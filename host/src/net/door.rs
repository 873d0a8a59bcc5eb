//! One request out of the hub, to a target that the operator listed and an address that was checked.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body::Frame;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, timeout_at};

use super::dial;
use super::rule::{InvalidRule, Rule, Scheme, Target};

/// Any error of a request body.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The targets that one connector (or webhook) was granted. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    rules: Vec<Rule>,
    tls: OnceCell<Arc<ClientConfig>>,
}

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Looking the name up, connecting and TLS together.
    pub connect: Duration,
    /// From the connection to the head of the response, the request's body included.
    pub first_byte: Duration,
    /// All of it, to the last byte of the response.
    pub total: Duration,
    /// Bytes of the response's body.
    pub response_bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            total: Duration::from_secs(60),
            response_bytes: 64 << 20,
        }
    }
}

/// A request that was not let out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a request to {target} was denied: {why}; to allow it, write `{allow}` in the connector's YAML")]
pub struct Denial {
    /// `scheme://host[:port]`
    pub target: String,
    /// Why.
    pub why: String,
    /// The line of YAML that would allow it.
    pub allow: String,
}

/// Why a request brought no response, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not granted.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The URL is none.
    #[error("the URL cannot be requested: {0}")]
    Url(#[from] InvalidRule),
    /// The name has no address.
    #[error("the host `{host}` cannot be looked up")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("no connection to {target}")]
    Connect {
        /// Where to.
        target: String,
        /// Why.
        source: std::io::Error,
    },
    /// Who answers is not who it should be.
    #[error("no TLS with {target}")]
    Tls {
        /// Who with.
        target: String,
        /// Why.
        source: std::io::Error,
    },
    /// Too slow.
    #[error("{what} took longer than {limit:?}")]
    Timeout {
        /// What took too long.
        what: &'static str,
        /// What it may take.
        limit: Duration,
    },
    /// Too large.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// What it may be.
        limit: u64,
    },
    /// What came is no HTTP, or it broke off.
    #[error("the HTTP exchange failed")]
    Http(#[from] hyper::Error),
    /// The hub's own fault.
    #[error("{0}")]
    Hub(String),
}

impl Door {
    /// Reads a connector's `egress:` list. An empty list lets nothing out.
    pub fn new(egress: &[String]) -> Result<Self, InvalidRule> {
        let rules = egress.iter().map(|rule| Rule::parse(rule)).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner { rules, tls: OnceCell::new() })))
    }

    /// Lets nothing out.
    pub fn closed() -> Self {
        Self(Arc::new(Inner { rules: Vec::new(), tls: OnceCell::new() }))
    }

    /// Any target, what no `egress:` may say among them: for tests of what comes after the list.
    #[cfg(test)]
    pub(super) fn unlisted(targets: &[&str]) -> Self {
        let rules = targets.iter().map(|target| Rule::unchecked(Target::parse(target).unwrap())).collect();
        Self(Arc::new(Inner { rules, tls: OnceCell::new() }))
    }

    /// Trusts these authorities in place of the machine's own.
    pub fn trusting(self, roots: RootCertStore) -> Result<Self, Error> {
        let tls = dial::client_tls(roots).map_err(Error::Hub)?;
        Ok(Self(Arc::new(Inner { rules: self.0.rules.clone(), tls: OnceCell::new_with(Some(tls)) })))
    }

    /// Whether a URL's scheme, host and port are on the list. The address is checked when it is dialled.
    pub fn check(&self, url: &str) -> Result<Target, Error> {
        let target = Target::parse(url)?;
        if self.0.rules.iter().any(|rule| rule.matches(&target)) {
            return Ok(target);
        }
        let why = "it is not on the connector's `egress:` list".to_owned();
        Err(Denial { allow: format!("egress: [\"{target}\"]"), target: target.to_string(), why }.into())
    }

    /// Sends one request, whose URI is absolute, over a connection of its own. Redirects are answers like any other: who
    /// follows one sends a new request, and it is checked again. Host and the headers of one hop are set here.
    pub async fn send<B>(&self, request: Request<B>, caps: Caps) -> Result<Response<Body>, Error>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let end = Instant::now() + caps.total;
        let target = self.check(&request.uri().to_string())?;
        if request.method() == Method::CONNECT {
            let why = "the method CONNECT would open a tunnel".to_owned();
            return Err(Denial { allow: "no setting allows it".into(), target: target.to_string(), why }.into());
        }
        let connected = timeout_at(end.min(Instant::now() + caps.connect), async {
            let addresses = dial::resolve(&target, &self.0.rules).await?;
            let tls = match target.scheme {
                Scheme::Http => None,
                Scheme::Https => Some(self.tls().await?),
            };
            dial::connect(&target, &addresses, tls).await
        });
        let stream = connected.await.map_err(|_| Error::Timeout { what: "connecting", limit: caps.connect })??;
        let answered = timeout_at(end.min(Instant::now() + caps.first_byte), exchange(stream, request, &target));
        let (response, connection) =
            answered.await.map_err(|_| Error::Timeout { what: "the head of the response", limit: caps.first_byte })??;
        let deadline = Box::pin(tokio::time::sleep_until(end));
        Ok(response.map(|incoming| Body { incoming, _connection: connection, deadline, caps, left: caps.response_bytes, failed: false }))
    }

    async fn tls(&self) -> Result<Arc<ClientConfig>, Error> {
        let load = || async {
            let loaded = tokio::task::spawn_blocking(dial::native_tls).await;
            loaded.map_err(|error| Error::Hub(error.to_string()))?.map_err(Error::Hub)
        };
        self.0.tls.get_or_try_init(load).await.cloned()
    }
}

/// Headers of one hop (RFC 9110, 7.6.1), and those the door sets itself.
const NOT_THE_CALLERS: [HeaderName; 10] = [
    header::CONNECTION,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

async fn exchange<B>(stream: dial::Stream, request: Request<B>, target: &Target) -> Result<(Response<Incoming>, Connection), Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    strip(&mut parts.headers);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let hub = |error: http::Error| Error::Hub(error.to_string());
    if stream.speaks_http2() {
        parts.version = Version::HTTP_2;
        parts.uri =
            Uri::builder().scheme(target.scheme.as_str()).authority(target.authority()).path_and_query(path).build().map_err(hub)?;
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let connection = Connection::drive(connection);
        Ok((sender.send_request(Request::from_parts(parts, body)).await?, connection))
    } else {
        parts.version = Version::HTTP_11;
        let host = HeaderValue::from_str(&target.authority()).map_err(|error| hub(error.into()))?;
        parts.headers.insert(header::HOST, host);
        parts.uri = Uri::builder().path_and_query(path).build().map_err(hub)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = Connection::drive(connection);
        Ok((sender.send_request(Request::from_parts(parts, body)).await?, connection))
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in NOT_THE_CALLERS {
        headers.remove(name);
    }
}

/// The task that drives one connection. It ends with whoever reads from it.
struct Connection(JoinHandle<()>);

impl Connection {
    fn drive<T>(connection: impl Future<Output = T> + Send + 'static) -> Self {
        // What the connection returns, the response or its body has reported already.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A response's body, within its size and time.
pub struct Body {
    incoming: Incoming,
    _connection: Connection,
    deadline: Pin<Box<Sleep>>,
    caps: Caps,
    left: u64,
    failed: bool,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.failed {
            return Poll::Ready(None);
        }
        let result = if this.deadline.as_mut().poll(cx).is_ready() {
            Err(Error::Timeout { what: "the request", limit: this.caps.total })
        } else {
            match std::task::ready!(Pin::new(&mut this.incoming).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => Err(error.into()),
                Some(Ok(frame)) => {
                    let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                    match this.left.checked_sub(size) {
                        Some(left) => {
                            this.left = left;
                            Ok(frame)
                        }
                        None => Err(Error::TooLarge { limit: this.caps.response_bytes }),
                    }
                }
            }
        };
        this.failed = result.is_err();
        Poll::Ready(Some(result))
    }
}
