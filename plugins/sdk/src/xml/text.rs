//! Text and CDATA sections. They go past the tokenizer, which would buffer each of them whole.

use std::io::{self, BufRead};

use super::character::{forbidden, is_space, push_lines};
use super::error::{Error, NOT_UTF8};
use super::reader::{Reader, Token, outside};

/// What begins a CDATA section.
pub(super) const CDATA: &[u8] = b"<![CDATA[";
const CDATA_END: &[u8] = b"]]>";

/// Text is taken in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

impl<R: BufRead> Reader<R> {
    /// Appends what text there is before the next markup or reference, or a piece of it.
    pub(super) fn read_text(&mut self) -> Result<bool, Error> {
        let source = self.tokens.get_mut();
        let mut to_come = false;
        loop {
            let available = match source.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.unreadable(e)),
            };
            let stop = available.iter().take(PIECE_BYTES).position(|b| matches!(b, b'<' | b'&'));
            let count = stop.unwrap_or(available.len().min(PIECE_BYTES));
            let ended = stop.is_some() || available.is_empty();
            self.raw.extend_from_slice(&available[..count]);
            source.consume(count);
            if ended {
                break;
            }
            if self.raw.len() >= PIECE_BYTES {
                to_come = true;
                break;
            }
        }
        if self.raw.is_empty() {
            return Ok(false);
        }
        let start = source.offset - self.raw.len() as u64;
        let whole = if to_come { self.raw.len() - unfinished(&self.raw) } else { self.raw.len() };
        let text = utf8(&self.raw[..whole], start)?;
        if let Some(at) = text.find("]]>") {
            return Err(Error::new(start + at as u64, "`]]>` ends no CDATA section: write `]]&gt;`"));
        }
        if !self.open.is_empty() {
            push_lines(&mut self.text, text);
            self.text_offset = start;
        } else if let Some(at) = text.bytes().position(|b| !is_space(b)) {
            return Err(Error::new(start + at as u64, outside(self.state)));
        }
        self.raw.drain(..whole);
        Ok(whole > 0)
    }

    /// Appends the text of a CDATA section, or a piece of it.
    pub(super) fn read_cdata(&mut self, section: u64) -> Result<Token, Error> {
        let source = self.tokens.get_mut();
        let mut ended = false;
        while !ended && self.raw.len() < PIECE_BYTES {
            let available = match source.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.unreadable(e)),
            };
            if available.is_empty() {
                return Err(Error::new(section, "the CDATA section that begins here is never ended"));
            }
            let stop = available.iter().take(PIECE_BYTES).position(|b| *b == b'>');
            let count = stop.map_or(available.len().min(PIECE_BYTES), |at| at + 1);
            self.raw.extend_from_slice(&available[..count]);
            source.consume(count);
            ended = stop.is_some() && self.raw.ends_with(CDATA_END);
        }
        let start = source.offset - self.raw.len() as u64;
        let whole = self.raw.len() - if ended { CDATA_END.len() } else { unfinished(&self.raw) };
        push_lines(&mut self.text, utf8(&self.raw[..whole], start)?);
        self.text_offset = start;
        if ended {
            self.cdata = None;
            self.raw.clear();
        } else {
            self.raw.drain(..whole);
        }
        Ok(Token::Text)
    }

    pub(super) fn push(&mut self, text: &str, start: u64) -> Result<Token, Error> {
        push_lines(&mut self.text, allowed(text, start)?);
        self.text_offset = start;
        Ok(Token::Text)
    }
}

/// How many bytes at the end of a piece of text wait for what follows: part of a character, of a line end, or of `]]>`.
fn unfinished(raw: &[u8]) -> usize {
    match raw {
        [.., b']', b']'] => 2,
        [.., b']' | b'\r' | 0xc0..=0xff] => 1,
        [.., 0xe0..=0xff, 0x80..0xc0] => 2,
        [.., 0xf0..=0xff, 0x80..0xc0, 0x80..0xc0] => 3,
        _ => 0,
    }
}

/// Text of the document: UTF-8, without a character that XML forbids.
fn utf8(bytes: &[u8], start: u64) -> Result<&str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error::new(start + e.valid_up_to() as u64, NOT_UTF8))?;
    allowed(text, start)
}

/// Text without a character that XML forbids.
pub(super) fn allowed(text: &str, start: u64) -> Result<&str, Error> {
    match forbidden(text) {
        Some(at) => Err(Error::new(start + at as u64, "XML allows no such control character")),
        None => Ok(text),
    }
}
