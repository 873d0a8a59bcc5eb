//! Where consumed files go. A writer that still has one open writes on into the folder where it was moved to, so what was
//! moved to `done/` is watched for a while, and put back when it changes.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::fs;

use super::super::failed::REASON;
use super::{Arrival, Inbox, Stamp};
use crate::failpoint;

/// A consumed file is watched for so long: file servers give up a connection that rests for minutes.
const WATCH: Duration = Duration::from_secs(15 * 60);
/// Of more files, those that were moved first are no longer watched.
const WATCHED: usize = 10_000;

/// Where a consumed file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Its records are stored.
    Done,
    /// It could not be read at all; the reason lies beside it.
    Failed,
}

impl Shelf {
    pub(super) const ALL: [Self; 2] = [Self::Done, Self::Failed];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// This shelf of an inbox's folder.
    pub fn of(self, inbox: &Path) -> PathBuf {
        inbox.join(self.name())
    }
}

/// A file that was moved to `done/`.
#[derive(Debug)]
pub(super) struct Shelved {
    name: String,
    path: PathBuf,
    stamp: Stamp,
    since: Instant,
}

/// A file that was written to after it was taken.
#[derive(Debug)]
pub struct PutBack {
    /// Its name within the inbox.
    pub name: String,
    /// It lies in the inbox again; or why it does not, and then it lies in `done/` with what nobody read.
    pub outcome: io::Result<()>,
}

impl Inbox {
    /// Moves a consumed file away and answers where to. A reason is written beside a failed one as `<name>.reason.txt`. A file that
    /// was written to since it was seen is not moved: it was not read whole, and a later scan finds it again.
    pub async fn shelve(&mut self, arrival: &Arrival, shelf: Shelf, reason: Option<&str>) -> io::Result<Option<PathBuf>> {
        if !arrival.is_unchanged().await? {
            return Ok(None);
        }
        let target = free_name(&shelf.of(&self.settings.folder), &arrival.name).await?;
        if let Some(reason) = reason {
            fs::write(beside(&target), reason).await?;
        }
        failpoint::reached("inbox.taken");
        fs::rename(&arrival.path, &target).await?;
        failpoint::reached("inbox.shelved");
        self.seen.remove(std::ffi::OsStr::new(&arrival.name));
        self.watched.retain(|file| file.path != target);
        // What failed is for people, who may well mend it where it lies.
        if shelf == Shelf::Done {
            if self.watched.len() == WATCHED {
                self.watched.remove(0);
            }
            let (name, stamp) = (arrival.name.clone(), arrival.stamp);
            self.watched.push(Shelved { name, path: target.clone(), stamp, since: Instant::now() });
        }
        self.forget_reasons(&arrival.name).await?;
        Ok(Some(target))
    }

