//! Connections: TCP with or without TLS, and the hub's own socket. Whoever is slow is cut off, the number of connections and
//! of requests is bounded, no address takes all of them, and on stop every request under way is answered first.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::patience::{Patience, Patient};
use super::permission::LocalOperator;
use super::problem::Problem;
use crate::fair::Pool;

/// Connections at a time, where the system gives twice as many file descriptors.
const CONNECTIONS: usize = 10_000;
/// Requests at a time, of all connections.
const REQUESTS: usize = 8_192;
/// The same for the hub's own socket.
const LOCAL_CONNECTIONS: usize = 64;
const LOCAL_REQUESTS: usize = 256;
const HEADER_TIME: Duration = Duration::from_secs(10);
const PATIENCE: Patience = Patience { opening: HEADER_TIME, still: Duration::from_secs(30) };
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// A connection without a request for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Requests under way at a stop have so long to end.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// Bytes of the headers of one request.
const HEADER_BYTES: usize = 64 << 10;
/// Requests of one connection at a time, and the bytes of their bodies that wait to be read.
const STREAMS: u32 = 100;
const STREAM_BYTES: u32 = 256 << 10;
const CONNECTION_BYTES: u32 = 1 << 20;

/// What whoever finds no place is told, before it has said anything.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How the doors are reached by TCP.
pub struct Tcp {
    /// Where it listens.
    pub listener: TcpListener,
    /// TLS, unless a proxy or the machine itself is all that connects.
    pub tls: Option<TlsAcceptor>,
    /// Everybody comes from the proxy's address, so addresses say nothing of who it is.
    pub behind_proxy: bool,
}

/// Whose connection it is: an address, and a number where one address is many senders.
type Peer = (IpAddr, Option<u16>);

/// Serves until the stop, then drains.
pub async fn tcp(tcp: Tcp, router: Router, stop: CancellationToken) {
    let Tcp { listener, tls, behind_proxy } = tcp;
    let (places, open) = (Pool::<Peer>::new(connections()), TaskTracker::new());
    let serving = Serving { router, requests: Arc::new(Semaphore::new(REQUESTS)), stop: stop.clone() };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        let Some(place) = places.try_take(whose(peer, behind_proxy), 1) else {
            refuse(&stream, tls.is_some());
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (tls, serving) = (tls.clone(), serving.clone());
        open.spawn(async move {
            let _place = place;
            match tls {
                None => serving.connection(stream).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serving.connection(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        });
    }
    drop(listener);
    drain(open).await;
}

/// Opens the hub's own socket: only its user may connect.
pub fn local_listener(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the hub's own socket until the stop. Whoever can open it is an operator.
pub async fn local(listener: UnixListener, router: Router, stop: CancellationToken) {
    let (places, open) = (Arc::new(Semaphore::new(LOCAL_CONNECTIONS)), TaskTracker::new());
    let router = router.layer(axum::Extension(LocalOperator));
    let serving = Serving { router, requests: Arc::new(Semaphore::new(LOCAL_REQUESTS)), stop: stop.clone() };
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let serving = serving.clone();
        open.spawn(async move {
            serving.connection(stream).await;
            drop(place);
        });
    }
    drain(open).await;
}

/// Half of the file descriptors: requests need others, for files and for the database.
fn connections() -> usize {
    let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(descriptors / 2).unwrap_or(CONNECTIONS).min(CONNECTIONS)
}

/// A whole network of IPv6 is one peer: whoever has one address of it has them all.
fn whose(peer: SocketAddr, behind_proxy: bool) -> Peer {
    let address = match peer.ip().to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    };
    (address, behind_proxy.then_some(peer.port()))
}

/// Nothing was read yet, and nothing is waited for.
fn refuse(stream: &TcpStream, tls: bool) {
    tracing::debug!("a connection was closed at once: too many are open");
    if !tls {
        let _ = stream.try_write(FULL);
    }
}

/// Out of file descriptors, most likely: gives those in use time to end.
async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// What all connections of one listener share.
#[derive(Clone)]
struct Serving {
    router: Router,
    requests: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Requests of one connection.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Serving {
    async fn connection<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEADER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .max_header_list_size(HEADER_BYTES as u32)
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_BYTES)
            .initial_connection_window_size(CONNECTION_BYTES)
            .max_send_buf_size(STREAM_BYTES as usize);
        let activity = Arc::new(Activity::default());
        let service = {
            let (serving, activity) = (self.clone(), activity.clone());
            service_fn(move |request| serving.clone().answer(request, activity.clone()))
        };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service));
        let (mut seen, mut ending) = (0, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended early");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !ending => ending = true,
                () = tokio::time::sleep(IDLE), if !ending => {
                    let begun = activity.begun.load(Ordering::Relaxed);
                    ending = begun == seen && begun == activity.ended.load(Ordering::Relaxed);
                    seen = begun;
                }
            }
            if ending {
                connection.as_mut().graceful_shutdown();
            }
        }
    }

    async fn answer(self, request: Request<Incoming>, activity: Arc<Activity>) -> Result<Response, std::convert::Infallible> {
        let Ok(_place) = self.requests.try_acquire() else {
            return Ok(Problem::busy("too many requests are under way").into_response());
        };
        activity.begun.fetch_add(1, Ordering::Relaxed);
        let answered = self.router.oneshot(request.map(Body::new)).await;
        activity.ended.fetch_add(1, Ordering::Relaxed);
        answered
    }
}

async fn drain(open: TaskTracker) {
    open.close();
    if tokio::time::timeout(DRAIN_TIME, open.wait()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_peer_unless_a_proxy_stands_before_it() {
        let peer = |text: &str, behind_proxy| whose(text.parse().unwrap(), behind_proxy);
        assert_eq!(peer("10.1.2.3:5", false), peer("10.1.2.3:6", false));
        assert_eq!(peer("10.1.2.3:5", false), peer("[::ffff:10.1.2.3]:6", false));
        assert_ne!(peer("10.1.2.3:5", false), peer("10.1.2.4:5", false));
        assert_eq!(peer("[2001:db8::1]:5", false), peer("[2001:db8::ffff:1]:5", false));
        assert_ne!(peer("[2001:db8::1]:5", false), peer("[2001:db8:0:1::1]:5", false));
        assert_ne!(peer("10.1.2.3:5", true), peer("10.1.2.3:6", true));
    }
}
