//! Builds a plugin's folder to a component: Rust by whichever way to WebAssembly this machine offers, JavaScript and Python with
//! tools that are pinned here and installed into the user's cache. Embeds the manifest. Says on stderr what it does, for the first
//! time on a machine takes a while.
//!
//! A plugin whose sources did not change is not built again, and no tool is started: that costs milliseconds. A hub that runs
//! plugins needs none of this.

mod cargo;
mod component;
mod find;
mod fingerprint;
mod javascript;
mod language;
mod process;
mod python;
pub mod scaffold;
pub mod signing;
mod world;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lienthong_core::id::PluginName;
use lienthong_core::manifest::{self, Manifest};

pub use find::Way;
pub use language::Language;

/// Names the way to WebAssembly, `rustup` or `debian`, instead of finding one.
pub const TOOLCHAIN_VARIABLE: &str = "LIENTHONG_WASM_TOOLCHAIN";

/// How to build.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// This way and no other; by default [`TOOLCHAIN_VARIABLE`], else the first that works.
    pub way: Option<Way>,
    /// Where compiled crates and the standard library are kept; by default `lienthong` in the user's cache folder.
    pub cache: Option<PathBuf>,
}

/// A plugin that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The component, `<out_dir>/<name>.wasm`.
    pub path: PathBuf,
    /// Its name, by its manifest.
    pub name: PluginName,
    /// Its version, by its manifest.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// It was there already: nothing had changed.
    pub fresh: bool,
}

/// Why a plugin was not built. Where there is a `source()`, it says the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be used.
    #[error("{path} cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The plugin's manifest is no manifest.
    #[error("{path} is no plugin's manifest")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: manifest::Error,
    },
    /// A folder, `Cargo.toml`, `package.json`, `pyproject.toml` or lock file cannot be understood.
    #[error("{path}: {message}")]
    Project {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        message: String,
    },
    /// This machine offers no way to WebAssembly.
    #[error("this machine cannot build WebAssembly plugins yet: {0}")]
    NoToolchain(String),
    /// A tool failed; what it printed went to stderr.
    #[error("{tool} failed ({status}); its own words are above")]
    Tool {
        /// The command.
        tool: String,
        /// How it ended.
        status: String,
    },
    /// Cargo was content, but what it built is no component.
    #[error("{name}: {message}")]
    Component {
        /// The plugin.
        name: PluginName,
        /// Why, and what to do.
        message: String,
    },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Builds the plugin whose `plugin.toml` is in `plugin_dir`, beside the file that says its [`Language`], into `out_dir`. Blocks, the first time on a
/// machine for minutes. Builds that share a cache wait for each other.
pub fn build(plugin_dir: &Path, out_dir: &Path, options: &Options) -> Result<Built, Error> {
    let plugin_dir = plugin_dir.canonicalize().map_err(Error::io(plugin_dir))?;
    let manifest_path = plugin_dir.join("plugin.toml");
    let manifest_text = fs::read_to_string(&manifest_path).map_err(Error::io(&manifest_path))?;
    let manifest = Manifest::parse(&manifest_text).map_err(|source| Error::Manifest { path: manifest_path, source })?;
    let name = manifest.plugin.name.clone();

    let way = match options.way {
        Some(way) => Some(way),
        None => Way::from_environment()?,
    };
    let language = Language::of(&plugin_dir)?;
    let wanted = fingerprint::of(&plugin_dir, language, way)?;
    let path = out_dir.join(format!("{name}.wasm"));
    let built = |size, fresh| Built { path: path.clone(), name: name.clone(), version: manifest.plugin.version.clone(), size, fresh };
    if let Some(size) = fingerprint::fresh(&path, &wanted) {
        return Ok(built(size, true));
    }

    let cache = options.cache.clone().map_or_else(cache_folder, Ok)?;
    fs::create_dir_all(&cache).map_err(Error::io(&cache))?;
    fs::create_dir_all(out_dir).map_err(Error::io(out_dir))?;
    let lock_path = cache.join("plugins.lock");
    let lock = File::create(&lock_path).map_err(Error::io(&lock_path))?;
    lock.lock().map_err(Error::io(&lock_path))?;
    if let Some(size) = fingerprint::fresh(&path, &wanted) {
        return Ok(built(size, true));
    }

    let work = tempfile::tempdir_in(&cache).map_err(Error::io(&cache))?;
    let component = match language {
        Language::Rust => {
            let toolchain = find::toolchain(way, &plugin_dir)?;
            eprintln!("building plugin {name} {} ({})", manifest.plugin.version, toolchain.way());
            component::wrap(&cargo::compile(&toolchain, &plugin_dir, &cache)?, &manifest)?
        }
        Language::JavaScript => javascript::compile(&plugin_dir, &manifest, work.path(), &cache)?,
        Language::Python => python::compile(&plugin_dir, &manifest, work.path(), &cache)?,
    };
    let bytes = component::describe(component, &manifest, &manifest_text)?;
    fingerprint::keep(&path, &wanted, &bytes)?;
    Ok(built(bytes.len() as u64, false))
}

