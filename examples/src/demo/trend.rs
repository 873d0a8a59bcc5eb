//! How fast a counter grows: its rate of late, and a picture of the last while.

use std::collections::VecDeque;
use std::time::Duration;

/// A bar of the picture covers so long.
const BAR: Duration = Duration::from_secs(1);
/// The rate is that of the last while, so long.
const WINDOW: Duration = Duration::from_secs(4);
/// Bars that are kept.
const BARS: usize = 40;

/// A counter, watched.
#[derive(Debug, Clone, Default)]
pub struct Trend {
    samples: VecDeque<(Duration, u64)>,
    bars: VecDeque<u64>,
    bar: u64,
}

impl Trend {
    /// Takes the counter's value at a moment, which must not lie before the last one.
    pub fn see(&mut self, at: Duration, value: u64) {
        let last = self.samples.back().copied();
        self.samples.push_back((at, value));
        while self.samples.len() > 2 && self.samples[1].0 + WINDOW <= at {
            self.samples.pop_front();
        }
        let grown = last.map_or(0, |(_, before)| value.saturating_sub(before));
        let bar = (at.as_secs_f64() / BAR.as_secs_f64()) as u64;
        // Bars in which nobody looked are empty.
        while self.bars.is_empty() || self.bar < bar {
            if self.bars.is_empty() {
                self.bar = bar;
            } else {
                self.bar += 1;
            }
            self.bars.push_back(0);
            if self.bars.len() > BARS {
                self.bars.pop_front();
            }
        }
        if let Some(last) = self.bars.back_mut() {
            *last += grown;
        }
    }

    /// Growth a second.
    pub fn rate(&self) -> f64 {
        match (self.samples.front(), self.samples.back()) {
            (Some((from, first)), Some((to, last))) if to > from => last.saturating_sub(*first) as f64 / (*to - *from).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// Growth in the last while that is kept, so that what comes in bursts does not come and go.
    pub fn lately(&self) -> u64 {
        self.bars.iter().sum()
    }

    /// The last bars that are over, newest right, the tallest of those shown full.
    pub fn picture(&self, columns: usize) -> String {
        const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let over: Vec<u64> = self.bars.iter().rev().skip(1).take(columns).rev().copied().collect();
        let tallest = over.iter().copied().max().unwrap_or_default().max(1);
        let bar = |value: &u64| HEIGHTS[(value * 8).div_ceil(tallest) as usize];
        let bars: String = over.iter().map(bar).collect();
        " ".repeat(columns.saturating_sub(over.len())) + &bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(values: &[(u64, u64)]) -> Trend {
        let mut trend = Trend::default();
        for (millis, value) in values {
            trend.see(Duration::from_millis(*millis), *value);
        }
        trend
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        assert_eq!(trend(&[]).rate(), 0.0);
        assert_eq!(trend(&[(0, 50)]).rate(), 0.0);
        assert_eq!(trend(&[(0, 50), (2000, 90)]).rate(), 20.0);
        assert_eq!(trend(&[(0, 0), (10_000, 1000), (12_000, 1000), (14_000, 1000)]).rate(), 0.0);
    }

    #[test]
    fn the_picture_shows_growth_and_rest() {
        let values = [(100, 1000), (600, 1008), (1200, 1008), (2100, 1009), (4000, 1013), (5000, 1013)];
        assert_eq!(trend(&values).picture(6), " █ ▁ ▄");
        assert_eq!(trend(&values).picture(2), " █");
        assert_eq!(trend(&[]).picture(3), "   ");
        assert_eq!((trend(&values).lately(), trend(&[]).lately()), (13, 0));
    }
}
