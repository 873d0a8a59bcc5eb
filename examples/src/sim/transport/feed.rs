//! A transport operator's timetable as a GTFS feed: read from a folder, published in versions, packed as a zip.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use super::GTFS_CHANNELS;
use crate::sim::archive;
use crate::sim::ledger::Sent;

/// One version of a feed: its files by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    files: BTreeMap<String, String>,
    bad_stops: u64,
}

impl Feed {
    /// Reads every `.txt` file of a folder that holds an unpacked feed.
    ///
    /// # Errors
    /// When the folder can not be read, or lacks one of the files that become records.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let entries = std::fs::read_dir(folder).with_context(|| format!("the sample feed {} can not be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "txt")
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                files.insert(name.to_owned(), text);
            }
        }
        for (_, name) in GTFS_CHANNELS {
            anyhow::ensure!(files.contains_key(name), "the sample feed {} has no {name}", folder.display());
        }
        Ok(Self { files, bad_stops: 0 })
    }

    /// A later version: named so in `feed_info.txt`, with a new stop, and with one whose latitude nobody can find on a map.
    pub fn version(&self, number: u32) -> Self {
        let mut next = self.clone();
        if let Some(info) = next.files.get_mut("feed_info.txt") {
            *info = with_first_row(info, "feed_version", &format!("bao-loc-{number}"));
        }
        if let Some(stops) = next.files.get_mut("stops.txt") {
            let number = number.to_string();
            let good = row(
                stops,
                &[
                    ("stop_id", &format!("ben-xe-{number}")),
                    ("stop_name", "Bến xe Bảo Lộc, cửa mới"),
                    ("stop_lat", "11.5446"),
                    ("stop_lon", "107.7929"),
                ],
            );
            let bad = row(
                stops,
                &[
                    ("stop_id", &format!("lac-duong-{number}")),
                    ("stop_name", "Trạm lạc đường"),
                    ("stop_lat", "911.5"),
                    ("stop_lon", "107.8"),
                ],
            );
            if !stops.ends_with('\n') {
                stops.push('\n');
            }
            stops.push_str(&good);
            stops.push_str(&bad);
            next.bad_stops = 1;
        }
        next
    }

    /// What the feed comes to, by channel: its rows.
    pub fn rows(&self) -> BTreeMap<&'static str, Sent> {
        let sent = |(channel, name): (&'static str, &str)| {
            let rows = self.files.get(name).map_or(0, |text| count_rows(text));
            let bad = if name == "stops.txt" { self.bad_stops } else { 0 };
            (channel, Sent { good: rows.saturating_sub(bad), bad })
        };
        GTFS_CHANNELS.into_iter().map(sent).collect()
    }

    /// The feed as the zip that operators publish. The same feed gives the same bytes.
    ///
    /// # Errors
    /// When the archive can not be written, which memory alone can cause.
    pub fn zip(&self) -> anyhow::Result<Vec<u8>> {
        archive::zip(&self.files)
    }
}

/// The first row's field of that column, replaced. The text stays as it is where there is no such column or row.
fn with_first_row(text: &str, column: &str, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = lines.first().and_then(|header| header.split(',').position(|name| name == column));
    if let (Some(place), Some(row)) = (place, lines.get_mut(1)) {
        let mut fields: Vec<&str> = row.split(',').collect();
        if let Some(field) = fields.get_mut(place) {
            *field = value;
        }
        *row = fields.join(",");
    }
    lines.join("\n") + "\n"
}

/// A row that fits the header of `text`, quoted, its other fields empty.
fn row(text: &str, fields: &[(&str, &str)]) -> String {
    let header = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
    let value = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| format!("\"{value}\"")).unwrap_or_default();
    header.split(',').map(value).collect::<Vec<_>>().join(",") + "\n"
}

/// Rows below the header: line ends within quotes end no row, and empty lines are none.
fn count_rows(text: &str) -> u64 {
    let (mut rows, mut quoted, mut empty) = (0u64, false, true);
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                rows += u64::from(!empty);
                empty = true;
                continue;
            }
            b'\r' if !quoted => continue,
            _ => {}
        }
        empty = false;
    }
    (rows + u64::from(!empty)).saturating_sub(1)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    /// A feed small enough to be read whole.
    pub(crate) fn small() -> (tempfile::TempDir, Feed) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("feed_info.txt", "feed_publisher_name,feed_lang,feed_version\nXe buýt B'Lao,vi,first\n"),
            ("stops.txt", "stop_id,stop_name,stop_lat,stop_lon\nA,\"Chợ, cổng \"\"Bắc\"\"\",11.5,107.8\nB,\"Hồ\nĐồng Nai\",11.6,107.8\n"),
            ("routes.txt", "route_id,route_type\n1,3\n\n"),
            ("trips.txt", "route_id,service_id,trip_id\r\n1,s,t\r\n"),
            ("stop_times.txt", "trip_id,stop_sequence\nt,1\nt,2"),
            ("README.md", "not a part of it"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let feed = Feed::read(folder.path()).unwrap();
        (folder, feed)
    }

    #[test]
    fn rows_are_counted_as_csv_has_them() {
        let (_folder, feed) = small();
        let good = |good| Sent { good, bad: 0 };
        let expected =
            [("transport/routes", good(1)), ("transport/stop-times", good(2)), ("transport/stops", good(2)), ("transport/trips", good(1))];
        assert_eq!(feed.rows(), BTreeMap::from(expected));
    }

    #[test]
    fn a_version_brings_a_new_stop_and_a_bad_one() {
        let (_folder, feed) = small();
        let next = feed.version(2);
        assert_eq!(next.rows()["transport/stops"], Sent { good: 3, bad: 1 });
        assert_eq!(next.files["feed_info.txt"], "feed_publisher_name,feed_lang,feed_version\nXe buýt B'Lao,vi,bao-loc-2\n");
        assert!(
            next.files["stops.txt"].contains("\n\"ben-xe-2\",\"Bến xe Bảo Lộc, cửa mới\",\"11.5446\",\"107.7929\"\n"),
            "{}",
            next.files["stops.txt"]
        );
        assert_ne!(next, feed.version(3));
    }

    #[test]
    fn the_same_feed_packs_to_the_same_bytes_and_unpacks_whole() {
        let (_folder, feed) = small();
        let packed = feed.zip().unwrap();
        assert_eq!(packed, feed.zip().unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(archive.len(), 5);
        let mut stops = String::new();
        archive.by_name("stops.txt").unwrap().read_to_string(&mut stops).unwrap();
        assert_eq!(stops, feed.files["stops.txt"]);
    }

    #[test]
    fn a_folder_without_stops_is_no_feed() {
        let (folder, _) = small();
        std::fs::remove_file(folder.path().join("stops.txt")).unwrap();
        let error = Feed::read(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("has no stops.txt"), "{error}");
    }
}
