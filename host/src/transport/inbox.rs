//! A folder whose files are messages. A file is consumed once and moved to `done/` or `failed/` after its commit.
//!
//! Agencies drop files by FTP, SFTP or a share, often slowly and under the final name. A file is taken only when nobody
//! has written to it for [`Settings::settle`] and two looks saw it the same; names that start with a dot or end in
//! `.part`, `.tmp`, `.filepart` or `.crdownload` are never taken, so that a writer may rename when done. Nor are the reasons
//! of failed files (`.reason.txt`), which people may move back with them, whatever the pattern. A writer that
//! pauses for longer is noticed: its file stays, or is put back, and is read again.

mod shelf;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::fs;

use self::shelf::Shelved;
pub use self::shelf::{PutBack, Shelf};
use super::failed::REASON;
use super::name_pattern::NamePattern;

const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];

/// Where and what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// Which names are messages.
    pub pattern: NamePattern,
    /// How long a file must have been left alone.
    pub settle: Duration,
}

/// A folder that nobody changed for so long by its own word may be trusted to be as it was, whatever the grain of its times.
const GRAIN: Duration = Duration::from_secs(2);
/// All the same it is looked through so often.
const LOOK_THROUGH_EVERY: Duration = Duration::from_secs(30);

/// A watched folder.
#[derive(Debug)]
pub struct Inbox {
    settings: Arc<Settings>,
    seen: HashMap<OsString, Stamp>,
    /// Set when the last look found nothing to take or to wait for.
    rest: Option<Rest>,
    /// Taken lately, and perhaps still written to.
    watched: Vec<Shelved>,
}

/// How a folder was at rest.
#[derive(Debug)]
struct Rest {
    modified: SystemTime,
    passed_over: Option<PassedOver>,
    looked: SystemTime,
}

impl Rest {
    /// Whether looking through the folder would find what was found then.
    fn goes_on(&self, folder: &Path, now: SystemTime) -> bool {
        let since = |then: SystemTime| now.duration_since(then).unwrap_or_default();
        since(self.looked) < LOOK_THROUGH_EVERY
            && since(self.modified) >= GRAIN
            && std::fs::metadata(folder).and_then(|meta| meta.modified()).is_ok_and(|modified| modified == self.modified)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: SystemTime,
}

impl Stamp {
    fn of(meta: &Metadata) -> io::Result<Self> {
        Ok(Self { size: meta.len(), modified: meta.modified()? })
    }
}

/// A file that is whole, as far as can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its name within the folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    stamp: Stamp,
}

impl Arrival {
    /// Nobody has written to it since it was seen.
    pub async fn is_unchanged(&self) -> io::Result<bool> {
        Ok(Stamp::of(&fs::symlink_metadata(&self.path).await?)? == self.stamp)
    }
}

/// What one look at the folder found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files to consume, oldest first.
    pub ready: Vec<Arrival>,
    /// Files that fit the pattern and still change.
    pub unsettled: usize,
    /// What lies there and is no message.
    pub passed_over: Option<PassedOver>,
}

/// What an inbox holds that nobody will ever take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PassedOver {
    /// How many files, folders and links.
    pub count: u64,
    /// The first of them by name.
    pub example: String,
    /// Why that one is passed over.
    pub reason: &'static str,
}

impl Scan {
    fn pass_over(&mut self, name: &str, reason: &'static str) {
        let passed = self.passed_over.get_or_insert_with(|| PassedOver { count: 0, example: name.to_owned(), reason });
        passed.count += 1;
        if *name < *passed.example {
            (passed.example, passed.reason) = (name.to_owned(), reason);
        }
    }
}

impl Inbox {
    /// Makes the folders.
    pub async fn open(settings: Settings) -> io::Result<Self> {
        for shelf in Shelf::ALL {
            fs::create_dir_all(shelf.of(&settings.folder)).await?;
        }
        Ok(Self { settings: Arc::new(settings), seen: HashMap::new(), rest: None, watched: Vec::new() })
    }

    /// The watched folder.
    pub fn folder(&self) -> &Path {
        &self.settings.folder
    }

    /// Looks once. `now` decides how long a file has been left alone. A folder at rest costs a glance at its own time.
    pub async fn scan(&mut self, now: SystemTime) -> io::Result<Scan> {
        let (settings, seen, rest) = (Arc::clone(&self.settings), std::mem::take(&mut self.seen), self.rest.take());
        let looked = tokio::task::spawn_blocking(move || {
            if let Some(rest) = rest
                && rest.goes_on(&settings.folder, now)
            {
                return Ok((Scan { passed_over: rest.passed_over.clone(), ..Scan::default() }, seen, Some(rest)));
            }
            settings.look_through(&seen, now)
        });
        let (scan, seen, rest) = looked.await.map_err(io::Error::other)??;
        (self.seen, self.rest) = (seen, rest);
        Ok(scan)
    }
}

