//! Text files in a zip archive, as timetables and rosters travel.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

/// Packs files by name. The same files give the same bytes.
///
/// # Errors
/// When the archive can not be written, which memory alone can cause.
pub fn zip(files: &BTreeMap<String, String>) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, text) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}
