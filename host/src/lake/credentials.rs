//! The keys to the lake's object store: from the environment, or from a file beside the data that its user alone reads.
//! A city's files never hold them.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Below the data folder. Its form is that of systemd's `EnvironmentFile=`: `NAME=value` lines, `#` before comments.
const FILE: &str = "secrets/lake.env";
const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// What requests to the store are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// Nowhere, or only in half.
    #[error(
        "the lake's bucket needs {ID} and {SECRET}: set both in the hub's environment, or write them into {file} (mode 0600), a line `NAME=value` each"
    )]
    Nowhere {
        /// Where they were looked for besides.
        file: PathBuf,
    },
    /// Others on the machine may read them.
    #[error("{file} is open to others on this machine: `chmod 600` it, and make a new key if others may have read it")]
    Open {
        /// Which file.
        file: PathBuf,
    },
    /// It cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is none. What stands in it is not repeated.
    #[error("{file}, line {line}: not `NAME=value` with one of {ID}, {SECRET} and {TOKEN}")]
    Line {
        /// Which file.
        file: PathBuf,
        /// From 1.
        line: usize,
    },
}

impl Credentials {
    /// The environment's, else those of `<data>/secrets/lake.env`.
    ///
    /// # Errors
    /// There are none, or not in a safe place.
    pub fn find(data: &Path) -> Result<Self, Missing> {
        let file = data.join(FILE);
        match Self::of(|name| std::env::var(name).ok()) {
            Some(found) => Ok(found),
            None => Self::read(&file)?.ok_or(Missing::Nowhere { file }),
        }
    }

    fn read(path: &Path) -> Result<Option<Self>, Missing> {
        let fault = |source| Missing::Unreadable { file: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        if file.metadata().map_err(fault)?.permissions().mode() & 0o077 != 0 {
            return Err(Missing::Open { file: path.to_owned() });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fault)?;
        let mut values = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let known = line.split_once('=').filter(|(name, _)| [ID, SECRET, TOKEN].contains(&name.trim()));
            let (name, value) = known.ok_or_else(|| Missing::Line { file: path.to_owned(), line: number + 1 })?;
            values.insert(name.trim(), value.trim().trim_matches('"').to_owned());
        }
        Ok(Self::of(|name| values.get(name).cloned()))
    }

    fn of(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let value = |name| value(name).filter(|value| !value.is_empty());
        Some(Self { access_key_id: value(ID)?, secret_access_key: value(SECRET)?, session_token: value(TOKEN) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lake.env");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn they_are_read_as_systemd_reads_them() {
        let (_folder, path) = file("# the lake\nAWS_ACCESS_KEY_ID=hub\n\nAWS_SECRET_ACCESS_KEY=\"a/b+c=\"\n", 0o600);
        let found = Credentials::read(&path).unwrap().unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.secret_access_key.as_str(), found.session_token.as_deref()),
            ("hub", "a/b+c=", None)
        );
        assert!(!format!("{found:?}").contains("a/b"));
    }

    #[test]
    fn what_others_may_read_is_not_taken() {
        let (_folder, path) = file("AWS_ACCESS_KEY_ID=hub\nAWS_SECRET_ACCESS_KEY=x\n", 0o640);
        assert!(matches!(Credentials::read(&path), Err(Missing::Open { .. })));
    }

    #[test]
    fn half_of_them_is_none_and_a_strange_line_is_named_and_not_repeated() {
        let (_folder, path) = file("AWS_ACCESS_KEY_ID=hub\n", 0o600);
        assert_eq!(Credentials::read(&path).unwrap(), None);
        let (_folder, path) = file("AWS_ACCESS_KEY_ID=hub\nAWS_SECRET_KEY=hunter2\n", 0o600);
        let error = Credentials::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
        let nowhere = Credentials::read(Path::new("/nowhere/lake.env")).unwrap();
        assert_eq!(nowhere, None);
    }
}
