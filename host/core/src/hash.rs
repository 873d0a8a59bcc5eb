//! The SHA-256 of some bytes, by which they are found.

use std::fmt;
use std::str::FromStr;

/// A SHA-256. Its text is 64 lower-case hexadecimal digits, safe in a path and a URL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

/// A text that is no [`ContentHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written as 64 lower-case hexadecimal digits")]
pub struct InvalidHash;

impl ContentHash {
    /// Of these bytes, as SHA-256 gives them.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(InvalidHash),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(InvalidHash);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_text_of_a_hash() {
        let text = "00ff10abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123";
        let hash: ContentHash = text.parse().unwrap();
        assert_eq!((hash.to_string().as_str(), hash.bytes()[1], hash.bytes()[31]), (text, 0xff, 0x23));
        let upper = text.to_uppercase();
        let long = format!("{text}0");
        let other = format!("{}g", &text[..63]);
        let accents = format!("{}é", &text[..62]);
        for bad in ["", &text[..63], &text[..62], &long, &upper, &other, &accents, "../../../../../../../../etc/passwd"] {
            assert_eq!(bad.parse::<ContentHash>(), Err(InvalidHash), "{bad}");
        }
    }
}
