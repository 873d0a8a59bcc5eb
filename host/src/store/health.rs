//! Whether a store takes data, and why not.

use std::fmt;

/// Whether the store takes data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// Less of the disk is free than is to stay free: new data is refused, and it resumes by itself.
    Low {
        /// What is free.
        free_bytes: u64,
        /// What is to stay free.
        keep_free_bytes: u64,
    },
    /// The disk is full: the database could not be written. What comes is tried, and it resumes by itself.
    Full,
    /// An I/O error left the state of the disk unknown; nothing is taken until the process restarts.
    Failed(String),
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Low { free_bytes, keep_free_bytes } => write!(
                f,
                "the disk is nearly full ({} MiB are free, {} are to stay free): new data is refused until there is space",
                free_bytes >> 20,
                keep_free_bytes >> 20
            ),
            Self::Full => f.write_str("the disk is full: data is refused until there is space"),
            Self::Failed(why) => write!(f, "data is refused until the hub is restarted: {why}"),
        }
    }
}
