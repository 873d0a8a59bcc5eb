//! What requests hold while they are under way, each with its bound: whoever finds none is asked to come back (429).
//!
//! Agencies share each of these fairly, so that none can take all. Operators have places of their own, which no agency's
//! load can take.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use lienthong_core::id::AgencyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::fair::{Pool, Share};

/// Posts that are validated and stored at the same time.
const POSTS: usize = 128;
/// Readers who wait for news at the same time.
const WAITING: usize = 4_096;
/// Bytes of answers under way: while they are made, and until they are written out.
const ANSWER_BYTES: usize = 256 << 20;
/// Operators' requests at the same time.
const OPERATORS: usize = 16;
/// Whoever finds no place waits so long for one.
const WAIT: Duration = Duration::from_secs(5);

/// The places and the memory of requests. Clones share them.
#[derive(Clone)]
pub struct Admission {
    posts: Pool<AgencyId>,
    waiting: Pool<AgencyId>,
    answers: Pool<AgencyId>,
    operators: Arc<Semaphore>,
}

impl Admission {
    /// Nothing is under way.
    pub fn new() -> Self {
        Self {
            posts: Pool::new(POSTS),
            waiting: Pool::new(WAITING),
            answers: Pool::new(ANSWER_BYTES),
            operators: Arc::new(Semaphore::new(OPERATORS)),
        }
    }

    /// A place for a post that is validated and stored.
    pub async fn post(&self, agency: &AgencyId) -> Result<Share<AgencyId>, Problem> {
        let place = tokio::time::timeout(WAIT, self.posts.take(agency.clone(), 1)).await;
        place.map_err(|_| Problem::busy("too many posts of this agency are under way"))
    }

    /// A place for somebody who waits for news.
    pub fn waiting(&self, agency: &AgencyId) -> Result<Share<AgencyId>, Problem> {
        let place = self.waiting.try_take(agency.clone(), 1);
        place.ok_or_else(|| Problem::busy("too many of this agency wait for news: ask without `wait`, or over fewer connections"))
    }

    /// Memory for an answer: between `least` and `most` bytes, as much as there is.
    pub async fn answer(&self, agency: &AgencyId, least: usize, most: usize) -> Result<(Share<AgencyId>, usize), Problem> {
        let share = tokio::time::timeout(WAIT, self.answers.take(agency.clone(), least)).await;
        let mut share = share.map_err(|_| Problem::busy("too many answers to this agency are under way: read those first"))?;
        let got = if share.try_grow(most) { most } else { least };
        Ok((share, got))
    }

    /// A place for an operator.
    pub async fn operator(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = tokio::time::timeout(WAIT, Arc::clone(&self.operators).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| Problem::busy("too many operators' requests are under way"))
    }
}

/// An answer, and its share of the memory until the last byte of it was handed to the connection.
pub fn held(bytes: Vec<u8>, mut share: Share<AgencyId>) -> Bytes {
    struct Held {
        bytes: Vec<u8>,
        _share: Share<AgencyId>,
    }
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    share.shrink(bytes.capacity());
    Bytes::from_owner(Held { bytes, _share: share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_holds_its_memory_until_it_is_gone() {
        let admission = Admission::new();
        let agency = AgencyId::new("one").unwrap();
        let (share, got) = admission.answer(&agency, 1 << 20, 8 << 20).await.unwrap();
        assert_eq!(got, 8 << 20);
        let mut answer = held(vec![7; 1000], share);
        assert_eq!(admission.answers.free(), ANSWER_BYTES - 1000);
        let rest = answer.split_off(400);
        drop(answer);
        assert_eq!(admission.answers.free(), ANSWER_BYTES - 1000);
        drop(rest);
        assert_eq!(admission.answers.free(), ANSWER_BYTES);
        // Where memory is short, answers are shorter; another agency still gets a whole one.
        let _held = admission.answer(&agency, 127 << 20, 127 << 20).await.unwrap();
        assert_eq!(admission.answer(&agency, 1 << 20, 8 << 20).await.unwrap().1, 1 << 20);
        assert_eq!(admission.answer(&AgencyId::new("two").unwrap(), 1 << 20, 8 << 20).await.unwrap().1, 8 << 20);
    }

    #[tokio::test]
    async fn one_agency_leaves_places_to_others_and_operators_have_their_own() {
        let admission = Admission::new();
        let (one, two) = (AgencyId::new("one").unwrap(), AgencyId::new("two").unwrap());
        let mut held = Vec::new();
        while let Some(place) = admission.posts.try_take(one.clone(), 1) {
            held.push(place);
        }
        assert_eq!(held.len(), POSTS / 2);
        assert!(admission.post(&two).await.is_ok());
        let operators: Vec<_> = futures::future::join_all((0..OPERATORS).map(|_| admission.operator())).await;
        assert!(operators.iter().all(Result::is_ok) && admission.operators.available_permits() == 0);
    }
}
