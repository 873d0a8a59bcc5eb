//! Bodies of posts on their way into memory: all of them together never hold more than [`BODIES_BYTES`], however many
//! clients send at the same time and however slowly.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::problem::Problem;

/// Bytes of one post.
pub const POST_BYTES: usize = 32 << 20;
/// Bytes of all posts that are under way.
const BODIES_BYTES: usize = 256 << 20;
/// The unit of the shares of those bytes.
const SHARE: usize = 4 << 10;
/// A post waits so long for memory, all its waits together; then the caller is asked to come back.
const MEMORY_WAIT: Duration = Duration::from_secs(5);
/// A body may pause so long between two pieces.
const PAUSE: Duration = Duration::from_secs(30);

/// The memory for bodies.
#[derive(Clone)]
pub struct Memory {
    shares: Arc<Semaphore>,
    wait: Duration,
    pause: Duration,
}

/// A body, and its share of the memory for as long as it is held.
pub struct Held {
    /// Its bytes.
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// All of it is free.
    pub fn new() -> Self {
        Self { shares: Arc::new(Semaphore::new(BODIES_BYTES / SHARE)), wait: MEMORY_WAIT, pause: PAUSE }
    }

    /// Reads a body. Memory is taken as the bytes arrive: a length that was only promised takes none.
    pub async fn read(&self, mut body: Body) -> Result<Held, Problem> {
        let (mut bytes, mut share) = (Vec::new(), None::<OwnedSemaphorePermit>);
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
            let missing = length.div_ceil(SHARE) - share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            if missing > 0 {
                let asked = Instant::now();
                let more = tokio::time::timeout(patience, self.shares.clone().acquire_many_owned(missing as u32)).await;
                let Ok(Ok(more)) = more else { return Err(Problem::busy("too many posts are under way")) };
                patience = patience.saturating_sub(asked.elapsed());
                match &mut share {
                    Some(share) => share.merge(more),
                    None => share = Some(more),
                }
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Held { bytes: bytes.into(), _share: share })
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
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
        let free = memory.shares.available_permits();
        let held = memory.read(body(vec![1, SHARE, SHARE])).await.ok().unwrap();
        assert_eq!((held.bytes.len(), free - memory.shares.available_permits()), (2 * SHARE + 1, 3));
        drop(held);
        assert_eq!(memory.shares.available_permits(), free);
        assert!(memory.read(body(vec![POST_BYTES])).await.is_ok());
        assert!(memory.read(body(vec![POST_BYTES, 1])).await.is_err());
        assert!(memory.read(body(vec![])).await.is_ok_and(|held| held.bytes.is_empty()));
        assert_eq!(memory.shares.available_permits(), free);
    }

    #[tokio::test]
    async fn whoever_finds_no_memory_is_asked_to_come_back() {
        let moment = Duration::from_millis(1);
        let memory = Memory { wait: moment, pause: moment, ..Memory::new() };
        let all = memory.shares.clone().acquire_many_owned((BODIES_BYTES / SHARE) as u32).await.unwrap();
        assert!(memory.read(body(vec![1])).await.is_err());
        drop(all);
        assert!(memory.read(body(vec![1])).await.is_ok());
        // Nobody sends for ever.
        assert!(memory.read(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())).await.is_err());
    }
}
