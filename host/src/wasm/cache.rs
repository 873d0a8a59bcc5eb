//! Machine code, kept by what it was made from: the component's hash and the compiler's.
//!
//! Two files a component. `….cwasm` is the code as the compiler gave it, which is mapped and not read into memory. `….json`
//! has what the component says of itself, so that a start need not validate it again, and the code's checksum. That notices
//! torn and rotten files; it is no signature. What makes the code trustworthy is that only the hub writes to the folder, which
//! is checked when it is opened.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::component::{Surface, hex};

/// Read at once while the checksum is made.
const PIECE_BYTES: usize = 64 << 10;
/// Endings of the two files.
const CODE: &str = "cwasm";
const BESIDE: &str = "json";

#[derive(Serialize, Deserialize)]
struct Beside {
    crc32: u32,
    surface: Surface,
}

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

    fn path(&self, component: &[u8; 32], extension: &str) -> PathBuf {
        self.folder.join(format!("{}-{}.{extension}", hex(component), self.compiler))
    }

    /// The code for a component and what it says of itself, if they are there and whole. Bad files are removed.
    pub(super) fn read(&self, engine: &wasmtime::Engine, component: &[u8; 32]) -> Option<(Surface, Component)> {
        let (code, beside) = (self.path(component, CODE), self.path(component, BESIDE));
        let why = match whole(&code, &beside) {
            Ok(Some(surface)) => match deserialize_file(engine, &code) {
                Ok(component) => return Some((surface, component)),
                Err(error) => error.to_string(),
            },
            Ok(None) => "its checksum does not fit".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        tracing::warn!(path = %code.display(), "machine code is unusable and will be compiled again: {why}");
        [code, beside].iter().for_each(|path| drop(fs::remove_file(path)));
        None
    }

    /// Keeps the code: whole and durable under its name, or not at all.
    pub(super) fn write(&self, component: &[u8; 32], surface: Surface, code: &[u8]) -> io::Result<()> {
        let note = serde_json::to_vec(&Beside { crc32: crc32fast::hash(code), surface })?;
        // The code last: without it the note is nothing.
        self.put(component, BESIDE, &note)?;
        self.put(component, CODE, code)
    }

    fn put(&self, component: &[u8; 32], extension: &str, bytes: &[u8]) -> io::Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".{}-{}-{number}", hex(&component[..8]), std::process::id()));
        let written = write_to(&temporary, bytes).and_then(|()| fs::rename(&temporary, self.path(component, extension)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

fn write_to(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What is beside the code, if the code is what it was when it was written.
fn whole(code: &Path, beside: &Path) -> io::Result<Option<Surface>> {
    let beside: Beside = serde_json::from_slice(&fs::read(beside)?)?;
    let (mut file, mut crc, mut piece) = (File::open(code)?, crc32fast::Hasher::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((crc.finalize() == beside.crc32).then_some(beside.surface)),
            size => crc.update(&piece[..size]),
        }
    }
}

#[allow(unsafe_code)]
fn deserialize_file(engine: &wasmtime::Engine, code: &Path) -> wasmtime::Result<Component> {
    // SAFETY: this trusts that the bytes came from the compiler. They lie in a folder that only the hub's own user may write to
    // (checked when it was opened), in a file that only `Cache::write` makes and nothing changes while it is mapped, for it is
    // renamed into place; and its checksum shows that it is as it was written. Code of another compiler or configuration is
    // refused by wasmtime itself.
    unsafe { Component::deserialize_file(engine, code) }
}

#[allow(unsafe_code)]
pub(super) fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: as above, and these bytes came from the compiler a moment ago, from the hub's own program in a process of its own.
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
