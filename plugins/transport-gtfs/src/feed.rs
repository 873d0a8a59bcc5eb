//! A whole feed: what it is called, then its tables.

use std::io::{Read, Seek};

use lienthong_sdk::tables::{Archive, Column, Format, Rows, Table};
use lienthong_sdk::{Call, Failure, Level};
use serde::Serialize;

use crate::tables::{Route, Stop, StopTime, Trip};

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
    if !archive.enter_folder_of(Stop::FILE) {
        return Err(Failure::InvalidInput(format!("the archive has no {}: it is no GTFS feed", Stop::FILE)));
    }
    let feed = Feed::find(&mut archive, named)?;
    let counts = [
        table::<Stop>(call, &mut archive, &feed)?,
        table::<Route>(call, &mut archive, &feed)?,
        table::<Trip>(call, &mut archive, &feed)?,
        table::<StopTime>(call, &mut archive, &feed)?,
    ];
    call.log(Level::Info, &format!("feed `{}`: {}, {} rejected", feed.feed, counts.join(", "), call.rejected()));
    Ok(())
}

/// Emits every row of one table, and says how many.
fn table<T: Table>(call: &mut Call<'_>, archive: &mut Archive<impl Read + Seek>, feed: &Feed) -> Result<String, Failure> {
    let content = archive.file(T::FILE)?.ok_or_else(|| Failure::InvalidInput(format!("the feed has no {}", T::FILE)))?;
    let mut rows = Rows::open(T::FILE, content, Format::default())?;
    rows.require(T::COLUMNS, T::REQUIRED)?;
    let good = rows.each(call, T::PORT, T::COLUMNS, |call, row| Ok(call.emit(T::PORT, &Record { feed, row: T::read(row)? })?))?;
    Ok(format!("{good} {}", T::PORT))
}

impl Feed {
    /// The name that the settings give goes first; then what the feed calls its publisher, then its first agency.
    fn find<R: Read + Seek>(archive: &mut Archive<R>, named: Option<String>) -> Result<Self, Failure> {
        let info = first_row(archive, "feed_info.txt", &[&["feed_publisher_name"], &["feed_version"]])?;
        let [publisher, version] = info.try_into().unwrap_or_default();
        let named = match named.or(publisher) {
            Some(name) => Some(name),
            None => first_row(archive, "agency.txt", &[&["agency_name"]])?.pop().flatten(),
        };
        let feed = named.ok_or_else(|| {
            Failure::InvalidInput("neither feed_info.txt nor agency.txt names the feed: set `feed` in the connector's settings".to_owned())
        })?;
        Ok(Self { feed, feed_version: version })
    }
}

/// Some columns of a file's first row; none of them where the file or the row is missing or is not UTF-8.
fn first_row(archive: &mut Archive<impl Read + Seek>, file: &str, columns: &[Column]) -> Result<Vec<Option<String>>, Failure> {
    let Some(content) = archive.file(file)? else { return Ok(vec![None; columns.len()]) };
    let mut rows = Rows::open(file, content, Format::default())?;
    let places = rows.places(columns);
    let row = rows.next(&places)?;
    let text = |column: usize| {
        let text = row.and_then(|row| row.text(column, "").ok());
        text.filter(|text| !text.is_empty() && text.len() <= 256).map(str::to_owned)
    };
    Ok((0..columns.len()).map(text).collect())
}
