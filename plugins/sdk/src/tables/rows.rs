//! From a stream of comma-separated values to rows, with a bound on what one row may hold.

use std::cell::Cell;
use std::io::{self, Chain, Cursor, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::Column;
use crate::{Call, Failure, Stopped};

/// A quotation mark that is never closed would make one row of a whole file.
const MAX_ROW_BYTES: usize = 1 << 20;

/// How far the CSV reader reads ahead.
const BUFFER_BYTES: usize = 64 << 10;

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
    record: &'r ByteRecord,
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
        let bytes = self.record.get(place).unwrap_or_default().trim_ascii();
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
    csv: csv::Reader<Bounded<R>>,
    /// Bytes read since the last row was complete.
    since_row: Rc<Cell<usize>>,
    header: Vec<String>,
    /// The row read last.
    record: ByteRecord,
}

impl<R: Read> Rows<R> {
    /// Reads the header. `file` is how the rows' places are named.
    ///
    /// # Errors
    /// When the file is empty, not UTF-8, or ends its lines in a way that is not read.
    pub fn open(file: &str, mut reader: R, format: Format) -> Result<Self, Failure> {
        let mut start = Vec::with_capacity(3);
        reader.by_ref().take(3).read_to_end(&mut start).map_err(|e| failure(file, csv::Error::from(e)))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Failure::InvalidInput(format!("{file} is UTF-16: save it as UTF-8")));
        }
        if start == b"\xef\xbb\xbf" {
            start.clear();
        }
        let since_row = Rc::new(Cell::new(0));
        let bounded = Bounded { inner: Cursor::new(start).chain(reader), since_row: Rc::clone(&since_row), last: b'\n' };
        // The reader's own trimming would allocate for every row; fields are trimmed where they are read. So is the CR of a CRLF: were
        // it part of the terminator, the line that a row is on would come out one too small.
        let csv = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(format.delimiter)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(bounded);
        let mut rows = Self { file: file.to_owned(), format, csv, since_row, header: Vec::new(), record: ByteRecord::new() };
        if !rows.advance()? {
            return Err(Failure::InvalidInput(format!("{file} is empty: its first line must name its columns")));
        }
        rows.take_header()?;
        Ok(rows)
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
            if !self.advance()? {
                return Ok(false);
            }
            self.take_header()?;
        }
        Ok(false)
    }

    /// Makes the row read last the header.
    fn take_header(&mut self) -> Result<(), Failure> {
        if self.record.iter().any(|field| field.trim_ascii().windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')) {
            return Err(Failure::InvalidInput(format!("the lines of {} end in CR alone: save it with LF or CRLF", self.file)));
        }
        self.header = self.record.iter().map(|field| String::from_utf8_lossy(field.trim_ascii()).into_owned()).collect();
        Ok(())
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
    /// All that it lacks, by name.
    pub fn require(&self, columns: &[Column], required: &[&str]) -> Result<(), Failure> {
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
    /// When the file cannot be read, or a row is too long to be one.
    pub fn next<'r>(&'r mut self, places: &'r [Option<usize>]) -> Result<Option<Row<'r>>, Failure> {
        Ok(self.advance()?.then_some(Row { record: &self.record, places }))
    }

    fn advance(&mut self) -> Result<bool, Failure> {
        self.since_row.set(0);
        self.csv.read_byte_record(&mut self.record).map_err(|e| failure(&self.file, e))
    }

    /// Gives each row that is not blank to `each`, which emits what it holds. Rows with a wrong number of fields, and those that
    /// `each` finds bad, are rejected for `port` with their file and line. Gives back how many were good.
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
        let (mut good, mut bad) = (0u64, 0u64);
        while self.advance()? {
            if good + bad >= MAX_ROWS {
                return Err(Failure::InvalidInput(format!("{} has more than {MAX_ROWS} rows", self.file)));
            }
            if self.record.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            let read = if self.record.len() == self.header.len() {
                each(call, Row { record: &self.record, places: &places })
            } else {
                Err(Bad::Row(format!("{} fields where the header has {}", self.record.len(), self.header.len())))
            };
            match read {
                Ok(()) => good += 1,
                Err(Bad::Stopped(stopped)) => return Err(stopped.into()),
                Err(Bad::Row(reason)) => {
                    bad += 1;
                    let at = format!("{} line {}", self.file, self.line());
                    call.reject(port, &self.as_csv(), &reason, Some(&at))?;
                    if good == 0 && bad >= HOPELESS_AFTER_ROWS {
                        return Err(Failure::InvalidInput(format!("{}: the first {bad} rows are all bad, the first: {reason}", self.file)));
                    }
                }
            }
        }
        Ok(good)
    }

    /// The line that the row read last begins on. Counted from its end, for the blank lines before it belong to no row; but a
    /// quotation mark that is never closed takes the end with it.
    fn line(&self) -> u64 {
        let breaks_within = self.record.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
        let counted = self.csv.position().line().saturating_sub(1 + breaks_within);
        self.record.position().map_or(counted, |start| counted.max(start.line()))
    }

    /// The row read last, for quarantine: its fields are what came, the quotation marks and spaces around them are written anew.
    fn as_csv(&self) -> Vec<u8> {
        let row = &self.record;
        let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(self.format.delimiter).from_writer(Vec::new());
        let fields = row.iter().enumerate().map(|(at, field)| match at + 1 == row.len() {
            true => field.strip_suffix(b"\r").unwrap_or(field),
            false => field,
        });
        let written = writer.write_record(fields).is_ok();
        let mut line = writer.into_inner().ok().filter(|_| written).unwrap_or_default();
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        line
    }
}

fn failure(file: &str, error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::ResourceBusy => e.into(),
        csv::ErrorKind::Io(e) => Failure::InvalidInput(format!("{file}: {e}")),
        other => Failure::InvalidInput(format!("{file}: {other:?}")),
    }
}

/// Ends a row that has no end in an error, and the last line in a line feed, so that lines can be counted.
struct Bounded<R> {
    inner: Chain<Cursor<Vec<u8>>, R>,
    since_row: Rc<Cell<usize>>,
    last: u8,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since_row.get() > MAX_ROW_BYTES {
            return Err(io::Error::other(format!(
                "a row has more than {MAX_ROW_BYTES} bytes: look for a quotation mark that is never closed"
            )));
        }
        let mut count = self.inner.read(out)?;
        if count == 0
            && self.last != b'\n'
            && let Some(first) = out.first_mut()
        {
            *first = b'\n';
            count = 1;
        }
        self.last = count.checked_sub(1).and_then(|at| out.get(at)).copied().unwrap_or(self.last);
        self.since_row.set(self.since_row.get() + count);
        Ok(count)
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
    fn a_quotation_mark_that_is_never_closed_does_not_shift_the_line() {
        let (rejects, good) = read(b"a,b\n1,x\n\"x,1\n2,y\n");
        assert_eq!((rejects.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), good), (vec!["t.csv line 3"], 1));
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
