//! The simulated systems of an example city: where each stands, whose keys they hold, and how often each has a turn.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::future::BoxFuture;

use super::bao_loc::BaoLoc;
use super::da_lat::DaLat;
use super::traffic::{Player, Traffic};
use crate::sim::ledger::Ledger;
use crate::sim::system::System;

/// What to say where an address is taken.
pub(super) const TAKEN: &str = "stop what listens there, or give --any-ports";

/// The systems of one city. Those that are asked stand already: they must before the hub does.
pub trait Cast: Send {
    /// Agencies whose keys they hold.
    fn agencies(&self) -> &'static [&'static str];

    /// Addresses in the city's files and those that take their place.
    fn moved(&self) -> Vec<(SocketAddr, SocketAddr)>;

    /// Each that has one with its address, for people.
    fn addresses(&self) -> Vec<(&'static str, String)>;

    /// What to try next: for each its purpose and the lines of a command. Files for them go into the data folder.
    ///
    /// # Errors
    /// When such a file can not be written.
    fn commands(&self, data: &Path, hub: SocketAddr) -> anyhow::Result<Vec<(String, Vec<String>)>>;

    /// All of them, around a hub.
    ///
    /// # Errors
    /// When a key is missing, an inbox can not be made, or a file not be read.
    fn surround(self: Box<Self>, hub: &Surroundings<'_>) -> anyhow::Result<Traffic>;
}

/// What systems know of the hub.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Its address.
    pub hub: SocketAddr,
    /// Its data folder.
    pub data: &'a Path,
    /// The keys of [`Cast::agencies`].
    pub keys: &'a BTreeMap<&'static str, String>,
    /// The folder of what the systems hold.
    pub samples: &'a Path,
}

impl Surroundings<'_> {
    /// An agency's key.
    pub(super) fn key(&self, agency: &str) -> anyhow::Result<&str> {
        self.keys.get(agency).map(String::as_str).with_context(|| format!("there is no key of {agency}"))
    }
}

/// What a cast begins with.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// Fixes what is sent.
    pub seed: u64,
    /// The folder of what the systems hold.
    pub samples: &'a Path,
    /// Takes all that is sent.
    pub ledger: Arc<Ledger>,
    /// They stand wherever there is room, and not where the city's files say.
    pub any_ports: bool,
}

impl Beginning<'_> {
    /// Where a system stands whose address is in the city's files.
    pub(super) fn at(&self, address: SocketAddr) -> SocketAddr {
        if self.any_ports { SocketAddr::new(address.ip(), 0) } else { address }
    }
}

/// The systems of the city in a folder, told by its name.
///
/// # Errors
/// When nobody plays that city, or an address is taken.
pub fn cast<'a>(city: &'a Path, beginning: Beginning<'a>) -> BoxFuture<'a, anyhow::Result<Box<dyn Cast>>> {
    Box::pin(async move {
        let folder = city.canonicalize().with_context(|| city.display().to_string())?;
        match folder.file_name().and_then(|name| name.to_str()) {
            Some("bao-loc") => Ok(Box::new(BaoLoc::start(beginning).await?) as Box<dyn Cast>),
            Some("da-lat") => Ok(Box::new(DaLat::start(beginning).await?) as Box<dyn Cast>),
            _ => anyhow::bail!("there are systems for the cities bao-loc and da-lat, and none for {}", city.display()),
        }
    })
}

/// An address that stands in a city's files.
pub(super) const fn in_the_files(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

pub(super) fn player(every: u32, turns: u64, system: impl System + 'static) -> Player {
    Player { system: Box::new(system), every, turns }
}

/// What was refused, by whichever connector.
pub(super) fn refused(data: &Path, hub: SocketAddr) -> (String, Vec<String>) {
    let data = data.display();
    ("what was refused, and why".to_owned(), vec![format!("curl -H @{data}/keys/operator 'http://{hub}/v1/quarantine?limit=3'")])
}

/// Records of a channel as the operations center sees them.
pub(super) fn read(data: &Path, hub: SocketAddr, channel: &str) -> (String, Vec<String>) {
    let data = data.display();
    let lines =
        vec![format!("curl -H @{data}/keys/operations-center \\"), format!("  'http://{hub}/v1/channels/{channel}/records?limit=3'")];
    ("pull records as the operations center".to_owned(), lines)
}

/// The table of a channel.
pub(super) fn table(data: &Path, channel: &str) -> (String, Vec<String>) {
    ("open the lake with any engine".to_owned(), vec![format!("duckdb -c \"from delta_scan('{}/lake/{channel}')\"", data.display())])
}
