//! Whether anything changed since the last build: a hash over all that goes into a component, kept beside it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{Error, Language, Way, javascript, python, world};

/// Changes when the same sources would give another component.
const BUILDER: &str = concat!("lienthong toolchain 2, ", env!("CARGO_PKG_VERSION"));

/// The fingerprint of everything a build of this plugin would read. Of Rust: its crate, the crates it names by path and theirs, what
/// those list under `[package.metadata.lienthong] sources`, the workspace's manifest and lock file, and which compilers
/// are installed. Of JavaScript and Python: its folder, what it names by path, and the pinned tools. Reads files, starts nothing.
pub(super) fn of(plugin_dir: &Path, language: Language, way: Option<Way>) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut add = |label: &str, bytes: &[u8]| {
        hash.update((label.len() as u64).to_le_bytes());
        hash.update(label.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add("builder", BUILDER.as_bytes());
    let mut files = BTreeSet::new();
    match language {
        Language::Rust => {
            add("way", way.map_or_else(String::new, |w| w.to_string()).as_bytes());
            add("compilers", installed_compilers().as_bytes());
            visit(plugin_dir, &mut BTreeSet::new(), &mut files)?;
        }
        Language::JavaScript => {
            javascript::PINNED.iter().chain(&world::PINNED).for_each(|text| add("pinned", text.as_bytes()));
            visit_package(plugin_dir, &mut BTreeSet::new(), &mut files)?;
        }
        Language::Python => {
            python::PINNED.iter().chain(&world::PINNED).for_each(|text| add("pinned", text.as_bytes()));
            walk(plugin_dir, &mut files)?;
            for folder in python::layout(plugin_dir)?.folders {
                walk(&folder, &mut files)?;
            }
        }
    }
    for file in files {
        let bytes = fs::read(&file).map_err(Error::io(&file))?;
        // Relative, so that a checkout elsewhere has the same fingerprint.
        add(&relative(plugin_dir, &file).to_string_lossy(), &bytes);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The component's size, if it is whole and was built from what `wanted` stands for.
pub(super) fn fresh(path: &Path, wanted: &str) -> Option<u64> {
    let kept = fs::read_to_string(beside(path)).ok()?;
    let bytes = fs::read(path).ok()?;
    (kept == note(wanted, &bytes)).then_some(bytes.len() as u64)
}

/// Writes the component and its fingerprint; who reads meanwhile sees the old or the new component, whole.
pub(super) fn keep(path: &Path, fingerprint: &str, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes)?;
    replace(&beside(path), note(fingerprint, bytes).as_bytes())
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("fingerprint")
}

fn note(fingerprint: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sources {fingerprint}\ncomponent {digest}\n")
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::Io { path: path.to_owned(), source }
    })
}

/// What would be another compiler: rustup's choice and the toolchains it has, and Debian's binary.
fn installed_compilers() -> String {
    let mut found = Vec::new();
    found.push(std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_default());
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    if let Some(home) = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup"))) {
        found.push(fs::read_to_string(home.join("settings.toml")).unwrap_or_default());
        // One small file a toolchain, rewritten whenever it is updated.
        let hashes = fs::read_dir(home.join("update-hashes")).into_iter().flatten().flatten();
        let mut hashes: Vec<_> = hashes.map(|file| format!("{:?} {:?}", file.file_name(), fs::read(file.path()).ok())).collect();
        hashes.sort();
        found.extend(hashes);
    }
    if let Ok(debian) = fs::metadata("/usr/bin/rustc") {
        found.push(format!("{} {:?}", debian.len(), debian.modified().ok()));
    }
    found.join("\n")
}

