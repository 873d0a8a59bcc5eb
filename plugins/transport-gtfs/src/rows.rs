//! From a CSV stream to rows, with a bound on what one row may hold.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};
use lienthong_sdk::Failure;

/// A quotation mark that is never closed would make one row of a whole file.
const MAX_ROW_BYTES: usize = 1 << 20;

/// How far the CSV reader reads ahead.
const BUFFER_BYTES: usize = 64 << 10;

/// Rows of one file, header first.
pub(crate) struct Rows<R> {
    file: &'static str,
    csv: csv::Reader<Bounded<R>>,
    /// Bytes read since the last row was complete.
    since_row: Rc<Cell<usize>>,
    header: ByteRecord,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub(crate) fn open(file: &'static str, reader: R) -> Result<Self, Failure> {
        let since_row = Rc::new(Cell::new(0));
        let bounded = Bounded { inner: reader, since_row: Rc::clone(&since_row) };
        // The reader's own trimming would allocate for every row; fields are trimmed where they are read.
        let mut csv = ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(bounded);
        let mut header = ByteRecord::new();
        let any = csv.read_byte_record(&mut header).map_err(|e| failure(file, e))?;
        if !any {
            return Err(Failure::InvalidInput(format!("{file} is empty: its first line must name its columns")));
        }
        Ok(Self { file, csv, since_row, header })
    }

    /// Where each of `columns` is.
    pub(crate) fn places(&self, columns: &[&str]) -> Vec<Option<usize>> {
        let is = |field: &[u8], name: &str| {
            field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field).trim_ascii().eq_ignore_ascii_case(name.as_bytes())
        };
        columns.iter().map(|name| self.header.iter().position(|field| is(field, name))).collect()
    }

    /// How many columns the header names.
    pub(crate) fn width(&self) -> usize {
        self.header.len()
    }

    /// The next row; none at the end.
    pub(crate) fn next(&mut self, row: &mut ByteRecord) -> Result<bool, Failure> {
        self.since_row.set(0);
        self.csv.read_byte_record(row).map_err(|e| failure(self.file, e))
    }
}

/// A row as CSV again, for quarantine.
pub(crate) fn as_csv(row: &ByteRecord) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let written = writer.write_byte_record(row).is_ok();
    let mut line = writer.into_inner().ok().filter(|_| written).unwrap_or_default();
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line
}

fn failure(file: &str, error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::ResourceBusy => e.into(),
        csv::ErrorKind::Io(e) => Failure::InvalidInput(format!("{file}: {e}")),
        other => Failure::InvalidInput(format!("{file}: {other:?}")),
    }
}

struct Bounded<R> {
    inner: R,
    since_row: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since_row.get() > MAX_ROW_BYTES {
            return Err(io::Error::other(format!(
                "a row has more than {MAX_ROW_BYTES} bytes: look for a quotation mark that is never closed"
            )));
        }
        let count = self.inner.read(out)?;
        self.since_row.set(self.since_row.get() + count);
        Ok(count)
    }
}
