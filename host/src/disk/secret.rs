//! A secret of the hub's own: 32 random bytes in a file that nobody else may read, made at the first look.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{replace, sync_folder};

/// Reads `<folder>/secrets/<name>`, or makes it. Mode 0600.
///
/// # Errors
/// The disk's; and a file of another length, told with what it means to be `without` it.
pub fn secret(folder: &Path, name: &str, without: &str) -> io::Result<[u8; 32]> {
    let path = folder.join("secrets").join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::read(&path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).map_err(|_| {
            let why = format!("{} is damaged: restore it from a backup; without it {without}", path.display());
            io::Error::new(ErrorKind::InvalidData, why)
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(io::Error::other)?;
            replace(&path, &secret)?;
            // Its folder is new too.
            sync_folder(folder)?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}
