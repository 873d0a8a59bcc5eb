//! Serves one connector's MLLP port: each connection's messages in order, each answered after its commit.
//!
//! While a message's commit is under way the plugin already runs on the next one of its connection, up to a window of
//! [`WINDOW`] messages, so that a sender that does not wait for each reply pays one sync of the disk for many messages. One
//! that waits never notices. The store does none of a connection's messages behind one that failed, so what is answered
//! is always everything up to some message; then the connection is closed, and its sender sends again from there.
//!
//! The protocol has no word for "not taken" that every sender understands: release 2 has a NAK, which a sender of release 1
//! takes for the reply. So a message that failed is answered with silence and the end of the connection, whatever the
//! reason. Where another try will not help, it is kept in the folder `failed/` as well, for the people who have to mend it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lienthong_core::city::Mllp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::fault::{Fault, FaultKind};
use super::messages::{Messages, UnderWay};
use crate::store::Sequence;
use crate::transport::body::{Body, Spool};
use crate::transport::failed::{FailedFolder, Kept};
use crate::transport::mllp::{Ended, Frames, HANDSHAKE_TIME, Listener, Patience, Replies};

/// Messages of one connection whose commits may be under way.
const WINDOW: usize = 64;

/// And their size, KiB. A larger message travels alone.
const WINDOW_KIB: u32 = 4 << 10;

/// After the last reply a sender has so long to hang up.
const LINGER: Duration = Duration::from_secs(1);

/// One connector's port.
#[derive(Clone)]
pub(super) struct Port {
    pub(super) messages: Messages,
    pub(super) settings: Arc<Mllp>,
    pub(super) spool: Spool,
    pub(super) failed: Arc<FailedFolder>,
    pub(super) stop: CancellationToken,
}

/// A message on its way to the disk, and its place in the window.
type Waiting = (UnderWay, OwnedSemaphorePermit);

