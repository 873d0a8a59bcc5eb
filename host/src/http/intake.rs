//! Bodies of posts on their way into memory: they take their share of what all bodies may hold, however many clients send
//! at the same time and however slowly.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::problem::Problem;
use crate::transport::memory::{Memory, Share};

/// Bytes of one post.
pub const POST_BYTES: usize = 32 << 20;
/// A post waits so long for memory, all its waits together; then the caller is asked to come back.
const MEMORY_WAIT: Duration = Duration::from_secs(5);
/// A body may pause so long between two pieces.
const PAUSE: Duration = Duration::from_secs(30);

/// Takes bodies of posts.
#[derive(Clone)]
pub struct Intake {
    memory: Memory,
    wait: Duration,
    pause: Duration,
}

/// A body, and its share of the memory for as long as it is held.
pub struct Held {
    /// Its bytes.
    pub bytes: Bytes,
    _share: Share,
}

impl Intake {
    /// Into this memory.
    pub fn new(memory: Memory) -> Self {
        Self { memory, wait: MEMORY_WAIT, pause: PAUSE }
    }

    /// Reads a body. Memory is taken as the bytes arrive: a length that was only promised takes none.
    pub async fn read(&self, mut body: Body) -> Result<Held, Problem> {
        let (mut bytes, mut share) = (Vec::new(), self.memory.share());
        let mut patience = self.wait;
        while let Some(frame) = tokio::time::timeout(self.pause, body.frame())
            .await
            .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body paused for too long: send it again"))?
        {
            let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
            let Ok(piece) = frame.into_data() else { continue };
            let length = bytes.len() + piece.len();
            if length > POST_BYTES {
                return Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("a post holds at most {POST_BYTES} bytes: split the records over several"),
                ));
            }
            if !share.try_grow(length) {
                let asked = Instant::now();
                if tokio::time::timeout(patience, share.grow(length)).await.is_err() {
                    return Err(Problem::busy("too many posts are under way"));
                }
                patience = patience.saturating_sub(asked.elapsed());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Held { bytes: bytes.into(), _share: share })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: Vec<usize>) -> Body {
        Body::from_stream(futures::stream::iter(pieces.into_iter().map(|length| Ok::<_, std::io::Error>(vec![b' '; length]))))
    }

    #[tokio::test]
    async fn a_body_takes_as_much_as_it_has_and_gives_it_back() {
        let memory = Memory::new();
        let intake = Intake::new(memory.clone());
        let free = memory.free_bytes();
        let held = intake.read(body(vec![1, 4096, 4096])).await.ok().unwrap();
        assert_eq!((held.bytes.len(), free - memory.free_bytes()), (8193, 3 * 4096));
        drop(held);
        assert_eq!(memory.free_bytes(), free);
        assert!(intake.read(body(vec![POST_BYTES])).await.is_ok());
        assert!(intake.read(body(vec![POST_BYTES, 1])).await.is_err());
        assert!(intake.read(body(vec![])).await.is_ok_and(|held| held.bytes.is_empty()));
        assert_eq!(memory.free_bytes(), free);
    }

    #[tokio::test]
    async fn whoever_finds_no_memory_is_asked_to_come_back() {
        let moment = Duration::from_millis(1);
        let memory = Memory::new();
        let intake = Intake { memory: memory.clone(), wait: moment, pause: moment };
        let mut all = memory.share();
        assert!(all.try_grow(memory.free_bytes()));
        assert!(intake.read(body(vec![1])).await.is_err());
        drop(all);
        assert!(intake.read(body(vec![1])).await.is_ok());
        // Nobody sends for ever.
        assert!(intake.read(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())).await.is_err());
    }
}
