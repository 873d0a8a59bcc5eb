//! Bodies of posts on their way into memory: they take their share of what all bodies may hold, however many clients send
//! at the same time and however slowly.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use lienthong_core::id::AgencyId;
use tokio::time::Instant;

use super::pieces::{Pace, Pieces};
use super::problem::Problem;
use crate::transport::memory::{Memory, Share};

/// Bytes of one post, unpacked.
pub const POST_BYTES: usize = 32 << 20;
/// A post that is read takes so many times its length: itself, the records that fit, and their block.
const COPIES: usize = 3;
/// A post waits so long for memory, all its waits together; then the caller is asked to come back.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// Takes bodies of posts.
#[derive(Clone)]
pub struct Intake {
    memory: Memory,
    wait: Duration,
    pace: Pace,
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
        Self { memory, wait: MEMORY_WAIT, pace: Pace::default() }
    }

    /// Reads an agency's body. Memory is taken as the bytes arrive: a length that was only promised takes none.
    pub async fn read(&self, agency: &AgencyId, headers: &HeaderMap, body: Body) -> Result<Held, Problem> {
        let mut pieces = Pieces::new(headers, body, self.pace)?;
        if pieces.declared() > POST_BYTES as u64 {
            return Err(too_long());
        }
        let (mut bytes, mut share, mut patience) = (Vec::new(), self.memory.share(agency.clone()), self.wait);
        while let Some(piece) = pieces.next().await? {
            let length = bytes.len() + piece.len();
            if length > POST_BYTES {
                return Err(too_long());
            }
            grow(&mut share, length, &mut patience).await?;
            bytes.extend_from_slice(&piece);
        }
        grow(&mut share, bytes.len() * COPIES, &mut patience).await?;
        Ok(Held { bytes: bytes.into(), _share: share })
    }
}

async fn grow(share: &mut Share, length: usize, patience: &mut Duration) -> Result<(), Problem> {
    if share.try_grow(length) {
        return Ok(());
    }
    let asked = Instant::now();
    if tokio::time::timeout(*patience, share.grow(length)).await.is_err() {
        return Err(Problem::busy("too many posts of this agency are under way"));
    }
    *patience = patience.saturating_sub(asked.elapsed());
    Ok(())
}

fn too_long() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a post holds at most {POST_BYTES} bytes: split the records over several"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::memory::BYTES;

    fn body(pieces: Vec<usize>) -> Body {
        Body::from_stream(futures::stream::iter(pieces.into_iter().map(|length| Ok::<_, std::io::Error>(vec![b' '; length]))))
    }

    fn agency(id: &str) -> AgencyId {
        AgencyId::new(id).unwrap()
    }

    #[tokio::test]
    async fn a_body_takes_as_much_as_it_needs_and_gives_it_back() {
        let memory = Memory::new(BYTES);
        let intake = Intake::new(memory.clone());
        let read = async |pieces| intake.read(&agency("one"), &HeaderMap::new(), body(pieces)).await;
        let held = read(vec![1, 4096, 4096]).await.ok().unwrap();
        assert_eq!((held.bytes.len(), BYTES - memory.free()), (8193, 3 * 8193));
        drop(held);
        assert_eq!(memory.free(), BYTES);
        assert!(read(vec![POST_BYTES]).await.is_ok());
        assert!(read(vec![POST_BYTES, 1]).await.is_err());
        assert!(read(vec![]).await.is_ok_and(|held| held.bytes.is_empty()));
        assert_eq!(memory.free(), BYTES);
    }

    #[tokio::test]
    async fn whoever_finds_no_memory_is_asked_to_come_back_and_others_find_some() {
        let memory = Memory::new(600);
        let moment = Duration::from_millis(1);
        let intake = Intake { memory: memory.clone(), wait: moment, pace: Pace { pause: moment, whole: moment } };
        let read = async |id: &str, length| intake.read(&agency(id), &HeaderMap::new(), body(vec![length])).await;
        let held = read("one", 100).await.ok().unwrap();
        assert!(read("one", 1).await.is_err());
        assert!(read("two", 50).await.is_ok());
        drop(held);
        assert!(read("one", 1).await.is_ok());
        // Nobody sends for ever.
        let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        assert!(intake.read(&agency("one"), &HeaderMap::new(), endless).await.is_err());
    }
}
