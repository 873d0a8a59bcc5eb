use std::io::{self, BufRead, Read};

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// So many bytes tell the encoding, and a second byte order mark.
const ENCODING_BYTES: usize = 6;

/// The most that is looked at before it is taken.
const AHEAD_BYTES: usize = 9;

/// What lies under the tokenizer: it counts bytes, hands out no more of them for one piece of markup than it was told, and can look at the
/// next few, wherever the blocks of `inner` end.
pub(super) struct Source<R> {
    inner: R,
    /// Bytes that were read ahead.
    head: [u8; AHEAD_BYTES],
    /// Those of them that are still to be read.
    ahead: std::ops::Range<usize>,
    /// Whether the document begins with a byte order mark.
    marked: bool,
    /// Bytes consumed, from the start of the document.
    pub(super) offset: u64,
    /// Bytes that may still be consumed: whoever reads beyond gets an error.
    pub(super) budget: u64,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: [0; AHEAD_BYTES], ahead: 0..0, marked: false, offset: 0, budget: u64::MAX }
    }

    pub(super) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Whether nothing but a byte order mark is before `offset`.
    pub(super) fn is_beginning(&self, offset: u64) -> bool {
        let mark = if self.marked { BYTE_ORDER_MARK.len() } else { 0 };
        offset == mark as u64
    }

    /// Looks at the first bytes: a byte order mark of UTF-8 is skipped, another encoding is named.
    pub(super) fn begin(&mut self) -> io::Result<Result<(), String>> {
        self.look_ahead(ENCODING_BYTES)?;
        let head = &self.head[self.ahead.clone()];
        let other = match head {
            [0, 0, 0xfe, 0xff, ..] | [0xff, 0xfe, 0, 0, ..] | [0, 0, 0, b'<', ..] | [b'<', 0, 0, 0, ..] => Some("UTF-32"),
            [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..] => Some("UTF-16"),
            [0x4c, 0x6f, 0xa7, 0x94, ..] => Some("EBCDIC"),
            _ => None,
        };
        if let Some(other) = other {
            return Ok(Err(not_utf8(other)));
        }
        if head.starts_with(BYTE_ORDER_MARK) {
            // The tokenizer would take a second one as well, and count neither.
            if head[BYTE_ORDER_MARK.len()..].starts_with(BYTE_ORDER_MARK) {
                return Ok(Err("the document begins with two byte order marks: send one or none".to_owned()));
            }
            self.marked = true;
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Ok(()))
    }

    /// Whether these bytes, at most [`AHEAD_BYTES`] of them, are the next.
    pub(super) fn is_next(&mut self, expected: &[u8]) -> io::Result<bool> {
        // More is asked for only where it may make a difference.
        let known = self.peek()?;
        if known.len() < expected.len() && expected.starts_with(known) {
            self.look_ahead(expected.len())?;
        }
        Ok(self.peek()?.starts_with(expected))
    }

    /// The next bytes, without limit.
    fn peek(&mut self) -> io::Result<&[u8]> {
        match self.ahead.is_empty() {
            true => loop {
                match self.inner.fill_buf() {
                    Ok(_) => break self.inner.fill_buf(),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            },
            false => Ok(&self.head[self.ahead.clone()]),
        }
    }

    /// Reads ahead until so many bytes are known, at most [`AHEAD_BYTES`], or to the end.
    fn look_ahead(&mut self, count: usize) -> io::Result<()> {
        self.head.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        while self.ahead.end < count {
            match self.inner.read(&mut self.head[self.ahead.end..count]) {
                Ok(0) => break,
                Ok(count) => self.ahead.end += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

pub(super) fn not_utf8(encoding: &str) -> String {
    format!("the document is in {encoding}: send it in UTF-8")
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.budget == 0 {
            return Err(io::Error::other("too long"));
        }
        let available = match self.ahead.is_empty() {
            true => self.inner.fill_buf()?,
            false => &self.head[self.ahead.clone()],
        };
        Ok(&available[..available.len().min(usize::try_from(self.budget).unwrap_or(usize::MAX))])
    }

    fn consume(&mut self, amount: usize) {
        self.offset += amount as u64;
        self.budget = self.budget.saturating_sub(amount as u64);
        match self.ahead.is_empty() {
            true => self.inner.consume(amount),
            false => self.ahead.start += amount,
        }
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
