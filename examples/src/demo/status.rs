//! What the hub says of itself: the answer of `GET /v1/status`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// The city's name for people.
    pub city: String,
    /// `ready`, or what is wrong.
    pub health: String,
    /// Every channel's sums.
    pub channels: Vec<Channel>,
    /// Every connector's state.
    pub connectors: Vec<Connector>,
    /// Every part of every route.
    pub routes: Vec<Route>,
}

/// One channel's sums.
#[derive(Debug, Clone, Deserialize)]
pub struct Channel {
    /// `domain/name`.
    pub channel: String,
    /// The offset that the next record gets.
    pub next_offset: u64,
    /// Items that came: stored, in quarantine or discarded.
    pub accepted: u64,
    /// Records in the log.
    pub stored: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Items taken out of quarantine for good.
    pub discarded: u64,
    /// Records in the lake.
    pub landed: u64,
    /// Records that wait to land.
    pub pending: u64,
    /// What the hub thinks of its own sums.
    pub sums_hold: bool,
}

/// One connector's state.
#[derive(Debug, Clone, Deserialize)]
pub struct Connector {
    /// `domain/name`.
    pub connector: String,
    /// `inbox`, `webhook` or `poll`.
    pub transport: String,
    /// `idle`, `running` or `failing`.
    pub state: String,
    /// Files or messages that wait.
    pub waiting: u64,
    /// Calls of the plugin.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Records it produced.
    pub records: u64,
    /// Items it rejected, and records that their schema refused.
    pub rejected: u64,
    /// Why its last failed call failed.
    pub last_error: Option<String>,
}

/// One part of a route.
#[derive(Debug, Clone, Deserialize)]
pub struct Route {
    /// `domain/name`.
    pub route: String,
    /// `copy`, `transform` or `sink`.
    pub kind: String,
    /// The channel that it reads.
    pub from: String,
    /// Channels that it writes, or the connector that delivers.
    pub to: Vec<String>,
    /// Records that wait for it.
    pub behind: u64,
    /// Records it wrote or delivered.
    pub records: u64,
    /// Items that it put into quarantine.
    pub rejected: u64,
    /// Deliveries that it gave up.
    pub dead_letters: u64,
}

impl Route {
    /// It delivers to an agency's system.
    pub fn delivers(&self) -> bool {
        self.kind == "sink"
    }
}

impl Channel {
    /// What stands before the slash.
    pub fn domain(&self) -> &str {
        self.channel.split_once('/').map_or(self.channel.as_str(), |(domain, _)| domain)
    }
}

impl Status {
    /// What came, by domain.
    pub fn accepted_by_domain(&self) -> BTreeMap<String, u64> {
        let mut domains = BTreeMap::new();
        for one in &self.channels {
            *domains.entry(one.domain().to_owned()).or_default() += one.accepted;
        }
        domains
    }
}

#[cfg(test)]
pub(super) fn sample() -> Status {
    let channel = |channel: &str, stored: u64, quarantined: u64, pending: u64| Channel {
        channel: channel.to_owned(),
        next_offset: stored,
        accepted: stored + quarantined,
        stored,
        quarantined,
        discarded: 0,
        landed: stored - pending,
        pending,
        sums_hold: true,
    };
    let connector = |connector: &str, transport: &str, state: &str, records: u64, rejected: u64, error: Option<&str>| Connector {
        connector: connector.to_owned(),
        transport: transport.to_owned(),
        state: state.to_owned(),
        waiting: 2,
        calls: 12,
        failures: u64::from(error.is_some()),
        records,
        rejected,
        last_error: error.map(str::to_owned),
    };
    Status {
        city: "Bảo Lộc".to_owned(),
        health: "ready".to_owned(),
        channels: vec![
            channel("environment/observations", 12_345, 123, 45),
            channel("transport/routes", 8, 0, 0),
            channel("transport/stop-times", 58, 0, 0),
            channel("transport/stops", 22, 2, 0),
        ],
        connectors: vec![
            connector("environment/air-stations", "inbox", "running", 12_000, 120, None),
            connector("environment/station-webhook", "webhook", "idle", 345, 3, None),
            connector(
                "transport/bus-feed",
                "poll",
                "failing",
                44,
                1,
                Some("upstream: the server answered 503 Service Unavailable to GET http://127.0.0.1:8790/gtfs.zip"),
            ),
            connector("transport/bus-operator", "inbox", "idle", 44, 1, None),
        ],
        routes: Vec::new(),
    }
}
