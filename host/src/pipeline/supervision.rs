//! How each connector fares: what `status` shows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lienthong_core::id::{AgencyId, ConnectorId, PluginName};
use lienthong_core::manifest::About;
use lienthong_core::time::Timestamp;
use serde::Serialize;

use super::budget::Used;
use super::gate::{Desired, Gate, Hold, Reason, Shown};
use super::scorecard::Scorecard;
use super::version::Version;
use crate::clock;
use crate::transport::failed;
use crate::transport::inbox::PassedOver;

/// What a connector is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing to do.
    #[default]
    Idle,
    /// A call is under way.
    Running,
    /// Its last call failed; it will be tried again.
    Failing,
    /// An operator paused it.
    Paused,
    /// It failed so often in a row that it is called only now and then.
    Tripped,
    /// Its budget of the day is used up.
    Spent,
}

/// A connector's own port.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Port {
    /// Where it listens.
    #[schema(value_type = String)]
    pub address: SocketAddr,
    /// Connections that are open.
    pub connections: u64,
    /// Connections that were closed at once: too many, from elsewhere, or without a TLS that fits.
    pub refused: u64,
    /// Bytes that belong to no message.
    pub skipped_bytes: u64,
}

/// One connector's condition since the hub started.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Condition {
    /// Its name.
    #[schema(value_type = String)]
    pub connector: ConnectorId,
    /// Its plugin.
    #[schema(value_type = String)]
    pub plugin: PluginName,
    /// The plugin's version.
    pub plugin_version: String,
    /// SHA-256 of its component.
    pub plugin_sha256: String,
    /// The public key that signed it; null where nobody did.
    pub plugin_signed_by: Option<String>,
    /// When this version was installed; null for one that lies in the folder of plugins.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub plugin_since: Option<Timestamp>,
    /// Whose system it is.
    #[schema(value_type = String)]
    pub agency: AgencyId,
    /// `inbox`, `webhook`, `poll` or `mllp`.
    pub transport: &'static str,
    /// Its own port, where it has one.
    pub port: Option<Port>,
    /// What the city or an operator wants it to do.
    pub desired: Desired,
    /// What it does now.
    pub state: State,
    /// Why nothing is called, and what to do; null while it may be.
    pub hold: Option<Hold>,
    /// What is used of its budget of the day; null where it has none.
    pub budget: Option<Used>,
    /// How well it serves, over a day and a week, restarts included.
    pub scorecard: Scorecard,
    /// Messages that wait to be consumed.
    pub waiting: u64,
    /// Messages that no try will help, each with its reason beside it, in `failed_folder` now; null without such a folder.
    pub set_aside: Option<u64>,
    /// Where they are.
    pub failed_folder: Option<String>,
    /// What lies in its inbox and is no message; null where there is none.
    pub passed_over: Option<PassedOver>,
    /// Calls that ended.
    pub calls: u64,
    /// Calls of which nothing counts.
    pub failures: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// Records stored.
    pub records: u64,
    /// Items that went to quarantine.
    pub rejected: u64,
    /// Why the last call failed; null after a success.
    pub last_error: Option<String>,
    /// When the last call ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_call_at: Option<Timestamp>,
    /// When the last good one ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
    #[serde(skip)]
    running: u32,
    #[serde(skip)]
    gate: Gate,
}

impl Condition {
    /// A connector that has done nothing yet.
    pub fn new(connector: ConnectorId, about: &About, agency: AgencyId, transport: &'static str, gate: Gate) -> Self {
        let (plugin, plugin_version) = (about.name.clone(), about.version.clone());
        let Shown { desired, hold, budget, scorecard } = gate.shown(clock::now());
        Self {
            desired,
            hold,
            budget,
            scorecard,
            gate,
            connector,
            plugin,
            plugin_version,
            plugin_sha256: String::new(),
            plugin_signed_by: None,
            plugin_since: None,
            agency,
            transport,
            port: None,
            state: State::Idle,
            waiting: 0,
            set_aside: None,
            failed_folder: None,
            passed_over: None,
            calls: 0,
            failures: 0,
            failures_in_a_row: 0,
            records: 0,
            rejected: 0,
            last_error: None,
            last_call_at: None,
            last_success_at: None,
            running: 0,
        }
    }

    /// With what its gate knows at this moment.
    fn show(&mut self, now: Timestamp) {
        let Shown { desired, hold, budget, scorecard } = self.gate.shown(now);
        (self.desired, self.hold, self.budget, self.scorecard) = (desired, hold, budget, scorecard);
        if self.running == 0 {
            self.state = match self.hold.as_ref().map(|hold| hold.reason) {
                Some(Reason::Paused) => State::Paused,
                Some(Reason::Tripped) => State::Tripped,
                Some(Reason::Spent) => State::Spent,
                None => self.state,
            };
        }
    }

    fn settle(&mut self) {
        self.state = match (self.running, self.failures_in_a_row) {
            (0, 0) => State::Idle,
            (0, _) => State::Failing,
            _ => State::Running,
        };
    }
}

/// All connectors' conditions. Cheap to clone.
#[derive(Clone, Default)]
pub struct Supervision(Arc<Mutex<BTreeMap<ConnectorId, Condition>>>);

