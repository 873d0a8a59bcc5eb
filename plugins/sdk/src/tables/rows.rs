//! From the rows of a file to the values in them.

use std::io::{self, Chain, Cursor, Read};

use super::Column;
use super::fields::Fields;
use super::lines::{Found, Lines};
use crate::{Call, Failure, Stopped};

/// What the longest field may have in UTF-8: what is longer is not even decoded.
const MAX_FIELD_BYTES: usize = 32 << 10;

/// The stop times of a nation's timetable have some fifty million rows.
const MAX_ROWS: u64 = 100_000_000;

/// So many bad rows without one good row: the file is not what its name says.
const HOPELESS_AFTER_ROWS: u64 = 1_000;

/// How a file of tables is written.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What stands between fields.
    pub delimiter: u8,
    /// Whether a heading of the file is the name of a column.
    pub same: fn(heading: &str, name: &str) -> bool,
}

impl Default for Format {
    /// Commas, and headings in any case (RFC 4180 has nothing to say on either).
    fn default() -> Self {
        Self { delimiter: b',', same: |heading, name| heading.eq_ignore_ascii_case(name) }
    }
}

/// Why a row became no record.
#[derive(Debug)]
pub enum Bad {
    /// What is wrong with it: it is rejected, and the rest goes on.
    Row(String),
    /// The hub takes no more.
    Stopped(Stopped),
}

impl From<String> for Bad {
    fn from(reason: String) -> Self {
        Self::Row(reason)
    }
}

impl From<Stopped> for Bad {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// One row, seen through the columns that are read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    fields: &'r Fields,
    /// For each of the columns, its place in the file, if it is there.
    places: &'r [Option<usize>],
}

impl<'r> Row<'r> {
    /// The text of the column with this number, without white space around it; empty where the file has no such column.
    ///
    /// # Errors
    /// When it is not UTF-8 or longer than any text that is read; `name` says of what.
    pub fn text(self, column: usize, name: &str) -> Result<&'r str, String> {
        self.places.get(column).copied().flatten().map_or(Ok(""), |place| self.at(place, name))
    }

    /// The text at a place of the file, likewise.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn at(self, place: usize, name: &str) -> Result<&'r str, String> {
        let bytes = self.fields.get(place).trim_ascii();
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(format!("{name} has more than {MAX_FIELD_BYTES} bytes"));
        }
        std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
    }
}

/// Rows of one file, header first.
pub struct Rows<R> {
    file: String,
    format: Format,
    lines: Lines<Chain<Cursor<Vec<u8>>, R>>,
    header: Vec<String>,
    /// Why there is none.
    broken_header: Option<String>,
    /// The row read last.
    fields: Fields,
}

