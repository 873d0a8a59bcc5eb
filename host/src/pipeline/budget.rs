//! What a connector may use in a day, and when the next day begins.

use std::time::Duration;

use lienthong_core::city::Budget;
use lienthong_core::time::Timestamp;
use serde::Serialize;

use crate::store::Tally;

/// The city's day begins so many hours before UTC's: Vietnam is at +07:00 and knows no daylight saving. So do its grants' days.
const HOURS_AHEAD: i64 = 7;

/// What was used of a day's budget. Each is null where it has no bound.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Used {
    /// Calls, those under way among them.
    pub calls: Option<CallsUsed>,
    /// Time in the plugin's code.
    pub cpu: Option<CpuUsed>,
    /// Bytes that its HTTP sent and brought.
    pub egress: Option<EgressUsed>,
    /// When the next day begins.
    #[schema(value_type = String, format = DateTime)]
    pub resets_at: Timestamp,
}

impl Used {
    /// The most used part of it, by what it may be.
    pub fn share(&self) -> f64 {
        let calls = self.calls.map(|calls| calls.used as f64 / calls.of as f64);
        let cpu = self.cpu.map(|cpu| cpu.used_s / cpu.of_s);
        let egress = self.egress.map(|egress| egress.used_bytes as f64 / egress.of_bytes as f64);
        [calls, cpu, egress].into_iter().flatten().fold(0.0, f64::max)
    }
}

/// Calls of a day.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct CallsUsed {
    /// So far.
    pub used: u64,
    /// At most.
    pub of: u64,
}

/// Processor time of a day.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct CpuUsed {
    /// So far, seconds.
    pub used_s: f64,
    /// At most, seconds.
    pub of_s: f64,
}

/// Bytes of a day.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct EgressUsed {
    /// So far.
    pub used_bytes: u64,
    /// At most.
    pub of_bytes: u64,
}

/// The first hour of a moment's day, in hours since 1970-01-01T00:00:00Z.
pub(super) fn first_hour(hour: i64) -> i64 {
    (hour + HOURS_AHEAD).div_euclid(24) * 24 - HOURS_AHEAD
}

/// When a day that began with this hour is over.
pub(super) fn next_day(first_hour: i64) -> Timestamp {
    Timestamp::from_micros((first_hour + 24) * 3_600_000_000)
}

/// Which part of the budget is used up: its key, what was used, and of how much. What is under way counts as calls already; what it
/// costs is known when it ends, so processor time and bytes may go beyond by what a few calls may use.
pub(super) fn spent(budget: &Budget, today: &Tally, under_way: u64) -> Option<(&'static str, String)> {
    let Budget { calls, cpu, egress_bytes } = *budget;
    let calls_used = today.calls + under_way;
    if let Some(calls) = calls.filter(|calls| calls_used >= *calls) {
        return Some(("calls", format!("{calls_used} calls of {calls}")));
    }
    if let Some(cpu) = cpu.filter(|cpu| Duration::from_micros(today.cpu_us) >= *cpu) {
        return Some(("cpu", format!("{:.1} s of processor time of {:.1} s", micros(today.cpu_us), cpu.as_secs_f64())));
    }
    egress_bytes
        .filter(|bytes| today.egress_bytes >= *bytes)
        .map(|bytes| ("egress", format!("{} bytes by HTTP of {bytes}", today.egress_bytes)))
}

/// How much of it is used; none where nothing is bounded.
pub(super) fn used(budget: &Budget, today: &Tally, under_way: u64, resets_at: Timestamp) -> Option<Used> {
    let Budget { calls, cpu, egress_bytes } = *budget;
    (*budget != Budget::default()).then(|| Used {
        calls: calls.map(|of| CallsUsed { used: today.calls + under_way, of }),
        cpu: cpu.map(|of| CpuUsed { used_s: micros(today.cpu_us), of_s: of.as_secs_f64() }),
        egress: egress_bytes.map(|of_bytes| EgressUsed { used_bytes: today.egress_bytes, of_bytes }),
        resets_at,
    })
}

pub(super) fn micros(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hour_of;

    #[test]
    fn a_day_is_that_of_vietnam() {
        for (moment, begins, ends) in [
            ("2026-11-24T10:30:00+07:00", "2026-11-24T00:00:00+07:00", "2026-11-25T00:00:00+07:00"),
            ("2026-11-24T00:00:00+07:00", "2026-11-24T00:00:00+07:00", "2026-11-25T00:00:00+07:00"),
            ("2026-11-23T23:59:59+07:00", "2026-11-23T00:00:00+07:00", "2026-11-24T00:00:00+07:00"),
            ("1969-12-31T23:00:00+07:00", "1969-12-31T00:00:00+07:00", "1970-01-01T00:00:00+07:00"),
        ] {
            let parse = |text: &str| Timestamp::parse(text).unwrap();
            let first = first_hour(hour_of(parse(moment)));
            assert_eq!((first, next_day(first)), (hour_of(parse(begins)), parse(ends)), "{moment}");
        }
    }

    #[test]
    fn the_first_part_that_is_used_up_is_named_with_its_key() {
        let budget = Budget { calls: Some(10), cpu: Some(Duration::from_secs(2)), egress_bytes: Some(1_024) };
        let today = |calls, cpu_us, egress_bytes| Tally { calls, cpu_us, egress_bytes, ..Tally::default() };
        assert_eq!(spent(&budget, &today(8, 1_999_999, 1_023), 1), None);
        assert_eq!(spent(&budget, &today(8, 0, 0), 2), Some(("calls", "10 calls of 10".into())));
        assert_eq!(spent(&budget, &today(0, 2_500_000, 0), 0), Some(("cpu", "2.5 s of processor time of 2.0 s".into())));
        assert_eq!(spent(&budget, &today(0, 0, 2_000), 0), Some(("egress", "2000 bytes by HTTP of 1024".into())));
        assert_eq!(spent(&Budget::default(), &today(u64::MAX / 2, u64::MAX, u64::MAX), 1), None);
    }
}
