//! Why a version was not changed, or a run not performed.

use std::io;

use super::trust::Distrust;
use crate::wasm::LoadError;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nobody put it there.
    #[error("no component with the hash {0} lies in the data folder: `lienthong plugin install FILE` puts it there")]
    Absent(String),
    /// No connector is meant.
    #[error("{0}")]
    Nobody(String),
    /// The city does not trust it.
    #[error("{plugin} is not installed: {why}; {}", remedy(.why))]
    Distrusted {
        /// Which.
        plugin: String,
        /// Why.
        why: Distrust,
    },
    /// The connectors lack what it needs.
    #[error("{plugin} is not installed, for it needs more than the city's files give it:\n{}", .changes.join("\n"))]
    Lacks {
        /// Which.
        plugin: String,
        /// What is different.
        changes: Vec<String>,
    },
    /// It is no plugin that could run.
    #[error("it is not installed, and what ran goes on: {0}")]
    Load(#[from] LoadError),
    /// It was tried, and is not the same.
    #[error("{plugin} is not installed, for it does otherwise than the running version:\n{}\nto install it all the same, say `--yes`", .differences.join("\n"))]
    Differs {
        /// Which.
        plugin: String,
        /// What is different.
        differences: Vec<String>,
    },
    /// There is no such recording (any more).
    #[error("there is no such run: `lienthong plugin runs` lists those that are recorded")]
    NoRun,
    /// The hub could not run it.
    #[error("the run could not be performed: {0}")]
    NotPerformed(String),
    /// It may hold personal data, which stays here.
    #[error(
        "run {run} does not leave the hub: {channels} of its connector hold personal data (`x-personal` in their schemas), or may; \
         `lienthong plugin replay {run} --plugin FILE` tries another version on it here"
    )]
    Personal {
        /// Which.
        run: String,
        /// The channels.
        channels: String,
    },
    /// The disk.
    #[error("what lies in the data folder of plugins and their runs cannot be used: {0}")]
    Io(#[from] io::Error),
    /// The hub ends.
    #[error("the hub is stopping")]
    Stopping,
}

fn remedy(why: &Distrust) -> &'static str {
    match why {
        Distrust::Unsigned => {
            "ask the vendor for its `.sig` and put it beside the file, or say `plugins: { unsigned: allow }` in city.yaml and start the hub again"
        }
        Distrust::UnknownKey { .. } => {
            "if the vendor vouches for it, list it under `plugins: { trust: … }` in city.yaml and start the hub again"
        }
        Distrust::OtherVendor { .. } => "ask both vendors how this can be",
    }
}
