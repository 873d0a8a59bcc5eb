//! The files inside a zip archive. Nothing is written anywhere, so a name can do no harm; only the files that are wanted are
//! inflated, as a stream.

use std::io::{self, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::Failure;

/// An archive of tables holds a dozen files; one with so many is not what it says.
const MAX_ENTRIES: usize = 10_000;

/// What one file may inflate to: the stop times of a nation's timetable have some three gigabytes.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// A zip archive, seen from one of its folders.
pub struct Archive<R> {
    zip: ZipArchive<R>,
    /// The folder that files are looked for in, with its slash, or empty.
    folder: String,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens it at its top.
    ///
    /// # Errors
    /// When it is no whole zip archive, or has more entries than an archive of tables ever has.
    pub fn open(reader: R) -> Result<Self, Failure> {
        let zip = ZipArchive::new(reader).map_err(|e| failure("the message", e))?;
        if zip.len() > MAX_ENTRIES {
            return Err(Failure::InvalidInput(format!("the archive has {} entries: more than {MAX_ENTRIES} are not read", zip.len())));
        }
        Ok(Self { zip, folder: String::new() })
    }

    /// Enters the folder that a file is in: the top, or a folder; with several, the one nearest the top. False where there is no
    /// such file.
    pub fn enter_folder_of(&mut self, file: &str) -> bool {
        let names = (0..self.zip.len()).filter_map(|index| self.zip.name_for_index(index));
        let candidates = names.filter(|name| is_file(name, file) && !name.starts_with("__MACOSX/"));
        let nearest = candidates.min_by_key(|name| (name.matches(['/', '\\']).count(), name.len()));
        let folder = nearest.map(|name| name[..name.len() - file.len()].to_owned());
        folder.is_some_and(|folder| {
            self.folder = folder;
            true
        })
    }

    /// The names of the files in the folder, without those of folders below it.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let names = (0..self.zip.len()).filter_map(|index| self.zip.name_for_index(index));
        names.filter_map(|name| name.strip_prefix(self.folder.as_str())).filter(|name| !name.is_empty() && !name.contains(['/', '\\']))
    }

    /// A file's content, or none where the folder has no such file. Capital letters make no difference.
    ///
    /// # Errors
    /// When the file is packed in a way that is not read here, or the archive is damaged.
    pub fn file(&mut self, name: &str) -> Result<Option<impl Read>, Failure> {
        let wanted = |candidate: &str| candidate.strip_prefix(self.folder.as_str()).is_some_and(|rest| rest.eq_ignore_ascii_case(name));
        let index = (0..self.zip.len()).find(|index| self.zip.name_for_index(*index).is_some_and(wanted));
        let Some(index) = index else { return Ok(None) };
        let file = self.zip.by_index(index).map_err(|e| failure(name, e))?;
        Ok(Some(Capped { inner: file, left: MAX_FILE_BYTES }))
    }
}

/// Whether the part after the last slash is this name.
fn is_file(path: &str, name: &str) -> bool {
    path.rsplit(['/', '\\']).next().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

fn failure(what: &str, error: ZipError) -> Failure {
    match error {
        ZipError::Io(e) if e.kind() == io::ErrorKind::ResourceBusy => e.into(),
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            Failure::InvalidInput(format!("{what} is packed in a way that is not read here ({error}): pack it with plain deflate"))
        }
        other => Failure::InvalidInput(format!("{what} is no whole zip archive: {other}")),
    }
}

/// Ends in an error, not in a quiet cut, where a file inflates without end.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.left =
            self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(format!("inflates to more than {MAX_FILE_BYTES} bytes")))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(names: &[&str]) -> Archive<Cursor<Vec<u8>>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        Archive::open(zip.finish().unwrap()).unwrap()
    }

    fn content(archive: &mut Archive<Cursor<Vec<u8>>>, name: &str) -> Option<String> {
        archive.file(name).unwrap().map(|file| io::read_to_string(file).unwrap())
    }

    #[test]
    fn the_folder_nearest_the_top_is_entered() {
        let mut archive = archive(&["__MACOSX/b.csv", "x/y/a.csv", "x/B.CSV", "x/c/d.csv", "b.csv.bak", "../../e.csv"]);
        assert!(archive.enter_folder_of("b.csv"));
        assert_eq!(archive.files().collect::<Vec<_>>(), ["B.CSV"]);
        assert_eq!(content(&mut archive, "b.csv").as_deref(), Some("x/B.CSV"));
        assert_eq!(content(&mut archive, "a.csv"), None);
        assert!(archive.enter_folder_of("e.csv"), "a name is never used as a path");
        assert_eq!(content(&mut archive, "e.csv").as_deref(), Some("../../e.csv"));
        assert!(!archive.enter_folder_of("f.csv"));
    }

    #[test]
    fn a_file_that_inflates_without_end_ends_in_an_error() {
        let mut capped = Capped { inner: io::repeat(b'x'), left: 1_000_000 };
        assert!(io::copy(&mut capped, &mut io::sink()).is_err());
        let mut capped = Capped { inner: io::repeat(b'x').take(1_000_000), left: 1_000_000 };
        assert_eq!(io::copy(&mut capped, &mut io::sink()).unwrap(), 1_000_000);
    }
}
