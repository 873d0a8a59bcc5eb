//! Recordings of runs, each a file of its own, encrypted: what a run met may be anybody's data.
//!
//! A file is a head and a body, sealed one by one with AES-256-GCM under a key that lies beside the database, each with a nonce of its
//! own and bound to the run's name and its place in the file. So a copy of the files, or of the database, tells nothing, and none
//! passes for another. They are a help and no promise: nothing is synced, and the oldest make room.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use lienthong_core::city;
use lienthong_core::id::ConnectorId;
use lienthong_core::time::Timestamp;

use super::recording::{Head, Recording};
use crate::disk;
use crate::fair::Pool;

/// The folder, below the data folder.
const FOLDER: &str = "recordings";
const ENDING: &str = "run";
/// What a file begins with.
const MAGIC: &[u8; 8] = b"ltrun 1\n";
const NONCE_BYTES: usize = 12;
/// Digits of a run's name that are its time, microseconds; those behind them are chance.
const TIME_DIGITS: usize = 13;
const NAME_DIGITS: usize = 17;
/// What runs that are being recorded hold together until their end, bytes.
const MEMORY: usize = 64 << 20;
/// The newest of each connector that are kept.
const OF_ONE_CONNECTOR: usize = 100;

/// The recordings of a hub. Cheap to clone.
#[derive(Clone)]
pub struct Recordings(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    key: LessSafeKey,
    limits: city::Recordings,
    /// About so many bytes lie there.
    held: AtomicU64,
    memory: Pool<ConnectorId>,
}

impl Recordings {
    /// Opens or makes the folder of a hub's data, and its key.
    pub fn open(data: &Path, limits: city::Recordings) -> io::Result<Self> {
        let secret = disk::secret(data, "recording-key", "no recording can be read: remove it with the folder `recordings` to begin anew")?;
        let key = UnboundKey::new(&AES_256_GCM, &secret).map_err(|_| io::Error::other("the key of the recordings cannot be used"))?;
        let folder = data.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let this = Self(Arc::new(Inner { folder, key: LessSafeKey::new(key), limits, held: AtomicU64::new(0), memory: Pool::new(MEMORY) }));
        this.0.held.store(this.files()?.iter().map(|file| file.size).sum(), Ordering::Relaxed);
        Ok(this)
    }

    /// What runs hold while they are being recorded, shared fairly by their connectors.
    pub(super) fn memory(&self) -> &Pool<ConnectorId> {
        &self.0.memory
    }

    /// Keeps a recording, and answers its name. Blocking.
    pub fn keep(&self, mut head: Head, recording: &Recording) -> io::Result<String> {
        let mut chance = [0; 2];
        getrandom::fill(&mut chance).map_err(io::Error::other)?;
        head.run = format!("{:013x}{:04x}", head.started_at.micros(), u16::from_ne_bytes(chance));
        let packed = lz4_flex::compress_prepend_size(&serde_json::to_vec(recording)?);
        let sealed_head = self.seal(&head.run, "head", serde_json::to_vec(&head)?)?;
        let sealed_body = self.seal(&head.run, "body", packed)?;
        let length = u32::try_from(sealed_head.len()).map_err(io::Error::other)?.to_le_bytes();
        let file = [&MAGIC[..], &length, &sealed_head, &sealed_body].concat();
        let folder = self.folder_of(&head.connector);
        std::fs::create_dir_all(&folder)?;
        let (path, new) = (folder.join(format!("{}.{ENDING}", head.run)), folder.join(format!(".{}", head.run)));
        std::fs::write(&new, &file).and_then(|()| std::fs::rename(&new, &path)).inspect_err(|_| drop(std::fs::remove_file(&new)))?;
        self.0.held.fetch_add(file.len() as u64, Ordering::Relaxed);
        self.make_room(&head.connector)?;
        Ok(head.run)
    }

    /// The heads of what is kept, the newest first. A file that cannot be read is left out and told of. Blocking.
    pub fn list(&self, connector: Option<&ConnectorId>, limit: usize) -> io::Result<Vec<Head>> {
        let mut files = match connector {
            Some(connector) => files_in(&self.folder_of(connector))?,
            None => self.files()?,
        };
        files.sort_by(|one, other| other.name.cmp(&one.name));
        let head = |file: &File| match self.read(file) {
            Ok((head, _)) => Some(head),
            Err(error) => {
                tracing::warn!(%error, path = %file.path.display(), "a recording cannot be read");
                None
            }
        };
        Ok(files.iter().take(limit).filter_map(head).collect())
    }

