//! Any bytes on a connection: what must hold of them, for fuzzing and for the inputs that it found.

use std::path::PathBuf;
use std::time::Duration;

use lienthong_core::id::AgencyId;

use super::frame::{BEGIN, END, RETURN, framed};
use super::{Ended, Frames, Patience};
use crate::transport::body::{Body, Spool};

/// Longer than what a fuzzer sends: nothing is spooled.
const LIMIT_BYTES: u64 = 1 << 20;

/// How many bytes come at once is the first byte; what comes is the rest. The messages are those of the plainest reading.
pub fn frames(data: &[u8]) {
    let Some((&size, wire)) = data.split_first() else { return };
    let (expected, expected_end) = plainly(wire);
    let wire = Pieces { rest: wire.to_vec(), size: usize::from(size).max(1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (messages, ended) = runtime.block_on(async {
        let spool = Spool::new(PathBuf::from("/nonexistent"), LIMIT_BYTES);
        let mut frames = Frames::new(wire, spool, AgencyId::new("hospital").unwrap(), LIMIT_BYTES, Patience::new(Duration::from_secs(60)));
        let mut messages = Vec::new();
        loop {
            match frames.next().await {
                Ok(Some(body)) => messages.push(bytes(body).await),
                Ok(None) => return (messages, None),
                Err(ended) => return (messages, Some(ended)),
            }
        }
    });
    match &ended {
        // Strangers are sent away in the middle; what was whole before is what it is.
        Some(Ended::Garbage(_)) => assert!(expected.starts_with(&messages)),
        Some(Ended::BrokenOff(length)) => assert_eq!((messages.len(), Some(*length)), (expected.len(), expected_end)),
        Some(other) => panic!("{other}"),
        None => assert_eq!(expected_end, None),
    }
    if !matches!(ended, Some(Ended::Garbage(_))) {
        assert_eq!(messages, expected);
    }
    for message in messages {
        let again = framed(&message).map(|frame| plainly(&frame));
        assert!(again.is_none_or(|again| again == (vec![message], None)));
    }
}

async fn bytes(body: Body) -> Vec<u8> {
    body.blob.read(0, usize::try_from(body.blob.size()).unwrap()).await.unwrap()
}

/// The whole messages, and how much there is of one that does not end.
fn plainly(wire: &[u8]) -> (Vec<Vec<u8>>, Option<u64>) {
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some(begin) = wire[at..].iter().position(|byte| *byte == BEGIN) {
        let begin = at + begin + 1;
        let rest = &wire[begin..];
        let Some(length) = rest.windows(2).position(|pair| pair[0] == END && matches!(pair[1], RETURN | BEGIN)) else {
            // A separator at the very end may still turn out to be the frame's.
            let length = rest.len() - usize::from(rest.last() == Some(&END));
            return (messages, Some(length as u64));
        };
        messages.push(rest[..length].to_vec());
        at = begin + length + 1 + usize::from(rest[length + 1] == RETURN);
    }
    (messages, None)
}

/// Comes in pieces of one size.
struct Pieces {
    rest: Vec<u8>,
    size: usize,
}

impl tokio::io::AsyncRead for Pieces {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let count = self.size.min(self.rest.len()).min(out.remaining());
        out.put_slice(&{ self.rest.drain(..count) }.collect::<Vec<_>>());
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[path = "../../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_bytes_are_framed() {
        super::kept::kept("mllp", super::frames);
    }
}
