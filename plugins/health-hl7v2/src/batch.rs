//! A body in pieces: messages one after another, and the segments of a batch around them (HL7 v2 section 2.10.3).

use std::io::{self, BufRead};

use crate::er7::is_segment_end;

/// The longest message that is read: with its records it still fits into the sandbox.
pub(crate) const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// FHS: a file begins.
    FileHeader(Vec<u8>),
    /// BHS: a batch begins.
    BatchHeader(Vec<u8>),
    /// A message, from its MSH to before the next. Of one that is longer than [`MAX_MESSAGE_BYTES`] only the beginning.
    Message { bytes: Vec<u8>, cut: bool },
    /// BTS: a batch ends.
    BatchTrailer(Vec<u8>),
    /// FTS: a file ends.
    FileTrailer(Vec<u8>),
    /// A line that belongs to no message.
    Stray(Vec<u8>),
}

/// Reads a body piece by piece.
pub(crate) struct Pieces<R> {
    body: R,
    /// The line that ended the last message.
    ahead: Option<Vec<u8>>,
    begun: bool,
}

/// What a line is, by its first characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    FileHeader,
    BatchHeader,
    Message,
    BatchTrailer,
    FileTrailer,
    Other,
}

impl Line {
    fn of(line: &[u8]) -> Self {
        let ends = line.get(3).is_none_or(|b| !b.is_ascii_alphanumeric());
        match line.get(..3) {
            Some(b"MSH") if ends && line.len() > 3 => Self::Message,
            Some(b"FHS") if ends => Self::FileHeader,
            Some(b"BHS") if ends => Self::BatchHeader,
            Some(b"BTS") if ends => Self::BatchTrailer,
            Some(b"FTS") if ends => Self::FileTrailer,
            _ => Self::Other,
        }
    }
}

impl<R: BufRead> Pieces<R> {
    pub(crate) fn new(body: R) -> Self {
        Self { body, ahead: None, begun: false }
    }

    /// The next piece; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece>> {
        let Some(line) = self.line_with_something()? else { return Ok(None) };
        Ok(Some(match Line::of(&line) {
            Line::Message => return self.message(line).map(Some),
            Line::FileHeader => Piece::FileHeader(line),
            Line::BatchHeader => Piece::BatchHeader(line),
            Line::BatchTrailer => Piece::BatchTrailer(line),
            Line::FileTrailer => Piece::FileTrailer(line),
            Line::Other => Piece::Stray(line),
        }))
    }

    fn message(&mut self, mut bytes: Vec<u8>) -> io::Result<Piece> {
        let mut cut = bytes.len() > MAX_MESSAGE_BYTES;
        let mut line = Vec::new();
        while self.line(&mut line)? {
            if Line::of(&line) != Line::Other {
                self.ahead = Some(line);
                break;
            }
            if bytes.len() + line.len() > MAX_MESSAGE_BYTES {
                cut = true;
            } else if !cut {
                bytes.append(&mut line);
            }
        }
        bytes.truncate(MAX_MESSAGE_BYTES);
        Ok(Piece::Message { bytes, cut })
    }

    fn line_with_something(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        while self.line(&mut line)? {
            if !self.begun {
                if line.starts_with(b"\xef\xbb\xbf") {
                    line.drain(..3);
                }
                let blank = line.iter().take_while(|b| b.is_ascii_whitespace()).count();
                line.drain(..blank);
            }
            if !line.iter().all(|b| b.is_ascii_whitespace() || is_segment_end(*b)) {
                self.begun = true;
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// The next line with what ends it; false at the end. Of one that is too long, one byte more than a message may have.
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let mut any = false;
        loop {
            let block = self.body.fill_buf()?;
            if block.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = block.iter().position(|b| is_segment_end(*b));
            let used = end.map_or(block.len(), |at| at + 1);
            let room = (MAX_MESSAGE_BYTES + 1).saturating_sub(line.len());
            line.extend_from_slice(&block[..used.min(room)]);
            self.body.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(body: &[u8]) -> Vec<String> {
        let mut pieces = Pieces::new(body);
        let mut found = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            found.push(match piece {
                Piece::Message { bytes, cut } => {
                    format!("M{} {}", u8::from(cut), String::from_utf8_lossy(&bytes).trim_end().replace('\r', ","))
                }
                Piece::FileHeader(_) => "FHS".to_owned(),
                Piece::BatchHeader(_) => "BHS".to_owned(),
                Piece::BatchTrailer(_) => "BTS".to_owned(),
                Piece::FileTrailer(_) => "FTS".to_owned(),
                Piece::Stray(line) => format!("? {}", String::from_utf8_lossy(&line).trim_end()),
            });
        }
        found
    }

    #[test]
    fn a_body_is_messages_and_what_is_around_them() {
        let body = b"\xef\xbb\xbf \r\nFHS|^~\\&\rBHS|^~\\&\rMSH|1\rPID|1\rMSH|2\rBTS|2\rFTS|1\rnoise\r\rMSH|3";
        assert_eq!(pieces(body), ["FHS", "BHS", "M0 MSH|1,PID|1", "M0 MSH|2", "BTS", "FTS", "? noise", "M0 MSH|3"]);
        assert_eq!(pieces(b"\x0bMSH|1\rPID|1\r\x1c\r\x0bMSH|2\r\x1c\r").len(), 2);
        assert_eq!(pieces(b"MSHX|1"), ["? MSHX|1"]);
        assert!(pieces(b" \r\n\n").is_empty() && pieces(b"").is_empty());
    }

    #[test]
    fn a_message_without_end_is_cut_and_the_next_is_read() {
        let body = [&b"MSH|1\rOBX|"[..], &vec![b'x'; MAX_MESSAGE_BYTES], b"\rNTE|1\rMSH|2\r"].concat();
        let mut found = Pieces::new(&body[..]);
        assert_eq!(found.next().unwrap(), Some(Piece::Message { bytes: b"MSH|1\r".to_vec(), cut: true }));
        assert_eq!(found.next().unwrap(), Some(Piece::Message { bytes: b"MSH|2\r".to_vec(), cut: false }));
        assert_eq!(found.next().unwrap(), None);
    }
}