    /// One recording; none where there is none of this name (any more). Blocking.
    pub fn get(&self, run: &str) -> io::Result<Option<(Head, Recording)>> {
        let Some(file) = self.files()?.into_iter().find(|file| file.name == run) else { return Ok(None) };
        let (head, sealed) = self.read(&file)?;
        let packed = self.open_sealed(run, "body", sealed)?;
        let body = lz4_flex::decompress_size_prepended(&packed).map_err(invalid)?;
        Ok(Some((head, serde_json::from_slice(&body)?)))
    }

    /// Removes what was kept long enough. Blocking.
    pub fn sweep(&self, now: Timestamp) -> io::Result<usize> {
        let keep = i64::try_from(self.0.limits.keep.as_micros()).unwrap_or(i64::MAX);
        let old = |file: &File| file.at.is_none_or(|at| now.micros().saturating_sub(at) > keep);
        let old: Vec<_> = self.files()?.into_iter().filter(old).collect();
        old.iter().try_for_each(|file| self.remove(file))?;
        Ok(old.len())
    }

    /// The oldest give way to what is new, of one connector and of all.
    fn make_room(&self, connector: &ConnectorId) -> io::Result<()> {
        let mut own = files_in(&self.folder_of(connector))?;
        own.sort_by(|one, other| one.name.cmp(&other.name));
        let too_many = own.len().saturating_sub(OF_ONE_CONNECTOR);
        own.iter().take(too_many).try_for_each(|file| self.remove(file))?;
        if self.0.held.load(Ordering::Relaxed) <= self.0.limits.bytes {
            return Ok(());
        }
        let mut all = self.files()?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        for file in all {
            if self.0.held.load(Ordering::Relaxed) <= self.0.limits.bytes {
                break;
            }
            self.remove(&file)?;
        }
        Ok(())
    }

