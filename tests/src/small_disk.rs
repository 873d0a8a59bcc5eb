//! A disk of a few mebibytes: a file system in memory, mounted for one trial.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

/// Set where a trial runs in namespaces of its own.
const INSIDE: &str = "LIENTHONG_IN_NAMESPACE";

/// Whether the trial of this name may mount disks here. Where it may not, it is run again in namespaces in which it may, and
/// there is nothing left to do; or the system forbids those too, and it says so.
pub fn may_be_mounted(trial: &str) -> bool {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    if SmallDisk::try_mount(folder.path(), 1).is_ok() {
        return true;
    }
    assert!(std::env::var_os(INSIDE).is_none(), "no disk can be mounted in namespaces of its own");
    let can = Command::new("unshare").args(["-Urm", "true"]).output().is_ok_and(|output| output.status.success());
    if !can {
        println!("SKIPPED: this trial mounts a disk, and here neither root nor a user's own namespaces may");
        return false;
    }
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("this executable does not know its own place: {error}"));
    let again = Command::new("unshare").args(["-Urm", "--"]).arg(own).args(["--exact", trial, "--nocapture"]).env(INSIDE, "1").status();
    assert!(again.is_ok_and(|status| status.success()), "the trial failed in namespaces of its own");
    false
}

impl SmallDisk {
    /// A disk of so many mebibytes at a folder, which is made.
    pub fn mount(folder: &Path, mib: u64) -> Self {
        std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self::try_mount(folder, mib).unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
    }

    fn try_mount(folder: &Path, mib: u64) -> Result<Self, String> {
        let size = format!("size={mib}m,mode=0700");
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(Self(folder.to_owned())) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// What is free, bytes.
    pub fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.0).unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        found.f_bavail * found.f_frsize
    }

    /// Somebody else's file takes all but so many bytes; at the end as many as the disk has.
    pub fn fill(&self, name: &str, leave: u64) {
        let mut file = File::create(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let piece = vec![b'x'; 64 << 10];
        while self.free() > leave && file.write_all(&piece[..piece.len().min((self.free() - leave) as usize)]).is_ok() {}
    }

    /// It is gone again.
    pub fn give_back(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has files open there keeps them until the end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
