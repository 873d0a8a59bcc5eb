//! The local disk, so that what is said to be kept is kept: a file is written under a name of its own, synced, put into
//! place in one atomic step (a hard link where the target must not exist, else a rename), and made to stay by syncing its
//! folder and each folder above it up to a root.
//!
//! Files on their way lie in one folder below the root; what a crash left there is swept when the root is opened.

mod blob;
mod draft;
mod secret;
mod space;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use blob::FileBlob;
pub use draft::{Draft, Drafted};
pub use secret::secret;
pub use space::{Ballast, Room};

/// The staging folder's name. It starts with a dot, which neither a domain nor a hash does.
const STAGING: &str = ".staging";
/// Above this many known folders the memory of them is dropped; they are only synced once more.
const KNOWN_FOLDERS: usize = 16_384;

/// Who may look into a root that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Whoever the system's settings let.
    Open,
    /// The hub's own user.
    Own,
}

/// A folder whose files are durable once they are in place.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    staging: PathBuf,
    /// Folders whose whole chain up to the root this process has synced.
    known: Mutex<HashSet<PathBuf>>,
    /// A folder could not be synced after a file was put into it: what readers see may not survive. Nothing is written
    /// any more, so that nobody can take it for kept.
    failed: AtomicBool,
}

impl Disk {
    /// Opens `root`, which must be absolute, and makes it if need be. Files on their way that nobody has touched for
    /// `abandoned` are removed.
    ///
    /// # Errors
    /// The folder cannot be made, synced or listed.
    pub fn open(root: &Path, privacy: Privacy, abandoned: Duration) -> io::Result<Self> {
        let staging = root.join(STAGING);
        let mode = if privacy == Privacy::Own { 0o700 } else { 0o777 };
        DirBuilder::new().recursive(true).mode(mode).create(&staging)?;
        sync_folder(root)?;
        if let Some(parent) = root.parent() {
            sync_folder(parent)?;
        }
        for entry in fs::read_dir(&staging)? {
            let entry = entry?;
            if entry.metadata()?.modified()?.elapsed().unwrap_or_default() >= abandoned {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { root: root.to_owned(), staging, known: Mutex::default(), failed: AtomicBool::new(false) })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether what is put into place here can be believed to stay.
    pub fn usable(&self) -> io::Result<()> {
        if self.failed.load(Ordering::Acquire) {
            let root = self.root.display();
            return Err(io::Error::other(format!("a folder of {root} could not be synced; check the disk, then restart the hub")));
        }
        Ok(())
    }

    /// Begins a file under a name that nobody else has. It goes when its [`Staged`] does.
    pub fn stage(&self) -> io::Result<(File, Staged)> {
        self.usable()?;
        let mut random = [0_u8; 12];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name: String = random.iter().map(|b| format!("{b:02x}")).collect();
        let path = self.staging.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        Ok((file, Staged(path)))
    }

    /// Puts a staged file, whose bytes must be synced, at `target`, and keeps it there. Answers false where it must be new
    /// and is not: nothing is changed then.
    pub fn place(&self, staged: &Staged, target: &Path, must_be_new: bool) -> io::Result<bool> {
        self.usable()?;
        let folder = target.parent().unwrap_or(&self.root);
        for last_try in [false, true] {
            self.keep_folder(folder)?;
            let placed = if must_be_new { fs::hard_link(&staged.0, target) } else { fs::rename(&staged.0, target) };
            match placed {
                Ok(()) => break,
                // Somebody removed the empty folder that this process had made: make it again.
                Err(error) if error.kind() == ErrorKind::NotFound && !last_try => self.forget(folder),
                Err(error) if must_be_new && error.kind() == ErrorKind::AlreadyExists => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.settle(folder)?;
        Ok(true)
    }

    /// Syncs a folder after its content changed. A failure cannot be repaired by another try: the kernel may have
    /// dropped what it could not write.
    pub fn settle(&self, folder: &Path) -> io::Result<()> {
        sync_folder(folder).inspect_err(|_| self.failed.store(true, Ordering::Release))
    }

    /// Makes a folder and syncs each entry on the way from the root to it, once in a process.
    pub fn keep_folder(&self, folder: &Path) -> io::Result<()> {
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)) {
            self.settle(above)?;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_FOLDERS {
            known.clear();
        }
        known.insert(folder.to_owned());
        Ok(())
    }

    fn forget(&self, folder: &Path) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
    }

    /// How many files are on their way.
    #[cfg(test)]
    pub(crate) fn staged(&self) -> usize {
        fs::read_dir(&self.staging).unwrap().count()
    }
}

/// A staged file's name; removed when it is dropped, which after a rename finds nothing to remove.
#[derive(Debug)]
pub struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives a small file new content, all of it or none whatever happens meanwhile, and keeps it. For the owner's eyes alone.
/// One writer at a time. Blocking.
///
/// # Errors
/// What the disk says; the file is as it was then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the entries of a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_sweeps_what_a_crash_left_and_spares_what_is_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = Duration::from_secs(3600);
        let staging = folder.path().join(STAGING);
        fs::create_dir(&staging).unwrap();
        let (old, new) = (staging.join("old"), staging.join("new"));
        let long_ago = std::time::SystemTime::now() - abandoned * 2;
        File::create(&old).unwrap().set_modified(long_ago).unwrap();
        File::create(&new).unwrap();
        Disk::open(folder.path(), Privacy::Open, abandoned).unwrap();
        assert!(!old.exists() && new.exists());
        // Where no other process can write, nothing that is found is anybody's.
        Disk::open(folder.path(), Privacy::Open, Duration::ZERO).unwrap();
        assert!(!new.exists());
    }

    #[test]
    fn a_small_file_has_its_old_content_or_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small");
        for content in ["first", "", "third, and longer"] {
            // What an earlier try left behind is no hindrance.
            fs::write(folder.path().join("small.new"), "half of something").unwrap();
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        assert!(replace(&folder.path().join("no/such/folder"), b"x").is_err());
    }

    #[test]
    fn a_file_that_must_be_new_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), Privacy::Own, Duration::ZERO).unwrap();
        let target = folder.path().join("ab/target");
        for (text, must_be_new, placed, found) in
            [("one", true, true, "one"), ("two", true, false, "one"), ("three", false, true, "three"), ("four", true, false, "three")]
        {
            let (mut file, staged) = disk.stage().unwrap();
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            file.sync_all().unwrap();
            assert_eq!(disk.place(&staged, &target, must_be_new).unwrap(), placed, "{text}");
            assert_eq!(fs::read_to_string(&target).unwrap(), found, "{text}");
        }
        assert_eq!(disk.staged(), 0);
    }

    #[test]
    fn after_a_folder_that_could_not_be_synced_nothing_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), Privacy::Own, Duration::ZERO).unwrap();
        let (_file, staged) = disk.stage().unwrap();
        assert!(disk.settle(Path::new("/nowhere/at/all")).is_err());
        assert!(disk.stage().is_err());
        assert!(disk.place(&staged, &folder.path().join("target"), true).is_err());
    }
}
