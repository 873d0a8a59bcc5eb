//! The one call of Cargo.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Error;
use super::find::{TARGET, Toolchain};

/// What Cargo says on stdout, as far as it matters here.
#[derive(Deserialize)]
struct CargoLine {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Compiles the crate and returns the core module's bytes. Compiled crates, and with Debian's compiler the standard
/// library, stay in the cache, apart for each workspace: Cargo tells crates by their path within it, and would take one of
/// another checkout for this one's.
pub(super) fn compile(toolchain: &Toolchain, plugin_dir: &Path, cache: &Path) -> Result<Vec<u8>, Error> {
    let workspace = workspace(plugin_dir)?;
    let target_dir = cache.join("plugins").join(toolchain.way().to_string()).join(workspace);
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--lib", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    // Flags for the hub's own target, or of the Cargo that started us, would break this one.
    for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(inherited);
    }
    if let Toolchain::Debian { rustc, linker } = toolchain {
        command.arg("-Zbuild-std=std,panic_abort");
        // Building the standard library is a nightly feature of Cargo; Debian's compiler and library source are one release.
        command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        command.env_remove("RUSTC_WRAPPER");
        if !target_dir.join(TARGET).exists() {
            eprintln!("compiling Rust's standard library for WebAssembly into {}: once, about a minute", target_dir.display());
        }
    }
    command.current_dir(plugin_dir).env("CARGO_TARGET_DIR", &target_dir).stdin(Stdio::null()).stdout(Stdio::piped());

    let tool = "cargo build".to_owned();
    let mut child = command.spawn().map_err(|e| not_started(&tool, &e))?;
    let mut module = None;
    if let Some(stdout) = child.stdout.take() {
        let own = plugin_dir.join("Cargo.toml");
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(said) = serde_json::from_str::<CargoLine>(&line) else { continue };
            if said.reason == "compiler-artifact" && said.manifest_path == own {
                module = said.filenames.into_iter().find(|file| file.extension().is_some_and(|e| e == "wasm")).or(module);
            }
        }
    }
    let status = child.wait().map_err(|e| Error::Tool { tool: tool.clone(), status: e.to_string() })?;
    if !status.success() {
        return Err(Error::Tool { tool, status: status.to_string() });
    }
    let module = module.ok_or_else(|| Error::Project {
        path: plugin_dir.join("Cargo.toml"),
        message: "builds no WebAssembly module: say `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`".to_owned(),
    })?;
    fs::read(&module).map_err(Error::io(&module))
}

/// A folder's name for the workspace that the crate belongs to.
fn workspace(plugin_dir: &Path) -> Result<String, Error> {
    let tool = "cargo locate-project".to_owned();
    let mut command = Command::new("cargo");
    command.args(["locate-project", "--workspace", "--message-format=plain"]).current_dir(plugin_dir);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|e| not_started(&tool, &e))?;
    if !output.status.success() {
        return Err(Error::Tool { tool, status: output.status.to_string() });
    }
    let digest = Sha256::digest(output.stdout.trim_ascii());
    Ok(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

fn not_started(tool: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoToolchain("there is no `cargo` on the PATH: install Rust with rustup".to_owned()),
        _ => Error::Tool { tool: tool.to_owned(), status: error.to_string() },
    }
}