impl Supervision {
    /// Starts with these connectors.
    pub fn new(conditions: impl IntoIterator<Item = Condition>) -> Self {
        Self(Arc::new(Mutex::new(conditions.into_iter().map(|c| (c.connector.clone(), c)).collect())))
    }

    /// All of them, by name. What is set aside is counted in the folders, where people move it away.
    pub async fn all(&self) -> Vec<Condition> {
        let now = clock::now();
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.iter_mut().for_each(|condition| condition.show(now));
        let counted = tokio::task::spawn_blocking(move || {
            for condition in &mut all {
                let folder = condition.failed_folder.as_deref();
                condition.set_aside = folder.and_then(|folder| failed::count(Path::new(folder)).ok());
            }
            all
        });
        // It neither panics nor is cancelled while anybody asks.
        counted.await.unwrap_or_default()
    }

    /// A connector's gate.
    pub fn gate(&self, connector: &ConnectorId) -> Option<Gate> {
        self.lock().get(connector).map(|condition| condition.gate.clone())
    }

    /// Here lies what no try will help.
    pub fn sets_aside(&self, connector: &ConnectorId, folder: &Path) {
        self.change(connector, |condition| condition.failed_folder = Some(folder.display().to_string()));
    }

    /// This lies in its inbox and is no message. Answers whether it is more than before.
    pub fn passed_over(&self, connector: &ConnectorId, now: Option<PassedOver>) -> bool {
        let count = |passed: &Option<PassedOver>| passed.as_ref().map_or(0, |passed| passed.count);
        let mut more = false;
        self.change(connector, |condition| {
            more = count(&now) > count(&condition.passed_over);
            condition.passed_over = now;
        });
        more
    }

    /// It runs this version of its plugin from now on.
    pub fn runs(&self, connector: &ConnectorId, version: &Version) {
        self.change(connector, |condition| {
            condition.plugin_version.clone_from(&version.plugin.facts().manifest.plugin.version);
            condition.plugin_sha256 = version.hash().to_string();
            condition.plugin_signed_by.clone_from(&version.signed_by);
            condition.plugin_since = version.since;
        });
    }

    /// So many messages wait.
    pub fn waiting(&self, connector: &ConnectorId, waiting: u64) {
        self.change(connector, |condition| condition.waiting = waiting);
    }

    /// A call began. The guard counts it as running until it is dropped.
    pub fn running(&self, connector: &ConnectorId) -> Running {
        self.change(connector, |condition| condition.running += 1);
        Running { supervision: self.clone(), connector: connector.clone() }
    }

    /// A call ended well.
    pub fn succeeded(&self, connector: &ConnectorId, records: u64, rejected: u64, at: Timestamp) {
        self.change(connector, |condition| {
            condition.calls += 1;
            condition.records += records;
            condition.rejected += rejected;
            condition.failures_in_a_row = 0;
            condition.last_error = None;
            condition.last_call_at = Some(at);
            condition.last_success_at = Some(at);
        });
    }

    /// A call failed.
    pub fn failed(&self, connector: &ConnectorId, error: String, at: Timestamp) {
        self.change(connector, |condition| {
            condition.calls += 1;
            condition.failures += 1;
            condition.failures_in_a_row = condition.failures_in_a_row.saturating_add(1);
            condition.last_error = Some(error);
            condition.last_call_at = Some(at);
        });
    }

    /// A connector has a port of its own.
    pub fn listens(&self, connector: &ConnectorId, address: SocketAddr) {
        self.change(connector, |condition| condition.port = Some(Port { address, connections: 0, refused: 0, skipped_bytes: 0 }));
    }

    /// A connection was opened at its port. The guard counts it as open until it is dropped.
    pub fn connection(&self, connector: &ConnectorId) -> Connection {
        self.change_port(connector, |port| port.connections += 1);
        Connection { supervision: self.clone(), connector: connector.clone() }
    }

    /// A connection at its port was closed at once.
    pub fn connection_refused(&self, connector: &ConnectorId) {
        self.change_port(connector, |port| port.refused += 1);
    }

    /// So many more bytes belonged to no message.
    pub fn skipped(&self, connector: &ConnectorId, bytes: u64) {
        if bytes > 0 {
            self.change_port(connector, |port| port.skipped_bytes += bytes);
        }
    }

    fn change_port(&self, connector: &ConnectorId, change: impl FnOnce(&mut Port)) {
        self.change(connector, |condition| {
            if let Some(port) = &mut condition.port {
                change(port);
            }
        });
    }

    fn change(&self, connector: &ConnectorId, change: impl FnOnce(&mut Condition)) {
        if let Some(condition) = self.lock().get_mut(connector) {
            change(condition);
            condition.settle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectorId, Condition>> {
        // Conditions are plain numbers: a panic elsewhere leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way.
pub struct Running {
    supervision: Supervision,
    connector: ConnectorId,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.supervision.change(&self.connector, |condition| condition.running -= 1);
    }
}

/// An open connection.
pub struct Connection {
    supervision: Supervision,
    connector: ConnectorId,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.supervision.change_port(&self.connector, |port| port.connections -= 1);
    }
}
