//! Which way to WebAssembly this machine offers.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error, TOOLCHAIN_VARIABLE};

/// What plugins are compiled for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld";
/// What the SDK and the connectors need, as the hub does.
const RUST_VERSION: &str = env!("CARGO_PKG_RUST_VERSION");
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];

/// A way to WebAssembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A Rust that has the target, as rustup installs it.
    Rustup,
    /// Debian's compiler and library source: the standard library is compiled here, once.
    Debian,
}

impl Way {
    /// What [`TOOLCHAIN_VARIABLE`] says.
    pub(super) fn from_environment() -> Result<Option<Self>, Error> {
        match std::env::var(TOOLCHAIN_VARIABLE).as_deref() {
            Err(_) | Ok("") => Ok(None),
            Ok("rustup") => Ok(Some(Self::Rustup)),
            Ok("debian") => Ok(Some(Self::Debian)),
            Ok(other) => Err(Error::NoToolchain(format!("{TOOLCHAIN_VARIABLE} is `{other}`: say `rustup`, `debian`, or nothing"))),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        })
    }
}

/// A way that is ready to be used.
pub(super) enum Toolchain {
    Installed,
    Debian { rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    pub(super) fn way(&self) -> Way {
        match self {
            Self::Installed => Way::Rustup,
            Self::Debian { .. } => Way::Debian,
        }
    }
}

/// Finds one, installing what is missing where that needs nobody's password.
pub(super) fn toolchain(way: Option<Way>, plugin_dir: &Path) -> Result<Toolchain, Error> {
    match way {
        Some(Way::Rustup) => installed(plugin_dir).ok_or_else(|| {
            Error::NoToolchain(format!(
                "the Rust in use lacks {TARGET}: run `rustup target add {TARGET}`, or let {TOOLCHAIN_VARIABLE} be unset"
            ))
        }),
        Some(Way::Debian) => debian(),
        None => installed(plugin_dir).map_or_else(debian, Ok),
    }
}

fn installed(plugin_dir: &Path) -> Option<Toolchain> {
    if has_target(plugin_dir) {
        return Some(Toolchain::Installed);
    }
    // Answers quickly where there is no rustup, and with its own error where its server cannot be reached.
    if succeeds(Command::new("rustup").arg("--version").current_dir(plugin_dir)) {
        eprintln!("adding the Rust target {TARGET} with rustup");
        let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(plugin_dir).stdout(Stdio::null()).status();
        if added.is_ok_and(|status| status.success()) && has_target(plugin_dir) {
            return Some(Toolchain::Installed);
        }
        eprintln!("rustup could not add {TARGET}; looking for another way");
    }
    None
}

/// Whether the Rust that Cargo would use there has a standard library for the target.
fn has_target(plugin_dir: &Path) -> bool {
    let libraries =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(plugin_dir).stderr(Stdio::null()).output();
    libraries.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success()
            && std::fs::read_dir(folder)
                .is_ok_and(|mut files| files.any(|f| f.is_ok_and(|f| f.file_name().to_string_lossy().starts_with("libstd-"))))
    })
}

fn debian() -> Result<Toolchain, Error> {
    if let Some(found) = debian_installed() {
        return Ok(found);
    }
    let install = format!("apt-get install -y --no-install-recommends {}", DEBIAN_PACKAGES.join(" "));
    if !succeeds(Command::new("apt-get").arg("--version")) {
        return Err(Error::NoToolchain(format!("install Rust with rustup, then run `rustup target add {TARGET}`")));
    }
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return Err(Error::NoToolchain(format!("run `rustup target add {TARGET}`, or `sudo {install}`")));
    }
    eprintln!("installing a compiler for WebAssembly: {install}");
    // Lists of last year name a compiler that is too old. Where they cannot be refreshed, what they name may do.
    let refreshed = Command::new("apt-get").args(["update", "-q"]).stdout(Stdio::null()).status();
    if !refreshed.is_ok_and(|status| status.success()) {
        eprintln!("the package lists could not be refreshed");
    }
    if !apt_get_install() {
        return Err(Error::NoToolchain(format!(
            "`{install}` failed, its own words are above; `rustup target add {TARGET}` is the other way"
        )));
    }
    debian_installed().ok_or_else(|| {
        Error::NoToolchain(format!(
            "{} are installed, but {DEBIAN_RUSTC} is older than {RUST_VERSION}, or its library source is of another release; `rustup target add {TARGET}` is the other way",
            DEBIAN_PACKAGES.join(", ")
        ))
    })
}

fn apt_get_install() -> bool {
    let mut command = Command::new("apt-get");
    command.args(["install", "-y", "-q", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Debian's compiler, with the source of its own standard library and a linker.
fn debian_installed() -> Option<Toolchain> {
    let version = Command::new(DEBIAN_RUSTC).arg("--version").stderr(Stdio::null()).output().ok()?;
    if release(&String::from_utf8_lossy(&version.stdout))? < release(RUST_VERSION)? {
        return None;
    }
    let output = Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"]).stderr(Stdio::null()).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let source = sysroot.join("lib/rustlib/src/rust/library/std/src/lib.rs");
    let usable = output.status.success() && source.is_file() && Path::new(DEBIAN_LINKER).is_file();
    usable.then(|| Toolchain::Debian { rustc: DEBIAN_RUSTC.into(), linker: DEBIAN_LINKER.into() })
}

/// Major and minor of `1.95`, or of what `rustc --version` says.
fn release(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("rustc ").unwrap_or(text);
    let mut parts = version.split(['.', ' ', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.trim().parse().ok()?))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some((1, 96)));
        assert_eq!(release("1.95"), Some((1, 95)));
        assert!(release("rustc 1.100.0-nightly") > release("1.95") && release("rustc 1.85.0") < release(RUST_VERSION));
        assert_eq!(release("no compiler"), None);
    }
}
