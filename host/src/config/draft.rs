//! The city as it was written: every part with its place, possibly incomplete. What is `None` has been reported.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use lienthong_core::city::{
    Access, Agency, Begin, Budget, City, Connector, DiskReserve, Grant, Grants, Lake, Limits, Listen, Plugins, Record, Transport,
};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, PluginName, Port, RouteId, SchemaId};
use lienthong_core::time::Timestamp;
use serde_json::{Value, json};

use super::node::Node;
use super::source::{At, Place};

#[derive(Default)]
pub(super) struct Draft {
    pub(super) title: Option<String>,
    pub(super) agencies: BTreeMap<AgencyId, Agency>,
    pub(super) listen: Option<Listen>,
    pub(super) lake: Option<Lake>,
    pub(super) disk: DiskReserve,
    pub(super) plugins: Option<Plugins>,
    pub(super) channels: Vec<Channel>,
    pub(super) connectors: Vec<DraftConnector>,
    pub(super) routes: Vec<DraftRoute>,
    pub(super) grants: Vec<DraftGrant>,
}

pub(super) struct Channel {
    pub(super) id: At<ChannelId>,
    pub(super) schema: Option<At<SchemaId>>,
    pub(super) key: Vec<At<String>>,
    pub(super) time: Option<At<String>>,
    pub(super) retention: Option<Duration>,
}

pub(super) struct DraftConnector {
    pub(super) id: At<ConnectorId>,
    pub(super) plugin: Option<At<PluginName>>,
    pub(super) agency: Option<At<AgencyId>>,
    pub(super) transport: Option<At<Transport>>,
    /// The map, and the key before it (or the connector's own where there is none).
    pub(super) settings: (Option<Node>, Place),
    /// They are a map or not there at all, so they can be held against the plugin's schema.
    pub(super) settings_read: bool,
    pub(super) egress: Vec<At<String>>,
    pub(super) egress_place: Option<Place>,
    pub(super) limits: Limits,
    pub(super) record: Record,
    pub(super) budget: Budget,
    pub(super) fresh_within: Option<Duration>,
    pub(super) emits: Vec<(At<Port>, Option<At<ChannelId>>)>,
    pub(super) emits_place: Place,
    /// `emits` is a map, so what it lacks is really missing.
    pub(super) emits_read: bool,
}

pub(super) struct DraftRoute {
    pub(super) id: At<RouteId>,
    pub(super) from: Option<At<ChannelId>>,
    pub(super) agency: Option<At<AgencyId>>,
    pub(super) transform: Option<At<PluginName>>,
    /// Where `transform` is written, be it readable or not.
    pub(super) transform_place: Option<Place>,
    pub(super) by: Option<At<String>>,
    pub(super) every: Option<Duration>,
    pub(super) begin: Option<Begin>,
    pub(super) limits: Limits,
    pub(super) to: Option<Targets>,
    pub(super) to_place: Place,
    /// Keys that mean something only beside others, where they are written.
    pub(super) places: Vec<(&'static str, Place)>,
}

/// Where a route leads. A sink has the form of a channel's name, and which it is depends on the rest of the city.
pub(super) enum Targets {
    List(Vec<At<ChannelId>>),
    Ports(Vec<(At<Port>, Vec<At<ChannelId>>)>),
}

pub(super) struct DraftGrant {
    pub(super) place: Place,
    pub(super) agency: Option<At<AgencyId>>,
    pub(super) channel: Option<At<ChannelId>>,
    pub(super) access: Option<Access>,
    pub(super) purpose: Option<String>,
    pub(super) until: Option<At<(String, Timestamp)>>,
}

/// `127.0.0.1:8700`: on this machine only.
pub(super) fn default_listen() -> Listen {
    Listen { address: SocketAddr::from(([127, 0, 0, 1], 8700)), tls: None, behind_proxy: false }
}

impl Draft {
    /// The city, where nothing is missing.
    pub(super) fn assemble(self) -> Option<City> {
        let mut city = City {
            title: self.title?,
            agencies: self.agencies,
            listen: self.listen?,
            lake: self.lake?,
            disk: self.disk,
            plugins: self.plugins?,
            channels: BTreeMap::new(),
            connectors: BTreeMap::new(),
            // Put together where they are checked, for which target is what depends on the rest.
            routes: BTreeMap::new(),
            grants: Grants::default(),
        };
        for channel in self.channels {
            let value = lienthong_core::city::Channel {
                schema: channel.schema?.value,
                key: channel.key.into_iter().map(|pointer| pointer.value).collect(),
                time: channel.time.map(|pointer| pointer.value),
                retention: channel.retention,
            };
            city.channels.insert(channel.id.value, value);
        }
        for connector in self.connectors {
            let settings = connector.settings_json();
            let emits = connector.emits.into_iter().map(|(port, channel)| Some((port.value, channel?.value)));
            let value = Connector {
                plugin: connector.plugin?.value,
                agency: connector.agency?.value,
                transport: connector.transport?.value,
                settings,
                egress: connector.egress.into_iter().map(|rule| rule.value).collect(),
                limits: connector.limits,
                budget: connector.budget,
                fresh_within: connector.fresh_within,
                emits: emits.collect::<Option<BTreeMap<_, _>>>()?,
                record: connector.record,
            };
            city.connectors.insert(connector.id.value, value);
        }
        for grant in self.grants {
            city.grants.push(Grant {
                agency: grant.agency?.value,
                channel: grant.channel?.value,
                access: grant.access?,
                purpose: grant.purpose?,
                until: grant.until.map(|until| until.value.1),
            });
        }
        Some(city)
    }
}

impl DraftConnector {
    /// What the plugin will be given.
    pub(super) fn settings_json(&self) -> Value {
        self.settings.0.as_ref().map_or(json!({}), Node::to_json)
    }
}
