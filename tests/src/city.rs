//! A city in a temporary folder, with a place for its hub's data.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::object_store::{BUCKET, KEY_ID, SECRET};

/// The folder goes when this does, unless a trial failed on it.
#[derive(Debug)]
pub struct City {
    folder: TempDir,
    bucket: Option<Bucket>,
}

/// Where a city's lake lies, if not in the data folder.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The object store itself.
    pub store: SocketAddr,
    /// `s3://bucket/prefix`.
    pub at: String,
}

impl City {
    /// A city with these files, `(name, text)`; schemas stand under `schemas/…`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::within(&std::env::temp_dir(), files)
    }

    /// The same, in a folder of its own below this one.
    pub fn within(folder: &Path, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let city = Self { folder, bucket: None };
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

    /// Lets the lake lie in an object store that is reached by way of `door`, with the keys to it in their file.
    pub fn with_bucket(mut self, store: SocketAddr, door: SocketAddr, prefix: &str, every: &str) -> Self {
        let at = format!("s3://{BUCKET}/{prefix}");
        let city = std::fs::read_to_string(self.path().join("city.yaml")).unwrap_or_else(|error| panic!("city.yaml: {error}"));
        let rest: String = city.lines().filter(|line| !line.starts_with("lake:")).map(|line| format!("{line}\n")).collect();
        let lake = format!("lake: {{ at: '{at}', endpoint: 'http://{door}', flush: {{ every: {every}, bytes: 64MiB }} }}\n");
        self.write("city.yaml", &(rest + &lake));
        let file = self.data().join("secrets/lake.env");
        let keys = format!("AWS_ACCESS_KEY_ID={KEY_ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\n");
        std::fs::create_dir_all(self.data().join("secrets"))
            .and_then(|()| std::fs::write(&file, keys))
            .and_then(|()| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.bucket = Some(Bucket { store, at });
        self
    }

    /// Where the lake lies, if it is in an object store.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// The same city with the same data, in another folder. No hub may run on it.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        for part in ["city", "data"] {
            let copied = std::process::Command::new("cp").arg("-a").arg(self.folder.path().join(part)).arg(folder.path()).status();
            assert!(copied.is_ok_and(|status| status.success()), "{part} was not copied");
        }
        Self { folder, bucket: self.bucket.clone() }
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
