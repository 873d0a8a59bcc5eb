//! The source's memory: which stretch of time is being read, how far, and what was seen.

use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;

/// Dossiers that are known when a window reaches back into the one before; a cursor has at most 64 KiB.
const REMEMBERED: usize = 2_000;

/// What the operator set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) page_size: u32,
    pub(crate) window_days: u32,
    pub(crate) overlap_minutes: u32,
}

/// Where the next call resumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The settings it was made under: with others, all begins anew.
    pub(crate) url: String,
    pub(crate) from: Option<String>,
    /// The window being read; its end is set with its first page.
    from_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    /// The next page, from 1, and its size: pages of one window are all of one size.
    page: u64,
    size: u32,
    /// The fewest dossiers the system said the window has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Hash of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_hash: Option<u64>,
    /// Hashes of the dossiers seen last.
    #[serde(default)]
    seen: Vec<u64>,
}

/// One page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) number: u64,
    pub(crate) size: u32,
}

/// What a page brought.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brought {
    /// Dossiers of the window, as the system says.
    pub(crate) total: u64,
    /// Hashes of the page's dossiers, in order.
    pub(crate) hashes: Vec<u64>,
}

impl Cursor {
    /// Before the first page.
    pub(crate) fn start(url: String, from: Option<String>, from_ms: u64) -> Self {
        Self { url, from, from_ms: whole_second(from_ms), until_ms: None, page: 1, size: 0, total: None, page_hash: None, seen: Vec::new() }
    }

    /// The page to ask for at this time; none where the window has no length yet.
    pub(crate) fn page(&self, now_ms: u64, max_records: u32, steps: Steps) -> Option<Page> {
        let longest = self.from_ms.saturating_add(u64::from(steps.window_days) * DAY_MS);
        let (until_ms, size) = match self.until_ms {
            Some(until_ms) => (until_ms, self.size),
            None => (longest.min(whole_second(now_ms)), steps.page_size.min(max_records)),
        };
        (until_ms > self.from_ms).then_some(Page { from_ms: self.from_ms, until_ms, number: self.page, size: size.max(1) })
    }

    /// Whether a dossier with this hash was seen.
    pub(crate) fn has_seen(&self, hash: u64) -> bool {
        self.seen.contains(&hash)
    }

    /// Moves on past a page. True where nothing more is waiting at this time.
    ///
    /// What the system stamped longer ago than the overlap is settled: nothing is added to it any more, dossiers only leave it when
    /// they change. So only settled windows are read in several pages, and what is not settled is asked for again.
    ///
    /// # Errors
    /// Pages that cannot be those of the contract.
    pub(crate) fn advance(&mut self, page: Page, brought: &Brought, now_ms: u64, steps: Steps) -> Result<bool, String> {
        let settled_ms = whole_second(now_ms.saturating_sub(u64::from(steps.overlap_minutes) * MINUTE_MS));
        let (number, size, count) = (page.number, u64::from(page.size), brought.hashes.len() as u64);
        let page_hash = fold(&brought.hashes);
        if count > 0 && self.page_hash == Some(page_hash) {
            return Err(format!("page {number} is page {} again: the system does not heed `trang`", number.saturating_sub(1)));
        }
        if count > size {
            return Err(format!("page {number} has {count} dossiers where {size} were asked for: the system does not heed `soLuong`"));
        }
        self.remember(&brought.hashes);
        self.until_ms = Some(page.until_ms);
        self.size = page.size;

        let before = number.saturating_sub(1).saturating_mul(size);
        let gone = self.total.map_or(0, |total| total.saturating_sub(brought.total));
        self.total = Some(self.total.map_or(brought.total, |total| total.min(brought.total)));
        if gone > 0 && number > 1 {
            // Those behind what left moved up by as many places: at most so many slipped from this page to pages that were read.
            self.page = before.saturating_sub(gone) / size + 1;
            self.page_hash = None;
            return Ok(false);
        }
        if before.saturating_add(count) < brought.total {
            if count < size {
                let total = brought.total;
                return Err(format!(
                    "page {number} has {count} of {size} dossiers and is not the last of {total}: set `page_size` to what the system gives"
                ));
            }
            if number == 1 && page.until_ms > settled_ms {
                let until_ms = (settled_ms > self.from_ms).then_some(settled_ms);
                self.begin(self.from_ms, until_ms);
                return Ok(until_ms.is_none());
            }
            self.page = number.saturating_add(1);
            self.page_hash = Some(page_hash);
            return Ok(false);
        }
        self.begin(page.until_ms.min(settled_ms).max(self.from_ms), None);
        Ok(page.until_ms.saturating_add(MINUTE_MS) > settled_ms)
    }

    fn begin(&mut self, from_ms: u64, until_ms: Option<u64>) {
        (self.from_ms, self.until_ms) = (from_ms, until_ms);
        (self.page, self.total, self.page_hash) = (1, None, None);
    }

    fn remember(&mut self, hashes: &[u64]) {
        for hash in hashes {
            if !self.seen.contains(hash) {
                self.seen.push(*hash);
            }
        }
        self.seen.drain(..self.seen.len().saturating_sub(REMEMBERED));
    }
}

/// The exchange knows no milliseconds.
fn whole_second(ms: u64) -> u64 {
    ms / 1_000 * 1_000
}

fn fold(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |all, hash| all.rotate_left(5) ^ hash)
}
