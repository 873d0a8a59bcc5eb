//! Chance that can be had again: the same seed and place give the same numbers on every machine.

/// A stream of numbers, fixed by a seed and by what they are for (SplitMix64; Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream for one purpose, for example a station at a moment. Another `place` is another stream.
    pub fn new(seed: u64, place: &[u64]) -> Self {
        let mut stream = Self(seed);
        for part in place {
            stream.0 = stream.draw() ^ part;
        }
        Self(stream.draw())
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to just below 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double can tell apart.
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From -1 to 1, small values more often: the difference of two even draws.
    pub fn noise(&mut self) -> f64 {
        self.unit() - self.unit()
    }

    /// A whole number below `count`, which must not be 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.draw() % count as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_place_fix_the_stream() {
        let draws = |seed, place: &[u64]| {
            let mut chance = Chance::new(seed, place);
            [chance.draw(), chance.draw(), chance.draw()]
        };
        assert_eq!(draws(1, &[2, 3]), draws(1, &[2, 3]));
        assert_ne!(draws(1, &[2, 3]), draws(1, &[3, 2]));
        assert_ne!(draws(1, &[2, 3]), draws(2, &[2, 3]));
        assert_ne!(draws(1, &[]), draws(1, &[0]));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut chance = Chance::new(7, &[]);
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&chance.unit()));
            assert!((-1.0..=1.0).contains(&chance.noise()));
            assert!(chance.below(3) < 3);
        }
    }
}
