//! Reads the journal of a hub's disk.

use std::path::PathBuf;

use form::{HEAD_BYTES, Kind};

// The interposer bears the names of libc's functions and can not be linked: the form is shared as a source.
#[path = "../../faults/src/journal.rs"]
mod form;

/// One thing that happened, and where the journal ends behind it.
#[derive(Debug)]
pub struct Record<'j> {
    pub event: Event<'j>,
    /// The journal's length with this record.
    pub end: u64,
}

/// What happened to the files of a folder.
#[derive(Debug)]
pub enum Event<'j> {
    /// A path that may be new is this file.
    Open {
        path: PathBuf,
        inode: u64,
        emptied: bool,
    },
    Write {
        inode: u64,
        place: u64,
        bytes: &'j [u8],
    },
    Resize {
        inode: u64,
        length: u64,
    },
    /// Of a folder where there is a path.
    SyncBegins {
        inode: u64,
        folder: Option<PathBuf>,
        name: u64,
    },
    SyncEnds {
        name: u64,
        well: bool,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    RemoveFolder {
        path: PathBuf,
    },
}

/// All of it. A last record that was cut by the end of its process is left out.
pub fn read(bytes: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((event, length)) = one(&bytes[at..]) {
        at += length;
        records.push(Record { event, end: at as u64 });
    }
    records
}

fn one(bytes: &[u8]) -> Option<(Event<'_>, usize)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
    let (number, place, path_length, length) = (long(1), long(9), short(17), short(21));
    let path = path_of(bytes.get(HEAD_BYTES..HEAD_BYTES + path_length)?);
    let end = HEAD_BYTES + path_length + length;
    let content = bytes.get(HEAD_BYTES + path_length..end)?;
    let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == head[0]).unwrap_or_else(|| panic!("no kind {}", head[0]));
    let event = match kind {
        Kind::Open => Event::Open { path, inode: number, emptied: place == 1 },
        Kind::Write => Event::Write { inode: number, place, bytes: content },
        Kind::Resize => Event::Resize { inode: number, length: place },
        Kind::SyncBegins => Event::SyncBegins { inode: number, folder: (path_length > 0).then_some(path), name: place },
        Kind::SyncEnds => Event::SyncEnds { name: place, well: number == 1 },
        Kind::Link => Event::Link { from: path, to: path_of(content) },
        Kind::Rename => Event::Rename { from: path, to: path_of(content) },
        Kind::Unlink => Event::Unlink { path },
        Kind::MakeFolder => Event::MakeFolder { path },
        Kind::RemoveFolder => Event::RemoveFolder { path },
    };
    Some((event, end))
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}
