//! A name for the log that lies in a data folder, by which hubs that share a bucket know whose a table is.

use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::disk;

/// Reads `<data>/hub.id`, or gives the log a name. One that begins anew gets a new name: its offsets mean other records.
///
/// # Errors
/// The file can neither be read nor written.
pub fn log_name(data: &Path, begins: bool) -> io::Result<String> {
    let path = data.join("hub.id");
    if !begins {
        match std::fs::read_to_string(&path) {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    writeln!(file, "{name}")?;
    file.sync_all()?;
    disk::sync_folder(data)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_name_and_a_new_one_gets_another() {
        let data = tempfile::tempdir().unwrap();
        let first = log_name(data.path(), true).unwrap();
        assert_eq!((first.len(), log_name(data.path(), false).unwrap()), (32, first.clone()));
        assert_ne!(log_name(data.path(), true).unwrap(), first);
        // A power cut between making the file and filling it.
        std::fs::write(data.path().join("hub.id"), "").unwrap();
        assert_eq!(log_name(data.path(), false).unwrap().len(), 32);
    }
}
