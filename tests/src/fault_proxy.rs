//! An object store's bad days: a proxy before it that fails now and then, in the ways such stores and the lines to them do.
//! What it does to a request is drawn from a seed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::chance::Chance;

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// 500, nothing done.
    Failed,
    /// 503 `SlowDown`, nothing done.
    SlowDown,
    /// 409, nothing done.
    Conflict,
    /// 412 though nothing stood against it; nothing done.
    WrongRefusal,
    /// The connection ends before the request was read; nothing done.
    CutRequest,
    /// Done, and the answer ends in the middle.
    CutReply,
    /// Done, and the connection ends without an answer.
    LostReply,
    /// Done, and the answer is 500.
    DoneAndFailed,
    /// Done, and the answer is 412.
    DoneAndRefused,
    /// 500 at once, and done a moment later all the same.
    Late,
    /// No answer at all until the client has waited long enough; nothing done.
    Silence,
}

/// What any request may meet.
const ANY: [Fault; 7] =
    [Fault::Failed, Fault::SlowDown, Fault::CutRequest, Fault::CutReply, Fault::LostReply, Fault::DoneAndFailed, Fault::Late];
/// What a write may meet besides.
const WRITE: [Fault; 3] = [Fault::Conflict, Fault::WrongRefusal, Fault::DoneAndRefused];

/// One request in so many of those that fail is met with silence, which costs its client half a minute.
const SILENT: u64 = 400;
/// How late the late ones are, at most.
const LATE: Duration = Duration::from_millis(1500);

/// The proxy. Connections end when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    store: SocketAddr,
    chance: Mutex<Chance>,
    per_mille: AtomicU32,
    silence: AtomicBool,
    away: AtomicBool,
    forgetful: AtomicBool,
    met: Mutex<BTreeMap<Fault, u64>>,
    requests: AtomicU64,
    commits: AtomicU64,
    parts: AtomicU64,
    late: Mutex<JoinSet<()>>,
}

type Reply = Response<BoxBody<Bytes, io::Error>>;

