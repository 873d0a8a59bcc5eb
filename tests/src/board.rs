//! An agency's system that takes records by HTTP: it remembers each request's key, and fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::web;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It is applied and answered.
    Take,
    /// It is not applied, and answered with this status; 429 asks for a second of patience.
    Answer(u16),
    /// It is applied, and the connection breaks before the answer.
    LoseTheAnswer,
    /// It is applied, and never answered.
    Hang,
}

/// The system; it stops when this is dropped.
#[derive(Debug)]
pub struct Board {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Manners of the next requests; what is beyond them is taken.
    script: VecDeque<Manner>,
    /// What records that hold this text are answered.
    refusals: BTreeMap<String, u16>,
    /// What is applied under each key.
    applied: BTreeMap<String, Value>,
    effects: u64,
    requests: u64,
}

impl Board {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let state = Arc::new(Mutex::new(State::default()));
        let own = state.clone();
        let task = tokio::spawn(web::serve(listener, move |request| answer(own.clone(), request)));
        Self { address, state, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this with the next requests.
    pub fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.state().script.extend(manners);
    }

    /// Answers every record that holds this text with a status, until it is told another; 200 takes it.
    pub fn answer_to(&self, text: &str, status: u16) {
        self.state().refusals.insert(text.to_owned(), status);
    }

    /// What it holds, by key.
    pub fn applied(&self) -> BTreeMap<String, Value> {
        self.state().applied.clone()
    }

    /// How often something was applied.
    pub fn effects(&self) -> u64 {
        self.state().effects
    }

    /// How often it was asked.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let manner = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        let text = String::from_utf8_lossy(&body);
        let refused = state.refusals.iter().find(|(words, status)| text.contains(words.as_str()) && **status != 200);
        let manner = match refused {
            Some((_, status)) => Manner::Answer(*status),
            None => state.script.pop_front().unwrap_or(Manner::Take),
        };
        if !matches!(manner, Manner::Answer(_)) && !state.applied.contains_key(&key) {
            state.applied.insert(key, serde_json::from_slice(&body)?);
            state.effects += 1;
        }
        manner
    };
    let mut response = Response::new(Full::new(Bytes::new()));
    match manner {
        Manner::Take => {}
        Manner::Answer(status) => {
            *response.status_mut() = StatusCode::from_u16(status)?;
            if status == 429 {
                response.headers_mut().insert("retry-after", "1".parse()?);
            }
        }
        Manner::LoseTheAnswer => anyhow::bail!("the answer is lost"),
        Manner::Hang => std::future::pending().await,
    }
    Ok(response)
}
