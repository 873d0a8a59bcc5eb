//! The breaker: after so many failures in a row a connector is not called any more, but for one call after a while that shall
//! show whether all is well again. The while grows with each such call that failed.

use std::time::{Duration, Instant};

use lienthong_core::retry::Backoff;
use lienthong_core::time::Timestamp;

/// So many failures in a row open it.
pub(super) const FAILURES: u32 = 10;

/// Until the call that is let through.
const PAUSES: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_secs(600) };

/// Closed at first.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

/// Why nothing is called, and until when.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// Since when.
    pub(super) since: Timestamp,
    /// Failures in a row.
    pub(super) failures: u32,
    /// What the last of them said.
    pub(super) why: String,
    /// When a call is let through.
    pub(super) next: Instant,
    /// It is under way.
    trying: bool,
    opened: u32,
}

impl Breaker {
    /// Why a call would not be let through now.
    pub(super) fn stands_against(&self, now: Instant) -> Option<&Open> {
        self.open.as_ref().filter(|open| open.trying || now < open.next)
    }

    /// A call begins that nothing stood against. Answers whether it is the one that is let through an open breaker.
    pub(super) fn enter(&mut self) -> bool {
        match &mut self.open {
            Some(open) => {
                open.trying = true;
                true
            }
            None => false,
        }
    }

    /// A call went well: all is well again. Answers whether it was open.
    pub(super) fn worked(&mut self) -> bool {
        self.failures = 0;
        self.open.take().is_some()
    }

    /// A call failed. What began before it opened says nothing new. Answers whether it is open now and was not.
    pub(super) fn failed(&mut self, trial: bool, why: &str, (now, at): (Instant, Timestamp), entropy: u64) -> bool {
        match &mut self.open {
            Some(open) if trial => {
                self.failures = self.failures.saturating_add(1);
                let opened = open.opened.saturating_add(1);
                let next = now + PAUSES.delay(opened, entropy);
                *open = Open { since: open.since, failures: self.failures, why: why.to_owned(), next, trying: false, opened };
                false
            }
            Some(_) => false,
            None => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < FAILURES {
                    return false;
                }
                let next = now + PAUSES.delay(1, entropy);
                self.open = Some(Open { since: at, failures: self.failures, why: why.to_owned(), next, trying: false, opened: 1 });
                true
            }
        }
    }

    /// The call that was let through ended and showed nothing: another may try.
    pub(super) fn undecided(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(7);

    #[test]
    fn it_opens_after_failures_in_a_row_lets_one_through_and_closes_on_success() {
        let (mut breaker, begun) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert!(!breaker.failed(false, "no", (begun, AT), 0));
            }
            assert!(!breaker.worked(), "it was never open");
        }
        for nth in 1..=FAILURES {
            assert!(breaker.stands_against(begun).is_none() && !breaker.enter());
            assert_eq!(breaker.failed(false, "no", (begun, AT), 0), nth == FAILURES);
        }
        let open = breaker.stands_against(begun).unwrap();
        assert_eq!((open.since, open.failures, open.why.as_str(), open.next), (AT, FAILURES, "no", begun + Duration::from_secs(5)));
        // What was under way when it opened says nothing more.
        assert!(!breaker.failed(false, "late", (begun, AT), 0));
        assert_eq!(breaker.stands_against(begun).unwrap().why, "no");

        // One call after five seconds, and after each that fails twice as long, up to ten minutes.
        let mut now = begun;
        for pause in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(breaker.stands_against(now + Duration::from_millis(pause * 1_000 - 1)).is_some());
            now += Duration::from_secs(pause);
            assert!(breaker.stands_against(now).is_none() && breaker.enter());
            assert!(breaker.stands_against(now).is_some(), "one alone");
            assert!(!breaker.failed(true, "still", (now, Timestamp::from_micros(9)), 0));
        }
        let open = breaker.stands_against(now).unwrap();
        assert_eq!((open.since, open.failures, open.why.as_str()), (AT, FAILURES + 9, "still"));

        now += Duration::from_secs(600);
        assert!(breaker.enter());
        breaker.undecided();
        assert!(breaker.stands_against(now).is_none() && breaker.enter());
        assert!(breaker.worked() && breaker.stands_against(now).is_none() && !breaker.enter());
        assert!(!breaker.failed(false, "no", (now, AT), 0), "it counts from the start again");
    }
}
