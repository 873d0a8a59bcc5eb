//! The city: agencies, channels, connectors and grants, checked as a whole before anything starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use crate::id::{AgencyId, ChannelId, ConnectorId, PluginName, Port, RouteId, SchemaId};
use crate::time::Timestamp;

/// A whole city, as its files describe it.
#[derive(Debug, Clone)]
pub struct City {
    /// Its name for people, for example `Bảo Lộc`.
    pub title: String,
    /// Who takes part.
    pub agencies: BTreeMap<AgencyId, Agency>,
    /// Where the hub listens.
    pub listen: Listen,
    /// Where the lake lies, and when it is flushed.
    pub lake: Lake,
    /// What stays free of the disk that holds the hub's data.
    pub disk: DiskReserve,
    /// Whose plugins run here, and how long their runs are kept.
    pub plugins: Plugins,
    /// Logs of records.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Plugins set up for one agency system each.
    pub connectors: BTreeMap<ConnectorId, Connector>,
    /// Rules that move records on. None has the name of a connector.
    pub routes: BTreeMap<RouteId, Route>,
    /// Who may do what.
    pub grants: Grants,
}

/// An organisation that owns connectors, holds keys and is granted channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// Its name for people.
    pub title: String,
}

/// How agencies reach the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The address, `127.0.0.1:8700` unless given.
    pub address: SocketAddr,
    /// Certificate and key, PEM.
    pub tls: Option<TlsFiles>,
    /// A proxy that ends TLS stands before the hub, so plain HTTP beyond loopback is meant.
    pub behind_proxy: bool,
}

/// PEM files, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The lake: one table for each channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lake {
    /// Where the tables lie.
    pub at: LakePlace,
    /// When records land in them.
    pub flush: LakeFlush,
}

/// Where the lake's tables lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LakePlace {
    /// The folder `lake` of the hub's data folder.
    DataFolder,
    /// An object store that speaks Amazon's S3 protocol.
    Bucket(Bucket),
}

/// A place in an object store, without the keys to it: those are never in a city's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// What the tables' names begin with, without a slash at either end; empty for the bucket's root.
    pub prefix: String,
    /// The server, `http[s]://host[:port]`; none is Amazon's own in the region.
    pub endpoint: Option<String>,
    /// What requests are signed for, for example `ap-southeast-1`; stores of one's own seldom care.
    pub region: String,
}

/// A channel's records land in the lake when either is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LakeFlush {
    /// At the latest so long after a record was stored.
    pub every: Duration,
    /// Or once so many bytes of records wait.
    pub bytes: u64,
}

/// What stays free of the disk that holds the hub's data; what is not given suits the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskReserve {
    /// New data is refused while less is free, bytes.
    pub keep_free_bytes: Option<u64>,
    /// Held back in a file and given up in an emergency, bytes.
    pub ballast_bytes: Option<u64>,
}

/// Whose plugins run here, and how long recordings of their runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// Whose signatures count.
    pub trust: Vec<TrustedKey>,
    /// What becomes of a plugin that none of them signed. Without a word of the city, what lies in its folder of plugins runs, and
    /// nothing that is unsigned can be installed.
    pub unsigned: Option<Unsigned>,
    /// What is kept of runs.
    pub recordings: Recordings,
}

/// A vendor's key that the city trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The vendor's name, as the plugins' manifests have it.
    pub vendor: String,
    /// The public key, `ltpub_…`.
    pub key: String,
}

/// What becomes of a plugin without a signature that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It does not run.
    Refuse,
    /// It runs as any other.
    Allow,
}

/// How long recordings of runs are kept, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recordings {
    /// One is removed after so long.
    pub keep: Duration,
    /// All of them together, bytes; the oldest make room.
    pub bytes: u64,
}

impl Default for Recordings {
    fn default() -> Self {
        Self { keep: Duration::from_secs(7 * 86_400), bytes: 256 << 20 }
    }
}

/// Which runs of a connector are recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Record {
    /// None.
    None,
    /// Those that failed.
    #[default]
    Failed,
    /// Every one.
    All,
}

/// A named, append-only, schema-bound log of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// What its records look like.
    pub schema: SchemaId,
    /// JSON pointers to what identifies a record's subject.
    pub key: Vec<String>,
    /// JSON pointer to when it happened.
    pub time: Option<String>,
    /// How long records stay in the log; the lake keeps them.
    pub retention: Option<Duration>,
}

