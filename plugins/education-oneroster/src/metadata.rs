//! Columns beyond the standard's: those named `metadata.…`, as it provides for extensions, are kept.

use lienthong_sdk::tables::value::at_most;
use lienthong_sdk::tables::{Column, Row, Rows};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What the schemas allow in one record.
const MAX_COLUMNS: usize = 64;
const MAX_NAME_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 1_024;

/// The extension columns of one file.
pub(crate) struct Columns {
    /// Place, heading, and the name behind `metadata.`.
    kept: Vec<(usize, String, String)>,
    /// Headings of columns that are not read.
    pub(crate) unread: Vec<String>,
}

impl Columns {
    /// Finds them among what `columns` does not name.
    pub(crate) fn find<R: std::io::Read>(rows: &Rows<R>, columns: &[Column]) -> Self {
        let read = rows.places(columns);
        let mut found = Self { kept: Vec::new(), unread: Vec::new() };
        for (place, heading) in rows.header().iter().enumerate().filter(|(place, _)| !read.contains(&Some(*place))) {
            let name = heading.get(..9).filter(|prefix| prefix.eq_ignore_ascii_case("metadata.")).map(|_| &heading[9..]);
            let fits = |name: &&str| !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS;
            let fresh = |name: &&str| found.kept.len() < MAX_COLUMNS && found.kept.iter().all(|(_, _, known)| known != name);
            match name.filter(fits).filter(fresh) {
                Some(name) => found.kept.push((place, heading.clone(), name.to_owned())),
                None if heading.is_empty() => {}
                None => found.unread.push(heading.chars().take(MAX_NAME_CHARS).collect()),
            }
        }
        found
    }

    /// What one row says in them.
    pub(crate) fn read<'r>(&'r self, row: Row<'r>) -> Result<Metadata<'r>, String> {
        let mut values = Vec::new();
        for (place, heading, name) in &self.kept {
            if let Some(value) = at_most(MAX_VALUE_CHARS, row.at(*place, heading)?, heading)? {
                values.push((name.as_str(), value));
            }
        }
        Ok(Metadata(values))
    }
}

/// Names and values, written as one JSON object.
pub(crate) struct Metadata<'r>(Vec<(&'r str, &'r str)>);

impl Metadata<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
