//! Python: made a component by componentize-py, which brings a CPython of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lienthong_core::manifest::{Interface, Manifest};
use serde::Deserialize;

use super::process::{self, Tool};
use super::world::{self, Http, WORLD};
use super::{Error, Language};

const PYTHON: Tool = Tool { name: "python3", remedy: "install Python 3.10 or later" };
const VENV: Tool = Tool { name: "python3 -m venv", remedy: "install Python 3.10 or later with venv" };
const PIP: Tool = Tool { name: "pip", remedy: "the cause is above" };
const OLDEST: (u32, u32) = (3, 10);

const REQUIREMENTS: &str = include_str!("python/requirements.txt");
/// All that decides what is built, for the fingerprint.
pub(super) const PINNED: [&str; 1] = [REQUIREMENTS];

/// The plugin's packages of the registry, pinned with their hashes.
const PACKAGES: &str = "requirements.txt";

/// What of `pyproject.toml` matters here.
#[derive(Deserialize)]
struct Pyproject {
    project: Project,
    #[serde(default)]
    tool: Tools,
}

#[derive(Deserialize)]
struct Project {
    name: String,
}

#[derive(Deserialize, Default)]
struct Tools {
    #[serde(default)]
    lienthong: Own,
}

/// `[tool.lienthong]`
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Own {
    /// Folders of modules beside the plugin's own, relative to `pyproject.toml`.
    #[serde(default)]
    sources: Vec<String>,
}

/// Where a plugin's modules are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The module that has the plugin's classes.
    module: String,
    /// Folders of modules: the plugin's own, then those it names.
    pub(super) folders: Vec<PathBuf>,
}

/// Reads `pyproject.toml`.
pub(super) fn layout(plugin_dir: &Path) -> Result<Layout, Error> {
    let path = plugin_dir.join(Language::Python.file());
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let project = |message: String| Error::Project { path: path.clone(), message };
    let about: Pyproject = toml::from_str(&text).map_err(|e| project(e.to_string()))?;
    let module = about.project.name.replace(['-', '.'], "_").to_lowercase();
    let own = Some(plugin_dir.join("src")).filter(|src| src.is_dir()).unwrap_or_else(|| plugin_dir.to_owned());
    if !own.join(&module).is_dir() && !own.join(format!("{module}.py")).is_file() {
        return Err(project(format!("there is no module `{module}` in {}: it is named as `[project] name` says", own.display())));
    }
    let mut folders = vec![own];
    for source in about.tool.lienthong.sources {
        let folder = plugin_dir.join(&source);
        folders.push(folder.canonicalize().map_err(|e| project(format!("it names {}: {e}", folder.display())))?);
    }
    Ok(Layout { module, folders })
}

/// Builds the component.
pub(super) fn compile(plugin_dir: &Path, manifest: &Manifest, work: &Path, cache: &Path) -> Result<Vec<u8>, Error> {
    let found = process::version(Command::new("python3").arg("--version"), PYTHON)?;
    if found < OLDEST {
        return Err(Error::NoToolchain(format!("`python3` is version {}.{}: {}", found.0, found.1, PYTHON.remedy)));
    }
    let layout = layout(plugin_dir)?;
    let within = cache.join("python");
    let toolchain = process::kept(&within, &PINNED, |folder| {
        eprintln!("installing componentize-py into {}: once, about a quarter of a minute", folder.display());
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder), VENV)?;
        let requirements = folder.join(PACKAGES);
        fs::write(&requirements, REQUIREMENTS).map_err(Error::io(&requirements))?;
        process::run(pip(folder).arg("--require-hashes").arg("-r").arg(&requirements), PIP)
    })?;
    let packages = packages(plugin_dir, &within, &toolchain)?;

    let (wit, out) = (work.join("wit"), work.join("component.wasm"));
    let http = if manifest.egress.http { Http::Named } else { Http::Left };
    world::write(&wit, manifest, http)?;
    let app = work.join("lienthong_component.py");
    fs::write(&app, component(manifest, &layout.module)).map_err(Error::io(&app))?;
    eprintln!("building plugin {} {} (Python: half a minute)", manifest.plugin.name, manifest.plugin.version);

    let mut command = Command::new(toolchain.join("bin/componentize-py"));
    command.args(["--quiet", "--world", WORLD, "--wit-path"]).arg(&wit);
    // Both packages have an interface of this name, and the SDK imports it by one that does not depend on the plugin.
    command.args(["--import-interface-name", "lienthong:connector/types@1.0.0=connector_types"]);
    if http == Http::Named {
        command.args(["--import-interface-name", "wasi:http/types@0.2.0=http_types"]);
    }
    command.arg("componentize");
    if manifest.exports(Interface::Transform) {
        command.arg("--stub-wasi");
    }
    for folder in [work].into_iter().chain(layout.folders.iter().map(PathBuf::as_path)).chain(packages.as_deref()) {
        command.arg("--python-path").arg(folder);
    }
    command.args(["lienthong_component", "--output"]).arg(&out);
    // The toolchain's own packages are no part of the plugin, nor are those of whoever started us.
    command.env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
    process::run(&mut command, Tool { name: "componentize-py", remedy: PYTHON.remedy })?;
    fs::read(&out).map_err(Error::io(&out))
}