impl FaultProxy {
    /// Stands before the store, and does nothing yet but pass on.
    pub async fn start(store: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap_or_else(|error| panic!("no port for the proxy: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("the proxy has no address: {error}"));
        let shared = Arc::new(Shared {
            store,
            chance: Mutex::new(Chance::new(seed)),
            per_mille: AtomicU32::new(0),
            silence: AtomicBool::new(false),
            away: AtomicBool::new(false),
            forgetful: AtomicBool::new(false),
            met: Mutex::default(),
            requests: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            late: Mutex::default(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, shared.clone()));
        Self { address, shared, _serving: serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on so many writes in a thousand meet a fault, and a quarter as many of the other requests.
    pub fn fail(&self, per_mille: u32) {
        self.shared.per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// Whether silence is one of the faults.
    pub fn allow_silence(&self) {
        self.shared.silence.store(true, Ordering::Relaxed);
    }

    /// Whether every connection ends at once, as if the store were away.
    pub fn away(&self, away: bool) {
        self.shared.away.store(away, Ordering::Relaxed);
    }

    /// From now on `If-None-Match` is not passed on, so that the store writes over what is there.
    pub fn forget_conditions(&self) {
        self.shared.forgetful.store(true, Ordering::Relaxed);
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Commits that the store took.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Parts of larger files that the store took.
    pub fn parts(&self) -> u64 {
        self.shared.parts.load(Ordering::Relaxed)
    }

    /// How often each fault was met.
    pub fn met(&self) -> BTreeMap<Fault, u64> {
        self.shared.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the bad days, and waits until the last late request is done.
    pub async fn recover(&self) {
        self.fail(0);
        let mut late = std::mem::take(&mut *self.shared.late.lock().unwrap_or_else(PoisonError::into_inner));
        while late.join_next().await.is_some() {}
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        if shared.away.load(Ordering::Relaxed) {
            continue;
        }
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(shared.clone(), request));
            // An error here is a connection that was cut, on purpose or by the client.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The answer; an error ends the connection.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Reply> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    if shared.away.load(Ordering::Relaxed) {
        return Err(cut());
    }
    let fault = shared.draw(request.method());
    let (head, body) = request.into_parts();
    if fault == Some(Fault::CutRequest) {
        return Err(cut());
    }
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let told = |status, code: &str| Ok(reply(status, HeaderMap::new(), format!("<Error><Code>{code}</Code></Error>").into()));
    match fault {
        Some(Fault::Failed) => return told(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Some(Fault::SlowDown) => return told(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Conflict) => return told(StatusCode::CONFLICT, "OperationAborted"),
        Some(Fault::WrongRefusal) => return told(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        Some(Fault::Silence) => std::future::pending::<()>().await,
        Some(Fault::Late) => {
            let after = LATE.mul_f64(shared.share());
            let late = shared.clone();
            let pass = async move {
                tokio::time::sleep(after).await;
                let _ = late.pass(head.method, head.uri, head.headers, body).await;
            };
            shared.late.lock().unwrap_or_else(PoisonError::into_inner).spawn(pass);
            return told(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
        }
        _ => {}
    }
    let (status, headers, body) = shared.pass(head.method, head.uri, head.headers, body).await.map_err(io::Error::other)?;
    match fault {
        Some(Fault::LostReply) => Err(cut()),
        Some(Fault::DoneAndFailed) => told(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Some(Fault::DoneAndRefused) => told(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        Some(Fault::CutReply) => Ok(half(reply(status, headers, body.clone()), &body)),
        _ => Ok(reply(status, headers, body)),
    }
}

impl Shared {
    fn draw(&self, method: &Method) -> Option<Fault> {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let writing = matches!(*method, Method::PUT | Method::POST);
        // One look at a table is many reads, each of which has to go well.
        let often = if writing { 1 } else { 4 };
        if chance.below(1000 * often) >= self.per_mille.load(Ordering::Relaxed).into() {
            return None;
        }
        let silent = chance.below(SILENT) == 0 && self.silence.load(Ordering::Relaxed);
        // Reading is never in conflict with anything.
        let faults = if writing { [&ANY[..], &WRITE, &WRITE].concat() } else { ANY.to_vec() };
        let fault = if silent { Fault::Silence } else { faults[chance.below(faults.len() as u64) as usize] };
        *self.met.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
        Some(fault)
    }

    /// From 0 to 1.
    fn share(&self) -> f64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).below(1000) as f64 / 1000.0
    }

    /// The store's own answer.
    async fn pass(&self, method: Method, uri: Uri, mut headers: HeaderMap, body: Bytes) -> anyhow::Result<(StatusCode, HeaderMap, Bytes)> {
        if self.forgetful.load(Ordering::Relaxed) {
            headers.remove("if-none-match");
        }
        let stream = TcpStream::connect(self.store).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        // The host stays the proxy's own: the client signed it.
        let mut request = Request::builder().method(&method).uri(&uri).body(Full::new(body))?;
        *request.headers_mut() = headers;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        driving.abort();
        if method == Method::PUT && head.status.is_success() {
            let commit = uri.path().contains("/_delta_log/0") && uri.path().ends_with(".json");
            self.commits.fetch_add(commit.into(), Ordering::Relaxed);
            self.parts.fetch_add(uri.query().is_some_and(|query| query.contains("partNumber")).into(), Ordering::Relaxed);
        }
        Ok((head.status, head.headers, body))
    }
}

fn reply(status: StatusCode, headers: HeaderMap, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed());
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// The same answer, which ends half-way.
fn half(reply: Reply, body: &Bytes) -> Reply {
    let first = body.slice(..body.len() / 2);
    let frames = futures::stream::iter([Ok(Frame::data(first)), Err(cut())]);
    let mut headers = reply.headers().clone();
    // Said beforehand, so that whoever reads knows that something is missing.
    headers.insert("content-length", (body.len().max(1) as u64).into());
    let mut cut_short = Response::new(BodyExt::boxed(http_body_util::StreamBody::new(frames)));
    *cut_short.status_mut() = reply.status();
    *cut_short.headers_mut() = headers;
    cut_short
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut on purpose")
}
