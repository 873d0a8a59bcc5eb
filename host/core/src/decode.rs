//! Bytes to a tape, with limits: the only parser on the hot path.
//!
//! Refused here: more than [`DecodeLimits::max_bytes`], deeper than [`DecodeLimits::max_depth`], duplicate keys,
//! integers beyond i64, numbers beyond f64, anything that is not exactly one JSON object (RFC 8259, UTF-8).
//! Time grows with the length of the input whatever it holds, and nothing recurses.

use std::collections::HashSet;

use serde::de::IgnoredAny;
use simd_json::value::tape::Node as Raw;
use simd_json::{Buffers, ErrorType, INPUT_PADDING, StaticNode};

use crate::record::Violation;
use crate::tape::{Tape, escape, pointer_to, span};

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
    /// The parser unescapes strings in place, so it works on a copy, with the padding it wants.
    scratch: Vec<u8>,
    buffers: Buffers,
    spare: simd_json::Tape<'static>,
}

impl Decoder {
    /// A parser with these limits.
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits, scratch: Vec::new(), buffers: Buffers::with_max_depth(4096, limits.max_depth), spare: simd_json::Tape(Vec::new()) }
    }

    /// Parses one record, white space around it allowed. The tape borrows this decoder and lives until the next call.
    ///
    /// # Errors
    /// A violation with the keyword `decode`, the pointer where there is one, and the byte position in the message.
    pub fn decode<'d>(&'d mut self, bytes: &[u8]) -> Result<Tape<'d>, Violation> {
        if bytes.len() > self.limits.max_bytes {
            let (size, most) = (bytes.len(), self.limits.max_bytes);
            return Err(refuse(format!(
                "the record has {size} bytes, the most is {most}: split it, or keep large content elsewhere and refer to it"
            )));
        }
        not_an_object(bytes)?;

        self.scratch.clear();
        self.scratch.extend_from_slice(bytes);
        self.scratch.resize(bytes.len() + INPUT_PADDING, b' ');
        let mut tape = Tape { filled: std::mem::replace(&mut self.spare, simd_json::Tape(Vec::new())), home: &mut self.spare };
        simd_json::fill_tape_padded(&mut self.scratch, bytes.len(), &mut self.buffers, &mut tape.filled)
            .map_err(|error| malformed(&error, bytes, self.limits))?;
        let nodes = &tape.filled.0;
        for (index, node) in nodes.iter().enumerate() {
            match node {
                Raw::Object { len, .. } if *len > 1 => no_duplicate_key(nodes, index, *len)?,
                Raw::Static(StaticNode::U64(number)) if *number > i64::MAX as u64 => {
                    return Err(Violation {
                        pointer: pointer_to(nodes, index),
                        keyword: "decode".into(),
                        message: beyond_i64(position_of_integer(bytes, *number)),
                    });
                }
                _ => {}
            }
        }
        Ok(tape)
    }
}

fn refuse(message: String) -> Violation {
    Violation { pointer: String::new(), keyword: "decode".into(), message }
}

fn beyond_i64(position: Option<usize>) -> String {
    let at = position.map(|p| format!(" at byte {p}")).unwrap_or_default();
    format!("the integer{at} lies beyond 64 bits with sign: send it as a string")
}

/// Only used once a number is known to be too large; its digits are unlike any other's, so the first match is it.
fn position_of_integer(bytes: &[u8], number: u64) -> Option<usize> {
    let digits = number.to_string();
    bytes.windows(digits.len()).position(|window| window == digits.as_bytes())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Refuses what does not even begin like an object.
fn not_an_object(bytes: &[u8]) -> Result<(), Violation> {
    let Some(at) = bytes.iter().position(|b| !is_space(*b)) else {
        return Err(refuse("nothing here: a record is one JSON object".into()));
    };
    let found = match bytes[at] {
        b'{' => return Ok(()),
        b'[' => "an array",
        b'"' => "a string",
        b'-' | b'0'..=b'9' => "a number",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        0xEF => "a byte order mark or other text",
        _ => "something else",
    };
    Err(refuse(format!("a record is one JSON object that begins with an opening brace; found {found} at byte {at}")))
}

/// Up to this many keys are compared with each other where a filter says they may be equal; a hash set takes more.
const FEW_KEYS: usize = 64;

fn no_duplicate_key(nodes: &[Raw<'_>], object: usize, len: usize) -> Result<(), Violation> {
    let twice = if len > FEW_KEYS { twice_among_many(nodes, object, len) } else { twice_among_few(nodes, object, len) };
    let Some(key) = twice else { return Ok(()) };
    let pointer = format!("{}/{}", pointer_to(nodes, object), escape(key));
    Err(Violation { pointer, keyword: "decode".into(), message: "the key stands twice in its object".into() })
}

fn twice_among_few<'a>(nodes: &[Raw<'a>], object: usize, len: usize) -> Option<&'a str> {
    let mut filter = [0u64; 4];
    let mut at = object + 1;
    for nth in 0..len {
        let (Some(Raw::String(key)), Some(value)) = (nodes.get(at), nodes.get(at + 1)) else { break };
        let (word, bit) = filter_bit(key.as_bytes());
        if filter[word] & bit != 0 && is_among_first(nodes, object, nth, key) {
            return Some(key);
        }
        filter[word] |= bit;
        at += 1 + span(value);
    }
    None
}

