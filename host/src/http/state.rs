//! What handlers can ask for. Each takes the part it needs, never the whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRef;
use lienthong_core::city::{Access, City};
use lienthong_core::id::ConnectorId;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::intake::Intake;
use super::problem::Problem;
use crate::clock;
use crate::ops::keys::{self, Pepper, Principal};
use crate::ops::plugins::Plugins;
use crate::ops::status::Sources;
use crate::pipeline::channels::{Channel, Channels};
use crate::pipeline::messages::Messages;
use crate::store::Store;
use crate::transport::body::Spool;

/// Everything the API stands on.
pub struct Parts {
    /// Agencies and grants.
    pub city: Arc<City>,
    /// The log.
    pub store: Store,
    /// What keys are hashed with.
    pub pepper: Pepper,
    /// Channels with their schemas.
    pub channels: Channels,
    /// Webhook connectors.
    pub messages: BTreeMap<ConnectorId, Messages>,
    /// What connectors run.
    pub plugins: Plugins,
    /// What status reads.
    pub status: Sources,
    /// Where bodies are put while they are under way.
    pub spool: Spool,
    /// The hub is stopping.
    pub stop: CancellationToken,
}

/// Shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

struct Shared {
    gate: Gate,
    channels: Channels,
    messages: Arc<BTreeMap<ConnectorId, Messages>>,
    admission: Admission,
    bodies: Intake,
    plugins: Plugins,
    status: Sources,
    spool: Spool,
    stop: CancellationToken,
}

impl Api {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            gate: Gate { city: parts.city, store: parts.store, pepper: parts.pepper },
            channels: parts.channels,
            messages: Arc::new(parts.messages),
            admission: Admission::new(),
            bodies: Intake::new(parts.spool.memory().clone()),
            plugins: parts.plugins,
            status: parts.status,
            spool: parts.spool,
            stop: parts.stop,
        }))
    }
}

/// Checks keys and rights. Whoever cannot be checked does not enter.
#[derive(Clone)]
pub struct Gate {
    city: Arc<City>,
    store: Store,
    pepper: Pepper,
}

impl Gate {
    /// Who comes with this key.
    pub fn principal(&self, key: &str) -> Result<Principal, Problem> {
        Ok(keys::check(&self.store, &self.pepper, key, clock::now())?)
    }

    /// Refuses whoever's key was revoked or expired since they entered.
    pub fn check_again(&self, principal: &Principal) -> Result<(), Problem> {
        Ok(keys::check_again(&self.store, principal, clock::now())?)
    }

    /// Whether the city grants this and the key is bound to it, now.
    pub fn allows(&self, principal: &Principal, channel: &Channel, wanted: Access) -> bool {
        let Some(agency) = principal.agency() else { return false };
        (!wanted.read || principal.key_reads(&channel.id))
            && (!wanted.write || principal.key_writes(&channel.id))
            && self.city.allows(agency, &channel.id, wanted, clock::now())
    }

    /// The pepper that new keys are hashed with.
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// The city's agencies and grants.
    pub fn city(&self) -> &City {
        &self.city
    }
}

macro_rules! part {
    ($type:ty, $field:ident) => {
        impl FromRef<Api> for $type {
            fn from_ref(api: &Api) -> Self {
                api.0.$field.clone()
            }
        }
    };
}
part!(Gate, gate);
part!(Channels, channels);
part!(Arc<BTreeMap<ConnectorId, Messages>>, messages);
part!(Admission, admission);
part!(Intake, bodies);
part!(Plugins, plugins);
part!(Sources, status);
part!(Spool, spool);
part!(CancellationToken, stop);

impl FromRef<Api> for Store {
    fn from_ref(api: &Api) -> Self {
        api.0.gate.store.clone()
    }
}