    fn remove(&self, file: &File) -> io::Result<()> {
        match std::fs::remove_file(&file.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed?,
        }
        let _ = self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(held.saturating_sub(file.size)));
        Ok(())
    }

    fn folder_of(&self, connector: &ConnectorId) -> PathBuf {
        self.0.folder.join(connector.domain()).join(connector.name())
    }

    fn files(&self) -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        for domain in folders_in(&self.0.folder)? {
            for connector in folders_in(&domain)? {
                files.extend(files_in(&connector)?);
            }
        }
        Ok(files)
    }

    /// The head of a file, and its body, still sealed.
    fn read(&self, file: &File) -> io::Result<(Head, Vec<u8>)> {
        let bytes = std::fs::read(&file.path)?;
        let parts = bytes.strip_prefix(&MAGIC[..]).and_then(|rest| rest.split_first_chunk::<4>());
        let (length, rest) = parts.ok_or_else(|| invalid("it is no recording"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(invalid)?;
        let (head, body) = rest.split_at_checked(length).ok_or_else(|| invalid("it is cut off"))?;
        let head = self.open_sealed(&file.name, "head", head.to_vec())?;
        Ok((serde_json::from_slice(&head)?, body.to_vec()))
    }

    fn seal(&self, run: &str, part: &str, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let bound = Aad::from(format!("{run} {part}"));
        let sealed = self.0.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut bytes);
        sealed.map_err(|_| io::Error::other("a recording cannot be encrypted"))?;
        Ok([&nonce[..], &bytes].concat())
    }

    fn open_sealed(&self, run: &str, part: &str, sealed: Vec<u8>) -> io::Result<Vec<u8>> {
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| invalid("it is cut off"))?;
        let (mut bytes, bound) = (bytes.to_vec(), Aad::from(format!("{run} {part}")));
        let opened = self.0.key.open_in_place(Nonce::assume_unique_for_key(*nonce), bound, &mut bytes);
        let length = opened.map_err(|_| invalid("it was changed, or is of another key"))?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

struct File {
    name: String,
    path: PathBuf,
    size: u64,
    /// When its run began, microseconds.
    at: Option<i64>,
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    entries.map(|entry| entry.map(|entry| entry.path())).filter(|path| path.as_ref().map_or(true, |path| path.is_dir())).collect()
}

fn files_in(folder: &Path) -> io::Result<Vec<File>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let of_ours = path.extension().is_some_and(|ending| ending == ENDING) && name.len() == NAME_DIGITS && name.is_ascii();
        // It may be gone again.
        let Some(size) = std::fs::metadata(&path).ok().map(|about| about.len()).filter(|_| of_ours) else { continue };
        let at = i64::from_str_radix(&name[..TIME_DIGITS], 16).ok();
        files.push(File { name, path, size, at });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use lienthong_core::id::PluginName;

    use super::super::recording::{Ending, Input};
    use super::*;
    use crate::wasm::{Octets, Senses};

    const DAY_US: i64 = 86_400_000_000;

    fn head(connector: &str, at: i64) -> Head {
        Head {
            run: String::new(),
            connector: ConnectorId::new(connector).unwrap(),
            plugin: PluginName::new("x").unwrap(),
            version: "1".into(),
            sha256: String::new(),
            started_at: Timestamp::from_micros(at),
            message_name: "m".into(),
            error: None,
            records: None,
        }
    }

    fn recording(body: Vec<u8>) -> Recording {
        let (settings, senses, exchanges) = ("{}".into(), Senses::default(), Vec::new());
        let input = Input::Message { body: Octets(body), name: None, content_type: None, received_at: Timestamp::from_micros(0) };
        Recording { input, settings, senses, exchanges, emitted: None, ending: Ending::Received { reply: None } }
    }

    fn open(data: &Path, bytes: u64) -> Recordings {
        Recordings::open(data, city::Recordings { bytes, ..city::Recordings::default() }).unwrap()
    }

    fn noise(nth: u64) -> Vec<u8> {
        (0..20_000_u64).map(|n| (n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(nth) >> 33) as u8).collect()
    }

    #[test]
    fn a_recording_comes_back_whole_and_the_newest_first() {
        let data = tempfile::tempdir().unwrap();
        let recordings = open(data.path(), 1 << 20);
        let first = recordings.keep(head("a/b", 5 * DAY_US), &recording(b"first".to_vec())).unwrap();
        let second = recordings.keep(head("c/d", 6 * DAY_US), &recording(b"second".to_vec())).unwrap();
        // Also by a hub that starts anew.
        let recordings = open(data.path(), 1 << 20);
        let names = |connector: Option<&str>| {
            let connector = connector.map(|id| ConnectorId::new(id).unwrap());
            recordings.list(connector.as_ref(), 10).unwrap().into_iter().map(|head| head.run).collect::<Vec<_>>()
        };
        assert_eq!((names(None), names(Some("a/b"))), (vec![second.clone(), first.clone()], vec![first.clone()]));
        let (_, found) = recordings.get(&first).unwrap().unwrap();
        assert!(matches!(found.input, Input::Message { body, .. } if body.0 == b"first"));
        assert!(recordings.get("0").unwrap().is_none());
        assert_eq!(recordings.sweep(Timestamp::from_micros(13 * DAY_US - 1)).unwrap(), 1);
        assert_eq!(names(None), [second]);
    }

    #[test]
    fn one_that_was_changed_or_put_in_anothers_place_is_none() {
        let data = tempfile::tempdir().unwrap();
        let recordings = open(data.path(), 1 << 20);
        let run = recordings.keep(head("a/b", 5), &recording(b"body".to_vec())).unwrap();
        let path = data.path().join(format!("recordings/a/b/{run}.run"));
        let bytes = std::fs::read(&path).unwrap();
        for place in [0, 9, 20, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            std::fs::write(&path, changed).unwrap();
            assert!(recordings.get(&run).is_err(), "byte {place}");
        }
        std::fs::remove_file(&path).unwrap();
        let other = format!("{}{}", &run[..NAME_DIGITS - 1], if run.ends_with('0') { '1' } else { '0' });
        std::fs::write(path.with_file_name(format!("{other}.run")), bytes).unwrap();
        assert!(recordings.get(&other).is_err());
        assert_eq!(recordings.list(None, 10).unwrap(), []);
    }

    #[test]
    fn the_oldest_make_room() {
        let data = tempfile::tempdir().unwrap();
        let recordings = open(data.path(), 1 << 30);
        for nth in 0..OF_ONE_CONNECTOR as i64 + 5 {
            recordings.keep(head("a/b", nth), &recording(Vec::new())).unwrap();
        }
        let list = recordings.list(None, 1_000).unwrap();
        assert_eq!((list.len(), list.last().unwrap().started_at.micros()), (OF_ONE_CONNECTOR, 5));

        let recordings = open(data.path(), 200_000);
        for nth in 0..20 {
            recordings.keep(head("c/d", 1_000 + nth), &recording(noise(nth.unsigned_abs()))).unwrap();
        }
        let held: u64 = recordings.files().unwrap().iter().map(|file| file.size).sum();
        assert!(held <= 200_000 && held > 100_000, "{held}");
        assert_eq!(recordings.list(None, 1).unwrap()[0].started_at.micros(), 1_019);
    }
}
