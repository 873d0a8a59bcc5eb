use std::fmt;
use std::io::{self, BufRead};

use super::source::BYTE_ORDER_MARK;

/// Where in a document, as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The place of a byte, found by reading `document` from its start up to it: what goes well need not count lines. A line ends with a line feed, a
/// carriage return, or both. An offset beyond the end is the end.
pub fn place(document: &mut impl BufRead, offset: u64) -> io::Result<Place> {
    let (mut line, mut column, mut at) = (1, 1, 0u64);
    let mut after_return = false;
    while at < offset {
        let available = match document.fill_buf() {
            Ok(available) => available,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if available.is_empty() {
            break;
        }
        let part = &available[..available.len().min(usize::try_from(offset - at).unwrap_or(usize::MAX))];
        for (index, byte) in part.iter().enumerate() {
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => (line, column) = (line + 1, 1),
                // A byte within a character.
                0x80..=0xbf => {}
                // What no editor shows.
                _ if at + (index as u64) == 0 && *byte == BYTE_ORDER_MARK[0] => {}
                _ => column += 1,
            }
            after_return = *byte == b'\r';
        }
        let read = part.len();
        at += read as u64;
        document.consume(read);
    }
    Ok(Place { line, column })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_and_columns_are_those_of_an_editor() {
        let text = "\u{feff}ab\r\nộc\rđ\n\n<x>";
        for (needle, expected) in [("a", (1, 1)), ("b", (1, 2)), ("ộ", (2, 1)), ("c", (2, 2)), ("đ", (3, 1)), ("<", (5, 1)), (">", (5, 3))]
        {
            let offset = text.find(needle).unwrap() as u64;
            for capacity in [1, 2, 64] {
                let mut reader = BufReader::with_capacity(capacity, text.as_bytes());
                let Place { line, column } = place(&mut reader, offset).unwrap();
                assert_eq!((line, column), expected, "{needle}, {capacity} bytes at a time");
            }
        }
        assert_eq!(place(&mut text.as_bytes(), u64::MAX).unwrap().to_string(), "line 5, column 4");
        assert_eq!(place(&mut &b""[..], 0).unwrap().to_string(), "line 1, column 1");
    }
}
