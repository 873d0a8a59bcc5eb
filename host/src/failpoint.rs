//! Named places at which a trial may end the process, as kill -9 would: nothing is flushed, closed or said to anybody.
//!
//! `LIENTHONG_FAILPOINT=store.before-commit@7` ends it when that place is reached for the seventh time. Only builds with
//! debug assertions know of it; in others a place compiles to nothing.

/// Every place there is. A trial goes through this list, and fails where one is never reached.
pub const PLACES: &[&str] = &[
    "start.recovered",
    "store.before-commit",
    "store.after-commit",
    "store.before-wal-checkpoint",
    "store.after-wal-checkpoint",
    "call.staged",
    "call.emitted",
    "attachment.noted",
    "attachment.in-place",
    "lake.data-file-written",
    "lake.commit-written",
    "lake.landed",
    "lake.checkpoint-written",
    "inbox.taken",
    "inbox.shelved",
];

/// The variable that names a place and how often it is to be reached.
pub const VARIABLE: &str = "LIENTHONG_FAILPOINT";

/// The process has come to a place.
#[cfg(debug_assertions)]
pub fn reached(place: &'static str) {
    armed::reached(place);
}

/// The process has come to a place.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn reached(_place: &'static str) {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::{PLACES, VARIABLE};

    struct Armed {
        place: String,
        left: AtomicU64,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub(super) fn reached(place: &'static str) {
        debug_assert!(PLACES.contains(&place), "{place} is not in the list of places");
        let armed = ARMED.get_or_init(|| Some(parse(&std::env::var(VARIABLE).ok()?)));
        if let Some(Armed { place: wanted, left }) = armed
            && wanted == place
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            eprintln!("failpoint {place}: the process ends here");
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }

    /// What cannot be read would make a trial pass that tried nothing.
    fn parse(text: &str) -> Armed {
        let parsed = text.split_once('@').and_then(|(place, times)| Some((place, times.parse().ok().filter(|times| *times > 0)?)));
        match parsed.filter(|(place, _)| PLACES.contains(place)) {
            Some((place, times)) => Armed { place: place.to_owned(), left: AtomicU64::new(times) },
            None => {
                eprintln!("{VARIABLE}=`{text}`: expected one of these, `@` and a number from 1: {}", PLACES.join(" "));
                std::process::exit(2)
            }
        }
    }
}
