//! Memory for what is under way: all bodies together never hold more than [`BYTES`], however many senders there are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of all bodies that are under way.
pub const BYTES: usize = 256 << 20;
/// The unit of the shares of those bytes.
const UNIT: usize = 4 << 10;

/// All of it. Clones share it.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Semaphore>);

/// What one body holds of it, given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    held: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// All of it is free.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(BYTES / UNIT)))
    }

    /// A share of nothing yet.
    pub fn share(&self) -> Share {
        Share { memory: self.clone(), held: None }
    }

    /// Bytes that nobody holds.
    pub fn free_bytes(&self) -> usize {
        self.0.available_permits() * UNIT
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Share {
    /// Grows to hold `bytes`; waits until so much is free.
    pub async fn grow(&mut self, bytes: usize) {
        let missing = self.missing(bytes);
        // The semaphore is never closed.
        if missing > 0
            && let Ok(more) = Arc::clone(&self.memory.0).acquire_many_owned(missing).await
        {
            self.add(more);
        }
    }

    /// Grows to hold `bytes` if so much is free at once.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let missing = self.missing(bytes);
        if missing == 0 {
            return true;
        }
        Arc::clone(&self.memory.0).try_acquire_many_owned(missing).map(|more| self.add(more)).is_ok()
    }

    /// Gives everything back.
    pub fn release(&mut self) {
        self.held = None;
    }

    fn missing(&self, bytes: usize) -> u32 {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(bytes.div_ceil(UNIT).saturating_sub(held)).unwrap_or(u32::MAX)
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
    }
}