/// Where what is built, and what builds it, is kept: `$XDG_CACHE_HOME/lienthong`, else `~/.cache/lienthong`.
pub fn cache_folder() -> Result<PathBuf, Error> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache"))).map(|cache| cache.join("lienthong")).ok_or_else(
        || Error::NoToolchain("neither XDG_CACHE_HOME nor HOME names a folder: set one, for what is compiled is kept there".to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name)
    }

    /// Compiles for real, by whichever way this machine offers; the user's cache makes the next time quick.
    #[test]
    fn a_plugin_becomes_a_component_once() {
        let out = tempfile::tempdir().unwrap();
        let first = build(&plugin("environment-tt10"), out.path(), &Options::default()).unwrap();
        assert!(!first.fresh);
        let bytes = fs::read(&first.path).unwrap();
        assert_eq!(first.size, bytes.len() as u64);

        let mut imports = Vec::new();
        let mut manifest_text = None;
        let mut depth = 0u32;
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                wasmparser::Payload::ModuleSection { .. } | wasmparser::Payload::ComponentSection { .. } => depth += 1,
                wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
                wasmparser::Payload::ComponentImportSection(section) if depth == 0 => {
                    imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
                }
                wasmparser::Payload::CustomSection(section) if depth == 0 && section.name() == manifest::SECTION => {
                    manifest_text = Some(String::from_utf8(section.data().to_vec()).unwrap());
                }
                _ => {}
            }
        }
        assert!(!imports.is_empty() && imports.iter().all(|name| name.starts_with("lienthong:connector/")), "{imports:?}");
        assert_eq!(Manifest::parse(&manifest_text.unwrap()).unwrap().plugin.name, first.name);

        assert_eq!(build(&plugin("environment-tt10"), out.path(), &Options::default()).unwrap(), Built { fresh: true, ..first });
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("one");
        fs::create_dir(&plugin).unwrap();
        let error = || format!("{:#}", anyhow::Error::from(build(&plugin, folder.path(), &Options::default()).unwrap_err()));
        let put = |file: &str, text: &str| fs::write(plugin.join(file), text).unwrap();
        let named = |file: &str, what: &str| {
            let error = error();
            assert!(error.contains(&format!("one/{file}")), "{error}");
            assert_eq!(error.matches(what).count(), 1, "{error}");
        };

        named("plugin.toml", "cannot be used: No such file");
        put("plugin.toml", "[plugin]\nname = \"a-b\"\ncolour = 3\n");
        named("plugin.toml", "unknown field `colour`");
        put(
            "plugin.toml",
            "[plugin]\nname = \"a-b\"\nversion = \"1.0.0\"\nvendor = \"v\"\nlicense = \"ISC\"\ndescription = \"d\"\ninterfaces = [\"sink\"]\n",
        );
        assert!(error().contains("one: beside plugin.toml there is no Cargo.toml"), "{}", error());
        put("Cargo.toml", "[package\n");
        named("Cargo.toml", "line 1");
        put("Cargo.toml", "[package]\nname = \"a-b\"\n[dependencies]\nsdk = { path = \"../gone\" }\n");
        named("Cargo.toml", "../gone");
    }
}
