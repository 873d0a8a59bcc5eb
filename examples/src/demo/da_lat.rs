//! The systems of Đà Lạt.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::systems::{self, Beginning, Cast, Surroundings, TAKEN, in_the_files, player};
use super::traffic::Traffic;
use crate::sim::clock;
use crate::sim::door::Door;
use crate::sim::foodsafety::{INSPECTIONS, Inspectors};
use crate::sim::inbox::Inbox;
use crate::sim::ledger::Ledger;
use crate::sim::publisher::Publisher;
use crate::sim::tourism::{self, EVENTS, TouristOffice, Venues};

/// The story begins so many steps ago: three days, so that no inspection is of a day to come.
const BACK: i64 = 3 * 24 * 3600 / clock::STEP_SECONDS;

/// Where the tourist office publishes its calendar.
const CALENDAR: SocketAddr = in_the_files(8797);

/// A tourist office, venues, food inspectors.
#[derive(Debug)]
pub(super) struct DaLat {
    seed: u64,
    ledger: Arc<Ledger>,
    publisher: Publisher,
}

impl DaLat {
    pub(super) async fn start(beginning: Beginning<'_>) -> anyhow::Result<Self> {
        let (seed, now) = (beginning.seed, clock::now());
        let first = tourism::edition(seed, 1, &clock::at_seconds(now));
        let ledger = Arc::clone(&beginning.ledger);
        let publisher = Publisher::start(beginning.at(CALENDAR), tourism::PUBLISHED, first, ledger, now).await.context(TAKEN)?;
        Ok(Self { seed, ledger: beginning.ledger, publisher })
    }
}

impl Cast for DaLat {
    fn agencies(&self) -> &'static [&'static str] {
        &["culture-department"]
    }

    fn moved(&self) -> Vec<(SocketAddr, SocketAddr)> {
        vec![(CALENDAR, self.publisher.address())]
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("calendar", format!("http://{}{}", self.publisher.address(), tourism::PUBLISHED.path))]
    }

    fn commands(&self, data: &Path, hub: SocketAddr) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        Ok(vec![systems::read(data, hub, EVENTS), systems::refused(data, hub), systems::table(data, INSPECTIONS)])
    }

    fn surround(self: Box<Self>, around: &Surroundings<'_>) -> anyhow::Result<Traffic> {
        let Self { seed, ledger, publisher } = *self;
        let inbox = |name: &str| Inbox::below(around.data, name);
        let door = Door::of_connector(around.hub, "tourism/venue-posts", around.key("culture-department")?);
        let players = vec![
            player(15, 1, TouristOffice { seed, publisher }),
            player(5, 4, Venues { seed, inbox: inbox("calendars")?, door, ledger: Arc::clone(&ledger) }),
            player(3, 3, Inspectors { seed, inbox: inbox("inspections")?, ledger: Arc::clone(&ledger) }),
        ];
        Ok(Traffic { first_step: clock::step_at(clock::now()) - BACK, players, ledger })
    }
}
