//! Machine code, kept by what it was made from: the component's hash and the compiler's.
//!
//! A file is a SHA-256 of the code and the code. The hash notices torn and rotten files; it is no signature. What makes
//! the code trustworthy is that only the hub writes to the folder, which is checked when it is opened.

use std::fs::{self, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::component::hex;

const HASH_BYTES: usize = 32;

pub(super) struct Cache {
    folder: PathBuf,
    compiler: String,
    temporary: AtomicU64,
}

impl Cache {
    /// Opens (or makes) the folder. Refused where others may write to it: code from there is run.
    pub(super) fn open(folder: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & 0o022 != 0 {
            let why =
                format!("{} holds code that is run, but others may write to it (mode {:o}): chmod go-w it", folder.display(), mode & 0o777);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mut hasher = Sha(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compiler = hex(&hasher.0.finalize()[..16]);
        Ok(Self { folder: folder.to_owned(), compiler, temporary: AtomicU64::new(0) })
    }

    fn path(&self, component: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}-{}.cwasm", hex(component), self.compiler))
    }

    /// The code for a component, if it is there and whole. A bad file is removed.
    pub(super) fn read(&self, engine: &wasmtime::Engine, component: &[u8; 32]) -> Option<Component> {
        let path = self.path(component);
        let file = fs::read(&path).ok()?;
        let whole = file.split_first_chunk::<HASH_BYTES>().filter(|(hash, code)| Sha256::digest(code)[..] == hash[..]);
        let why = match whole.map(|(_, code)| deserialize(engine, code)) {
            Some(Ok(component)) => return Some(component),
            Some(Err(error)) => error.to_string(),
            None => "its hash does not fit".to_owned(),
        };
        tracing::warn!(path = %path.display(), "machine code is unusable and will be compiled again: {why}");
        let _ = fs::remove_file(&path);
        None
    }

    /// Keeps the code: whole and durable under its name, or not at all.
    pub(super) fn write(&self, component: &[u8; 32], code: &[u8]) -> io::Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".{}-{}-{number}", hex(&component[..8]), std::process::id()));
        let written = self.write_to(&temporary, code).and_then(|()| fs::rename(&temporary, self.path(component)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write_to(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        file.sync_all()
    }
}

#[allow(unsafe_code)]
pub(super) fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` trusts that the bytes came from the compiler. Either they did a moment ago, from the hub's own
    // program in a process of its own. Or they were read from a folder that only the hub's own user may write to (checked
    // when it was opened), from a file that only `Cache::write` makes, and its hash shows that it is as it was written.
    // Code of another compiler or configuration is refused by wasmtime itself.
    unsafe { Component::deserialize(engine, code) }
}

/// A hash that means the same in every build of the hub, unlike the standard library's.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}
