//! Who takes part in the city and what was granted, as the hub accepted it at its last start. It is kept in the data folder, so
//! that a key is checked in the same way while no hub runs.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;

use lienthong_core::city::{Access, City};
use lienthong_core::id::{AgencyId, ChannelId};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::{ChannelPattern, NewKey};
use crate::disk;

/// The file, below the data folder.
const FILE: &str = "hub.roster";

/// Agencies, channels and grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    agencies: BTreeSet<AgencyId>,
    channels: BTreeSet<ChannelId>,
    grants: Vec<Granted>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Granted {
    agency: AgencyId,
    channel: ChannelId,
    read: bool,
    write: bool,
    until: Option<Timestamp>,
}

impl Roster {
    /// A city's.
    pub fn of(city: &City) -> Self {
        let granted = city.grants.iter().map(|grant| Granted {
            agency: grant.agency.clone(),
            channel: grant.channel.clone(),
            read: grant.access.read,
            write: grant.access.write,
            until: grant.until,
        });
        let (agencies, channels) = (city.agencies.keys().cloned().collect(), city.channels.keys().cloned().collect());
        Self { agencies, channels, grants: granted.collect() }
    }

    /// Keeps it in the data folder, in place of the last one.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        disk::replace(&folder.join(FILE), &serde_json::to_vec(self)?)
    }

    /// The last one kept; none where no hub has started on the folder yet.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a key can ever open anything, and what it does not open today.
    ///
    /// # Errors
    /// An agency or channels that the city does not have.
    pub fn check(&self, new: &NewKey, now: Timestamp) -> Result<Vec<String>, String> {
        let Some(agency) = &new.agency else { return Ok(Vec::new()) };
        if !self.agencies.contains(agency) {
            return Err(format!("the city has no agency `{agency}`: city.yaml lists them"));
        }
        let mut missing = Vec::new();
        let kinds = [("read", &new.read, Access { read: true, write: false }), ("write", &new.write, Access { read: false, write: true })];
        for (kind, patterns, access) in kinds {
            for pattern in patterns.iter().flatten() {
                let mut channels = self.channels.iter().filter(|channel| pattern.holds(channel)).peekable();
                if channels.peek().is_none() && !pattern.holds_all() {
                    return Err(format!("the city has no channel `{pattern}`: its files list them"));
                }
                if !channels.any(|channel| self.allows(agency, channel, access, now)) {
                    missing.push(format!("{agency} has no grant to {kind} {pattern} today, so the key opens nothing there yet"));
                }
            }
        }
        let granted = self.channels.iter().any(|channel| {
            self.allows(agency, channel, Access { read: true, write: false }, now)
                || self.allows(agency, channel, Access { read: false, write: true }, now)
        });
        if new.read.is_none() && new.write.is_none() && !granted {
            missing.push(format!("{agency} has no grant today, so the key opens nothing yet"));
        }
        Ok(missing)
    }

    fn allows(&self, agency: &AgencyId, channel: &ChannelId, wanted: Access, now: Timestamp) -> bool {
        let of_both = self.grants.iter().filter(|grant| grant.agency == *agency && grant.channel == *channel);
        of_both
            .filter(|grant| grant.until.is_none_or(|until| now < until))
            .any(|grant| wanted.read && grant.read || wanted.write && grant.write)
    }
}

impl std::fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
