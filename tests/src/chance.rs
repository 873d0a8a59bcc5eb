//! Random numbers that a printed seed brings back.

/// splitmix64.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the variable LIENTHONG_SEED, else one of the moment; printed either way.
    pub fn from_environment(what: &str) -> (Self, u64) {
        let seed = match std::env::var("LIENTHONG_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("LIENTHONG_SEED must be a whole number, not `{text}`")),
            Err(_) => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64),
        };
        println!("{what}: LIENTHONG_SEED={seed}");
        (Self(seed), seed)
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit` less 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }
}
