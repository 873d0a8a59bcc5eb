//! Messages as they come in over a connection.

use std::io;
use std::time::Duration;

use lienthong_core::id::AgencyId;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::frame::{Event, Framing};
use crate::transport::body::{self, Body, Spool};

const BUFFER: usize = 16 << 10;

/// Bytes between two frames that are passed over: line ends and blanks of careless senders, not the stream of another protocol.
pub const GARBAGE_BYTES: u64 = 1 << 10;

/// How long a sender is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a frame begins.
    pub idle: Duration,
    /// Between two pieces of a frame.
    pub pause: Duration,
    /// For a whole frame, and a second more for each [`RATE`] bytes of it.
    pub frame: Duration,
}

/// Bytes a second below which a sender is no sender.
const RATE: u64 = 1 << 10;

impl Patience {
    /// Half a minute between two pieces, a minute a frame.
    pub const fn new(idle: Duration) -> Self {
        Self { idle, pause: Duration::from_secs(30), frame: Duration::from_secs(60) }
    }
}

/// Why no more messages come, where the sender did not just hang up between two.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// No frame began.
    #[error("no message began for {} s", .0.as_secs())]
    Idle(Duration),
    /// A frame began and does not go on, or too slowly.
    #[error("a message began and did not go on after {0} bytes: the sender must end it with <FS><CR>")]
    Stalled(u64),
    /// The sender was gone within a frame. Nothing of that was acknowledged.
    #[error("the connection ended after {0} bytes of a message, which was not acknowledged")]
    BrokenOff(u64),
    /// Bytes of no frame.
    #[error("{0} bytes came that belong to no frame: the sender must begin each message with <VT>, and speak TLS only where `tls` is set")]
    Garbage(u64),
    /// The message is longer than the connector takes, or the disk does not take it.
    #[error(transparent)]
    Body(#[from] body::Error),
    /// The connection.
    #[error("the connection broke: {0}")]
    Wire(#[from] io::Error),
}

/// So much without any frame is somebody who speaks something else; a few line ends keep a connection alive.
const STRANGE_BYTES: u64 = 16;

/// Reads messages one by one.
pub struct Frames<R> {
    read: R,
    spool: Spool,
    agency: AgencyId,
    limit_bytes: u64,
    patience: Patience,
    framing: Framing,
    buffer: Vec<u8>,
    /// What of the buffer is read from the wire, and not yet looked at.
    fresh: std::ops::Range<usize>,
    /// A frame began some time: whoever is there speaks MLLP.
    understood: bool,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// An agency's messages of at most `limit_bytes`.
    pub fn new(read: R, spool: Spool, agency: AgencyId, limit_bytes: u64, patience: Patience) -> Self {
        Self {
            read,
            spool,
            agency,
            limit_bytes,
            patience,
            framing: Framing::default(),
            buffer: vec![0; BUFFER],
            fresh: 0..0,
            understood: false,
        }
    }

    /// The next whole message; none when the sender hung up between two. Once this was dropped or gave an error, the rest of
    /// the connection means nothing.
    pub async fn next(&mut self) -> Result<Option<Body>, Ended> {
        let idle_until = Instant::now() + self.patience.idle;
        let mut frame = None;
        loop {
            let mut input = &self.buffer[self.fresh.clone()];
            while let Some(event) = self.framing.next(&mut input) {
                match (event, frame.take()) {
                    (Event::Begin, _) => {
                        self.understood = true;
                        frame = Some((self.spool.writer(self.agency.clone(), self.limit_bytes), Instant::now()));
                    }
                    (Event::Piece(piece), Some((writer, begun))) => frame = Some((writer.take(piece).await?, begun)),
                    (Event::End, Some((writer, _))) => {
                        self.fresh.start = self.fresh.end - input.len();
                        return Ok(Some(writer.finish()));
                    }
                    // Pieces and ends come behind a beginning.
                    (Event::Piece(_) | Event::End, None) => {}
                }
            }
            if self.framing.gap() > GARBAGE_BYTES {
                return Err(Ended::Garbage(self.framing.gap()));
            }
            let (size, until) = match &frame {
                None => (None, idle_until),
                Some((writer, begun)) => {
                    let slowest = *begun + self.patience.frame + Duration::from_secs(writer.size() / RATE);
                    (Some(writer.size()), slowest.min(Instant::now() + self.patience.pause))
                }
            };
            let read = timeout_at(until, self.read.read(&mut self.buffer)).await;
            // One who waits for an answer to what is no frame, and leaves without one, is told of in the log.
            let strange = (!self.understood && self.framing.gap() >= STRANGE_BYTES).then(|| Ended::Garbage(self.framing.gap()));
            let Ok(read) = read else {
                return Err(size.map_or_else(|| strange.unwrap_or(Ended::Idle(self.patience.idle)), Ended::Stalled));
            };
            self.fresh = 0..read?;
            if self.fresh.is_empty() {
                return match (size, strange) {
                    (Some(size), _) => Err(Ended::BrokenOff(size)),
                    (None, Some(strange)) => Err(strange),
                    (None, None) => Ok(None),
                };
            }
        }
    }

    /// Bytes passed over since this was asked the last time.
    pub fn take_skipped(&mut self) -> u64 {
        self.framing.take_skipped()
    }

    /// Reads on and throws away until the sender hangs up, so that what was sent to it last is not lost with the connection.
    pub async fn drain(&mut self) {
        while let Ok(1..) = self.read.read(&mut self.buffer).await {}
    }
}