#[cold]
fn twice_among_many<'a>(nodes: &[Raw<'a>], object: usize, len: usize) -> Option<&'a str> {
    let mut seen = HashSet::with_capacity(len);
    let mut at = object + 1;
    for _ in 0..len {
        let (Some(Raw::String(key)), Some(value)) = (nodes.get(at), nodes.get(at + 1)) else { break };
        if !seen.insert(*key) {
            return Some(key);
        }
        at += 1 + span(value);
    }
    None
}

fn is_among_first(nodes: &[Raw<'_>], object: usize, count: usize, key: &str) -> bool {
    let mut at = object + 1;
    for _ in 0..count {
        let (Some(Raw::String(other)), Some(value)) = (nodes.get(at), nodes.get(at + 1)) else { break };
        if *other == key {
            return true;
        }
        at += 1 + span(value);
    }
    false
}

/// One of 256 bits for a key, from its length and both its ends.
#[inline]
fn filter_bit(key: &[u8]) -> (usize, u64) {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let ends = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(head), Some(tail)) => word(head) ^ word(tail).rotate_left(29),
        _ => key.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    };
    let mixed = (ends ^ key.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed >> 62) as usize, 1 << ((mixed >> 56) & 63))
}

/// Says what is wrong with bytes that did not parse. Reads them a second time, for a position and plain words.
fn malformed(error: &simd_json::Error, bytes: &[u8], limits: DecodeLimits) -> Violation {
    let at = error.index();
    match error.error() {
        ErrorType::DepthLimitExceeded => {
            return refuse(format!("nested deeper than {} levels at byte {at}: flatten the record", limits.max_depth));
        }
        ErrorType::InvalidNumber => {
            if let Some(violation) = number_out_of_range(bytes, at) {
                return violation;
            }
        }
        _ => {}
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        return refuse(format!("invalid UTF-8 at byte {}: send UTF-8", error.valid_up_to()));
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(bytes) {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        let lines = bytes.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum::<usize>();
        return refuse(format!("no valid JSON at byte {}: {}", lines + error.column().saturating_sub(1), what.replace("EOF", "the end")));
    }
    if let Some(at) = lone_surrogate(bytes) {
        return refuse(format!("no valid JSON at byte {at}: an escaped lone surrogate, which is no character"));
    }
    let what = match error.error() {
        ErrorType::InvalidEscape | ErrorType::InvalidUnicodeEscape | ErrorType::InvalidUnicodeCodepoint => {
            "an escape that JSON does not know"
        }
        ErrorType::TrailingData => "something after the record",
        _ => "a syntax error",
    };
    refuse(format!("no valid JSON at byte {at}: {what}"))
}

/// Where a text that is well formed but for this escapes half of a surrogate pair (RFC 8259, section 8.2).
fn lone_surrogate(bytes: &[u8]) -> Option<usize> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while let Some(ahead) = bytes.get(at..)?.iter().position(|b| *b == b'\\') {
        at += ahead;
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => return Some(at),
            _ => at += 2,
        }
    }
    None
}

/// A number that is well formed and still cannot be held.
fn number_out_of_range(bytes: &[u8], near: usize) -> Option<Violation> {
    let in_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    let near = near.min(bytes.len());
    let start = near - bytes[..near].iter().rev().take_while(|b| in_number(b)).count();
    let end = near + bytes[near..].iter().take_while(|b| in_number(b)).count();
    let token = bytes.get(start..end)?;
    serde_json::from_slice::<IgnoredAny>(token).ok()?;
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    Some(refuse(if digits.iter().all(u8::is_ascii_digit) {
        beyond_i64(Some(start))
    } else {
        format!("the number at byte {start} lies beyond a 64-bit double: send it as a string")
    }))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "json_suite_tests.rs"]
mod suite_tests;
