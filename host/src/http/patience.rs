//! A connection whose other side must go on: it says which HTTP it speaks within its time, and it reads what it is sent.
//!
//! hyper waits for ever for both: its own time for headers begins once it knows the version, and it has none for writing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// What HTTP/2 begins with (RFC 9113 3.4). While it may still be that, the version is open.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes a second below which a reader is no reader.
const RATE: u64 = 4 << 10;

/// How long the other side is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until it is known which HTTP it speaks.
    pub opening: Duration,
    /// While it reads nothing, all its pauses together; what it reads makes up for them at [`RATE`].
    pub still: Duration,
}

/// A stream with patience.
pub struct Patient<S> {
    stream: S,
    /// Until the version is known.
    opening: Option<Opening>,
    still: Still,
}

struct Opening {
    seen: usize,
    until: Pin<Box<Sleep>>,
}

struct Still {
    most: Duration,
    spent: Duration,
    since: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Patient<S> {
    /// From now on.
    pub fn new(stream: S, patience: Patience) -> Self {
        let Patience { opening, still } = patience;
        let opening = Opening { seen: 0, until: Box::pin(sleep(opening)) };
        Self { stream, opening: Some(opening), still: Still { most: still, spent: Duration::ZERO, since: None } }
    }
}

impl Opening {
    /// Whether the version is still open after these bytes.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.seen..];
        self.seen += bytes.len();
        !bytes.is_empty() && bytes.len() < rest.len() && rest.starts_with(bytes)
    }
}

impl Still {
    fn wrote(&mut self, bytes: usize) {
        if let Some((since, _)) = self.since.take() {
            self.spent += since.elapsed();
        }
        let earned = Duration::from_micros(1_000_000 * bytes as u64 / RATE);
        self.spent = self.spent.saturating_sub(earned);
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.most.saturating_sub(self.spent);
        let (_, until) = self.since.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + left)))
        });
        until.as_mut().poll(context)
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                this.opening.take_if(|opening| !opening.goes_on(&buffer.filled()[before..]));
                Poll::Ready(read)
            }
            Poll::Pending => {
                let Some(opening) = &mut this.opening else { return Poll::Pending };
                ready!(opening.until.as_mut().poll(context));
                Poll::Ready(Err(timed_out("no request began in time")))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn writes<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(wrote) => {
                self.still.wrote(wrote.as_ref().map_or(0, bytes));
                Poll::Ready(wrote)
            }
            Poll::Pending => {
                ready!(self.still.is_over(context));
                Poll::Ready(Err(timed_out("the answer was not read in time")))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes(context, |stream, context| stream.poll_write(context, bytes), |wrote| *wrote)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.writes(context, |stream, context| stream.poll_write_vectored(context, bytes), |wrote| *wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes(context, |stream, context| stream.poll_flush(context), |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes(context, |stream, context| stream.poll_shutdown(context), |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn whoever_does_not_say_what_it_speaks_is_left() {
        for (first, waits) in [
            (&b""[..], true),
            (b"P", true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", true),
            // From here on hyper has a time of its own.
            (b"G", false),
            (b"POST", false),
            (PREFACE, false),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", false),
        ] {
            let (mut sender, receiver) = duplex(1 << 10);
            let mut patient = Patient::new(receiver, Patience { opening: SHORT, still: LONG });
            for byte in first {
                sender.write_all(&[*byte]).await.unwrap();
                assert_eq!(patient.read_u8().await.unwrap(), *byte);
            }
            assert_eq!(patient.opening.is_some(), waits, "{:?}", String::from_utf8_lossy(first));
            if waits {
                assert_eq!(patient.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        }
    }

    #[tokio::test]
    async fn a_reader_may_be_slow_but_must_go_on() {
        for (bytes, goes_on) in [(0, false), (1, false), (RATE as usize, true)] {
            let (mut reader, sender) = duplex(64);
            let mut patient = Patient::new(sender, Patience { opening: LONG, still: SHORT });
            let reading = async {
                let mut buffer = vec![0; bytes];
                loop {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    reader.read_exact(&mut buffer).await.unwrap();
                }
            };
            let answer = vec![7; RATE as usize * 200];
            let wrote = tokio::select! {
                wrote = patient.write_all(&answer) => wrote,
                () = reading => unreachable!(),
            };
            assert_eq!(wrote.is_ok(), goes_on, "{bytes} bytes every millisecond");
        }
    }
}
