//! The data folder: made with care, and held by one hub at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::Error;
use crate::disk;

/// An exclusive lock on a folder. The system takes it back when the process dies, however it dies.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

/// Makes the folder where it is missing (mode 0700) and locks it.
pub(super) fn hold(folder: &Path) -> Result<FolderLock, Error> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::io("cannot make the folder", folder))?;
        // A new folder is only durable once the one above it is.
        if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
            disk::sync_folder(parent).map_err(Error::io("cannot sync the folder", parent))?;
        }
    }
    let path = folder.join("hub.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(Error::InUse { folder: folder.into(), pid: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(Error::Io { what: "cannot lock", path, source }),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    // For people only: a full disk must not keep the hub from reading.
    if let Err(error) = write(&mut file) {
        tracing::warn!(%error, "the process id could not be written to hub.lock");
    }
    Ok(FolderLock { _file: file })
}
