//! Bytes to a tape, with limits: the only parser on the hot path.
//!
//! Refused here: more than [`DecodeLimits::max_bytes`], deeper than [`DecodeLimits::max_depth`], duplicate keys,
//! integers beyond i64, numbers beyond f64, anything that is not exactly one JSON object (RFC 8259, UTF-8).

use crate::record::Violation;

/// What a record may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of one record.
    pub max_bytes: usize,
    /// Levels of arrays and objects, the record itself being the first.
    pub max_depth: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_depth: 64 }
    }
}

/// A reusable parser. One for each task that ingests; it keeps its buffers between records.
pub struct Decoder {
    limits: DecodeLimits,
}

impl Decoder {
    /// A parser with these limits.
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits }
    }

    /// Parses one record. The tape borrows this decoder and lives until the next call.
    pub fn decode(&mut self, _bytes: &[u8]) -> Result<(), Violation> {
        let _ = self.limits;
        unimplemented!()
    }
}
