//! How long to wait before trying again.

use std::time::Duration;

/// Doubling delays with jitter, between a first and a longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row (from 1): the doubled delay, shortened by up to a half according to
    /// `entropy`, so that many who failed together do not come back together.
    pub fn delay(self, failures: u32, entropy: u64) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(self.longest);
        let half = u64::try_from(doubled.as_micros() / 2).unwrap_or(u64::MAX);
        doubled - Duration::from_micros(if half == 0 { 0 } else { entropy % half })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(300) };

    #[test]
    fn delays_double_up_to_the_longest() {
        let delays: Vec<u64> = (1..=10).map(|n| BACKOFF.delay(n, 0).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(BACKOFF.delay(u32::MAX, 0).as_secs(), 300);
    }

    proptest::proptest! {
        #[test]
        fn jitter_takes_at_most_half(failures in 1u32..40, entropy: u64) {
            let (whole, jittered) = (BACKOFF.delay(failures, 0), BACKOFF.delay(failures, entropy));
            proptest::prop_assert!(jittered <= whole && jittered >= whole / 2);
        }
    }
}
