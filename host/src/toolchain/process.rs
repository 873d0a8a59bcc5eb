//! Starting the tools of JavaScript and Python, and keeping what they install.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::Error;

/// What a tool is called in errors, and what to do where it is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) remedy: &'static str,
}

/// Runs a tool to its end. What it prints goes to stderr, for stdout is the hub's own.
pub(super) fn run(command: &mut Command, tool: Tool) -> Result<(), Error> {
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status().map_err(|e| not_started(tool, &e))?;
    if status.success() { Ok(()) } else { Err(Error::Tool { tool: tool.name.to_owned(), status: status.to_string() }) }
}

/// What a tool prints when it is asked for its version; major and minor.
pub(super) fn version(command: &mut Command, tool: Tool) -> Result<(u32, u32), Error> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().map_err(|e| not_started(tool, &e))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit()).split('.');
    let mut part = || parts.next().and_then(|digits| digits.parse().ok());
    match (output.status.success(), part(), part()) {
        (true, Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(Error::NoToolchain(format!("`{}` does not say its version: {}", tool.name, tool.remedy))),
    }
}

fn not_started(tool: Tool, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoToolchain(format!("there is no `{}` on the PATH: {}", tool.name, tool.remedy)),
        _ => Error::Tool { tool: tool.name.to_owned(), status: error.to_string() },
    }
}

/// Says that an installation was finished.
const COMPLETE: &str = ".complete";

/// A folder for what `pinned` names, made by `install` unless it is there from an earlier time. Half an installation is begun
/// anew.
pub(super) fn kept(within: &Path, pinned: &[&str], install: impl FnOnce(&Path) -> Result<(), Error>) -> Result<PathBuf, Error> {
    let folder = within.join(short_hash(pinned));
    let complete = folder.join(COMPLETE);
    if complete.is_file() {
        return Ok(folder);
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(&folder)(error)),
        _ => {}
    }
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    install(&folder)?;
    fs::write(&complete, "").map_err(Error::io(&complete))?;
    Ok(folder)
}

/// Sixteen hexadecimal digits that stand for these texts.
pub(super) fn short_hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Tool = Tool { name: "no-such-tool", remedy: "make one" };

    #[test]
    fn a_missing_or_failing_tool_is_named() {
        let error = run(&mut Command::new(NONE.name), NONE).unwrap_err().to_string();
        assert!(error.contains("there is no `no-such-tool` on the PATH: make one"), "{error}");
        let error = run(Command::new("false").arg("x"), Tool { name: "false", remedy: "" }).unwrap_err().to_string();
        assert!(error.starts_with("false failed (exit status: 1)"), "{error}");
    }

    #[test]
    fn versions_are_read_as_tools_print_them() {
        let of = |text: &str| version(Command::new("echo").arg(text), NONE).ok();
        assert_eq!(of("v20.20.2"), Some((20, 20)));
        assert_eq!(of("Python 3.11.7"), Some((3, 11)));
        assert_eq!(of("none"), None);
    }

    #[test]
    fn an_installation_counts_only_when_it_was_finished() {
        let folder = tempfile::tempdir().unwrap();
        let half = |place: &Path| {
            fs::write(place.join("half"), "").unwrap();
            Err(Error::NoToolchain("broken off".into()))
        };
        assert!(kept(folder.path(), &["a"], half).is_err());
        let place = kept(folder.path(), &["a"], |place| fs::write(place.join("whole"), "").map_err(Error::io(place))).unwrap();
        assert!(place.join("whole").is_file() && !place.join("half").exists());
        assert_eq!(kept(folder.path(), &["a"], |_| unreachable!("it is there")).unwrap(), place);
        assert_ne!(short_hash(&["a"]), short_hash(&["b"]));
        assert_ne!(short_hash(&["a", "b"]), short_hash(&["ab"]));
    }
}
