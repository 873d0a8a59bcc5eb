//! Finding and reading the city's files, within limits.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::findings::Findings;
use super::problem::Problem;
use super::source::{FileId, Place, Sources};

/// Bytes of one file.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Files of one city.
pub const MAX_FILES: usize = 1_000;

/// A domain's file.
pub(super) struct DomainFile {
    /// The file's name without `.yaml`.
    pub(super) stem: String,
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The YAML files beside `city.yaml`, by name. Hidden files and other endings are not the city's.
pub(super) fn domain_files(dir: &Path, sources: &mut Sources, findings: &mut Findings) -> std::io::Result<Vec<DomainFile>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "city.yaml" || path.is_dir() {
            continue;
        }
        if let Some(stem) = name.strip_suffix(".yaml") {
            out.push(DomainFile { stem: stem.to_owned(), name, path });
        } else if name.ends_with(".yml") {
            let file = sources.add(name, String::new());
            findings.error(Place::start(file), Problem::YmlExtension);
            findings.cut(file);
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    limit(&mut out, sources, findings);
    Ok(out)
}

/// `schemas/<folder>/<file>.json`: the name relative to the city, and the path. Other endings are passed over.
pub(super) fn schema_files(dir: &Path, sources: &mut Sources, findings: &mut Findings) -> Vec<(String, PathBuf)> {
    let mut files = own_schemas(dir);
    limit(&mut files, sources, findings);
    files
}

/// Every `schemas/…/*.json` of a city, by its name in the city.
pub fn own_schemas(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut out = Vec::new();
    let mut folders = vec![(String::from("schemas"), dir.join("schemas"))];
    // One level of folders below `schemas/`; a deeper one cannot be a schema's place.
    while let Some((name, folder)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let entry_name = entry.file_name().to_string_lossy().into_owned();
            let below = format!("{name}/{entry_name}");
            if entry_name.starts_with('.') {
                continue;
            }
            if path.is_dir() && name == "schemas" {
                folders.push((below, path));
            } else if below.ends_with(".json") {
                out.push((below, path));
            }
        }
    }
    out.sort();
    out
}

fn limit<T>(files: &mut Vec<T>, sources: &mut Sources, findings: &mut Findings) {
    if files.len() > MAX_FILES {
        files.truncate(MAX_FILES);
        let file = sources.add(".".into(), String::new());
        findings.error(Place::start(file), Problem::TooManyFiles { limit: MAX_FILES });
        findings.cut(file);
    }
}

/// Reads one file as UTF-8. On failure the finding is reported and the file counts as cut.
pub(super) fn read(path: &Path, name: String, sources: &mut Sources, findings: &mut Findings) -> Option<FileId> {
    let mut fail = |problem: fn(String) -> Problem, why: String, sources: &mut Sources| {
        let file = sources.add(name.clone(), String::new());
        findings.syntax(Place::start(file), problem(why));
        None
    };
    // A pipe or device would never end.
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return fail(|_| Problem::NotAFile, String::new(), sources),
        Ok(_) => {}
        Err(error) => return fail(|why| Problem::Unreadable { why }, error.to_string(), sources),
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return fail(|why| Problem::Unreadable { why }, error.to_string(), sources);
    }
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return fail(|_| Problem::TooLarge { limit: MAX_FILE_BYTES }, String::new(), sources);
    }
    Some(add_bytes(name, bytes, sources, findings))
}

/// Keeps a text; where it stops being UTF-8, that is reported and the rest dropped.
pub(super) fn add_bytes(name: String, bytes: Vec<u8>, sources: &mut Sources, findings: &mut Findings) -> FileId {
    match String::from_utf8(bytes) {
        Ok(text) => sources.add(name, text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            let line = text.matches('\n').count() + 1;
            let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let file = sources.add(name, text);
            let [line, column] = [line, column].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            findings.syntax(Place { file, line, column, width: 1 }, Problem::NotUtf8);
            file
        }
    }
}
