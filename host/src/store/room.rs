//! Watches the room on the disk: new data is refused while less is free than is to stay free, so that what was taken can
//! still be put in order; and a file of ballast is given up when even that does not suffice. Both heal by themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Health;
use super::writer::Shown;
use crate::disk::{Ballast, Room};

/// Between two looks. What can be written in this time must be much less than what is to stay free.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What stays free unless the city says otherwise: that, or less on a small disk.
const KEEP_FREE_BYTES: u64 = 512 << 20;
const BALLAST_BYTES: u64 = 64 << 20;
/// Of a disk's whole size, at most so many parts of a hundred.
const SMALL_DISK_PERCENT: u64 = 10;

/// The file's name in the data folder.
const BALLAST: &str = "ballast";

/// How much of the disk is to stay free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reserve {
    /// New data is refused while less than this is free, bytes.
    pub keep_free_bytes: u64,
    /// The file that is given up in an emergency, bytes; at most half of the above.
    pub ballast_bytes: u64,
}

impl Reserve {
    /// What suits the disk that a folder will lie on, where the city does not say.
    pub fn for_disk(folder: &Path, keep_free_bytes: Option<u64>, ballast_bytes: Option<u64>) -> Self {
        let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let small = Room::of(there).map_or(u64::MAX, |room| room.total_bytes / 100 * SMALL_DISK_PERCENT);
        let keep_free_bytes = keep_free_bytes.unwrap_or(KEEP_FREE_BYTES.min(small));
        let ballast_bytes = ballast_bytes.unwrap_or(BALLAST_BYTES).min(keep_free_bytes / 2);
        Self { keep_free_bytes, ballast_bytes }
    }

    /// From here on even the ballast is given up.
    const fn emergency(self) -> u64 {
        self.keep_free_bytes / 4
    }

    /// So much must be free before data is taken again: a little more, so that it does not change its mind at every record.
    const fn enough(self) -> u64 {
        self.keep_free_bytes + self.keep_free_bytes / 8
    }

    /// So much must be free before there is room for the ballast as well.
    const fn plenty(self) -> u64 {
        self.enough() + self.keep_free_bytes / 8 + self.ballast_bytes
    }
}

/// The disk as status shows it, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct DiskRoom {
    /// Free for the hub.
    pub free_bytes: u64,
    /// New data is refused while less is free.
    pub keep_free_bytes: u64,
    /// Held back for an emergency; 0 after it was given up.
    pub ballast_bytes: u64,
}

/// What the watch knows. Everyone reads it without asking the disk.
#[derive(Debug)]
pub(super) struct Known {
    reserve: Reserve,
    low: AtomicBool,
    free: AtomicU64,
    ballast: AtomicU64,
}

impl Known {
    /// Why new data is refused, where it is.
    pub(super) fn low(&self) -> Option<Health> {
        let DiskRoom { free_bytes, keep_free_bytes, .. } = self.room();
        self.low.load(Ordering::Acquire).then_some(Health::Low { free_bytes, keep_free_bytes })
    }

    pub(super) fn room(&self) -> DiskRoom {
        DiskRoom {
            free_bytes: self.free.load(Ordering::Relaxed),
            keep_free_bytes: self.reserve.keep_free_bytes,
            ballast_bytes: self.ballast.load(Ordering::Relaxed),
        }
    }
}

/// The watch over one data folder.
pub(super) struct Watch {
    folder: PathBuf,
    ballast: Ballast,
    known: Arc<Known>,
}

