//! The feed's files inside its zip archive. Nothing is written anywhere, so a name can do no harm; only the files that
//! are wanted are inflated, as a stream.

use std::io::{self, Read, Seek};

use lienthong_sdk::Failure;
use zip::ZipArchive;
use zip::result::ZipError;

/// An archive holds a dozen files; one with so many is not what it says.
const MAX_ENTRIES: usize = 10_000;

/// What one file may inflate to: a nation's stop times have some three gigabytes.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// A feed's archive.
pub(crate) struct Archive<R> {
    zip: ZipArchive<R>,
    /// The folder that the feed is in, with its slash, or empty.
    folder: String,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens it and finds the feed: at the top, or in a folder; with several, in the one nearest the top.
    pub(crate) fn open(reader: R) -> Result<Self, Failure> {
        let zip = ZipArchive::new(reader).map_err(|e| failure("the message", e))?;
        if zip.len() > MAX_ENTRIES {
            return Err(Failure::InvalidInput(format!("the archive has {} entries: a feed has a dozen", zip.len())));
        }
        let names = (0..zip.len()).filter_map(|index| zip.name_for_index(index));
        let stops = names.filter(|name| is_file(name, "stops.txt") && !name.starts_with("__MACOSX/"));
        let nearest = stops.min_by_key(|name| (name.matches(['/', '\\']).count(), name.len()));
        let folder = nearest.map(|name| name[..name.len() - "stops.txt".len()].to_owned());
        let folder = folder.ok_or_else(|| Failure::InvalidInput("the archive has no stops.txt: it is no GTFS feed".to_owned()))?;
        Ok(Self { zip, folder })
    }

    /// A file's content, or none where the feed has no such file.
    pub(crate) fn file(&mut self, name: &str) -> Result<Option<impl Read>, Failure> {
        let wanted = |candidate: &str| {
            let rest = candidate.get(self.folder.len()..).filter(|_| candidate.starts_with(&self.folder));
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(name))
        };
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
