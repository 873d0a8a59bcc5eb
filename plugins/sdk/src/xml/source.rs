use std::io::{self, BufRead, Read};

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What lies under the tokenizer: it counts bytes, hands out no more of them for one piece of markup than it was told, and knows the
/// document's first bytes.
pub(super) struct Source<R> {
    inner: R,
    /// The first bytes, read ahead to tell the encoding.
    head: [u8; 6],
    /// Those of them that are still to be read.
    ahead: std::ops::Range<usize>,
    /// Bytes consumed, from the start of the document.
    pub(super) offset: u64,
    /// Bytes that may still be consumed: whoever reads beyond gets an error.
    pub(super) budget: u64,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: [0; 6], ahead: 0..0, offset: 0, budget: u64::MAX }
    }

    pub(super) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Whether nothing but a byte order mark is before `offset`.
    pub(super) fn is_beginning(&self, offset: u64) -> bool {
        let mark = if self.head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        offset == mark as u64
    }

    /// Looks at the first bytes: a byte order mark of UTF-8 is skipped, another encoding is named.
    pub(super) fn begin(&mut self) -> io::Result<Result<(), String>> {
        while self.ahead.end < self.head.len() {
            match self.inner.read(&mut self.head[self.ahead.end..]) {
                Ok(0) => break,
                Ok(count) => self.ahead.end += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
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
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Ok(()))
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
