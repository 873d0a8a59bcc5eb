//! The systems of Bảo Lộc.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::systems::{self, Beginning, Cast, Surroundings, TAKEN, in_the_files, player};
use super::traffic::Traffic;
use crate::sim::clock;
use crate::sim::door::Door;
use crate::sim::education::{RosterSchool, SheetSchool};
use crate::sim::egov::lookup::{self, LandRegistry};
use crate::sim::egov::offices::Offices;
use crate::sim::egov::shop::Shops;
use crate::sim::environment::Stations;
use crate::sim::environment::board::{self, Board};
use crate::sim::health::hospital::{Billing, Hospital};
use crate::sim::health::mllp::Sender;
use crate::sim::inbox::Inbox;
use crate::sim::ledger::Ledger;
use crate::sim::planning::{ADMIN_UNITS, PlanningDepartment};
use crate::sim::publisher::Publisher;
use crate::sim::transport::feed::Feed;
use crate::sim::transport::{self, BusOperator};

/// The story begins so many steps ago: thirty days.
const BACK: i64 = 30 * 24 * 3600 / clock::STEP_SECONDS;

/// Where the bus operator publishes its timetable.
const FEED: SocketAddr = in_the_files(8790);
/// Where the land register is looked up.
const LOOKUP: SocketAddr = in_the_files(8795);
/// Where the display board takes records.
const BOARD: SocketAddr = in_the_files(8797);
/// Where the hub itself listens for the hospital's messages.
const MLLP: SocketAddr = in_the_files(2575);

/// Stations, buses, a hospital, schools, one-stop shops, offices.
#[derive(Debug)]
pub(super) struct BaoLoc {
    seed: u64,
    feed: Feed,
    ledger: Arc<Ledger>,
    publisher: Publisher,
    registry: LandRegistry,
    board: Board,
    mllp: SocketAddr,
}

impl BaoLoc {
    pub(super) async fn start(beginning: Beginning<'_>) -> anyhow::Result<Self> {
        let feed = Feed::read(&beginning.samples.join("sample-gtfs-feed"))?;
        let (seed, ledger, now) = (beginning.seed, &beginning.ledger, clock::now());
        let first = transport::edition(&feed, 1)?;
        let publisher = Publisher::start(beginning.at(FEED), transport::PUBLISHED, first, Arc::clone(ledger), now).await.context(TAKEN)?;
        let registry = LandRegistry::start(beginning.at(LOOKUP), seed, Arc::clone(ledger), now).await.context(TAKEN)?;
        let board = Board::start(beginning.at(BOARD)).await.context(TAKEN)?;
        // The hub will listen there itself: the little time in which somebody else may take a free port is harmless.
        let mllp = std::net::TcpListener::bind(beginning.at(MLLP)).and_then(|free| free.local_addr());
        let mllp = mllp.with_context(|| format!("the hub can not listen for the hospital at {MLLP}; {TAKEN}"))?;
        Ok(Self { seed, feed, ledger: beginning.ledger, publisher, registry, board, mllp })
    }
}

impl Cast for BaoLoc {
    fn agencies(&self) -> &'static [&'static str] {
        &["environment-department", "one-stop-center", "city-office", "hospital", "planning-department"]
    }

    fn moved(&self) -> Vec<(SocketAddr, SocketAddr)> {
        vec![(FEED, self.publisher.address()), (LOOKUP, self.registry.address()), (BOARD, self.board.address()), (MLLP, self.mllp)]
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![
            ("bus operator", format!("http://{}{}", self.publisher.address(), transport::PUBLISHED.path)),
            ("land register", format!("http://{}{}", self.registry.address(), lookup::PATH)),
            ("display board", format!("http://{}{}", self.board.address(), board::PATH)),
            ("hospital", format!("sends to mllp://{}", self.mllp)),
        ]
    }

    fn commands(&self, data: &Path, hub: SocketAddr) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        let reading = serde_json::json!({
            "station": "KK99", "province": "LamDong", "facility": "THU", "parameter": "PM2.5", "value": 21.5, "unit": "ug/Nm3",
            "observed_at": clock::at_step(clock::step_at(clock::now())).to_rfc3339(), "status": "measuring",
        });
        std::fs::write(data.join("reading.json"), format!("{reading}\n")).context("the example record")?;
        let shown = data.display();
        let push = vec![
            format!("curl -H @{shown}/keys/environment-department -d @{shown}/reading.json \\"),
            format!("  http://{hub}/v1/channels/environment/observations/records"),
        ];
        Ok(vec![
            ("push a record as the environment department".to_owned(), push),
            systems::read(data, hub, "egov/dossiers"),
            systems::refused(data, hub),
            systems::table(data, "environment/observations"),
        ])
    }

    fn surround(self: Box<Self>, around: &Surroundings<'_>) -> anyhow::Result<Traffic> {
        let Self { seed, feed, ledger, publisher, registry, board, mllp } = *self;
        let hub = around.hub;
        let inbox = |name: &str| Inbox::below(around.data, name);
        let connector = |name: &str, agency| anyhow::Ok(Door::of_connector(hub, name, around.key(agency)?));
        let ledger = || Arc::clone(&ledger);
        let units = around.samples.join("admin-units-2025/units.ndjson");
        let to_units = Door::of_channel(hub, ADMIN_UNITS, around.key("planning-department")?);
        let players = vec![
            // An hour of readings and the first of the next: the air quality of an hour is known once it is over.
            player(
                1,
                13,
                Stations {
                    seed,
                    inbox: inbox("air")?,
                    door: connector("environment/station-webhook", "environment-department")?,
                    ledger: ledger(),
                },
            ),
            player(15, 1, BusOperator { feed, inbox: inbox("gtfs")?, publisher, ledger: ledger() }),
            player(1, 3, Shops { seed, door: connector("egov/one-stop-shops", "one-stop-center")?, ledger: ledger() }),
            player(5, 1, registry),
            player(60, 1, board),
            player(
                5,
                3,
                Offices {
                    seed,
                    door: connector("egov/document-axis", "city-office")?,
                    hub,
                    key: around.key("city-office")?.to_owned(),
                    ledger: ledger(),
                },
            ),
            player(10, 3, RosterSchool { seed, inbox: inbox("rosters")?, ledger: ledger() }),
            player(7, 3, SheetSchool { seed, inbox: inbox("pupils")?, ledger: ledger() }),
            player(1, 3, Hospital { seed, sender: Sender::new(mllp), ledger: ledger() }),
            player(1, 3, Billing { seed, door: connector("health/insurance", "hospital")?, ledger: ledger() }),
            player(30, 2, PlanningDepartment::open(&units, to_units, ledger())?),
        ];
        Ok(Traffic { first_step: clock::step_at(clock::now()) - BACK, players, ledger: ledger() })
    }
}
