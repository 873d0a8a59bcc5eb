//! JSON values one at a time, from a body that need not fit into memory. Only where a value ends is found here; whether it is JSON is
//! for whoever parses it.

use std::io::BufRead;

use lienthong_sdk::Failure;

/// Reads values, and the marks between them.
pub(crate) struct Values<R> {
    input: R,
    offset: u64,
}

/// How much of a value was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Whole,
    /// It is longer than allowed: only its beginning.
    Beginning,
}

/// What the end of a value depends on.
enum Inside {
    Containers(u64),
    Text { depth: u64, escaped: bool },
    Scalar,
}

impl<R: BufRead> Values<R> {
    /// From a reader that stands at `offset` of the body.
    pub(crate) fn new(input: R, offset: u64) -> Self {
        Self { input, offset }
    }

    /// How many bytes of the body were passed.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next byte that is no white space; it stays where it is.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            let block = self.input.fill_buf()?;
            let Some(at) = block.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r')) else {
                match block.len() {
                    0 => return Ok(None),
                    blank => self.pass(blank),
                }
                continue;
            };
            let found = block[at];
            self.pass(at);
            return Ok(Some(found));
        }
    }

    /// Passes one of these marks, and tells which.
    pub(crate) fn mark(&mut self, expected: &[u8]) -> Result<u8, Failure> {
        match self.peek()? {
            Some(found) if expected.contains(&found) => {
                self.pass(1);
                Ok(found)
            }
            found => {
                let expected: Vec<String> = expected.iter().map(|mark| format!("`{}`", char::from(*mark))).collect();
                Err(self.broken(found, &expected.join(" or ")))
            }
        }
    }

    /// Passes these bytes if they are next.
    pub(crate) fn skip(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        // The first block of a body holds its first bytes: nothing longer is asked for.
        let there = self.input.fill_buf()?.starts_with(bytes);
        if there {
            self.pass(bytes.len());
        }
        Ok(there)
    }

    /// Passes one value and keeps up to `max` bytes of it.
    pub(crate) fn value(&mut self, max: usize, kept: &mut Vec<u8>) -> Result<Kept, Failure> {
        kept.clear();
        let first = self.peek()?;
        let mut inside = match first {
            Some(b'{' | b'[' | b'"') => Inside::Containers(0),
            Some(b',' | b':' | b'}' | b']') | None => return Err(self.broken(first, "a value")),
            Some(_) => Inside::Scalar,
        };
        let mut size = 0u64;
        loop {
            let block = self.input.fill_buf()?;
            if block.is_empty() {
                return match inside {
                    Inside::Scalar => Ok(whole(size, max)),
                    _ => {
                        Err(Failure::InvalidInput(format!("the body ends at byte {} in the middle of a value: send it whole", self.offset)))
                    }
                };
            }
            let (used, ended) = inside.pass(block);
            let room = max.saturating_sub(kept.len()).min(used);
            kept.extend_from_slice(&block[..room]);
            size += used as u64;
            self.pass(used);
            if ended {
                return Ok(whole(size, max));
            }
        }
    }

    /// An error that says what stands here instead of what belongs here.
    pub(crate) fn broken(&self, found: Option<u8>, expected: &str) -> Failure {
        let found = match found {
            None => "nothing more".to_owned(),
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(byte)),
            Some(byte) => format!("byte 0x{byte:02x}"),
        };
        Failure::InvalidInput(format!("the body is no JSON at byte {}: {found} where {expected} belongs", self.offset))
    }

    fn pass(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.offset += bytes as u64;
    }
}

fn whole(size: u64, max: usize) -> Kept {
    if size <= max as u64 { Kept::Whole } else { Kept::Beginning }
}

impl Inside {
    /// How many bytes of the block belong to the value, and whether it ends with them.
    fn pass(&mut self, block: &[u8]) -> (usize, bool) {
        for (at, byte) in block.iter().enumerate() {
            match self {
                Self::Containers(depth) => match byte {
                    b'"' => *self = Self::Text { depth: *depth, escaped: false },
                    b'{' | b'[' => *depth += 1,
                    // It began with an opening one, so there is one to close.
                    b'}' | b']' => {
                        *depth -= 1;
                        if *depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                },
                Self::Text { escaped: escaped @ true, .. } => *escaped = false,
                Self::Text { depth, escaped } => match byte {
                    b'\\' => *escaped = true,
                    b'"' if *depth == 0 => return (at + 1, true),
                    b'"' => *self = Self::Containers(*depth),
                    _ => {}
                },
                Self::Scalar if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') => return (at, true),
                Self::Scalar => {}
            }
        }
        (block.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The first value, read in blocks of every size.
    fn first(text: &str, max: usize) -> Result<(String, Kept, u64), String> {
        let mut results = (1..=text.len() + 1).map(|block| {
            let mut values = Values::new(BufReader::with_capacity(block, text.as_bytes()), 0);
            let mut kept = Vec::new();
            let how = values.value(max, &mut kept).map_err(|e| e.to_string())?;
            Ok((String::from_utf8(kept).unwrap(), how, values.offset()))
        });
        let result = results.next().unwrap();
        assert!(results.all(|other| other == result), "{text}");
        result
    }

    #[test]
    fn a_value_ends_where_it_ends_whatever_the_blocks() {
        for (text, value) in [
            (r#" {"a":[1,{"b":"}]\"\\"}]} ,"#, r#"{"a":[1,{"b":"}]\"\\"}]}"#),
            (r#""a\"b\\" x"#, r#""a\"b\\""#),
            ("-1.5e3]", "-1.5e3"),
            ("null", "null"),
            ("[]", "[]"),
            ("[{]]", "[{]]"),
        ] {
            let start = text.len() - text.trim_start().len();
            assert_eq!(first(text, 100), Ok((value.to_owned(), Kept::Whole, (start + value.len()) as u64)), "{text}");
            assert_eq!(first(text, value.len()).unwrap().1, Kept::Whole, "{text}");
            let shorter = first(text, value.len() - 1).unwrap();
            assert_eq!((shorter.0.as_str(), shorter.1), (&value[..value.len() - 1], Kept::Beginning), "{text}");
        }
        for broken in ["", "  ", ",", "]", "{", r#"{"a":1"#, r#"["\"]"#, r#""a\""#] {
            assert!(first(broken, 100).is_err(), "{broken}");
        }
    }
}
