//! Lists the project's schemas, and what new plugins are made of, so that both are part of the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let host = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    schemas(Path::new(&host), Path::new(&out))?;
    kit(&fs::canonicalize(Path::new(&host).join(".."))?, Path::new(&out))
}

/// What projects of plugins are made of: everything of these places that belongs to the repository.
const KIT: [&str; 7] =
    ["plugins/templates", "plugins/sdk", "plugins/sdk-js", "plugins/sdk-py", "plugins/Cargo.toml", "plugins/Cargo.lock", "wit"];
/// Tests of the SDKs, and what tools leave there.
const NOT_IN_KIT: [&str; 5] = ["test", "tests", "node_modules", "target", "__pycache__"];

fn kit(repository: &Path, out: &Path) -> io::Result<()> {
    let mut code = String::from("const KIT: &[(&str, &str)] = &[\n");
    for place in KIT {
        let mut files = Vec::new();
        walk(&repository.join(place), &mut files)?;
        files.sort();
        for file in files {
            let within = file.strip_prefix(repository).map_err(io::Error::other)?;
            let _ = writeln!(code, "    ({:?}, include_str!({file:?})),", within.display().to_string());
        }
    }
    code.push_str("];\n");
    fs::write(out.join("kit.rs"), code)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", path.display());
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in folder(path)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with('.') && !NOT_IN_KIT.contains(&name.as_str()) && !name.ends_with(".egg-info") {
            walk(&entry, files)?;
        }
    }
    Ok(())
}

fn schemas(host: &Path, out: &Path) -> io::Result<()> {
    let root = host.join("../schemas");
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
    fs::write(out.join("built_in_schemas.rs"), code)
}

/// A folder's content; none where it does not exist.
fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
