//! Routes: cursors over the log that write to other channels or deliver to agency systems. Each channel-writing part and each
//! sink of a route reads at its own pace, so that a slow or dead one holds nobody back.

mod condition;
mod cursor;
mod deliver;
mod fold;
mod pace;
mod write;

use std::sync::Arc;

use lienthong_core::city::{self, City, Delivering, Way};
use lienthong_core::id::RouteId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use condition::{Conditions, Kind, Part, RouteCondition};

use super::call::Connector;
use super::channels::{Channel, Channels};
use super::supervision::Supervision;
use crate::store::Store;
use crate::wasm::Plugin;
use deliver::Deliverer;
use fold::Folder;
use write::{Made, Writer};

/// What every part of a route works with. Cheap to clone.
#[derive(Clone)]
pub struct Surroundings {
    /// The log.
    pub store: Store,
    /// The city's channels.
    pub channels: Channels,
    /// Who may read and write what.
    pub city: Arc<City>,
    /// Where each part says how it fares.
    pub conditions: Conditions,
    /// Where a sink's connector says how it fares.
    pub supervision: Supervision,
    /// The name of this log among all, for keys that no other hub gives.
    pub log: Arc<str>,
    /// Ends all of it.
    pub stop: CancellationToken,
}

/// The running routes.
pub struct Routes {
    around: Surroundings,
    tasks: JoinSet<()>,
}

impl Routes {
    /// Starts nothing yet.
    pub fn new(around: Surroundings) -> Self {
        Self { around, tasks: JoinSet::new() }
    }

    /// Starts the part of a route that writes to channels. `transform` is the plugin of its fold, where it has one.
    pub fn write(&mut self, id: &RouteId, route: &city::Route, transform: Option<Plugin>) {
        let (Some(writing), Some(from)) = (&route.writing, self.channel(route)) else { return };
        let channels = &self.around.channels;
        let known = |ids: &[lienthong_core::id::ChannelId]| ids.iter().filter_map(|id| channels.get(id).cloned()).collect::<Vec<_>>();
        let made = match (&writing.how, transform) {
            (Way::Copy(to), _) => Made::Copied(known(to)),
            (Way::Fold(fold), Some(plugin)) => {
                let to = fold.to.iter().map(|(port, ids)| (port.clone(), known(ids))).collect();
                Made::Folded(Box::new(Folder { plugin, config: fold.clone(), to }))
            }
            (Way::Fold(_), None) => return,
        };
        let writer =
            Writer { around: self.around.clone(), route: id.clone(), from, begin: route.begin, agency: writing.agency.clone(), made };
        self.tasks.spawn(writer.run());
    }

    /// Starts the part of a route that delivers through this connector.
    pub fn deliver(&mut self, id: &RouteId, route: &city::Route, sink: Arc<Connector>, how: Delivering) {
        let Some(from) = self.channel(route) else { return };
        let deliverer = Deliverer { around: self.around.clone(), route: id.clone(), from, begin: route.begin, sink, how };
        self.tasks.spawn(deliverer.run());
    }

    /// Waits until every route has come to rest after the stop was called.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a route's task ended badly");
            }
        }
    }

    fn channel(&self, route: &city::Route) -> Option<Arc<Channel>> {
        self.around.channels.get(&route.from).cloned()
    }
}
