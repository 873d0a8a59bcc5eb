//! The city's simulated systems: where each stands, whose keys they hold, and how often each has a turn.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::traffic::{Player, Traffic};
use crate::sim::clock;
use crate::sim::door::Door;
use crate::sim::education::{RosterSchool, SheetSchool};
use crate::sim::egov::lookup::{self, LandRegistry};
use crate::sim::egov::offices::Offices;
use crate::sim::egov::shop::Shops;
use crate::sim::environment::Stations;
use crate::sim::health::hospital::{Billing, Hospital};
use crate::sim::health::mllp::Sender;
use crate::sim::inbox::Inbox;
use crate::sim::ledger::Ledger;
use crate::sim::planning::{ADMIN_UNITS, PlanningDepartment};
use crate::sim::system::System;
use crate::sim::transport::BusOperator;
use crate::sim::transport::feed::Feed;
use crate::sim::transport::operator::{self, Operator};

/// Agencies whose keys the systems hold.
pub const AGENCIES: [&str; 5] = ["environment-department", "one-stop-center", "city-office", "hospital", "planning-department"];
/// The story begins so many steps ago: thirty days.
const BACK: i64 = 30 * 24 * 3600 / clock::STEP_SECONDS;

/// An address that stands in the example city's files.
const fn in_the_files(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Where the bus operator publishes its timetable.
const FEED: SocketAddr = in_the_files(8790);
/// Where the land register is looked up.
const LOOKUP: SocketAddr = in_the_files(8795);
/// Where the hub itself listens for the hospital's messages.
const MLLP: SocketAddr = in_the_files(2575);

/// The systems that are asked: they must stand before the hub does.
#[derive(Debug)]
pub struct Servers {
    seed: u64,
    feed: Feed,
    ledger: Arc<Ledger>,
    operator: Operator,
    registry: LandRegistry,
    mllp: SocketAddr,
}

impl Servers {
    /// Starts them where the city's files say, or with `any_ports` wherever there is room.
    ///
    /// # Errors
    /// When the feed can not be read or an address is taken.
    pub async fn start(seed: u64, feed: &Path, ledger: Arc<Ledger>, any_ports: bool) -> anyhow::Result<Self> {
        let feed = Feed::read(feed)?;
        let at = |address: SocketAddr| if any_ports { SocketAddr::new(address.ip(), 0) } else { address };
        let now = clock::now();
        let hint = "stop what listens there, or give --any-ports";
        let operator = Operator::start(at(FEED), feed.clone(), Arc::clone(&ledger), now).await.context(hint)?;
        let registry = LandRegistry::start(at(LOOKUP), seed, Arc::clone(&ledger), now).await.context(hint)?;
        // The hub will listen there itself: the little time in which somebody else may take a free port is harmless.
        let mllp = std::net::TcpListener::bind(at(MLLP)).and_then(|free| free.local_addr());
        let mllp = mllp.with_context(|| format!("the hub can not listen for the hospital at {MLLP}; {hint}"))?;
        Ok(Self { seed, feed, ledger, operator, registry, mllp })
    }

    /// Addresses in the city's files and those that take their place.
    pub fn moved(&self) -> Vec<(SocketAddr, SocketAddr)> {
        vec![(FEED, self.operator.address()), (LOOKUP, self.registry.address()), (MLLP, self.mllp)]
    }

    /// Each with its address, for people.
    pub fn addresses(&self) -> [(&'static str, String); 3] {
        [
            ("bus operator", format!("http://{}{}", self.operator.address(), operator::PATH)),
            ("land register", format!("http://{}{}", self.registry.address(), lookup::PATH)),
            ("hospital", format!("sends to mllp://{}", self.mllp)),
        ]
    }

    /// All systems of the city, around a hub with this data folder. `keys` are those of [`AGENCIES`]; `units` is the file of
    /// administrative units.
    ///
    /// # Errors
    /// When an inbox can not be made, or the units not be read.
    pub fn surround(self, hub: SocketAddr, data: &Path, keys: &BTreeMap<&str, String>, units: &Path) -> anyhow::Result<Traffic> {
        let Self { seed, feed, ledger, operator, registry, mllp } = self;
        let key = |agency: &str| keys.get(agency).map(String::as_str).with_context(|| format!("there is no key of {agency}"));
        let inbox = |name: &str| {
            let folder = data.join("inbox").join(name);
            Inbox::open(&folder, Duration::from_millis(500)).with_context(|| folder.display().to_string())
        };
        let connector = |name: &str, agency| anyhow::Ok(Door::of_connector(hub, name, key(agency)?));
        let ledger = || Arc::clone(&ledger);
        let players = vec![
            player(
                1,
                3,
                Stations {
                    seed,
                    inbox: inbox("air")?,
                    door: connector("environment/station-webhook", "environment-department")?,
                    ledger: ledger(),
                },
            ),
            player(15, 1, BusOperator { feed, inbox: inbox("gtfs")?, operator, ledger: ledger() }),
            player(1, 3, Shops { seed, door: connector("egov/one-stop-shops", "one-stop-center")?, ledger: ledger() }),
            player(5, 1, registry),
            player(
                5,
                3,
                Offices {
                    seed,
                    door: connector("egov/document-axis", "city-office")?,
                    hub,
                    key: key("city-office")?.to_owned(),
                    ledger: ledger(),
                },
            ),
            player(10, 3, RosterSchool { seed, inbox: inbox("rosters")?, ledger: ledger() }),
            player(7, 3, SheetSchool { seed, inbox: inbox("pupils")?, ledger: ledger() }),
            player(1, 3, Hospital { seed, sender: Sender::new(mllp), ledger: ledger() }),
            player(1, 3, Billing { seed, door: connector("health/insurance", "hospital")?, ledger: ledger() }),
            player(30, 2, PlanningDepartment::open(units, Door::of_channel(hub, ADMIN_UNITS, key("planning-department")?), ledger())?),
        ];
        Ok(Traffic { first_step: clock::step_at(clock::now()) - BACK, players, ledger: ledger() })
    }
}

fn player(every: u32, turns: u64, system: impl System + 'static) -> Player {
    Player { system: Box::new(system), every, turns }
}
