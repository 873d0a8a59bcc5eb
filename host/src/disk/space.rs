//! Room on a file system, and a file that holds some of it back for an emergency.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// How much a file system holds, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What may still be written by users without special rights.
    pub free_bytes: u64,
    /// The whole of it.
    pub total_bytes: u64,
}

impl Room {
    /// Of the file system that a folder lies on.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let found = statvfs(folder)?;
        Ok(Self { free_bytes: found.f_bavail.saturating_mul(found.f_frsize), total_bytes: found.f_blocks.saturating_mul(found.f_frsize) })
    }
}

/// A file whose only purpose is to be removed when nothing else can be written any more: then there is room to put in order
/// what is there. SQLite cannot even delete on a full disk.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    size_bytes: u64,
}

/// Written where the file system cannot allocate; no byte of it compresses to nothing.
const PIECE: usize = 64 << 10;

impl Ballast {
    /// A file of this size, which may be there already.
    pub fn new(path: PathBuf, size_bytes: u64) -> Self {
        Self { path, size_bytes }
    }

    /// Its size as it is now; 0 where it is not there.
    pub fn held_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    /// Whether it is there, whole.
    pub fn is_whole(&self) -> bool {
        self.held_bytes() == self.size_bytes
    }

    /// Makes it, whole or not at all.
    pub fn make(&self) -> io::Result<()> {
        self.give_up()?;
        self.fill().inspect_err(|_| drop(self.give_up()))
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.size_bytes) {
            Ok(()) => return file.sync_all(),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        let mut noise = vec![0; PIECE];
        getrandom::fill(&mut noise).map_err(io::Error::other)?;
        let mut left = self.size_bytes;
        while left > 0 {
            let piece = left.min(PIECE as u64);
            file.write_all(&noise[..piece as usize])?;
            left -= piece;
        }
        file.sync_all()
    }

    /// Removes it. Answers whether it was there.
    pub fn give_up(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn ballast_takes_its_room_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path().join("ballast"), 3 << 20);
        assert!(!ballast.is_whole() && !ballast.give_up().unwrap());
        ballast.make().unwrap();
        assert!(ballast.is_whole());
        let blocks = fs::metadata(folder.path().join("ballast")).unwrap().blocks();
        assert!(blocks * 512 >= 3 << 20, "it holds {blocks} blocks");
        // Of another size, as of an earlier configuration.
        let larger = Ballast::new(folder.path().join("ballast"), 4 << 20);
        assert!(!larger.is_whole());
        larger.make().unwrap();
        assert!(larger.is_whole() && larger.give_up().unwrap());
        assert_eq!(larger.held_bytes(), 0);
    }

    #[test]
    fn ballast_that_does_not_fit_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path()).unwrap();
        assert!(room.free_bytes <= room.total_bytes && room.total_bytes > 0);
        let ballast = Ballast::new(folder.path().join("ballast"), room.total_bytes * 2);
        assert!(ballast.make().is_err());
        assert!(!folder.path().join("ballast").exists());
        assert!(Room::of(Path::new("/nowhere/at/all")).is_err());
    }
}
