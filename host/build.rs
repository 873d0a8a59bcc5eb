//! Lists the project's schemas, so that they are part of the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../schemas");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for domain in folder(&root)?.into_iter().filter(|path| path.is_dir()) {
        println!("cargo::rerun-if-changed={}", domain.display());
        for file in folder(&domain)? {
            let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // `<name>.v<N>.json` is a schema; what else lies there (examples, notes) is not.
            let Some(stem) = name(&file).strip_suffix(".json").map(str::to_owned) else { continue };
            let version = stem.rsplit_once(".v").map(|(_, version)| version);
            if version.is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit())) {
                found.push((format!("{}/{stem}", name(&domain)), fs::canonicalize(&file)?));
            }
        }
    }
    found.sort();
    let mut code = String::from("const BUILT_IN: &[(&str, &str)] = &[\n");
    for (id, path) in found {
        let _ = writeln!(code, "    ({id:?}, include_str!({path:?})),");
    }
    code.push_str("];\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("built_in_schemas.rs"), code)
}

/// A folder's content; none where it does not exist.
fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