/// The module that componentize-py asks for: the plugin's classes with the SDK around them.
fn component(manifest: &Manifest, module: &str) -> String {
    let mut text = format!("import {module} as plugin\n");
    for interface in &manifest.plugin.interfaces {
        let name = interface.as_str();
        let class = name[..1].to_uppercase() + &name[1..];
        text.push_str(&format!("from lienthong_sdk.guest.{name} import guest as _{name}\n{class} = _{name}(plugin)\n"));
    }
    text
}

/// The plugin's packages, installed for no machine in particular: what is compiled for one cannot run in the sandbox.
fn packages(plugin_dir: &Path, within: &Path, toolchain: &Path) -> Result<Option<PathBuf>, Error> {
    let path = plugin_dir.join(PACKAGES);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let folder = process::kept(within, &[REQUIREMENTS, &text], |folder| {
        eprintln!("installing the packages of {}", path.display());
        let mut command = pip(toolchain);
        command.args(["--platform", "any", "--implementation", "py", "--abi", "none", "--no-deps", "--require-hashes"]);
        process::run(command.arg("--target").arg(folder).arg("-r").arg(&path), PIP)
    })?;
    Ok(Some(folder))
}

fn pip(toolchain: &Path) -> Command {
    let mut command = Command::new(toolchain.join("bin/pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_says_where_its_modules_are() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().canonicalize().unwrap().join("plugin");
        fs::create_dir_all(plugin.join("src")).unwrap();
        let put = |file: &str, text: &str| fs::write(plugin.join(file), text).unwrap();
        let error = || layout(&plugin).unwrap_err().to_string();
        put("pyproject.toml", "[project\n");
        assert!(error().contains("pyproject.toml: TOML parse error at line 1"), "{}", error());
        put("pyproject.toml", "[project]\nname = \"Food-Safety\"\n[tool.other]\nx = 1\n");
        assert!(error().contains("there is no module `food_safety`"), "{}", error());
        put("src/food_safety.py", "");
        assert_eq!(layout(&plugin).unwrap(), Layout { module: "food_safety".into(), folders: vec![plugin.join("src")] });
        put("pyproject.toml", "[project]\nname = \"food-safety\"\n[tool.lienthong]\nsources = [\"../sdk\"]\n");
        assert!(error().contains("it names") && error().contains("../sdk"), "{}", error());
        fs::create_dir(folder.path().join("sdk")).unwrap();
        assert_eq!(layout(&plugin).unwrap().folders[1], plugin.parent().unwrap().join("sdk"));
    }

    #[test]
    fn the_component_is_the_plugin_s_classes_within_the_sdk() {
        let manifest = "[plugin]\nname = \"a-b\"\nversion = \"1.0.0\"\nvendor = \"v\"\nlicense = \"ISC\"\ndescription = \"d\"\n\
            interfaces = [\"source\", \"sink\"]\n[ports.a]\nschema = \"x/y.v1\"\n";
        let text = component(&Manifest::parse(manifest).unwrap(), "a_b");
        assert!(text.starts_with("import a_b as plugin\n"), "{text}");
        assert!(text.contains("guest.source import guest as _source\nSource = _source(plugin)\n"), "{text}");
    }
}
