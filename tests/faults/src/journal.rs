//! The journal's form: what happened to the files of a folder, in the order in which it did. Files are known by their inode,
//! for a path may come to mean another file. The trials take this in as a source, for the interposer cannot be linked.

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A path was opened that may not have been there: `path` is `number` now; emptied where `place` is 1.
    Open = 1,
    /// Bytes were written to file `number` at `place`.
    Write,
    /// The file `number` was cut or stretched to `place` bytes.
    Resize,
    /// A sync began: of file `number`, or of the folder at `path`; `place` names this sync.
    SyncBegins,
    /// The sync `place` ended well if `number` is 1.
    SyncEnds,
    /// `path` got the second name `bytes`.
    Link,
    /// `path` is called `bytes` now.
    Rename,
    /// The name `path` is gone.
    Unlink,
    /// A folder was made.
    MakeFolder,
    /// A folder is gone.
    RemoveFolder,
}

impl Kind {
    /// All of them, for who reads a journal.
    #[allow(dead_code)]
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Write,
        Self::Resize,
        Self::SyncBegins,
        Self::SyncEnds,
        Self::Link,
        Self::Rename,
        Self::Unlink,
        Self::MakeFolder,
        Self::RemoveFolder,
    ];
}

/// Bytes before a record's path and bytes: kind, number, place, and the lengths of both.
pub const HEAD_BYTES: usize = 1 + 8 + 8 + 4 + 4;