/// A plugin configured for one agency system.
#[derive(Debug, Clone, PartialEq)]
pub struct Connector {
    /// Which plugin.
    pub plugin: PluginName,
    /// Whose system it is.
    pub agency: AgencyId,
    /// How its bytes come.
    pub transport: Transport,
    /// For the plugin, checked against its manifest.
    pub settings: Value,
    /// Where it may send HTTP requests: `https://host[:port]`, or the exact `http://ip:port` of a private address.
    pub egress: Vec<String>,
    /// What a call may use.
    pub limits: Limits,
    /// What all calls of a day may use.
    pub budget: Budget,
    /// While all is well, its newest record was stored no longer ago. Nothing is promised without it.
    pub fresh_within: Option<Duration>,
    /// Port to channel.
    pub emits: BTreeMap<Port, ChannelId>,
    /// Which of its runs are recorded.
    pub record: Record,
}

/// A rule that moves records on: from one channel to others, or to agency systems. Each part of it reads the channel at its own pace.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The channel that it reads.
    pub from: ChannelId,
    /// Where it begins when it is new.
    pub begin: Begin,
    /// What it writes to channels.
    pub writing: Option<Writing>,
    /// Connectors with [`Transport::Deliver`] that take its records.
    pub sinks: Vec<ConnectorId>,
}

/// Where a reader that was never there before begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// With the first record that is still in the log.
    #[default]
    First,
    /// With what comes from now on.
    Now,
}

/// How a route writes to channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing {
    /// In whose name: its grants are asked for, and it stands at the records.
    pub agency: AgencyId,
    /// What is written.
    pub how: Way,
}

/// What a route writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// The records as they are, to each of these channels.
    Copy(Vec<ChannelId>),
    /// What a plugin's `transform` makes of them.
    Fold(Fold),
}

/// A plugin's `transform` at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// Which plugin.
    pub plugin: PluginName,
    /// JSON pointer to what the records are grouped by; without it they are one group.
    pub by: Option<String>,
    /// It is also called so often for every key with state, without records: at whole multiples since 1970-01-01T00:00Z.
    pub every: Option<Duration>,
    /// What a call may use.
    pub limits: Limits,
    /// Port to channels.
    pub to: BTreeMap<Port, Vec<ChannelId>>,
}

impl Writing {
    /// Every channel that is written, none twice.
    pub fn channels(&self) -> Vec<&ChannelId> {
        let mut all: Vec<_> = match &self.how {
            Way::Copy(to) => to.iter().collect(),
            Way::Fold(fold) => fold.to.values().flatten().collect(),
        };
        all.sort();
        all.dedup();
        all
    }
}

/// A folder where an agency system leaves files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The folder: absolute, or relative to the hub's data folder.
    pub path: PathBuf,
    /// Glob on the file's name, for example `*.txt`.
    pub pattern: String,
    /// A file is taken when nobody has written to it for so long.
    pub settle: Duration,
    /// Taken files are removed after so long; for ever kept without it. Those that failed are never removed.
    pub keep: Option<Duration>,
}

/// How bytes reach a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A folder; each file is one message.
    Inbox(Inbox),
    /// `POST /v1/connectors/{domain}/{name}/messages`.
    Webhook,
    /// The plugin's `source` is called again and again.
    Poll {
        /// The pause between calls that brought nothing more.
        every: Duration,
    },
    /// HL7's Minimal Lower Layer Protocol over TCP; each frame is one message.
    Mllp(Mllp),
    /// None do: the plugin's `sink` takes records of the routes that lead to it to the agency system.
    Deliver(Delivering),
}

/// How records are delivered to an agency system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivering {
    /// Records of one call at most.
    pub records: u32,
    /// A record is given up after so many attempts, and becomes a dead letter.
    pub attempts: u32,
}

impl Transport {
    /// Its key in a city's files.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Inbox(_) => "inbox",
            Self::Webhook => "webhook",
            Self::Poll { .. } => "poll",
            Self::Mllp(_) => "mllp",
            Self::Deliver(_) => "deliver",
        }
    }
}

/// A port of a connector's own, and who may connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mllp {
    /// Where it listens.
    pub listen: SocketAddr,
    /// TLS; without it messages travel in the clear.
    pub tls: Option<MllpTls>,
    /// Networks that may connect; none lets everyone in.
    pub peers: Option<Vec<IpNet>>,
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// A connection on which no message begins for so long is closed.
    pub idle: Duration,
}