/// Why a connection ended, where its sender did not just hang up.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the hub is stopping")]
    Stopping,
    #[error(transparent)]
    Wire(#[from] Ended),
    #[error("a reply was not sent: {0}")]
    Reply(#[from] std::io::Error),
    #[error("{}", .0.text)]
    Fault(Fault),
}

impl Port {
    /// Takes connections until the stop, and waits until all of them have ended.
    pub(super) async fn serve(self, listener: Listener) {
        let id = &self.messages.connector().id;
        let supervision = self.messages.supervision().clone();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: give those in use time to end.
                    tracing::warn!(connector = %id, %error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let refused = if !self.settings.admits(peer.ip()) {
                Some("its address is not among the connector's `peers`")
            } else if connections.len() >= self.settings.connections {
                Some("as many connections as the connector's `connections` allows are open")
            } else {
                None
            };
            if let Some(why) = refused {
                tracing::warn!(connector = %id, %peer, "a connection was closed at once: {why}");
                supervision.connection_refused(id);
                continue;
            }
            let (port, tls, open) = (self.clone(), listener.tls.clone(), supervision.connection(id));
            connections.spawn(async move {
                let _open = open;
                port.connected(stream, tls, peer).await;
            });
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }

    async fn connected(&self, stream: TcpStream, tls: Option<tokio_rustls::TlsAcceptor>, peer: SocketAddr) {
        let Some(tls) = tls else { return self.connection(stream, peer).await };
        let handshake = tokio::select! {
            () = self.stop.cancelled() => return,
            handshake = tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)) => handshake,
        };
        let why = match handshake {
            Ok(Ok(stream)) => return self.connection(stream, peer).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {} s", HANDSHAKE_TIME.as_secs()),
        };
        tracing::warn!(connector = %self.messages.connector().id, %peer, "a TLS handshake failed: {why}");
        self.messages.supervision().connection_refused(&self.messages.connector().id);
    }

    async fn connection<S: AsyncRead + AsyncWrite>(&self, stream: S, peer: SocketAddr) {
        let (read, write) = tokio::io::split(stream);
        let (read, write) = (std::pin::pin!(read), std::pin::pin!(write));
        let config = &self.messages.connector().config;
        let (agency, limit_bytes) = (config.agency.clone(), config.limits.message_bytes);
        let mut frames = Frames::new(read, self.spool.clone(), agency, limit_bytes, Patience::new(self.settings.idle));
        let mut replies = Replies::new(write);
        let (waiting, settled) = mpsc::channel(WINDOW);
        let end = {
            let run = std::pin::pin!(self.run(&mut frames, waiting));
            let mut answer = std::pin::pin!(self.answer(&mut replies, settled));
            tokio::select! {
                // A commit or the wire failed. Nothing behind it is answered, and a message that is run now is run again.
                Err(end) = &mut answer => Err(end),
                // No more messages: what is under way is answered, and a failure there came first.
                ended = run => answer.await.and(ended),
            }
        };
        if let Err(end) = end {
            self.tell(peer, &end);
        }
        replies.close().await;
        // Closing on bytes that nobody read would reset the connection, and the last replies would be lost with it.
        let _ = tokio::time::timeout(LINGER, frames.drain()).await;
    }

    /// Runs the plugin on one message after the other.
    async fn run<R: AsyncRead + Unpin>(&self, frames: &mut Frames<R>, waiting: mpsc::Sender<Waiting>) -> Result<(), End> {
        let (stream, window) = (Sequence::default(), Arc::new(Semaphore::new(WINDOW_KIB as usize)));
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(End::Stopping),
                next = frames.next() => next,
            };
            self.messages.supervision().skipped(&self.messages.connector().id, frames.take_skipped());
            let Some(body) = next? else { return Ok(()) };
            let size_kib = u32::try_from(body.blob.size() >> 10).unwrap_or(u32::MAX).clamp(1, WINDOW_KIB);
            // Neither the window nor the queue is closed before this ends.
            let Ok(place) = Arc::clone(&window).acquire_many_owned(size_kib).await else { return Ok(()) };
            let Ok(turn) = waiting.reserve().await else { return Ok(()) };
            match self.messages.run_next(&body, &stream).await {
                Ok(under_way) => turn.send((under_way, place)),
                Err(fault) => return Err(End::Fault(self.keep(body, fault).await)),
            }
        }
    }

    /// Answers one message after the other.
    async fn answer<W: AsyncWrite + Unpin>(&self, replies: &mut Replies<W>, mut settled: mpsc::Receiver<Waiting>) -> Result<(), End> {
        while let Some((under_way, _place)) = settled.recv().await {
            let received = self.messages.settle(under_way).await.map_err(End::Fault)?;
            if let Some(reply) = received.reply {
                replies.send(&reply.body).await?;
            }
        }
        Ok(())
    }

    /// Keeps a message that no other try will help, and says so.
    async fn keep(&self, body: Body, mut fault: Fault) -> Fault {
        if !matches!(fault.kind, FaultKind::Message | FaultKind::Plugin) {
            return fault;
        }
        let kept = match self.failed.keep(&body, &fault.reason()).await {
            Ok(Kept::At(path)) => format!("it is kept as {}", path.display()),
            Ok(Kept::Full) => format!("it is not kept, for {} is full: look through it and empty it", self.failed.path().display()),
            Err(error) => format!("it could not be kept in {}: {error}", self.failed.path().display()),
        };
        fault.text = format!("{} ({kept}; the sender was not answered and still has it)", fault.text);
        fault
    }

    fn tell(&self, peer: SocketAddr, end: &End) {
        let id = &self.messages.connector().id;
        let daily = match end {
            End::Stopping | End::Wire(Ended::Idle(_) | Ended::Wire(_)) => true,
            End::Reply(error) => error.kind() != std::io::ErrorKind::InvalidData,
            End::Fault(fault) if fault.kind.is_wait() => true,
            End::Wire(_) | End::Fault(_) => false,
        };
        if daily {
            tracing::debug!(connector = %id, %peer, "a connection was closed: {end}");
        } else {
            tracing::warn!(connector = %id, %peer, "a connection was closed: {end}");
            self.messages.failed(format!("{peer}: {end}"));
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended badly");
    }
}