/// Adds a crate's files and those of the crates it names by path.
fn visit(crate_dir: &Path, crates: &mut BTreeSet<PathBuf>, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    if !crates.insert(crate_dir.to_owned()) {
        return Ok(());
    }
    walk(crate_dir, files)?;
    let manifest_path = crate_dir.join("Cargo.toml");
    let manifest = read_toml(&manifest_path)?;
    let workspace = workspace_of(crate_dir, &manifest)?;
    let (root, inherited) = workspace.as_ref().map_or((crate_dir, None), |(root, table)| (root.as_path(), table.get("workspace")));
    for name in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml", "rust-toolchain"] {
        let file = root.join(name);
        if file.is_file() {
            files.insert(file);
        }
    }
    for (name, spec) in dependencies(&manifest) {
        let shared = spec.get("workspace").and_then(Value::as_bool) == Some(true);
        let (base, path) = if shared {
            (root, inherited.and_then(|w| w.get("dependencies")?.get(name)?.get("path")))
        } else {
            (crate_dir, spec.get("path"))
        };
        if let Some(path) = path.and_then(Value::as_str) {
            visit(&existing(base, path, &manifest_path)?, crates, files)?;
        }
    }
    let sources = manifest.get("package").and_then(|p| p.get("metadata")?.get("lienthong")?.get("sources")?.as_array());
    for source in sources.into_iter().flatten().filter_map(Value::as_str) {
        walk(&existing(crate_dir, source, &manifest_path)?, files)?;
    }
    Ok(())
}

/// Adds a JavaScript package's files and those of the packages it names by path.
fn visit_package(folder: &Path, packages: &mut BTreeSet<PathBuf>, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    if !packages.insert(folder.to_owned()) {
        return Ok(());
    }
    walk(folder, files)?;
    let manifest_path = folder.join(Language::JavaScript.file());
    let text = fs::read_to_string(&manifest_path).map_err(Error::io(&manifest_path))?;
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| Error::Project { path: manifest_path.clone(), message: e.to_string() })?;
    let dependencies = manifest.get("dependencies").and_then(serde_json::Value::as_object);
    for place in dependencies.into_iter().flatten().filter_map(|(_, place)| place.as_str()?.strip_prefix("file:")) {
        visit_package(&existing(folder, place, &manifest_path)?, packages, files)?;
    }
    Ok(())
}

/// Dependencies of a build: tests' are not among them.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let own = ["dependencies", "build-dependencies"].into_iter().filter_map(|key| manifest.get(key));
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let targeted = targets.flat_map(|(_, table)| ["dependencies", "build-dependencies"].into_iter().filter_map(|key| table.get(key)));
    own.chain(targeted).filter_map(Value::as_table).flatten()
}

/// The workspace's folder and manifest, as Cargo finds them: the crate's own, or the nearest above.
fn workspace_of(crate_dir: &Path, manifest: &Table) -> Result<Option<(PathBuf, Table)>, Error> {
    if manifest.contains_key("workspace") {
        return Ok(Some((crate_dir.to_owned(), manifest.clone())));
    }
    for above in crate_dir.ancestors().skip(1) {
        let path = above.join("Cargo.toml");
        if path.is_file() {
            let table = read_toml(&path)?;
            if table.contains_key("workspace") {
                return Ok(Some((above.to_owned(), table)));
            }
        }
    }
    Ok(None)
}

fn read_toml(path: &Path) -> Result<Table, Error> {
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    text.parse().map_err(|e: toml::de::Error| Error::Project { path: path.to_owned(), message: e.to_string() })
}

fn existing(base: &Path, path: &str, named_in: &Path) -> Result<PathBuf, Error> {
    let joined = base.join(path);
    joined.canonicalize().map_err(|e| Error::Project { path: named_in.to_owned(), message: format!("it names {}: {e}", joined.display()) })
}

/// What no build reads, and what one writes. `test` is where JavaScript has its tests.
const NO_SOURCES: [&str; 7] = ["target", "node_modules", "__pycache__", "test", "tests", "fixtures", "README.md"];

