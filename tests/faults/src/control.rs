//! What a trial and the hub's interposer tell each other: numbers in a small file that the interposer has mapped. The
//! trials take this in as a source, for the interposer itself cannot be linked.

/// Names the file of numbers, of [`SIZE_BYTES`], zero at first: nothing fails.
pub const CONTROL: &str = "LIENTHONG_FAULTS_CONTROL";
/// Names the folder whose files are meant, an absolute path without links in it.
pub const ROOT: &str = "LIENTHONG_FAULTS_ROOT";
/// Names the journal, a file that is there; nothing is kept where it is not set.
pub const JOURNAL: &str = "LIENTHONG_FAULTS_JOURNAL";

/// Length of the file.
pub const SIZE_BYTES: u64 = 4096;

/// One number, 64 bits of the machine's own order; its value is its place.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub enum Number {
    /// Added to the machine's clock, microseconds.
    ClockAhead,
    /// The sync after so many fails with EIO, 1 being the next; 0 for none.
    SyncFailsIn,
    /// Each sync takes so much longer, microseconds.
    SyncTakes,
    /// Whether the disk has an end: 0 or 1.
    SpaceEnds,
    /// By how many bytes files may still grow, if it has.
    SpaceLeft,
    /// Counts the syncs.
    Syncs,
    /// Counts those that were made to fail.
    FailedSyncs,
    /// Counts what the full disk refused.
    RefusedWrites,
}