impl<R: Read> Rows<R> {
    /// Reads the header. `file` is how the rows' places are named.
    ///
    /// # Errors
    /// When the file is empty, not UTF-8, or ends its lines in a way that is not read.
    pub fn open(file: &str, mut reader: R, format: Format) -> Result<Self, Failure> {
        let mut start = Vec::with_capacity(3);
        reader.by_ref().take(3).read_to_end(&mut start).map_err(|e| failure(file, e))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Failure::InvalidInput(format!("{file} is UTF-16: save it as UTF-8")));
        }
        if start == b"\xef\xbb\xbf" {
            start.clear();
        }
        let lines = Lines::new(Cursor::new(start).chain(reader), format.delimiter);
        let mut rows = Self { file: file.to_owned(), format, lines, header: Vec::new(), broken_header: None, fields: Fields::default() };
        match rows.take_header()? {
            true => Ok(rows),
            false => Err(Failure::InvalidInput(format!("{file} is empty: its first line must name its columns"))),
        }
    }

    /// Passes over a title above the header: until the header has so many of `columns`, for at most `max_rows` rows. False where
    /// there is no such row.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find_header(&mut self, columns: &[Column], at_least: usize, max_rows: u64) -> Result<bool, Failure> {
        for _ in 0..max_rows {
            if self.places(columns).iter().flatten().count() >= at_least {
                return Ok(true);
            }
            if !self.take_header()? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Makes the next row the header; false where there is none. One whose quotation marks are wrong may be a title above the header,
    /// and has no columns.
    fn take_header(&mut self) -> Result<bool, Failure> {
        self.header.clear();
        self.broken_header = None;
        match self.advance()? {
            Found::End => return Ok(false),
            Found::Broken(why) => self.broken_header = Some(format!("{}: {why}", self.place())),
            Found::Row
                if self.fields.iter().any(|field| field.trim_ascii().windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')) =>
            {
                return Err(Failure::InvalidInput(format!("the lines of {} end in CR alone: save it with LF or CRLF", self.file)));
            }
            Found::Row => self.header.extend(self.fields.iter().map(|field| String::from_utf8_lossy(field.trim_ascii()).into_owned())),
        }
        Ok(true)
    }

    /// The names of the file's columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Where each of `columns` is.
    pub fn places(&self, columns: &[Column]) -> Vec<Option<usize>> {
        let place = |column: &Column| {
            let is = |heading: &String| column.iter().any(|name| (self.format.same)(heading, name));
            self.header.iter().position(is)
        };
        columns.iter().map(place).collect()
    }

    /// Refuses the file where it lacks one of `columns` that is needed, by the column's first name.
    ///
    /// # Errors
    /// All that it lacks, by name; or that its header cannot be read.
    pub fn require(&self, columns: &[Column], required: &[&str]) -> Result<(), Failure> {
        if let Some(why) = &self.broken_header {
            return Err(Failure::InvalidInput(why.clone()));
        }
        let columns = columns.iter().zip(self.places(columns)).filter_map(|(column, place)| column.first().map(|name| (*name, place)));
        let missing = columns.filter(|(name, place)| place.is_none() && required.contains(name)).map(|(name, _)| name).collect::<Vec<_>>();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::InvalidInput(format!("{} lacks the column {}", self.file, missing.join(", "))))
    }

    /// The next row; none at the end. `places` are those of the columns that are read.
    ///
    /// # Errors
    /// When the file cannot be read, or the row's quotation marks are wrong.
    pub fn next<'r>(&'r mut self, places: &'r [Option<usize>]) -> Result<Option<Row<'r>>, Failure> {
        match self.advance()? {
            Found::Row => Ok(Some(Row { fields: &self.fields, places })),
            Found::Broken(why) => Err(Failure::InvalidInput(format!("{}: {why}", self.place()))),
            Found::End => Ok(None),
        }
    }

    fn advance(&mut self) -> Result<Found, Failure> {
        let found = self.lines.next().map_err(|e| failure(&self.file, e))?;
        if found == Found::Row {
            self.fields.split(self.lines.row(), self.format.delimiter);
        }
        Ok(found)
    }

    /// Where the row read last begins.
    fn place(&self) -> String {
        format!("{} line {}", self.file, self.lines.line())
    }

    /// Gives each row that is not blank to `each`, which emits what it holds. Rows with a wrong number of fields or quotation marks
    /// out of order, and those that `each` finds bad, are rejected for `port` as they came, with their file and line. Gives back how
    /// many were good.
    ///
    /// # Errors
    /// When the file cannot be read, nothing in it is what it should be, or the hub takes no more.
    pub fn each(
        &mut self,
        call: &mut Call<'_>,
        port: &str,
        columns: &[Column],
        mut each: impl FnMut(&mut Call<'_>, Row<'_>) -> Result<(), Bad>,
    ) -> Result<u64, Failure> {
        let places = self.places(columns);
        let (mut good, mut bad, mut first) = (0u64, 0u64, None);
        loop {
            let found = self.advance()?;
            if good + bad >= MAX_ROWS {
                return Err(Failure::InvalidInput(format!("{} has more than {MAX_ROWS} rows", self.file)));
            }
            let read = match found {
                Found::End => return Ok(good),
                Found::Broken(why) => Err(Bad::Row(why.to_owned())),
                Found::Row if self.fields.iter().all(|field| field.trim_ascii().is_empty()) => continue,
                Found::Row if self.fields.count() != self.header.len() => {
                    Err(Bad::Row(format!("{} fields where the header has {}", self.fields.count(), self.header.len())))
                }
                Found::Row => each(call, Row { fields: &self.fields, places: &places }),
            };
            match read {
                Ok(()) => good += 1,
                Err(Bad::Stopped(stopped)) => return Err(stopped.into()),
                Err(Bad::Row(reason)) => {
                    bad += 1;
                    call.reject(port, self.lines.row(), &reason, Some(&self.place()))?;
                    let first = first.get_or_insert(reason);
                    if good == 0 && bad >= HOPELESS_AFTER_ROWS {
                        return Err(Failure::InvalidInput(format!("{}: the first {bad} rows are all bad, the first: {first}", self.file)));
                    }
                }
            }
        }
    }
}

