//! How each part of a route fares: what `status` shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lienthong_core::city::{Route, Way};
use lienthong_core::id::{ChannelId, ConnectorId, PluginName, RouteId};
use lienthong_core::log::Position;
use lienthong_core::time::Timestamp;
use serde::Serialize;

use crate::pipeline::supervision::State;

/// A route, and one of its sinks; without a sink, the part that writes to channels.
pub type Part = (RouteId, Option<ConnectorId>);

/// What a part of a route does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Writes them to channels as they are.
    Copy,
    /// Writes what a plugin makes of them.
    Transform,
    /// Delivers them to an agency system.
    Sink,
}

/// One part of a route since the hub started.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RouteCondition {
    /// The route's name.
    #[schema(value_type = String)]
    pub route: RouteId,
    /// What this part does.
    pub kind: Kind,
    /// The channel that it reads.
    #[schema(value_type = String)]
    pub from: ChannelId,
    /// The channels that it writes, or the connector that delivers.
    pub to: Vec<String>,
    /// The plugin of its transform.
    #[schema(value_type = Option<String>)]
    pub plugin: Option<PluginName>,
    /// What it does now.
    pub state: State,
    /// `epoch:offset` of the first record that is not settled; null before the first look at the log.
    #[schema(value_type = Option<String>)]
    #[serde(serialize_with = "text")]
    pub checkpoint: Option<Position>,
    /// Records of the current epoch that are not settled.
    pub behind: u64,
    /// Calls of the plugin that ended; of a copying route, pages that were written.
    pub calls: u64,
    /// Calls of which nothing counts.
    pub failures: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// Records written, or delivered.
    pub records: u64,
    /// Items that went to quarantine.
    pub rejected: u64,
    /// Deliveries that were given up and wait for an operator, those of earlier lives of the hub too.
    pub dead_letters: u64,
    /// Why the last call failed; null after a success.
    pub last_error: Option<String>,
    /// When the last call ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_call_at: Option<Timestamp>,
    /// When the last good one ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
}

fn text<S: serde::Serializer>(position: &Option<Position>, serializer: S) -> Result<S::Ok, S::Error> {
    match position {
        Some(position) => serializer.collect_str(position),
        None => serializer.serialize_none(),
    }
}

impl RouteCondition {
    /// The conditions of all parts of a route that has done nothing yet.
    pub fn of(id: &RouteId, route: &Route) -> Vec<(Part, Self)> {
        let new = |kind, to, plugin| Self {
            route: id.clone(),
            kind,
            from: route.from.clone(),
            to,
            plugin,
            state: State::Idle,
            checkpoint: None,
            behind: 0,
            calls: 0,
            failures: 0,
            failures_in_a_row: 0,
            records: 0,
            rejected: 0,
            dead_letters: 0,
            last_error: None,
            last_call_at: None,
            last_success_at: None,
        };
        let mut all = Vec::new();
        if let Some(writing) = &route.writing {
            let to = writing.channels().into_iter().map(ToString::to_string).collect();
            let (kind, plugin) = match &writing.how {
                Way::Copy(_) => (Kind::Copy, None),
                Way::Fold(fold) => (Kind::Transform, Some(fold.plugin.clone())),
            };
            all.push(((id.clone(), None), new(kind, to, plugin)));
        }
        all.extend(route.sinks.iter().map(|sink| ((id.clone(), Some(sink.clone())), new(Kind::Sink, vec![sink.to_string()], None))));
        all
    }

    /// The connector that delivers, where this part does.
    pub fn sink(&self) -> Option<&str> {
        (self.kind == Kind::Sink).then(|| self.to.first().map(String::as_str)).flatten()
    }
}

/// How all parts of all routes fare. Cheap to clone.
#[derive(Clone, Default)]
pub struct Conditions(Arc<Mutex<BTreeMap<Part, RouteCondition>>>);

impl Conditions {
    /// Starts with these parts.
    pub fn new(parts: impl IntoIterator<Item = (Part, RouteCondition)>) -> Self {
        Self(Arc::new(Mutex::new(parts.into_iter().collect())))
    }

    /// All of them, by route and sink.
    pub fn all(&self) -> Vec<(Part, RouteCondition)> {
        self.lock().iter().map(|(part, condition)| (part.clone(), condition.clone())).collect()
    }

    /// A call is under way.
    pub fn working(&self, part: &Part) {
        self.change(part, |condition| condition.state = State::Running);
    }

    /// There is nothing to do at the moment.
    pub fn at_rest(&self, part: &Part) {
        self.change(part, |condition| condition.state = State::Idle);
    }

    /// Everything before this position is settled.
    pub fn reached(&self, part: &Part, position: Position) {
        self.change(part, |condition| condition.checkpoint = Some(position));
    }

    /// A call ended well, and what it made is stored.
    pub fn succeeded(&self, part: &Part, records: u64, rejected: u64, at: Timestamp) {
        self.change(part, |condition| {
            condition.calls += 1;
            condition.records += records;
            condition.rejected += rejected;
            condition.failures_in_a_row = 0;
            condition.last_error = None;
            condition.last_call_at = Some(at);
            condition.last_success_at = Some(at);
        });
    }

    /// A call failed, or could not be made.
    pub fn failed(&self, part: &Part, why: String, at: Timestamp) {
        self.change(part, |condition| {
            condition.calls += 1;
            condition.failures += 1;
            condition.failures_in_a_row = condition.failures_in_a_row.saturating_add(1);
            condition.last_error = Some(why);
            condition.last_call_at = Some(at);
            condition.state = State::Failing;
        });
    }

    fn change(&self, part: &Part, change: impl FnOnce(&mut RouteCondition)) {
        if let Some(condition) = self.lock().get_mut(part) {
            change(condition);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, RouteCondition>> {
        // Conditions are plain numbers: a panic elsewhere leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
