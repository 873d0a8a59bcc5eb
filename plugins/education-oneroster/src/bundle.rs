//! A whole bundle: its manifest, then its files one after another, each row by row.

use std::io::{Read, Seek};

use lienthong_sdk::tables::{Archive, Format, Row, Rows, Table};
use lienthong_sdk::{Call, Failure, Level};
use serde::Serialize;

use crate::Settings;
use crate::entities::{
    AcademicSession, Class, Course, DATE_LAST_MODIFIED, Enrollment, LineItem, Mark, Org, Role, SOURCED_ID, STATUS, USER_REQUIRED_IN_1_1,
    User,
};
use crate::manifest::{self, Manifest, Mode, Version};
use crate::metadata::{Columns, Metadata};
use crate::sheet;

/// The files that make an archive a bundle where it has no manifest.
const MARKS: [&str; 5] = [User::FILE, Org::FILE, Enrollment::FILE, Class::FILE, Mark::FILE];

/// Unread columns and files are named to the operator, but not without end.
const MAX_NAMED: usize = 20;

/// What all records of a bundle share.
struct Bundle {
    source_system: Option<String>,
    version: Option<Version>,
    allow_active_in_bulk: bool,
}

#[derive(Serialize)]
struct Record<'r, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<&'r str>,
    #[serde(flatten)]
    row: T,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata<'r>,
}

