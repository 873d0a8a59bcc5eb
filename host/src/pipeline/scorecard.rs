//! How well a connector serves: validity, freshness, failures and cost, over a day and a week.

use std::collections::BTreeMap;
use std::time::Duration;

use lienthong_core::time::Timestamp;
use serde::Serialize;

use super::budget::micros;
use crate::store::{Hour, Tally, hour_of};

const DAY_HOURS: i64 = 24;
const WEEK_HOURS: i64 = 7 * 24;

/// A connector's scorecard. What its calls did is kept by the hour, so a day is the hour under way and the 23 before it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Scorecard {
    /// The last 24 hours.
    pub day: Score,
    /// The last seven days.
    pub week: Score,
    /// When it last stored a record; null where it stored none in the last week.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub newest_record_at: Option<Timestamp>,
    /// So old is that record now, seconds.
    pub newest_record_age_s: Option<u64>,
    /// So old it may be, as the city's files promise by `fresh_within`, seconds.
    pub fresh_within_s: Option<u64>,
    /// Whether that holds; null where nothing is promised.
    pub fresh: Option<bool>,
}

/// What its calls did in a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Score {
    /// Calls that ended.
    pub calls: u64,
    /// Those of which nothing counts.
    pub failures: u64,
    /// Records stored.
    pub records: u64,
    /// Items that went to quarantine.
    pub rejected: u64,
    /// Records by records and rejected items; null where there was neither.
    pub validity: Option<f64>,
    /// Time in its plugin's code, seconds.
    pub cpu_s: f64,
    /// Bytes that its plugin's HTTP sent and brought.
    pub egress_bytes: u64,
}

impl From<Tally> for Score {
    fn from(tally: Tally) -> Self {
        let Tally { calls, failures, records, rejected, cpu_us, egress_bytes, newest_at: _ } = tally;
        let items = records + rejected;
        let validity = (items > 0).then(|| records as f64 / items as f64);
        Self { calls, failures, records, rejected, validity, cpu_s: micros(cpu_us), egress_bytes }
    }
}

/// A connector's hours in memory, as the store has them.
#[derive(Debug, Default)]
pub(super) struct Hours(BTreeMap<i64, Tally>);

impl Hours {
    pub(super) fn new(hours: impl IntoIterator<Item = Hour>) -> Self {
        Self(hours.into_iter().map(|hour| (hour.hour, hour.tally)).collect())
    }

    /// One more call. Hours that nothing looks at any more go.
    pub(super) fn add(&mut self, hour: i64, tally: &Tally) {
        self.0.entry(hour).or_default().add(tally);
        while self.0.len() > WEEK_HOURS as usize + 1 {
            self.0.pop_first();
        }
    }

    /// From the first hour to the second, both among them. What a clock that was set back has put behind them is left out.
    pub(super) fn sum(&self, first: i64, last: i64) -> Tally {
        let mut sum = Tally::default();
        if first <= last {
            self.0.range(first..=last).for_each(|(_, tally)| sum.add(tally));
        }
        sum
    }

    pub(super) fn scorecard(&self, fresh_within: Option<Duration>, now: Timestamp) -> Scorecard {
        let hour = hour_of(now);
        let [day, week] = [DAY_HOURS, WEEK_HOURS].map(|hours| self.sum(hour - hours + 1, hour));
        let age_us = week.newest_at.map(|at| u64::try_from(now.micros() - at.micros()).unwrap_or(0));
        Scorecard {
            day: day.into(),
            week: week.into(),
            newest_record_at: week.newest_at,
            newest_record_age_s: age_us.map(|us| us / 1_000_000),
            fresh_within_s: fresh_within.map(|time| time.as_secs()),
            fresh: fresh_within.map(|time| age_us.is_some_and(|us| Duration::from_micros(us) <= time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * HOUR_US)
    }

    #[test]
    fn a_day_and_a_week_are_told_apart_and_older_hours_are_gone() {
        let tally = |hour, records, rejected| Tally {
            calls: 1,
            failures: u64::from(records == 0),
            records,
            rejected,
            cpu_us: 500_000,
            egress_bytes: 10,
            newest_at: (records > 0).then(|| at(hour)),
        };
        let mut hours = Hours::new([Hour { hour: 1_000, tally: tally(1_000, 99, 0) }]);
        for hour in [1_100, 1_177, 1_200] {
            hours.add(hour, &tally(hour, 3, 1));
        }
        hours.add(1_200, &tally(1_200, 0, 0));
        let card = hours.scorecard(Some(Duration::from_secs(7_200)), at(1_200).plus_micros(HOUR_US - 1));
        assert_eq!((card.day.calls, card.day.failures, card.day.records, card.day.rejected), (3, 1, 6, 2));
        assert_eq!((card.day.validity, card.day.cpu_s, card.day.egress_bytes), (Some(0.75), 1.5, 30));
        assert_eq!((card.week.calls, card.week.records), (4, 9));
        assert_eq!((card.newest_record_at, card.newest_record_age_s, card.fresh), (Some(at(1_200)), Some(3_599), Some(true)));
        let card = hours.scorecard(Some(Duration::from_secs(7_200)), at(1_203));
        assert_eq!((card.fresh, card.newest_record_age_s), (Some(false), Some(10_800)));
        // A day later nothing is of that day; a fortnight later there is none of the week either.
        assert_eq!((hours.scorecard(None, at(1_224)).day.validity, hours.scorecard(None, at(1_224)).fresh), (None, None));
        let card = hours.scorecard(Some(Duration::from_secs(60)), at(2_000));
        assert_eq!((card.week.calls, card.newest_record_at, card.fresh), (0, None, Some(false)));
        for hour in 2_000..3_000 {
            hours.add(hour, &tally(hour, 1, 0));
        }
        assert_eq!(hours.0.len(), 169);
    }
}
