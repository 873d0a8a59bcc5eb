//! The simulated systems' time: local time of Vietnam, in steps of five minutes.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset};

/// Local time, UTC+7 all year.
pub type LocalTime = DateTime<FixedOffset>;

/// Stations measure and report once in so many seconds (circular 10/2021/TT-BTNMT: every five minutes).
pub const STEP_SECONDS: i64 = 300;

/// The local time of a step, counted from 1970-01-01T00:00:00Z in steps of five minutes.
pub fn at_step(step: i64) -> LocalTime {
    at_seconds(step.saturating_mul(STEP_SECONDS))
}

/// The local time so many seconds after 1970-01-01T00:00:00Z.
pub fn at_seconds(unix_seconds: i64) -> LocalTime {
    DateTime::from_timestamp(unix_seconds, 0).unwrap_or_default().with_timezone(&zone())
}

/// Seconds since 1970-01-01T00:00:00Z, by this machine's clock: for systems that must name the time they are asked at.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

/// The last step that is over at `unix_seconds`.
pub fn step_at(unix_seconds: i64) -> i64 {
    unix_seconds.div_euclid(STEP_SECONDS)
}

/// `yyyyMMddHHmmss`, as file names and lines carry it.
pub fn digits(at: &LocalTime) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

fn zone() -> FixedOffset {
    // Seven hours are within a day; the fallback can not be reached.
    FixedOffset::east_opt(7 * 3600).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_five_minutes_of_vietnamese_time() {
        // 2026-11-23T02:44:59Z
        let step = step_at(1_795_401_899);
        assert_eq!(digits(&at_step(step)), "20261123094000");
        assert_eq!(digits(&at_step(step + 1)), "20261123094500");
        assert_eq!(at_step(step).to_rfc3339(), "2026-11-23T09:40:00+07:00");
    }
}