/// Every file below, but for those and what is hidden.
fn walk(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    if path.is_file() {
        files.insert(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(Error::io(path))? {
        let entry = entry.map_err(Error::io(path))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Whoever builds into the plugin's own folder must not find it changed by that.
        let built = name.ends_with(".wasm") || name.ends_with(".fingerprint");
        if built || name.starts_with('.') || NO_SOURCES.contains(&&*name) {
            continue;
        }
        walk(&entry.path(), files)?;
    }
    Ok(())
}

/// `file` as seen from `base`.
fn relative(base: &Path, file: &Path) -> PathBuf {
    let (base, file): (Vec<Component<'_>>, Vec<Component<'_>>) = (base.components().collect(), file.components().collect());
    let shared = base.iter().zip(&file).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, base.len() - shared);
    up.chain(file[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of a plugin, the SDK it shares, and the WIT that the SDK names.
    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("plugins/Cargo.toml", "[workspace]\nmembers = [\"sdk\", \"one\"]\n[workspace.dependencies]\nsdk = { path = \"sdk\" }\n");
        put("plugins/Cargo.lock", "# locked\n");
        put("plugins/one/Cargo.toml", "[package]\nname = \"one\"\n[dependencies]\nsdk.workspace = true\n");
        put("plugins/one/src/lib.rs", "// one\n");
        put("plugins/sdk/Cargo.toml", "[package]\nname = \"sdk\"\n[package.metadata.lienthong]\nsources = [\"../../wit\"]\n");
        put("plugins/sdk/src/lib.rs", "// sdk\n");
        put("wit/connector.wit", "package a:b;\n");
        folder
    }

    fn print(folder: &Path) -> String {
        of(&folder.join("plugins/one"), Language::Rust, None).unwrap()
    }

    #[test]
    fn a_change_anywhere_in_the_sources_shows() {
        let folder = workspace();
        let before = print(folder.path());
        assert_eq!(before, print(folder.path()));
        for file in ["plugins/Cargo.toml", "plugins/Cargo.lock", "plugins/one/src/lib.rs", "plugins/sdk/src/lib.rs", "wit/connector.wit"] {
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{text}# changed\n")).unwrap();
            assert_ne!(print(folder.path()), before, "{file}");
            fs::write(&path, text).unwrap();
            assert_eq!(print(folder.path()), before, "{file} as it was");
        }
        fs::write(folder.path().join("plugins/one/src/new.rs"), "").unwrap();
        assert_ne!(print(folder.path()), before, "a new file");
    }

    #[test]
    fn a_package_and_a_project_are_their_files_and_those_they_name_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("js/package.json", r#"{"dependencies":{"sdk":"file:../sdk-js","ical":"2.0.0"}}"#);
        put("sdk-js/package.json", "{}");
        put("py/pyproject.toml", "[project]\nname = \"p\"\n[tool.lienthong]\nsources = [\"../sdk-py\"]\n");
        put("py/src/p.py", "");
        put("sdk-py/sdk.py", "");
        let print = |name: &str, language| of(&folder.path().join(name), language, None).unwrap();
        let print = || (print("js", Language::JavaScript), print("py", Language::Python));
        let before = print();
        put("js/node_modules/ical/index.js", "installed");
        put("js/test/plugin.test.js", "a test");
        put("py/src/__pycache__/p.pyc", "compiled");
        assert_eq!(print(), before);
        put("sdk-js/index.js", "changed");
        assert!(print().0 != before.0 && print().1 == before.1);
        put("sdk-py/sdk.py", "changed");
        assert_ne!(print().1, before.1);
        fs::remove_dir_all(folder.path().join("sdk-js")).unwrap();
        let error = of(&folder.path().join("js"), Language::JavaScript, None).unwrap_err().to_string();
        assert!(error.contains("js/package.json: it names"), "{error}");
    }

    #[test]
    fn what_no_build_reads_does_not_show_and_neither_does_the_place() {
        let (folder, elsewhere) = (workspace(), workspace());
        let before = print(folder.path());
        assert_eq!(before, print(elsewhere.path()));
        for file in ["target/x", "tests/golden.rs", "fixtures/a.txt", "README.md", ".hidden", "built/one.wasm", "built/one.fingerprint"] {
            let path = folder.path().join("plugins/one").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(before, print(folder.path()));
        assert_ne!(before, of(&folder.path().join("plugins/one"), Language::Rust, Some(Way::Debian)).unwrap());
    }

    #[test]
    fn a_component_is_fresh_only_whole_and_for_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.wasm");
        assert_eq!(fresh(&path, "a"), None);
        keep(&path, "a", b"component").unwrap();
        assert_eq!(fresh(&path, "a"), Some(9));
        assert_eq!(fresh(&path, "b"), None);
        fs::write(&path, b"compo").unwrap();
        assert_eq!(fresh(&path, "a"), None);
    }
}
