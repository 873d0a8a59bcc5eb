//! Where each channel ends, in memory, and the only wake-up there is.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use lienthong_core::id::ChannelId;
use lienthong_core::log::Position;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// A channel's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The next offset to be assigned.
    pub(super) next: Position,
    /// Bytes of all records that it ever stored.
    pub(super) bytes: u64,
    /// Behind the newest record. In an earlier epoch than `next` as long as the current one is empty, so that a reader at
    /// the end of the earlier one is not woken for nothing.
    pub(super) last: Position,
}

/// All channels' ends. Written by the writer after COMMIT, read by everyone.
#[derive(Debug, Default)]
pub(super) struct Tails {
    channels: RwLock<HashMap<ChannelId, watch::Sender<End>>>,
}

impl Tails {
    pub(super) fn set(&self, channel: &ChannelId, end: End) {
        if let Some(tail) = self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel) {
            tail.send_replace(end);
            return;
        }
        self.channels.write().unwrap_or_else(PoisonError::into_inner).entry(channel.clone()).or_insert_with(|| watch::Sender::new(end));
    }

    pub(super) fn next(&self, channel: &ChannelId) -> Option<Position> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel).map(|tail| tail.borrow().next)
    }

    /// Bytes of all records that a channel ever stored.
    pub(super) fn bytes(&self, channel: &ChannelId) -> Option<u64> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel).map(|tail| tail.borrow().bytes)
    }

    /// Waits for an end that will do, and answers it; `None` at the deadline.
    pub(super) async fn wait(&self, channel: &ChannelId, deadline: Instant, will_do: impl FnMut(&End) -> bool) -> Option<Position> {
        let tail = self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel).map(watch::Sender::subscribe);
        let Some(mut tail) = tail else {
            // Nobody can wake a reader of a channel that is not there; an answer at once would make it spin.
            tokio::time::sleep_until(deadline).await;
            return None;
        };
        match timeout_at(deadline, tail.wait_for(will_do)).await {
            Ok(Ok(end)) => Some(end.next),
            Ok(Err(_)) | Err(_) => None,
        }
    }
}
