//! The knobs of a hub under the interposer, which stands between it and its system calls.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use lienthong_tests::city::City;
use lienthong_tests::hub::Environment;
use lienthong_tests::program::beside;

use control::{CONTROL, JOURNAL, ROOT, SIZE_BYTES};

pub use control::Number;

// The interposer bears the names of libc's functions and can not be linked: its words are shared as a source.
#[path = "../../faults/src/control.rs"]
mod control;

const LIBRARY: &str = "liblienthong_faults.so";

/// What the interposer of one city's hub reads while it runs.
pub struct Interposer {
    numbers: File,
    control: PathBuf,
    /// Where every change of the hub's disk is kept, if it is.
    pub journal: PathBuf,
    root: PathBuf,
}

impl Interposer {
    /// Nothing fails yet.
    pub fn new(city: &City) -> Self {
        let folder = city.folder().canonicalize().unwrap_or_else(|error| panic!("{}: {error}", city.folder().display()));
        let (control, journal, root) = (folder.join("faults"), folder.join("journal"), folder.join("data"));
        let open = || {
            let numbers = File::options().read(true).write(true).create(true).truncate(true).open(&control)?;
            numbers.set_len(SIZE_BYTES)?;
            File::create(&journal)?;
            std::io::Result::Ok(numbers)
        };
        let numbers = open().unwrap_or_else(|error| panic!("{}: {error}", control.display()));
        Self { numbers, control, journal, root }
    }

    /// What makes a hub run under it.
    pub fn environment(&self, keeps_journal: bool) -> Environment {
        let mut environment = Environment::from([
            ("LD_PRELOAD", beside(LIBRARY).into()),
            (CONTROL, self.control.clone().into()),
            (ROOT, self.root.clone().into()),
        ]);
        if keeps_journal {
            environment.insert(JOURNAL, self.journal.clone().into());
        }
        environment
    }

    /// The hub's data folder, as the journal calls it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Turns a knob.
    pub fn set(&self, which: Number, value: i64) {
        let place = 8 * which as u64;
        self.numbers.write_all_at(&value.to_ne_bytes(), place).unwrap_or_else(|error| panic!("{which:?}: {error}"));
    }

    /// Reads one.
    pub fn get(&self, which: Number) -> i64 {
        let mut bytes = [0; 8];
        self.numbers.read_exact_at(&mut bytes, 8 * which as u64).unwrap_or_else(|error| panic!("{which:?}: {error}"));
        i64::from_ne_bytes(bytes)
    }
}
