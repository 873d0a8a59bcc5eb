//! A folder whose files are messages. A file is consumed once and moved to `done/` or `failed/` after its commit.
//!
//! Agencies drop files by FTP, SFTP or a share, often slowly and under the final name. A file is taken only when nobody
//! has written to it for [`Settings::settle`] and two looks saw it the same; names that start with a dot or end in
//! `.part`, `.tmp`, `.filepart` or `.crdownload` are never taken, so that a writer may rename when done.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::fs;

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

/// A watched folder.
#[derive(Debug)]
pub struct Inbox {
    settings: Settings,
    seen: HashMap<OsString, Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: SystemTime,
}

/// A file that is whole, as far as can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its name within the folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    modified: SystemTime,
}

/// What one look at the folder found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files to consume, oldest first.
    pub ready: Vec<Arrival>,
    /// Files that fit the pattern and still change.
    pub unsettled: usize,
}

/// Where a consumed file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Its records are stored.
    Done,
    /// It could not be read at all; the reason lies beside it.
    Failed,
}

impl Shelf {
    const fn folder(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl Inbox {
    /// Makes the folders.
    pub async fn open(settings: Settings) -> io::Result<Self> {
        for shelf in [Shelf::Done, Shelf::Failed] {
            fs::create_dir_all(settings.folder.join(shelf.folder())).await?;
        }
        Ok(Self { settings, seen: HashMap::new() })
    }

    /// The watched folder.
    pub fn folder(&self) -> &Path {
        &self.settings.folder
    }

    /// Looks once. `now` decides how long a file has been left alone.
    pub async fn scan(&mut self, now: SystemTime) -> io::Result<Scan> {
        let mut scan = Scan::default();
        let mut seen = HashMap::new();
        let mut entries = fs::read_dir(&self.settings.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let os_name = entry.file_name();
            let Some(name) = os_name.to_str().filter(|name| self.is_message(name)) else { continue };
            // The file may be gone again; only regular files are messages, links are not followed.
            let Ok(meta) = fs::symlink_metadata(entry.path()).await else { continue };
            if !meta.is_file() {
                continue;
            }
            let stamp = Stamp { size: meta.len(), modified: meta.modified()? };
            // Before or after: a clock that was set back must not hold files for ever.
            let distance = now.duration_since(stamp.modified).unwrap_or_else(|early| early.duration());
            let left_alone = distance >= self.settings.settle;
            if left_alone && self.seen.get(&os_name) == Some(&stamp) {
                scan.ready.push(Arrival { name: name.to_owned(), path: entry.path(), size: stamp.size, modified: stamp.modified });
            } else {
                scan.unsettled += 1;
            }
            seen.insert(os_name, stamp);
        }
        self.seen = seen;
        scan.ready.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        Ok(scan)
    }

    /// Moves a consumed file away. A reason is written beside a failed one as `<name>.reason.txt`.
    pub async fn shelve(&mut self, arrival: &Arrival, shelf: Shelf, reason: Option<&str>) -> io::Result<PathBuf> {
        let folder = self.settings.folder.join(shelf.folder());
        let target = free_name(&folder, &arrival.name).await?;
        if let Some(reason) = reason {
            let mut beside = target.clone().into_os_string();
            beside.push(".reason.txt");
            fs::write(&beside, reason).await?;
        }
        fs::rename(&arrival.path, &target).await?;
        self.seen.remove(std::ffi::OsStr::new(&arrival.name));
        Ok(target)
    }

    fn is_message(&self, name: &str) -> bool {
        !name.starts_with('.') && !UNFINISHED.iter().any(|end| name.ends_with(end)) && self.settings.pattern.matches(name)
    }
}

/// `name`, or `name.2`, `name.3` … where an earlier file of that name lies already.
async fn free_name(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let mut candidate = folder.join(name);
    let mut number = 2u32;
    while fs::try_exists(&candidate).await? {
        candidate = folder.join(format!("{name}.{number}"));
        number += 1;
    }
    Ok(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn inbox(folder: &Path) -> Inbox {
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
        for name in ["b.txt.part", ".c.txt", "d.tmp", "e.csv"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("f.txt")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("g.txt")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        inbox.scan(later).await.unwrap();
        let scan = inbox.scan(later).await.unwrap();
        assert_eq!((names(&scan).len(), scan.unsettled), (0, 0));
    }

    #[tokio::test]
    async fn consumed_files_move_away_and_never_overwrite_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        let later = SystemTime::now() + Duration::from_secs(60);
        for round in 0..2 {
            std::fs::write(dir.path().join("a.txt"), format!("round {round}")).unwrap();
            inbox.scan(later).await.unwrap();
            let arrival = inbox.scan(later).await.unwrap().ready.remove(0);
            inbox.shelve(&arrival, Shelf::Failed, Some("line 1: not a reading")).await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("failed/a.txt")).unwrap(), "round 0");
        assert_eq!(std::fs::read_to_string(dir.path().join("failed/a.txt.2")).unwrap(), "round 1");
        assert!(dir.path().join("failed/a.txt.2.reason.txt").exists());
        assert!(!dir.path().join("a.txt").exists());
    }
}
