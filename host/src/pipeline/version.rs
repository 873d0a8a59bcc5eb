//! The version of its plugin that a connector runs. It can be replaced while calls are under way: each call keeps the one that it began
//! with, and the next takes the new one. Nothing else of the connector changes, so cursors, messages and places stay as they are.

use std::sync::{PoisonError, RwLock};

use lienthong_core::hash::ContentHash;
use lienthong_core::time::Timestamp;

use crate::wasm::Plugin;

/// One version of a plugin, ready to be called. Cheap to clone.
#[derive(Clone)]
pub struct Version {
    /// The plugin.
    pub plugin: Plugin,
    /// The public key that signed it.
    pub signed_by: Option<String>,
    /// Since when it was chosen; none for one that nobody installed.
    pub since: Option<Timestamp>,
}

/// Where a connector's version is held, and the one before it, which stays ready.
pub struct Slot(RwLock<Held>);

struct Held {
    running: Version,
    before: Option<Version>,
}

impl Version {
    /// The hash of its component.
    pub fn hash(&self) -> ContentHash {
        ContentHash::new(self.plugin.facts().sha256)
    }
}

impl Slot {
    /// Begins with this version.
    pub fn new(running: Version) -> Self {
        Self(RwLock::new(Held { running, before: None }))
    }

    /// What a call that begins now takes.
    pub fn running(&self) -> Version {
        self.0.read().unwrap_or_else(PoisonError::into_inner).running.clone()
    }

    /// The version before, if it is this one and still ready.
    pub fn ready(&self, hash: &ContentHash) -> Option<Version> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        [Some(&held.running), held.before.as_ref()].into_iter().flatten().find(|version| version.hash() == *hash).cloned()
    }

    /// Calls that begin from now on take this version. Those under way end on theirs.
    pub fn replace(&self, next: Version) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.before = Some(std::mem::replace(&mut held.running, next));
    }
}