impl Watch {
    /// Looks for the first time, so that a hub on a full disk gives up its ballast before it needs it.
    pub(super) fn begin(folder: &Path, reserve: Reserve) -> Self {
        let ballast = Ballast::new(folder.join(BALLAST), reserve.ballast_bytes);
        let known = Known { reserve, low: AtomicBool::new(false), free: AtomicU64::new(0), ballast: AtomicU64::new(0) };
        let mut watch = Self { folder: folder.to_owned(), ballast, known: Arc::new(known) };
        watch.look(false);
        watch
    }

    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known)
    }

    /// Looks again and again. `heal` is called when there is room and the database still believes that there is none.
    pub(super) async fn run(mut self, shown: Arc<Shown>, closing: CancellationToken, heal: impl AsyncFn()) {
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let full = shown.is_full();
            let looked = tokio::task::spawn_blocking(move || {
                self.look(full);
                self
            });
            let Ok(watch) = looked.await else { return };
            self = watch;
            if full && self.known.reserve != Reserve::default() && self.known.low().is_none() {
                heal().await;
            }
        }
    }

    /// `full`: the database could not be written.
    fn look(&mut self, full: bool) {
        let reserve = self.known.reserve;
        let room = match Room::of(&self.folder) {
            Ok(room) => room,
            Err(error) => return tracing::warn!(%error, folder = %self.folder.display(), "the room on the disk is not known"),
        };
        let free = room.free_bytes;
        self.known.free.store(free, Ordering::Relaxed);
        let was_low = self.known.low.load(Ordering::Relaxed);
        let low = free < if was_low { reserve.enough() } else { reserve.keep_free_bytes };
        self.known.low.store(low, Ordering::Release);
        match (was_low, low) {
            (false, true) => tracing::warn!(
                free_bytes = free,
                keep_free_bytes = reserve.keep_free_bytes,
                "the disk is nearly full: new data is refused until there is space; reading goes on"
            ),
            (true, false) => tracing::info!(free_bytes = free, "there is space again: data is taken"),
            _ => {}
        }
        if reserve.ballast_bytes > 0 {
            self.hold_back(free, free < reserve.emergency() || full);
        }
        self.known.ballast.store(self.ballast.held_bytes(), Ordering::Relaxed);
    }

    fn hold_back(&self, free: u64, emergency: bool) {
        let done = if emergency {
            self.ballast.give_up().map(|given_up| {
                if given_up {
                    tracing::warn!("the disk is full: the ballast was given up, so that what is there can be put in order");
                }
            })
        } else if free >= self.known.reserve.plenty() && !self.ballast.is_whole() {
            self.ballast.make()
        } else {
            Ok(())
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the ballast in the data folder could not be changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_fits_its_disk_and_the_thresholds_never_cross() {
        let folder = tempfile::tempdir().unwrap();
        let usual = Reserve::for_disk(&folder.path().join("not/yet"), None, None);
        assert!(usual.keep_free_bytes <= KEEP_FREE_BYTES && usual.ballast_bytes <= BALLAST_BYTES);
        for (keep_free, ballast) in [(8 << 20, 4 << 20), (1 << 30, 1 << 40), (0, 1), (usual.keep_free_bytes, usual.ballast_bytes)] {
            let reserve = Reserve::for_disk(folder.path(), Some(keep_free), Some(ballast));
            // Giving the ballast up must not look like space again, nor making it like none.
            assert!(reserve.emergency() + reserve.ballast_bytes <= reserve.enough(), "{reserve:?}");
            assert!(reserve.plenty() - reserve.ballast_bytes >= reserve.enough(), "{reserve:?}");
        }
    }

    #[test]
    fn new_data_is_refused_in_time_and_the_ballast_goes_last() {
        let folder = tempfile::tempdir().unwrap();
        let free = Room::of(folder.path()).unwrap().free_bytes;
        // Without enough by far: refused, and nothing is held back.
        let watch = Watch::begin(folder.path(), Reserve { keep_free_bytes: free * 8, ballast_bytes: 1 << 20 });
        assert!(matches!(watch.known.low(), Some(Health::Low { keep_free_bytes, .. }) if keep_free_bytes == free * 8));
        assert_eq!(watch.known.room().ballast_bytes, 0);
        // With plenty: taken, and held back; a database that cannot be written gets it.
        let mut watch = Watch::begin(folder.path(), Reserve { keep_free_bytes: free / 8, ballast_bytes: 1 << 20 });
        assert_eq!((watch.known.low(), watch.known.room().ballast_bytes), (None, 1 << 20));
        watch.look(true);
        assert_eq!(watch.known.room().ballast_bytes, 0);
        watch.look(false);
        assert_eq!(watch.known.room().ballast_bytes, 1 << 20);
    }
}