fn failure(file: &str, error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ResourceBusy => error.into(),
        _ => Failure::InvalidInput(format!("{file}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Hub;

    const COLUMNS: &[Column] = &[&["a"], &["b", "bee"]];

    /// Where rows without a number in the first column are, and how many have one.
    fn read(text: &[u8]) -> (Vec<(String, String)>, u64) {
        let mut hub = Hub::new();
        let good = hub
            .run(|call| {
                let mut rows = Rows::open("t.csv", text, Format::default())?;
                rows.each(call, "p", COLUMNS, |_, row| match row.text(0, "a")?.parse::<u32>() {
                    Ok(_) => Ok(()),
                    Err(_) => Err(Bad::Row("a is no number".to_owned())),
                })
            })
            .unwrap();
        let reject = |r: &crate::testing::Reject| (r.at.clone().unwrap(), String::from_utf8_lossy(&r.bytes).into_owned());
        (hub.rejects().iter().map(reject).collect(), good)
    }

    #[test]
    fn a_bad_row_is_named_by_the_line_it_begins_on() {
        let lines = ["a,b", "1,x", "x,1", "", "", "x,\"two", "lines\"", "x,2", " , ", "2,", "x,3"];
        let expected = [("t.csv line 3", "x,1"), ("t.csv line 6", "x,\"two\nlines\""), ("t.csv line 8", "x,2"), ("t.csv line 11", "x,3")];
        for (start, line_end, end) in [("", "\n", "\n"), ("", "\n", ""), ("\u{feff}", "\r\n", "\r\n"), ("", "\r\n", "")] {
            let (rejects, good) = read(format!("{start}{}{end}", lines.join(line_end)).as_bytes());
            let expected = expected.map(|(at, text)| (at.to_owned(), text.replace('\n', line_end)));
            assert_eq!((rejects, good), (expected.to_vec(), 2), "{line_end:?} {end:?}");
        }
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_its_row_and_no_other() {
        let (rejects, good) = read(b"a,b\n1,x\n2,\"x\r\n3,y\n\"x\" ,\"\"\"\"\n4,z");
        let expected = [("t.csv line 3", "2,\"x"), ("t.csv line 5", "\"x\" ,\"\"\"\"")].map(|(at, text)| (at.to_owned(), text.to_owned()));
        assert_eq!((rejects, good), (expected.to_vec(), 3));
    }

    #[test]
    fn fields_are_taken_apart_without_their_quotation_marks() {
        let long = "x".repeat(100);
        let text = format!("a,b\n1,\"say \"\"a\"\",\nb\"\r\n\u{feff}2,5\" pipe\n3,{long}\n");
        let (mut rows, places) = (Rows::open("t.csv", text.as_bytes(), Format::default()).unwrap(), [Some(0), Some(1), None]);
        for (first, second) in [("1", "say \"a\",\nb"), ("\u{feff}2", "5\" pipe"), ("3", &long)] {
            let row = rows.next(&places).unwrap().unwrap();
            assert_eq!([row.text(0, ""), row.text(1, ""), row.text(2, ""), row.at(9, "")], [first, second, "", ""].map(Ok));
        }
        assert!(rows.next(&places).unwrap().is_none());
    }

    #[test]
    fn headings_may_be_quoted_after_a_byte_order_mark_and_have_a_second_name() {
        let (rejects, good) = read("\u{feff}\"BEE\",\"A\"\n7,x\n".as_bytes());
        assert_eq!((rejects, good), (vec![("t.csv line 2".to_owned(), "7,x".to_owned())], 0));
    }

    #[test]
    fn what_is_no_table_is_refused_in_words() {
        let open =
            |text: &[u8]| Rows::open("t.csv", text, Format::default()).and_then(|rows| rows.require(COLUMNS, &["b", "a"])).unwrap_err();
        for (text, expected) in [
            (&b""[..], "t.csv is empty"),
            (b"\xff\xfea\0,\0b\0", "t.csv is UTF-16"),
            (b"a,b\r1,2\r", "end in CR alone"),
            (b"c,d\n", "t.csv lacks the column a, b"),
            (b"\xff\n", "t.csv lacks the column a, b"),
            (b"a,\"b\n1,2\n", "t.csv line 1: a quotation mark is opened and never closed"),
        ] {
            let Failure::InvalidInput(why) = open(text) else { panic!("{expected}") };
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn a_header_is_found_below_a_title() {
        let text = b"Title;;\n;;\nBee;a;c\n1;2;3\n";
        let mut rows = Rows::open("t.csv", &text[..], Format { delimiter: b';', ..Format::default() }).unwrap();
        assert!(rows.find_header(COLUMNS, 2, 5).unwrap());
        assert_eq!(rows.places(COLUMNS), [Some(1), Some(0)]);
        assert!(!Rows::open("t.csv", &text[..], Format::default()).unwrap().find_header(COLUMNS, 2, 5).unwrap());
    }
}
