//! A web server of one file, which it does not send again to whoever has it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::web;

/// One request, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its `If-None-Match`.
    pub if_none_match: Option<String>,
    /// What was answered.
    pub status: u16,
}

/// The server; it stops when this is dropped.
#[derive(Debug)]
pub struct FeedServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    etag: String,
    body: Bytes,
    seen: Vec<Seen>,
}

impl FeedServer {
    /// Serves `body` under the entity tag `etag` (with its quotes) at any path.
    pub async fn start(etag: &str, body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let state = Arc::new(Mutex::new(State { etag: etag.to_owned(), body: body.into(), seen: Vec::new() }));
        let own = state.clone();
        let task = tokio::spawn(web::serve(listener, move |request| std::future::ready(Ok(answer(&own, &request)))));
        Self { address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes another file.
    pub fn publish(&self, etag: &str, body: Vec<u8>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.etag = etag.to_owned();
        state.body = body.into();
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(state: &Mutex<State>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let if_none_match = request.headers().get("if-none-match").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let known = if_none_match.as_deref() == Some(&state.etag);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    state.seen.push(Seen { if_none_match, status: status.as_u16() });
    let body = if known { Bytes::new() } else { state.body.clone() };
    let response = Response::builder().status(status).header("etag", &state.etag).body(Full::new(body));
    response.unwrap_or_else(|error| panic!("{error}"))
}