impl Settings {
    fn look_through(
        &self,
        before: &HashMap<OsString, Stamp>,
        now: SystemTime,
    ) -> io::Result<(Scan, HashMap<OsString, Stamp>, Option<Rest>)> {
        // Before the entries are read: what changes meanwhile changes it again.
        let modified = std::fs::metadata(&self.folder)?.modified()?;
        let mut scan = Scan::default();
        let mut seen = HashMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let os_name = entry.file_name();
            let name = os_name.to_string_lossy();
            if is_set_apart(&name) {
                continue;
            }
            // The file may be gone again; only regular files are messages, links are not followed.
            let Ok(meta) = std::fs::symlink_metadata(entry.path()) else { continue };
            if meta.is_dir() && Shelf::ALL.iter().any(|shelf| shelf.name() == name) {
                continue;
            }
            if let Some(reason) = self.no_message(&os_name, &meta) {
                scan.pass_over(&name, reason);
                continue;
            }
            let stamp = Stamp::of(&meta)?;
            // Before or after: a clock that was set back must not hold files for ever.
            let distance = now.duration_since(stamp.modified).unwrap_or_else(|early| early.duration());
            let left_alone = distance >= self.settle;
            if left_alone && before.get(&os_name) == Some(&stamp) {
                scan.ready.push(Arrival { name: name.into_owned(), path: entry.path(), stamp });
            } else {
                scan.unsettled += 1;
            }
            seen.insert(os_name, stamp);
        }
        scan.ready.sort_by(|a, b| (a.stamp.modified, &a.name).cmp(&(b.stamp.modified, &b.name)));
        let rest = seen.is_empty().then(|| Rest { modified, passed_over: scan.passed_over.clone(), looked: now });
        Ok((scan, seen, rest))
    }

    fn no_message(&self, name: &OsStr, meta: &Metadata) -> Option<&'static str> {
        match name.to_str() {
            _ if meta.is_dir() => Some("it is a folder: subfolders are not looked into"),
            _ if !meta.is_file() => Some("it is no regular file: links are not followed"),
            None => Some("its name is not UTF-8"),
            Some(name) if self.pattern.matches(name) => None,
            Some(_) => Some("its name does not fit the inbox's `pattern`"),
        }
    }
}

/// Not meant to be taken, or not yet.
fn is_set_apart(name: &str) -> bool {
    name.starts_with('.') || name.ends_with(REASON) || UNFINISHED.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) async fn inbox(folder: &Path) -> Inbox {
        let settings = Settings { folder: folder.to_owned(), pattern: NamePattern::new("*.txt").unwrap(), settle: Duration::from_secs(1) };
        Inbox::open(settings).await.unwrap()
    }

    fn names(scan: &Scan) -> Vec<&str> {
        scan.ready.iter().map(|a| a.name.as_str()).collect()
    }

    #[tokio::test]
    async fn a_file_is_ready_when_two_looks_saw_it_the_same_and_nobody_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        std::fs::write(dir.path().join("a.txt"), "half").unwrap();
        let written = std::fs::metadata(dir.path().join("a.txt")).unwrap().modified().unwrap();
        let later = written + Duration::from_secs(5);
        assert!(names(&inbox.scan(later).await.unwrap()).is_empty(), "one look is not enough");
        std::fs::write(dir.path().join("a.txt"), "half and half").unwrap();
        let scan = inbox.scan(later).await.unwrap();
        assert_eq!((names(&scan).len(), scan.unsettled), (0, 1), "it grew between the looks");
        assert!(names(&inbox.scan(written).await.unwrap()).is_empty(), "it was written a moment ago");
        assert_eq!(names(&inbox.scan(later).await.unwrap()), ["a.txt"]);
    }

    #[tokio::test]
    async fn unfinished_names_folders_and_links_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        for name in ["b.txt.part", ".c.txt", "d.tmp", "e.csv", "E.TXT", "h.reason.txt"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("f.txt")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("g.txt")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        inbox.scan(later).await.unwrap();
        let scan = inbox.scan(later).await.unwrap();
        assert_eq!((names(&scan).len(), scan.unsettled), (0, 0));
        let passed = scan.passed_over.unwrap();
        assert_eq!((passed.count, passed.example.as_str(), passed.reason), (4, "E.TXT", "its name does not fit the inbox's `pattern`"));
    }
}
