//! A city in a temporary folder, with a place for its hub's data.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The folder goes when this does, unless a trial failed on it.
#[derive(Debug)]
pub struct City {
    folder: TempDir,
}

impl City {
    /// A city with these files, `(name, text)`; schemas stand under `schemas/…`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let city = Self { folder };
        for (name, text) in files {
            city.write(name, text);
        }
        city
    }

    /// Writes or replaces one of its files.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The city's own folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("city")
    }

    /// The hub's folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What the hub wrote to its standard error.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("hub.log")
    }

    /// Where it all lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for City {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("what it failed on is kept in {}", self.folder().display());
        }
    }
}
