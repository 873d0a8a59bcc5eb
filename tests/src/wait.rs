//! Waiting for what can only be seen by looking.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// Nothing in a trial takes longer than this on a slow machine, unless it never happens.
pub const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see. Panics with `what` when patience ends.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    until_within(PATIENCE, what, look).await
}

/// As [`until`], with a patience of its own for what takes longer.
pub async fn until_within<T, F: Future<Output = Option<T>>>(patience: Duration, what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", patience.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
