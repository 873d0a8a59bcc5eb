//! A row's fields, without their quotation marks.

/// Taken apart, one after the other in one buffer.
#[derive(Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where each ends in it.
    ends: Vec<usize>,
}

impl Fields {
    /// Takes a row apart, by the grammar that found its end: a quotation mark counts at the beginning of a field, and of two within
    /// quotation marks one is meant.
    pub(super) fn split(&mut self, row: &[u8], delimiter: u8) {
        self.bytes.clear();
        self.ends.clear();
        let mut rest = row;
        loop {
            if let Some(mut quoted) = rest.strip_prefix(b"\"") {
                loop {
                    let end = memchr::memchr(b'"', quoted).unwrap_or(quoted.len());
                    self.bytes.extend_from_slice(&quoted[..end]);
                    quoted = quoted.get(end + 1..).unwrap_or_default();
                    let Some(behind) = quoted.strip_prefix(b"\"") else { break };
                    self.bytes.push(b'"');
                    quoted = behind;
                }
                rest = quoted;
            }
            // Behind quotation marks are blanks alone.
            let end = memchr::memchr(delimiter, rest).unwrap_or(rest.len());
            self.bytes.extend_from_slice(&rest[..end]);
            self.ends.push(self.bytes.len());
            match rest.get(end + 1..) {
                Some(behind) => rest = behind,
                None => return,
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The one at a place; empty where there is none.
    pub(super) fn get(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(place).copied());
        range.and_then(|(start, end)| self.bytes.get(start..end)).unwrap_or_default()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count()).map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_stands_between_delimiters_and_marks() {
        let table: [(&str, &[&str]); 8] = [
            ("", &[""]),
            ("a,b", &["a", "b"]),
            (",", &["", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"a\"\"\" ,\"\",\"\"\"\"", &["say \"a\" ", "", "\""]),
            ("5\" pipe,a\"\"b", &["5\" pipe", "a\"\"b"]),
            ("\u{feff}\"a\",\"b\nc\"", &["\u{feff}\"a\"", "b\nc"]),
            ("x,\"", &["x", ""]),
        ];
        let mut fields = Fields::default();
        for (row, expected) in table {
            fields.split(row.as_bytes(), b',');
            assert_eq!(fields.iter().collect::<Vec<_>>(), expected.iter().map(|field| field.as_bytes()).collect::<Vec<_>>(), "{row}");
            assert_eq!(fields.get(fields.count()), b"");
        }
    }
}