/// How an MLLP port speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MllpTls {
    /// What the hub shows.
    pub files: TlsFiles,
    /// Authorities, PEM: whoever connects must show a certificate of theirs.
    pub clients: Option<PathBuf>,
}

impl Mllp {
    /// Whether this address may connect. An IPv4 address in IPv6 clothes is the IPv4 address.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.peers.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(&address)))
    }
}

/// What one call may use. Each has a default that suits a small connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories and tables of the call together, bytes.
    pub memory_bytes: u64,
    /// Wall-clock time, waiting included.
    pub time_per_call: Duration,
    /// Time on a processor.
    pub cpu_per_call: Duration,
    /// Bytes emitted and rejected.
    pub output_bytes: u64,
    /// Bytes of all attachments.
    pub attachment_bytes: u64,
    /// Bytes of one message.
    pub message_bytes: u64,
    /// Lines the plugin may log; more are dropped and counted.
    pub log_lines: u32,
    /// Calls of the guest into the hub.
    pub host_calls: u64,
    /// Outbound HTTP requests.
    pub http_requests: u32,
    /// Bytes of all HTTP responses.
    pub http_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            time_per_call: Duration::from_secs(60),
            cpu_per_call: Duration::from_secs(30),
            output_bytes: 1 << 30,
            attachment_bytes: 256 << 20,
            message_bytes: 256 << 20,
            log_lines: 1_000,
            host_calls: 1_000_000,
            http_requests: 100,
            http_bytes: 256 << 20,
        }
    }
}

/// What a connector may use in a day, which begins at midnight of Vietnam (+07:00). What is not given has no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Calls of its plugin, failed ones too.
    pub calls: Option<u64>,
    /// Time in its plugin's code.
    pub cpu: Option<Duration>,
    /// Bytes that its plugin's HTTP sent and brought.
    pub egress_bytes: Option<u64>,
}

/// What an agency may do with a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub agency: AgencyId,
    /// With which channel.
    pub channel: ChannelId,
    /// Reading, writing or both.
    pub access: Access,
    /// What for, in the words of the agreement.
    pub purpose: String,
    /// The first moment at which it no longer holds.
    pub until: Option<Timestamp>,
}

/// All grants, found by whom and what they are for: every request asks, and a city may have thousands.
#[derive(Debug, Clone, Default)]
pub struct Grants(BTreeMap<AgencyId, BTreeMap<ChannelId, Vec<Grant>>>);

impl Grants {
    /// One more.
    pub fn push(&mut self, grant: Grant) {
        self.0.entry(grant.agency.clone()).or_default().entry(grant.channel.clone()).or_default().push(grant);
    }

    /// What this agency may do with this channel, those that have ended too.
    pub fn of(&self, agency: &AgencyId, channel: &ChannelId) -> &[Grant] {
        self.0.get(agency).and_then(|channels| channels.get(channel)).map_or(&[], Vec::as_slice)
    }

    /// All of them, by agency and channel.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.values().flat_map(BTreeMap::values).flatten()
    }
}

/// Reading and writing, apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// May read records.
    pub read: bool,
    /// May post records.
    pub write: bool,
}

impl City {
    /// Whether an agency may read (or write) a channel now. No grant, no access; its own connectors' output is no exception.
    pub fn allows(&self, agency: &AgencyId, channel: &ChannelId, wanted: Access, now: Timestamp) -> bool {
        let mut got = Access { read: false, write: false };
        for grant in self.grants.of(agency, channel).iter().filter(|grant| grant.until.is_none_or(|until| now < until)) {
            got.read |= grant.access.read;
            got.write |= grant.access.write;
        }
        (!wanted.read || got.read) && (!wanted.write || got.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_connect_is_decided_by_network_and_ipv4_stays_ipv4() {
        let port = |peers: Option<&[&str]>| Mllp {
            listen: SocketAddr::from(([0, 0, 0, 0], 2575)),
            tls: None,
            peers: peers.map(|networks| networks.iter().map(|network| network.parse().unwrap()).collect()),
            connections: 1,
            idle: Duration::from_secs(1),
        };
        let some = port(Some(&["10.1.2.0/24", "192.168.7.7/32", "fd00::/8"]));
        for (address, admitted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.1.3.3", false),
            ("192.168.7.7", true),
            ("192.168.7.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(some.admits(address.parse().unwrap()), admitted, "{address}");
        }
        assert!(port(None).admits("203.0.113.9".parse().unwrap()));
    }
}
