//! Where the rows of a file begin and end (RFC 4180): their bytes as they came, and the line they begin on.

use std::io::{self, Read};
use std::ops::Range;

/// What a row may hold, and how far a quotation mark that is never closed is followed.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

/// So much is read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// What stands next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A row, over several lines where its quotation marks are.
    Row,
    /// A line whose quotation marks are wrong, and why. The next row begins on the next line.
    Broken(&'static str),
    /// Nothing.
    End,
}

/// Finds rows.
pub(super) struct Lines<R> {
    reader: R,
    delimiter: u8,
    /// What was read and is not passed over yet.
    held: Vec<u8>,
    /// How many bytes stood before that.
    passed: u64,
    at_end: bool,
    /// The row found last, in `held`.
    row: Range<usize>,
    /// The line it begins on, and how many it has.
    line: u64,
    lines: u64,
    /// A quotation mark that is open at a line end up to here, counted from the file's start, is never closed: it was looked.
    never_closed: u64,
}

const NEVER_CLOSED: &str = "a quotation mark is opened and never closed";
const MISPLACED: &str = "something stands behind a closing quotation mark: write a quotation mark within quotation marks twice, and look for one that is never closed";

impl<R: Read> Lines<R> {
    /// At the start of a file.
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self { reader, delimiter, held: Vec::new(), passed: 0, at_end: false, row: 0..0, line: 0, lines: 1, never_closed: 0 }
    }

    /// The line that the row found last begins on, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The row found last as it came, without its line end.
    pub(super) fn row(&self) -> &[u8] {
        without_end(&self.held[self.row.clone()])
    }

    /// Finds the next row that holds anything but white space.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        loop {
            let found = self.next_row()?;
            if found == Found::End || !self.row().iter().all(u8::is_ascii_whitespace) {
                return Ok(found);
            }
        }
    }

    fn next_row(&mut self) -> io::Result<Found> {
        (self.row, self.line, self.lines) = (self.row.end..self.row.end, self.line + self.lines, 1);
        if self.row.start >= BLOCK_BYTES {
            self.passed += self.row.start as u64;
            self.held.drain(..self.row.start);
            self.row = 0..0;
        }
        let Some(first) = self.line_end(self.row.end)? else {
            return Ok(Found::End);
        };
        // What stays the row where a mark that it opens is never closed.
        self.row.end = first;
        match marks(self.row(), false, self.delimiter) {
            Marks::Closed => return Ok(Found::Row),
            Marks::Misplaced => return Ok(Found::Broken(MISPLACED)),
            Marks::Open if self.offset(first) <= self.never_closed => return Ok(Found::Broken(NEVER_CLOSED)),
            Marks::Open => {}
        }
        let (mut open_until, mut lines) = (first, 1);
        let why = loop {
            let end = self.line_end(open_until)?.filter(|end| end - self.row.start <= MAX_ROW_BYTES);
            let Some(end) = end else { break NEVER_CLOSED };
            lines += 1;
            match marks(without_end(&self.held[open_until..end]), true, self.delimiter) {
                Marks::Closed => {
                    (self.row.end, self.lines) = (end, lines);
                    return Ok(Found::Row);
                }
                Marks::Misplaced => break MISPLACED,
                Marks::Open => open_until = end,
            }
        };
        self.never_closed = self.offset(open_until);
        Ok(Found::Broken(why))
    }

    /// From the file's start.
    fn offset(&self, at: usize) -> u64 {
        self.passed + at as u64
    }

    /// Where the line ends that begins at `from`; none at the end of the file.
    fn line_end(&mut self, from: usize) -> io::Result<Option<usize>> {
        let mut looked = from;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.held[looked..]) {
                return Ok(Some(looked + at + 1));
            }
            looked = self.held.len();
            if self.at_end {
                return Ok((looked > from).then_some(looked));
            }
            if looked - from > MAX_ROW_BYTES {
                return Err(io::Error::other(format!(
                    "from line {} on, a line has more than {MAX_ROW_BYTES} bytes: do lines end in CR alone?",
                    self.line
                )));
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let before = self.held.len();
        self.held.resize(before + BLOCK_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut self.held[before..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.held.truncate(before + *read.as_ref().unwrap_or(&0));
        self.at_end = read? == 0;
        Ok(())
    }
}

/// What became of the quotation marks by the end of a line.
enum Marks {
    Closed,
    Open,
    Misplaced,
}

/// Follows the quotation marks of one line, whose beginning is within some or not. They count at the beginning of a field.
fn marks(line: &[u8], mut within: bool, delimiter: u8) -> Marks {
    if !within && memchr::memchr(b'"', line).is_none() {
        return Marks::Closed;
    }
    let mut rest = line;
    loop {
        if within {
            let Some(at) = memchr::memchr(b'"', rest) else { return Marks::Open };
            rest = &rest[at + 1..];
            if let Some(doubled) = rest.strip_prefix(b"\"") {
                rest = doubled;
                continue;
            }
            let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r') && **b != delimiter).count();
            match rest[blanks..].split_first() {
                None => return Marks::Closed,
                Some((next, behind)) if *next == delimiter => (within, rest) = (false, behind),
                Some(_) => return Marks::Misplaced,
            }
        } else if let Some(quoted) = rest.strip_prefix(b"\"") {
            (within, rest) = (true, quoted);
        } else {
            let Some(at) = memchr::memchr(delimiter, rest) else { return Marks::Closed };
            rest = &rest[at + 1..];
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row with its line and, where it is broken, a mark before it.
    fn rows(text: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text, b',');
        let mut rows = Vec::new();
        loop {
            let mark = match lines.next().unwrap() {
                Found::Row => "",
                Found::Broken(_) => "!",
                Found::End => return rows,
            };
            rows.push((lines.line(), format!("{mark}{}", String::from_utf8_lossy(lines.row()))));
        }
    }

    #[test]
    fn a_row_ends_with_its_line_unless_a_quotation_mark_is_open() {
        let table: [(&str, &[(u64, &str)]); 12] = [
            ("", &[]),
            ("\n \r\n", &[]),
            ("a,b\r\n\r\nc", &[(1, "a,b"), (3, "c")]),
            ("\"a\nb\",c\nd\n", &[(1, "\"a\nb\",c"), (3, "d")]),
            ("\"a\"\"\nb\" ,\"c\"\r\nd", &[(1, "\"a\"\"\nb\" ,\"c\""), (3, "d")]),
            ("5\" pipe,a\"b\nc", &[(1, "5\" pipe,a\"b"), (2, "c")]),
            // Never closed: the line alone, and the next is a row.
            ("1,\"x\n2,y\n3,z", &[(1, "!1,\"x"), (2, "2,y"), (3, "3,z")]),
            ("1,\"x\n2,y\n3,\"z\"\n4,w", &[(1, "!1,\"x"), (2, "2,y"), (3, "3,\"z\""), (4, "4,w")]),
            ("1,\"x\n2,\"y\n", &[(1, "!1,\"x"), (2, "!2,\"y")]),
            ("a\",\"\na\",\"\na\",\"\nb", &[(1, "!a\",\""), (2, "!a\",\""), (3, "!a\",\""), (4, "b")]),
            ("\"a\"b,c\nd", &[(1, "!\"a\"b,c"), (2, "d")]),
            ("\"", &[(1, "!\"")]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(line, row)| (*line, (*row).to_owned())).collect();
            assert_eq!(rows(text.as_bytes()), expected, "{text:?}");
        }
    }

    /// Each of these lines opens a mark that the next one closes and opens again, so that each looks like the first of one long row.
    #[test]
    fn marks_that_are_never_closed_are_looked_for_once() {
        let text = b"x\",\"\n".repeat(1_000_000);
        assert_eq!(rows(&text).len(), 1_000_000);
    }

    #[test]
    fn a_line_without_end_is_an_error_and_a_long_row_is_none() {
        let mut lines = Lines::new(io::repeat(b'x'), b',');
        assert!(lines.next().unwrap_err().to_string().contains("from line 1 on"));
        let (row, rest) = ("y".repeat(MAX_ROW_BYTES - 20), "z\n".repeat(20));
        let found = rows(format!("\"{row}\n{row}\"\n{rest}").as_bytes());
        assert_eq!((found.len(), found[0].1.len(), found[2].0), (22, row.len() + 2, 3));
    }
}
