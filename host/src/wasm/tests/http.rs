//! A guest that sends HTTP requests to a real server.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;
use crate::net::Door;
use crate::wasm::{Cause, Outcome, Reply};

/// `ok`, `redirect`, `endless`, `stuck` (a head and no end), `mute` (no head), `auth` (whether it got a credential).
async fn answer(request: hyper::Request<hyper::body::Incoming>) -> Result<hyper::Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let full = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes())).boxed();
    let mut status = 200;
    let body = match request.uri().path() {
        "/ok" => full("hello"),
        "/auth" => full(if request.headers().contains_key("authorization") { "leaked" } else { "clean" }),
        "/endless" => BodyExt::boxed(StreamBody::new(stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 16_384])))))),
        "/stuck" => BodyExt::boxed(StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from_static(b"begun")))]).chain(stream::pending()))),
        "/mute" => std::future::pending().await,
        _ => {
            status = 302;
            full("")
        }
    };
    let response = hyper::Response::builder().status(status).header("location", "http://169.254.169.254/latest/meta-data");
    Ok(response.body(body).unwrap())
}

/// A server on a free port of loopback, until the test's runtime ends.
pub(super) async fn server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    });
    address
}

struct Fetch {
    plugin: Plugin,
    _sandbox: Sandbox,
}

impl Fetch {
    async fn new() -> Self {
        let sandbox = Sandbox::new();
        Self { plugin: sandbox.receiver("fetch").await, _sandbox: sandbox }
    }

    async fn get(&self, authority: &str, path: &str, egress: &[String], limits: Limits) -> (Kept, Outcome<Option<Reply>>) {
        let kept = Kept::default();
        let mut call = call(kept.clone(), limits);
        call.door = Some(Door::new(egress).unwrap());
        let message = Message { name: Some(path.into()), content_type: Some("http".into()), ..message(authority) };
        (kept, self.plugin.receive(call, message).await)
    }
}

/// Numbers of `error-code` cases in WASI 0.2.
const DENIED: u8 = 15;
const CONNECTION_REFUSED: u8 = 6;

#[tokio::test]
async fn a_listed_host_answers_and_no_other() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let (authority, listed) = (address.to_string(), [format!("http://{address}")]);

    let (kept, ended) = fetch.get(&authority, "/ok", &listed, Limits::default()).await;
    let (_, used) = ended.unwrap();
    assert_eq!((kept.all("status"), kept.all("out")), (200_u16.to_le_bytes().to_vec(), b"hello".to_vec()));
    assert_eq!((used.http_requests, used.http_bytes), (1, 5));

    let other = [format!("http://127.0.0.1:{}", address.port() ^ 1)];
    let disguised = format!("0x7f.1:{}", address.port());
    for (authority, egress) in [(authority.as_str(), &other[..]), (&authority, &[]), ("169.254.169.254", &listed), ("localhost", &listed)] {
        let (kept, ended) = fetch.get(authority, "/ok", egress, Limits::default()).await;
        let (_, used) = ended.unwrap();
        assert_eq!((kept.all("error"), used.http_requests), (vec![DENIED], 1), "{authority}");
        assert!(kept.all("out").is_empty());
    }
    let (kept, _) = fetch.get(&disguised, "/ok", &listed, Limits::default()).await;
    assert_eq!(kept.all("out"), b"hello", "the same address in another spelling is the same address");
}

#[tokio::test]
async fn a_redirect_is_shown_and_not_followed() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let (kept, ended) = fetch.get(&address.to_string(), "/redirect", &[format!("http://{address}")], Limits::default()).await;
    assert_eq!(kept.all("status"), 302_u16.to_le_bytes());
    assert_eq!(ended.unwrap().1.http_requests, 1);
}

#[tokio::test]
async fn a_credential_of_the_guests_own_never_leaves() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let (kept, _) = fetch.get(&address.to_string(), "/auth", &[format!("http://{address}")], Limits::default()).await;
    assert_eq!(kept.all("out"), b"clean");
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let limits = Limits { http_bytes: 1 << 20, ..Limits::default() };
    let (kept, ended) = fetch.get(&address.to_string(), "/endless", &[format!("http://{address}")], limits).await;
    let failed = ended.unwrap_err();
    assert!(matches!(failed.cause, Cause::HttpBytes(limit) if limit == 1 << 20), "{:?}", failed.cause);
    assert!(kept.all("out").len() <= 1 << 20);
}

#[tokio::test]
async fn a_server_that_stops_answering_costs_the_call_its_time_and_no_more() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let limits = Limits { time_per_call: std::time::Duration::from_millis(500), ..Limits::default() };
    for path in ["/stuck", "/mute"] {
        let (kept, ended) = fetch.get(&address.to_string(), path, &[format!("http://{address}")], limits).await;
        assert!(matches!(ended.unwrap_err().cause, Cause::Time(_)), "{path}: {:?}", kept.all("error"));
    }
}

#[tokio::test]
async fn requests_are_counted() {
    let fetch = Fetch::new().await;
    let address = server().await;
    let none = Limits { http_requests: 0, ..Limits::default() };
    let (_, ended) = fetch.get(&address.to_string(), "/ok", &[format!("http://{address}")], none).await;
    assert!(matches!(ended.unwrap_err().cause, Cause::HttpRequests(0)));
}

#[tokio::test]
async fn nobody_there_is_no_denial() {
    let fetch = Fetch::new().await;
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (kept, ended) = fetch.get(&address.to_string(), "/", &[format!("http://{address}")], Limits::default()).await;
    ended.unwrap();
    assert_eq!(kept.all("error"), [CONNECTION_REFUSED]);
}
