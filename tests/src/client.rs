//! A client as agencies write them: HTTP/1.1 with a key.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// No answer takes longer, waiting for news included.
const TIME_LIMIT: Duration = Duration::from_secs(100);

/// Where the hub listens at the moment; it changes when the hub is started again.
#[derive(Debug, Clone)]
pub struct Address(Arc<Mutex<SocketAddr>>);

impl Address {
    /// At first.
    pub fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Mutex::new(address)))
    }

    /// Now.
    pub fn get(&self) -> SocketAddr {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on.
    pub fn set(&self, address: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// Whoever has this key, or nobody in particular.
#[derive(Debug, Clone)]
pub struct Client {
    address: Address,
    key: Option<String>,
}

/// A request being written.
#[derive(Debug)]
pub struct Ask {
    client: Client,
    request: Request<Full<Bytes>>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Client {
    /// At this address, with this key.
    pub fn new(address: Address, key: Option<String>) -> Self {
        Self { address, key }
    }

    /// The key itself.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    /// A POST of something.
    pub fn post(&self, path: &str, media_type: &str, body: impl Into<Bytes>) -> Ask {
        let mut ask = self.ask(Method::POST, path).header("content-type", media_type);
        *ask.request.body_mut() = Full::new(body.into());
        ask
    }

    /// Anything.
    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let ask = Ask { client: self.clone(), request };
        match &self.key {
            Some(key) => ask.header("authorization", &format!("Bearer {key}")),
            None => ask,
        }
    }
}

impl Ask {
    /// With one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = value.parse().unwrap_or_else(|error| panic!("{name}: {value}: {error}"));
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Sends it to a hub that must answer.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        self.attempt().await.unwrap_or_else(|error| panic!("{what}: {error:#}"))
    }

    /// Sends it to a hub that may be gone.
    pub async fn attempt(self) -> anyhow::Result<Answer> {
        Connection::open(self.client.address.get()).await?.send(self.request).await
    }

    /// Sends it over a connection that is kept.
    pub async fn over(self, connection: &mut Connection) -> anyhow::Result<Answer> {
        connection.send(self.request).await
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The lines of a newline-delimited body, as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }

    /// A header's text, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless it has this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Fails unless it is a problem (RFC 9457) of this status whose detail says `words`.
    pub fn problem(self, status: u16, words: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let body = answer.json();
        assert_eq!(body["status"], status);
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "`{detail}` does not say `{words}`");
        answer
    }
}

/// One connection, one request at a time.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // How the connection ended is told to whoever sends.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, address, driver })
    }

    /// One request and its whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or after a hundred seconds.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let host = self.address.to_string().parse()?;
        request.headers_mut().insert(header::HOST, host);
        let exchange = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            anyhow::Ok(Answer { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
        };
        tokio::time::timeout(TIME_LIMIT, exchange).await.context("no answer in time")?
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