    /// A file that was moved back from `failed/` and taken: the reasons of then, moved along or left behind, are of no file.
    async fn forget_reasons(&self, name: &str) -> io::Result<()> {
        let (along, behind) = (self.settings.folder.join(name), Shelf::Failed.of(&self.settings.folder).join(name));
        for file in [along, behind] {
            if !fs::try_exists(&file).await?
                && let Err(error) = fs::remove_file(beside(&file)).await
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the files that were moved to `done/` longer than `keep` ago; answers how many. What failed is never removed.
    pub async fn forget_done(&self, keep: Duration, now: SystemTime) -> io::Result<u64> {
        let done = Shelf::Done.of(&self.settings.folder);
        let oldest = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(keep).as_secs();
        let oldest = i64::try_from(oldest).unwrap_or(0);
        let removed = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for entry in std::fs::read_dir(done)? {
                let entry = entry?;
                // It may be gone again, put back or moved by people.
                if entry.metadata().is_ok_and(|meta| moved_before(&meta, oldest)) {
                    std::fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        });
        removed.await.map_err(io::Error::other)?
    }

    /// Puts files back that were written to after they were moved to `done/`. One whose name is taken again waits for it.
    pub async fn put_back(&mut self) -> Vec<PutBack> {
        let (folder, watched) = (self.settings.folder.clone(), std::mem::take(&mut self.watched));
        let looked = tokio::task::spawn_blocking(move || {
            let (mut still, mut back) = (Vec::with_capacity(watched.len()), Vec::new());
            for file in watched {
                // Somebody else may have moved it or removed it.
                let Ok(stamp) = std::fs::symlink_metadata(&file.path).and_then(|meta| Stamp::of(&meta)) else { continue };
                if stamp == file.stamp {
                    still.extend((file.since.elapsed() < WATCH).then_some(file));
                    continue;
                }
                match move_back(&file.path, &folder.join(&file.name)) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => still.push(file),
                    outcome => back.push(PutBack { name: file.name, outcome }),
                }
            }
            (still, back)
        });
        // It neither panics nor is cancelled; the stop of the runtime has no more to put back.
        let (still, back) = looked.await.unwrap_or_default();
        self.watched = still;
        back
    }
}

/// Names change later than bytes, so this is when the file was moved, whatever time its sender gave it.
fn moved_before(meta: &Metadata, seconds: i64) -> bool {
    meta.is_file() && meta.ctime() < seconds
}

/// By a link, which unlike a rename never replaces another file.
fn move_back(path: &Path, target: &Path) -> io::Result<()> {
    std::fs::hard_link(path, target)?;
    std::fs::remove_file(path)
}

/// Where the reason of a failed file lies.
fn beside(target: &Path) -> PathBuf {
    let mut beside = target.as_os_str().to_owned();
    beside.push(REASON);
    beside.into()
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
    use std::io::Write;

    use super::super::tests::inbox;
    use super::*;

    async fn arrival(inbox: &mut Inbox) -> Arrival {
        let later = SystemTime::now() + Duration::from_secs(60);
        inbox.scan(later).await.unwrap();
        inbox.scan(later).await.unwrap().ready.remove(0)
    }

    #[tokio::test]
    async fn consumed_files_move_away_and_never_overwrite_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        for round in 0..2 {
            std::fs::write(dir.path().join("a.txt"), format!("round {round}")).unwrap();
            let arrival = arrival(&mut inbox).await;
            assert!(inbox.shelve(&arrival, Shelf::Failed, Some("line 1: not a reading")).await.unwrap().is_some());
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("failed/a.txt")).unwrap(), "round 0");
        assert_eq!(std::fs::read_to_string(dir.path().join("failed/a.txt.2")).unwrap(), "round 1");
        assert!(dir.path().join("failed/a.txt.2.reason.txt").exists());
        assert!(!dir.path().join("a.txt").exists());
    }

    #[tokio::test]
    async fn what_was_taken_long_ago_is_removed_and_what_failed_never_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        for (name, shelf) in [("a.txt", Shelf::Done), ("b.txt", Shelf::Failed)] {
            let file = std::fs::File::create(dir.path().join(name)).unwrap();
            // As a sender that keeps the file's own time: a year ago.
            file.set_modified(SystemTime::now() - Duration::from_secs(365 * 86_400)).unwrap();
            let arrival = arrival(&mut inbox).await;
            inbox.shelve(&arrival, shelf, Some("no reading").filter(|_| shelf == Shelf::Failed)).await.unwrap();
        }
        std::fs::create_dir(dir.path().join("done/of people")).unwrap();
        let keep = Duration::from_secs(30 * 86_400);
        assert_eq!(inbox.forget_done(keep, SystemTime::now()).await.unwrap(), 0);
        let later = SystemTime::now() + keep + Duration::from_secs(2);
        assert_eq!(inbox.forget_done(keep, later).await.unwrap(), 1);
        assert!(!dir.path().join("done/a.txt").exists());
        assert!(dir.path().join("done/of people").exists() && dir.path().join("failed/b.txt").exists());
        assert!(inbox.put_back().await.is_empty());
    }

    #[tokio::test]
    async fn reasons_go_with_their_files_and_are_never_messages() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        let (path, failed) = (dir.path().join("a.txt"), dir.path().join("failed"));
        for along in [true, false] {
            std::fs::write(&path, "bad").unwrap();
            let bad = arrival(&mut inbox).await;
            inbox.shelve(&bad, Shelf::Failed, Some("no reading")).await.unwrap();
            assert_eq!(std::fs::read_to_string(failed.join("a.txt.reason.txt")).unwrap(), "no reading");
            std::fs::rename(failed.join("a.txt"), &path).unwrap();
            if along {
                std::fs::rename(failed.join("a.txt.reason.txt"), dir.path().join("a.txt.reason.txt")).unwrap();
            }
            let later = SystemTime::now() + Duration::from_secs(60);
            inbox.scan(later).await.unwrap();
            let scan = inbox.scan(later).await.unwrap();
            assert_eq!((scan.ready.len(), scan.unsettled, scan.passed_over), (1, 0, None));
            inbox.shelve(&scan.ready[0], Shelf::Done, None).await.unwrap();
            assert!(!dir.path().join("a.txt.reason.txt").exists());
            assert_eq!(std::fs::read_dir(&failed).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_file_that_grew_while_it_was_read_is_not_moved_and_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        let path = dir.path().join("a.txt");
        std::fs::write(&path, "half").unwrap();
        let first = arrival(&mut inbox).await;
        std::fs::write(&path, "half and half").unwrap();
        for shelf in [Shelf::Done, Shelf::Failed] {
            assert_eq!(inbox.shelve(&first, shelf, Some("cut off")).await.unwrap(), None);
        }
        assert_eq!(std::fs::read_dir(dir.path().join("failed")).unwrap().count(), 0);
        let second = arrival(&mut inbox).await;
        assert_eq!(inbox.shelve(&second, Shelf::Done, None).await.unwrap(), Some(dir.path().join("done/a.txt")));
    }

    #[tokio::test]
    async fn a_file_written_to_after_it_was_moved_is_put_back_and_replaces_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut inbox = inbox(dir.path()).await;
        let path = dir.path().join("a.txt");
        let mut writer = std::fs::File::create(&path).unwrap();
        writer.write_all(b"half").unwrap();
        let first = arrival(&mut inbox).await;
        inbox.shelve(&first, Shelf::Done, None).await.unwrap();
        assert!(inbox.put_back().await.is_empty(), "nobody wrote to it");
        std::fs::write(&path, "another of that name").unwrap();
        writer.write_all(b" and half").unwrap();
        assert!(inbox.put_back().await.is_empty(), "its name is taken");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "another of that name");
        let second = arrival(&mut inbox).await;
        inbox.shelve(&second, Shelf::Done, None).await.unwrap();
        let [back] = &inbox.put_back().await[..] else { panic!() };
        assert!(back.name == "a.txt" && back.outcome.is_ok(), "{back:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "half and half");
        assert!(!dir.path().join("done/a.txt").exists());
        assert!(inbox.put_back().await.is_empty(), "it is put back once");
    }
}
