//! A whole feed: what it is called, then its tables.

use std::io::{Read, Seek};

use csv::ByteRecord;
use lienthong_sdk::{Call, Failure, Level};
use serde::Serialize;

use crate::archive::Archive;
use crate::rows::{Rows, as_csv};
use crate::table::{Row, Table};
use crate::tables::{Route, Stop, StopTime, Trip};

/// A nation's stop times have some fifty million rows.
const MAX_ROWS: u64 = 100_000_000;

/// So many bad rows without one good row: the file is not what its name says.
const HOPELESS_AFTER_ROWS: u64 = 1_000;

/// What every record of a feed carries, so that several operators can share a channel.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Feed {
    feed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_version: Option<String>,
}

#[derive(Serialize)]
struct Record<'f, T> {
    #[serde(flatten)]
    feed: &'f Feed,
    #[serde(flatten)]
    row: T,
}

/// Emits every row of the four tables.
pub(crate) fn read(call: &mut Call<'_>, reader: impl Read + Seek, named: Option<String>) -> Result<(), Failure> {
    let mut archive = Archive::open(reader)?;
    let feed = Feed::find(&mut archive, named)?;
    // A macro, for a row borrows what its table reads: a function over tables could not name that lifetime.
    let mut counts = Vec::new();
    macro_rules! table {
        ($table:ident) => {{
            let file = $table::FILE;
            let content = archive.file(file)?.ok_or_else(|| Failure::InvalidInput(format!("the feed has no {file}")))?;
            let mut rows = Rows::open(file, content)?;
            let places = rows.places($table::COLUMNS);
            require(file, &rows, $table::REQUIRED)?;
            let mut record = ByteRecord::new();
            let (mut good, mut bad) = (0u64, 0u64);
            while rows.next(&mut record)? {
                if good + bad >= MAX_ROWS {
                    return Err(Failure::InvalidInput(format!("{file} has more than {MAX_ROWS} rows")));
                }
                if record.iter().all(|field| field.trim_ascii().is_empty()) {
                    continue;
                }
                let read = match record.len() == rows.width() {
                    true => $table::read(Row { record: &record, places: &places }),
                    false => Err(format!("{} fields where the header has {}", record.len(), rows.width())),
                };
                match read {
                    Ok(row) => {
                        good += 1;
                        call.emit($table::PORT, &Record { feed: &feed, row })?;
                    }
                    Err(reason) => {
                        bad += 1;
                        let line = record.position().map_or(0, csv::Position::line);
                        call.reject($table::PORT, &as_csv(&record), &reason, Some(&format!("{file} line {line}")))?;
                        if good == 0 && bad >= HOPELESS_AFTER_ROWS {
                            return Err(Failure::InvalidInput(format!("{file}: the first {bad} rows are all bad, the first: {reason}")));
                        }
                    }
                }
            }
            counts.push(format!("{good} {}", $table::PORT));
        }};
    }
    table!(Stop);
    table!(Route);
    table!(Trip);
    table!(StopTime);
    call.log(Level::Info, &format!("feed `{}`: {}, {} rejected", feed.feed, counts.join(", "), call.rejected()));
    Ok(())
}

fn require<R: Read>(file: &str, rows: &Rows<R>, columns: &[&str]) -> Result<(), Failure> {
    let missing: Vec<&str> = columns.iter().zip(rows.places(columns)).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::InvalidInput(format!("{file} lacks the column {}", missing.join(", ")))) }
}

impl Feed {
    /// The name that the settings give goes first; then what the feed calls its publisher, then its first agency.
    fn find<R: Read + Seek>(archive: &mut Archive<R>, named: Option<String>) -> Result<Self, Failure> {
        let info = first_row(archive, "feed_info.txt", &["feed_publisher_name", "feed_version"])?;
        let [publisher, version] = info.try_into().unwrap_or_default();
        let named = match named.or(publisher) {
            Some(name) => Some(name),
            None => first_row(archive, "agency.txt", &["agency_name"])?.pop().flatten(),
        };
        let feed = named.ok_or_else(|| {
            Failure::InvalidInput("neither feed_info.txt nor agency.txt names the feed: set `feed` in the connector's settings".to_owned())
        })?;
        Ok(Self { feed, feed_version: version })
    }
}

/// Some columns of a file's first row; none of them where the file or the row is missing or is not UTF-8.
fn first_row<R: Read + Seek>(archive: &mut Archive<R>, file: &'static str, columns: &[&str]) -> Result<Vec<Option<String>>, Failure> {
    let mut record = ByteRecord::new();
    let Some(content) = archive.file(file)? else { return Ok(vec![None; columns.len()]) };
    let mut rows = Rows::open(file, content)?;
    rows.next(&mut record)?;
    let text = |place: Option<usize>| {
        let bytes = record.get(place?)?.trim_ascii();
        std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && text.len() <= 256).map(str::to_owned)
    };
    Ok(rows.places(columns).into_iter().map(text).collect())
}
