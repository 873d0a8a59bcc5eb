//! What time it is, as a timestamp of the log. What stores or decides by time takes `now` as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use lienthong_core::time::Timestamp;

/// Now, by the machine's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
