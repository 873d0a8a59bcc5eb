//! What a call sees of time and chance: all of its random numbers come from one seed, and what its clocks said is kept. With both, it sees
//! the same again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// Looks at one clock that are kept. A guest that looks more often cannot be replayed.
const LOOKS: usize = 100_000;

/// What one call saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Senses {
    /// Where its random numbers come from.
    seed: [u8; 32],
    /// What the calendar said at each look, nanoseconds since 1970.
    calendar: Vec<u64>,
    /// What the stopwatch said, nanoseconds.
    stopwatch: Vec<u64>,
}

/// What a call that is being recorded sees. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Senses>>);

impl Seen {
    /// Lets the call see the world, and keeps what it saw. False where the system has no random numbers to begin with.
    pub(super) fn watch(&self, wasi: &mut WasiCtxBuilder) -> bool {
        let mut seed = [0; 32];
        if getrandom::fill(&mut seed).is_err() {
            return false;
        }
        self.change(|senses| senses.seed = seed);
        chance(wasi, seed);
        wasi.wall_clock(Calendar(self.clone())).monotonic_clock(Stopwatch { seen: self.clone(), since: Instant::now() });
        true
    }

    /// What was seen; none where it was too much to be kept.
    pub(super) fn senses(&self) -> Option<Senses> {
        let senses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (senses.calendar.len() <= LOOKS && senses.stopwatch.len() <= LOOKS).then(|| senses.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Senses)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Senses {
    /// Lets a call see the same again. Who looks more often than then finds the clocks standing.
    pub(super) fn again(&self, wasi: &mut WasiCtxBuilder) {
        chance(wasi, self.seed);
        let clock = |looks: &[u64]| Again { looks: looks.to_vec(), next: AtomicUsize::new(0) };
        wasi.wall_clock(clock(&self.calendar)).monotonic_clock(clock(&self.stopwatch));
    }
}

fn chance(wasi: &mut WasiCtxBuilder, seed: [u8; 32]) {
    let mut insecure = seed;
    insecure.reverse();
    let insecure_seed = insecure.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes));
    wasi.secure_random(StdRng::from_seed(seed)).insecure_random(StdRng::from_seed(insecure)).insecure_random_seed(insecure_seed);
}

/// Both clocks say that they are as fine as their numbers, now and again.
const RESOLUTION: Duration = Duration::from_nanos(1);

fn look(looks: &mut Vec<u64>, now: Duration) -> u64 {
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    if looks.len() <= LOOKS {
        looks.push(now);
    }
    now
}

struct Calendar(Seen);

impl HostWallClock for Calendar {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.change(|senses| {
            look(&mut senses.calendar, now);
        });
        now
    }
}

struct Stopwatch {
    seen: Seen,
    since: Instant,
}

impl HostMonotonicClock for Stopwatch {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let (now, mut seen) = (self.since.elapsed(), 0);
        self.seen.change(|senses| seen = look(&mut senses.stopwatch, now));
        seen
    }
}

/// A clock that says what it said before.
struct Again {
    looks: Vec<u64>,
    next: AtomicUsize,
}

impl Again {
    fn look(&self) -> u64 {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        self.looks.get(nth).or(self.looks.last()).copied().unwrap_or(0)
    }
}

impl HostWallClock for Again {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.look())
    }
}

impl HostMonotonicClock for Again {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.look()
    }
}
