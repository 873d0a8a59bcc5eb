//! JavaScript and TypeScript: bundled by esbuild, made a component by componentize-js.

use std::fs;
use std::path::Path;
use std::process::Command;

use lienthong_core::manifest::Manifest;
use serde::Deserialize;

use super::process::{self, Tool};
use super::world::{self, Http};
use super::{Error, Language};

const NODE: Tool = Tool { name: "node", remedy: "install Node.js 20 or later, with npm" };
const NPM: Tool = Tool { name: "npm", remedy: "install it with Node.js 20 or later; the cause is above" };
const OLDEST: (u32, u32) = (20, 0);

const PACKAGE: &str = include_str!("javascript/package.json");
const LOCK: &str = include_str!("javascript/package-lock.json");
const BUILD: &str = include_str!("javascript/build.mjs");
/// All that decides what is built, for the fingerprint.
pub(super) const PINNED: [&str; 3] = [PACKAGE, LOCK, BUILD];

/// What of `package.json` matters here.
#[derive(Deserialize)]
struct Package {
    #[serde(default = "index")]
    main: String,
}

fn index() -> String {
    "index.js".to_owned()
}

/// Builds the component.
pub(super) fn compile(plugin_dir: &Path, manifest: &Manifest, work: &Path, cache: &Path) -> Result<Vec<u8>, Error> {
    let found = process::version(Command::new("node").arg("--version"), NODE)?;
    if found < OLDEST {
        return Err(Error::NoToolchain(format!("`node` is version {}.{}: {}", found.0, found.1, NODE.remedy)));
    }
    let toolchain = process::kept(&cache.join("javascript"), &PINNED, |folder| {
        eprintln!("installing componentize-js and esbuild into {}: once, about half a minute", folder.display());
        for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK), ("build.mjs", BUILD)] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(Error::io(&path))?;
        }
        npm_ci(folder)
    })?;
    let main = main(plugin_dir)?;
    packages(plugin_dir)?;

    let (wit, out) = (work.join("wit"), work.join("component.wasm"));
    world::write(&wit, manifest, Http::Left)?;
    eprintln!("building plugin {} {} (JavaScript: half a minute)", manifest.plugin.name, manifest.plugin.version);
    let request = serde_json::json!({
        "folder": plugin_dir,
        "main": format!("./{}", main.trim_start_matches("./")),
        "interfaces": manifest.plugin.interfaces,
        "wit": wit,
        "http": manifest.egress.http,
        "out": out,
    });
    let mut command = Command::new("node");
    command.arg("build.mjs").arg(request.to_string()).current_dir(&toolchain);
    process::run(&mut command, Tool { name: "componentize-js", remedy: NODE.remedy })?;
    fs::read(&out).map_err(Error::io(&out))
}

fn main(plugin_dir: &Path) -> Result<String, Error> {
    let path = plugin_dir.join(Language::JavaScript.file());
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let project = |message: String| Error::Project { path: path.clone(), message };
    let package: Package = serde_json::from_str(&text).map_err(|e| project(e.to_string()))?;
    if plugin_dir.join(&package.main).is_file() {
        return Ok(package.main);
    }
    Err(project(format!("`main` names {}, which is not there: let it name the module that exports the plugin's interfaces", package.main)))
}

/// The plugin's own packages, as its lock file has them.
fn packages(plugin_dir: &Path) -> Result<(), Error> {
    let path = plugin_dir.join("package-lock.json");
    let Ok(lock) = fs::read_to_string(&path) else {
        return Err(Error::Project {
            path,
            message: "it is not there: run `npm install` once and keep the file with the sources".to_owned(),
        });
    };
    let (installed, wanted) = (plugin_dir.join("node_modules/.lienthong"), process::short_hash(&[&lock]));
    if fs::read_to_string(&installed).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    eprintln!("installing the packages of {}", path.display());
    npm_ci(plugin_dir)?;
    fs::create_dir_all(plugin_dir.join("node_modules")).map_err(Error::io(plugin_dir))?;
    fs::write(&installed, wanted).map_err(Error::io(&installed))
}

/// Scripts of packages are not run: neither the toolchain nor a plugin that becomes a component needs one.
fn npm_ci(folder: &Path) -> Result<(), Error> {
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    process::run(&mut command, NPM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_lacks_is_named_before_anything_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        let error = |result: Result<(), Error>| result.unwrap_err().to_string();
        put("package.json", "{");
        assert!(error(main(folder.path()).map(drop)).contains("package.json: EOF"));
        put("package.json", "{\"name\": \"a\"}");
        assert!(error(main(folder.path()).map(drop)).contains("`main` names index.js, which is not there"));
        put("plugin.ts", "");
        put("package.json", "{\"main\": \"plugin.ts\"}");
        assert_eq!(main(folder.path()).unwrap(), "plugin.ts");
        assert!(error(packages(folder.path())).contains("run `npm install` once"));
    }
}