/// Reads one file of a bundle and says how many records it gave.
type ReadFile<R> = fn(&Bundle, &mut Call<'_>, &mut Archive<R>, Mode) -> Result<String, Failure>;

/// Emits every row of every file that is read.
pub(crate) fn read<R: Read + Seek>(call: &mut Call<'_>, reader: R, settings: Settings) -> Result<(), Failure> {
    let mut archive = Archive::open(reader)?;
    let has_manifest = archive.enter_folder_of(manifest::FILE);
    if !has_manifest && !MARKS.iter().any(|file| archive.enter_folder_of(file)) {
        let is_workbook = archive.files().any(|name| name == "[Content_Types].xml");
        let why =
            if is_workbook { sheet::WORKBOOK } else { "the archive has neither manifest.csv nor users.csv: it is no OneRoster bundle" };
        return Err(Failure::InvalidInput(why.to_owned()));
    }
    let manifest = match archive.file(manifest::FILE)? {
        Some(content) if has_manifest => Some(Manifest::read(content)?),
        _ => None,
    };
    let source_system = settings.source_system.or_else(|| Some(manifest.as_ref()?.source_system()?.to_owned()));
    let version = manifest.as_ref().map(|manifest| manifest.version);
    let bundle = Bundle { source_system, version, allow_active_in_bulk: settings.allow_active_in_bulk };

    let files: [(&str, ReadFile<R>); 9] = [
        (AcademicSession::FILE, Bundle::file::<AcademicSession, R>),
        (Org::FILE, Bundle::file::<Org, R>),
        (Course::FILE, Bundle::file::<Course, R>),
        (Class::FILE, Bundle::file::<Class, R>),
        (User::FILE, Bundle::file::<User, R>),
        (Role::FILE, Bundle::file::<Role, R>),
        (Enrollment::FILE, Bundle::file::<Enrollment, R>),
        (LineItem::FILE, Bundle::file::<LineItem, R>),
        (Mark::FILE, Bundle::file::<Mark, R>),
    ];
    let there: Vec<String> = archive.files().map(str::to_ascii_lowercase).collect();
    let is_there = |file: &str| there.contains(&file.to_ascii_lowercase());
    let (mut wanted, mut missing) = (Vec::new(), Vec::new());
    for (file, read) in files {
        let mode = match &manifest {
            Some(manifest) => manifest.mode(file, is_there(file))?,
            None => is_there(file).then_some(Mode::Unstated),
        };
        match mode {
            Some(_) if !is_there(file) => missing.push(file),
            Some(mode) => wanted.push((file, read, mode)),
            None => {}
        }
    }
    if !missing.is_empty() {
        return Err(Failure::InvalidInput(format!("the manifest promises {}, and the archive has no such file", missing.join(", "))));
    }
    let is_read = |name: &str| name.eq_ignore_ascii_case(manifest::FILE) || wanted.iter().any(|(file, ..)| name.eq_ignore_ascii_case(file));
    let unread: Vec<String> = archive.files().filter(|name| !is_read(name)).map(|name| name.chars().take(64).collect()).collect();

    let counts = wanted.iter().map(|(_, read, mode)| read(&bundle, call, &mut archive, *mode)).collect::<Result<Vec<_>, _>>()?;
    bundle.tell(call, &counts, &unread);
    Ok(())
}

impl Bundle {
    fn tell(&self, call: &Call<'_>, counts: &[String], unread: &[String]) {
        if !unread.is_empty() {
            call.log(Level::Info, &format!("files that are not read: {}", named(unread)));
        }
        let name = self.source_system.as_deref().unwrap_or("a system without a name");
        match counts.is_empty() {
            true => call.log(Level::Warn, &format!("the bundle of {name} holds nothing that is read")),
            false => call.log(Level::Info, &format!("bundle of {name}: {}, {} rejected", counts.join(", "), call.rejected())),
        }
    }

    /// Emits every row of one file.
    fn file<T: Table, R: Read + Seek>(&self, call: &mut Call<'_>, archive: &mut Archive<R>, mode: Mode) -> Result<String, Failure> {
        let content = archive.file(T::FILE)?.ok_or_else(|| Failure::InvalidInput(format!("the archive has no {}", T::FILE)))?;
        let mut rows = Rows::open(T::FILE, content, Format::default())?;
        let mut required = T::REQUIRED.to_vec();
        if T::FILE == User::FILE && self.version == Some(Version::V1_1) {
            required.extend_from_slice(USER_REQUIRED_IN_1_1);
        }
        if mode == Mode::Delta {
            required.extend_from_slice(&["status", "dateLastModified"]);
        }
        rows.require(T::COLUMNS, &required)?;
        let columns = T::COLUMNS.iter().map(|names| names.first().copied().unwrap_or_default()).enumerate();
        let required: Vec<(usize, &str)> = columns.filter(|(_, name)| required.contains(name)).collect();
        let extensions = Columns::find(&rows, T::COLUMNS);
        if !extensions.unread.is_empty() {
            call.log(Level::Info, &format!("columns of {} that are not read: {}", T::FILE, named(&extensions.unread)));
        }
        let good = rows.each(call, T::PORT, T::COLUMNS, |call, row| {
            self.check(row, mode, &required)?;
            let record = Record { source_system: self.source_system.as_deref(), row: T::read(row)?, metadata: extensions.read(row)? };
            Ok(call.emit(T::PORT, &record)?)
        })?;
        Ok(format!("{good} {}", T::PORT))
    }

    /// What the standard wants of every row beyond its values: `status` and `dateLastModified` where changes are sent and nowhere else,
    /// and all that is required, of a deletion no more than whose it is.
    fn check(&self, row: Row<'_>, mode: Mode, required: &[(usize, &str)]) -> Result<(), String> {
        let status = row.text(STATUS, "status")?;
        if mode == Mode::Bulk {
            let active = self.allow_active_in_bulk && matches!(status.to_ascii_lowercase().as_str(), "" | "active");
            let stated = [(status, "status"), (row.text(DATE_LAST_MODIFIED, "dateLastModified")?, "dateLastModified")];
            if let Some((_, name)) = stated.iter().find(|(text, _)| !text.is_empty() && !active) {
                return Err(format!("{name} must be empty in a bulk file: send changes in a delta file"));
            }
        }
        let deleted = status.eq_ignore_ascii_case("tobedeleted");
        let must_be = |column: usize| !deleted || matches!(column, SOURCED_ID | STATUS | DATE_LAST_MODIFIED);
        for (column, name) in required.iter().filter(|(column, _)| must_be(*column)) {
            if row.text(*column, name)?.is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        Ok(())
    }
}

fn named(names: &[String]) -> String {
    let more = if names.len() > MAX_NAMED { format!(" and {} more", names.len() - MAX_NAMED) } else { String::new() };
    names.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ") + &more
}
