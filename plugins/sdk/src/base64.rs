//! Base64 (RFC 4648, section 4) in pieces of any size, each handed on as it is decoded.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The padding is counted here. That the bits it stands for are zero is left to the encoder.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Decodes what it is fed. White space counts for nothing.
///
/// ```
/// let mut decoder = lienthong_sdk::base64::Decoder::default();
/// let mut bytes = decoder.push(b"aGVs\n bG").unwrap().to_vec();
/// bytes.extend_from_slice(decoder.push(b"8=").unwrap());
/// bytes.extend_from_slice(decoder.finish().unwrap());
/// assert_eq!(bytes, b"hello");
/// assert_eq!(decoder.push(b"-").unwrap_err().at, 0);
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// Digits that are not decoded yet.
    digits: Vec<u8>,
    /// How many `=` there were.
    padding: usize,
    /// Digits and padding that came before.
    before: u64,
    decoded: Vec<u8>,
}

/// A byte that has no place in base 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misplaced {
    /// Where it stands in the piece, from 0.
    pub at: usize,
    /// Where it stands in the whole, white space not counted, from 1.
    pub nth: u64,
}

impl Decoder {
    /// Decodes all whole groups of four.
    ///
    /// # Errors
    /// The first byte that is out of place. What comes behind it means nothing.
    pub fn push(&mut self, piece: &[u8]) -> Result<&[u8], Misplaced> {
        for (at, byte) in piece.iter().enumerate() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if self.padding == 0 => self.digits.push(*byte),
                b'=' if matches!((self.digits.len() % 4, self.padding), (2, 0 | 1) | (3, 0)) => self.padding += 1,
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => return Err(Misplaced { at, nth: self.before + (self.digits.len() + self.padding) as u64 + 1 }),
            }
        }
        let whole = self.digits.len() - self.digits.len() % 4;
        Ok(self.decode(whole))
    }

    /// The last one or two bytes; none where it breaks off within a group of four. Padding may not be left out: its absence is how a
    /// content that was cut off is noticed.
    pub fn finish(&mut self) -> Option<&[u8]> {
        (self.digits.len() + self.padding).is_multiple_of(4).then_some(())?;
        self.finish_without_padding()
    }

    /// The last one or two bytes, where the encoder may leave out the padding; none where it breaks off within a byte.
    pub fn finish_without_padding(&mut self) -> Option<&[u8]> {
        let left = self.digits.len();
        (left != 1).then(|| self.decode(left))
    }

    fn decode(&mut self, count: usize) -> &[u8] {
        self.decoded.resize(base64::decoded_len_estimate(count), 0);
        // Digits were looked at one by one, and their number is no multiple of four plus one: there is nothing left to refuse.
        let length = ENGINE.decode_slice(&self.digits[..count], &mut self.decoded).unwrap_or(0);
        self.before += count as u64;
        self.digits.drain(..count);
        &self.decoded[..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where it is broken.
    #[derive(Debug, PartialEq, Eq)]
    enum Broken {
        Byte(usize),
        End,
    }

    fn decode(text: &str, piece: usize) -> Result<Vec<u8>, Broken> {
        let (mut decoder, mut bytes) = (Decoder::default(), Vec::new());
        for (number, part) in text.as_bytes().chunks(piece).enumerate() {
            bytes.extend_from_slice(decoder.push(part).map_err(|byte| Broken::Byte(number * piece + byte.at))?);
        }
        bytes.extend_from_slice(decoder.finish().ok_or(Broken::End)?);
        Ok(bytes)
    }

    #[test]
    fn base64_is_decoded_and_what_is_none_is_refused() {
        for (text, expected) in [
            ("", ""),
            ("aGVsbG8=", "hello"),
            ("aGVs\r\n bG8=", "hello"),
            ("aGVsbA==", "hell"),
            ("aGVsbB==", "hell"),
            (" aGVs\tbA = =\n", "hell"),
        ] {
            assert_eq!(decode(text, 100).as_deref(), Ok(expected.as_bytes()), "{text}");
        }
        for (text, expected) in [
            ("aGVs-_8=", Broken::Byte(4)),
            ("aGVs&", Broken::Byte(4)),
            ("aGVs=", Broken::Byte(4)),
            ("=", Broken::Byte(0)),
            ("aGVsbG8==", Broken::Byte(8)),
            ("aGVsbG8=a", Broken::Byte(8)),
            ("aGVsbA===", Broken::Byte(8)),
            ("ộ", Broken::Byte(0)),
            ("aGVsb", Broken::End),
            ("aGVsbG8", Broken::End),
            ("aGVsbA", Broken::End),
            ("aGVsbA=", Broken::End),
        ] {
            assert_eq!(decode(text, 100), Err(expected), "{text}");
        }
    }

    #[test]
    fn padding_may_be_left_out_where_the_reader_allows_it_and_places_are_counted_over_all_pieces() {
        for (text, expected) in
            [("aGVsbG8=", Some(&b"hello"[..])), ("aGVsbG8", Some(b"hello")), ("aGVsbA=", Some(b"hell")), ("aGVsb", None)]
        {
            let mut decoder = Decoder::default();
            let mut bytes = decoder.push(text.as_bytes()).unwrap().to_vec();
            let end = decoder.finish_without_padding().map(|end| bytes.extend_from_slice(end));
            assert_eq!(end.map(|()| bytes).as_deref(), expected, "{text}");
        }
        let mut decoder = Decoder::default();
        decoder.push(b"aG Vs b\n").unwrap();
        assert_eq!(decoder.push(b"G\n8&"), Err(Misplaced { at: 3, nth: 8 }));
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..20) {
            let text = base64::prelude::BASE64_STANDARD.encode(&bytes);
            prop_assert_eq!(decode(&text, size), Ok(bytes));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC{0,40}|[A-Za-z0-9+/= \n]{0,40}", size in 1usize..20) {
            let _ = decode(&text, size);
        }
    }
}
