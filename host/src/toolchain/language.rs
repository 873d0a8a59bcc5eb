//! Which language a plugin is written in: its folder says it.

use std::fmt;
use std::path::Path;

use super::Error;

/// A language that plugins are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A crate.
    Rust,
    /// A package of JavaScript or TypeScript.
    JavaScript,
    /// A Python project.
    Python,
}

impl Language {
    const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// The file beside `plugin.toml` that says so.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "pyproject.toml",
        }
    }

    /// Looks at the folder.
    pub(super) fn of(plugin_dir: &Path) -> Result<Self, Error> {
        let found: Vec<Self> = Self::ALL.into_iter().filter(|language| plugin_dir.join(language.file()).is_file()).collect();
        let message = match found[..] {
            [language] => return Ok(language),
            [] => "beside plugin.toml there is no Cargo.toml (Rust), package.json (JavaScript, TypeScript) or pyproject.toml (Python)"
                .to_owned(),
            [one, other, ..] => format!(
                "there are {} and {}, so it is not clear what to build: a plugin is one of Rust, JavaScript and Python",
                one.file(),
                other.file()
            ),
        };
        Err(Error::Project { path: plugin_dir.to_owned(), message })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_says_its_language_once() {
        let folder = tempfile::tempdir().unwrap();
        let of = || Language::of(folder.path()).map_err(|error| error.to_string());
        assert!(of().unwrap_err().contains("there is no Cargo.toml (Rust), package.json"));
        for language in Language::ALL {
            std::fs::write(folder.path().join(language.file()), "").unwrap();
            assert_eq!(of().unwrap(), language);
            std::fs::remove_file(folder.path().join(language.file())).unwrap();
        }
        std::fs::write(folder.path().join("package.json"), "").unwrap();
        std::fs::write(folder.path().join("pyproject.toml"), "").unwrap();
        assert!(of().unwrap_err().contains("package.json and pyproject.toml"));
    }
}
