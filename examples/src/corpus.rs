//! The benchmark's records: readings of a city's sensors, about 350 bytes each, the same for the same seed.

use std::fmt::Write as _;

/// The schema that they fit (but for the spoilt ones): JSON Schema 2020-12, twelve properties.
pub const SCHEMA: &str = include_str!("../data/corpus.schema.json");

/// The seed of every published figure.
pub const SEED: u64 = 20_261_123;

/// How many records a published figure is measured on.
pub const RECORDS: usize = 100_000;

/// An endless stream of records, each one line of JSON without its line feed.
#[derive(Debug, Clone)]
pub struct Corpus {
    state: u64,
    made: u64,
    spoil_every: Option<u64>,
}

impl Corpus {
    /// Records that all fit the schema.
    pub fn valid(seed: u64) -> Self {
        Self { state: seed, made: 0, spoil_every: None }
    }

    /// The same records, one in a hundred of them spoilt in one of five ways.
    pub fn mixed(seed: u64) -> Self {
        Self { spoil_every: Some(100), ..Self::valid(seed) }
    }

    /// Records that are all spoilt.
    pub fn spoilt(seed: u64) -> Self {
        Self { spoil_every: Some(1), ..Self::valid(seed) }
    }

    /// Writes the next record at the end of `line`, without a line feed. Tells whether it fits the schema.
    pub fn write_next(&mut self, line: &mut String) -> bool {
        let nth = self.made;
        self.made += 1;
        let spoilt = self.spoil_every.is_some_and(|every| nth % every == every - 1).then(|| self.below(5));
        let (high, low) = (self.next_u64(), self.next_u64());
        let (parameter, unit) = PARAMETERS[self.below(PARAMETERS.len() as u64) as usize];
        let station = self.below(400);
        let value = match spoilt {
            Some(0) => 2_001 + self.below(1_000),
            _ => self.below(2_000),
        };
        let unit = if spoilt == Some(1) { "furlong" } else { unit };
        let id_digits = if spoilt == Some(2) { 11 } else { 12 };
        // One reading a second, from the first of November 2026 on, over thirty days.
        let second = nth % 86_400;
        let (day, hour, minute, second) = (1 + nth / 86_400 % 30, second / 3600, second / 60 % 60, second % 60);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{{\"id\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:0id_digits$x}\",\"station\":\"tram-khong-khi-{station:04}\",\"parameter\":\"{parameter}\",\
             \"value\":{value}.{:02},\"unit\":\"{unit}\",",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & ((1 << (4 * id_digits)) - 1),
            self.below(100),
        );
        if spoilt != Some(3) {
            let _ = write!(line, "\"observed_at\":\"2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}+07:00\",");
        }
        let (latitude, longitude) = (11_000_000 + self.below(900_000), 107_000_000 + self.below(999_999));
        let battery = if spoilt == Some(4) { "\"full\"".to_owned() } else { self.below(101).to_string() };
        let _ = write!(
            line,
            "\"latitude\":{}.{:06},\"longitude\":{}.{:06},\"battery\":{battery},\"quality\":{},\"online\":{},\"flags\":[",
            latitude / 1_000_000,
            latitude % 1_000_000,
            longitude / 1_000_000,
            longitude % 1_000_000,
            self.below(10),
            self.below(2) == 0,
        );
        for nth in 0..5 + self.below(3) {
            let comma = if nth == 0 { "" } else { "," };
            let _ = write!(line, "{comma}\"{}\"", FLAGS[self.below(FLAGS.len() as u64) as usize]);
        }
        line.push_str("]}");
        spoilt.is_none()
    }

    /// splitmix64: small, and the same on every machine.
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit
    }
}

impl Iterator for Corpus {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = String::with_capacity(400);
        self.write_next(&mut line);
        Some(line)
    }
}

const PARAMETERS: [(&str, &str); 8] = [
    ("pm2_5", "ug/m3"),
    ("pm10", "ug/m3"),
    ("no2", "ug/m3"),
    ("so2", "ug/m3"),
    ("co", "mg/m3"),
    ("o3", "ug/m3"),
    ("temperature", "celsius"),
    ("humidity", "percent"),
];

const FLAGS: [&str; 6] = ["calibrated", "night-mode", "low-signal", "maintenance", "solar-powered", "replaced-filter"];

#[cfg(test)]
mod tests {
    use lienthong_core::decode::{DecodeLimits, Decoder};
    use lienthong_core::id::SchemaId;
    use lienthong_core::schema::ChannelSchema;

    use super::*;

    #[test]
    fn the_schema_tells_the_spoilt_records_from_the_others() {
        let schema =
            ChannelSchema::compile(SchemaId::new("bench/readings.v1").unwrap(), serde_json::from_str(SCHEMA).unwrap(), &[]).unwrap();
        let mut decoder = Decoder::new(DecodeLimits::default());
        let (mut corpus, mut line, mut refused, mut bytes) = (Corpus::mixed(SEED), String::new(), 0, 0);
        for _ in 0..10_000 {
            line.clear();
            let fits = corpus.write_next(&mut line);
            assert_eq!(schema.validate(&mut decoder, line.as_bytes()).is_ok(), fits, "{line}");
            refused += usize::from(!fits);
            bytes += line.len();
        }
        assert_eq!(refused, 100);
        assert!((330..=370).contains(&(bytes / 10_000)), "{} bytes a record", bytes / 10_000);
        assert!(Corpus::spoilt(SEED).take(1000).all(|line| schema.validate(&mut decoder, line.as_bytes()).is_err()));
    }

    #[test]
    fn the_same_seed_gives_the_same_records() {
        assert!(Corpus::valid(7).take(100).eq(Corpus::valid(7).take(100)));
        assert!(Corpus::valid(7).take(100).ne(Corpus::valid(8).take(100)));
    }
}
