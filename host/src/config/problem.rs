//! Everything that can be wrong with a city, as data; how it is said stands in [`english`](super::english) and
//! [`vietnamese`](super::vietnamese).

use std::net::SocketAddr;

use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, PluginName, Port, RouteId, SchemaId};
pub use lienthong_core::lang::Lang;
use lienthong_core::manifest::Interface;
pub use serde_saphyr::granit_parser::ErrorKind as SyntaxKind;

pub use super::node::Shape;
pub use crate::ops::plugins::trust::Distrust;

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Thing {
    Agency,
    Channel,
    Connector,
    Plugin,
    Port,
    Route,
    Schema,
}

/// Ids that say what they name.
pub(super) trait Named: std::str::FromStr + Ord + Clone + std::fmt::Display {
    const THING: Thing;
}

macro_rules! named {
    ($($id:ty => $thing:ident),*) => { $(impl Named for $id { const THING: Thing = Thing::$thing; })* };
}
named!(AgencyId => Agency, ChannelId => Channel, ConnectorId => Connector, PluginName => Plugin, Port => Port, RouteId => Route, SchemaId => Schema);

/// What a range is counted in, so that its ends are shown as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Milliseconds,
    Bytes,
    Count,
}

/// What an egress rule gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EgressFault {
    Form,
    Extra,
    UserInfo,
    Wildcard,
    Host,
    Port,
    PlainName,
    PlainPublic,
    PlainNeedsPort,
}

/// What `lake.at` gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BucketFault {
    Form,
    Extra,
    Name,
    Prefix,
}

/// What `lake.endpoint` gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EndpointFault {
    Form,
    Extra,
    UserInfo,
}

/// How settings break the schema of their plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SettingFault {
    Missing(String),
    Unknown(String),
    Type(String),
    NotOneOf(Vec<String>),
    Pattern(String),
    Format(String),
    TooSmall(String),
    TooLarge(String),
    Other(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Problem {
    // The folder and its files
    Folder { path: String, why: String },
    NoCityFile,
    Unreadable { why: String },
    NotAFile,
    TooLarge { limit: u64 },
    TooManyFiles { limit: usize },
    NotUtf8,
    YmlExtension,
    FileName { stem: String },
    // YAML
    Syntax(SyntaxKind),
    SeveralDocuments,
    TooDeep { limit: usize },
    TooManyNodes { limit: usize },
    Tag(String),
    KeyNotText,
    UnknownAnchor(String),
    AliasInItself,
    MergeNotMap,
    // Keys and shapes
    DuplicateKey { key: String, first: u32 },
    UnknownKey { key: String },
    LaterKey { key: String },
    KeyOfOtherFile { key: String, file: &'static str },
    MissingKey { key: &'static str },
    WrongShape { expected: Shape, found: Shape },
    // Single values
    BadId { thing: Thing, given: String },
    BadDuration { given: String },
    BadSize { given: String },
    BadCount { given: String },
    OutOfRange { given: String, min: u64, max: u64, unit: Unit },
    EmptyText,
    BadAddress { given: String },
    PlainHttp { address: SocketAddr },
    PlainMllp { address: SocketAddr },
    PlainAndTls,
    AnyoneSends { address: SocketAddr },
    PeersEmpty,
    BadNetwork { given: String, meant: Option<String> },
    NoTlsFile { path: String, why: String },
    NotPem { path: String, wanted: &'static str },
    BadUntil { given: String },
    BadAccess { given: String },
    AccessEmpty,
    BadPointer { given: String },
    BadPattern { given: String },
    BadInbox { given: String },
    BadEgress { given: String, fault: EgressFault },
    BadBucket { given: String, fault: BucketFault },
    BadEndpoint { given: String, fault: EndpointFault },
    BadRegion { given: String },
    PlainLake { endpoint: String },
    NoBucket { key: &'static str },
    OnInvalid { given: String },
    NotOneOf { given: String, words: Vec<&'static str> },
    BadPublicKey { given: String },
    BadBegin { given: String },
    // What stands where
    WrongDomain { thing: Thing, id: String, domain: String },
    DuplicateId { thing: Thing, id: String, first: String },
    Unknown { thing: Thing, id: String },
    NoPlugins { id: String, folder: String, exists: bool },
    BrokenPlugin { why: String },
    NoTransport,
    SeveralTransports { keys: Vec<&'static str> },
    LacksInterface { plugin: PluginName, transport: &'static str, wanted: Interface },
    UnknownPort { plugin: PluginName, port: Port },
    PortNotEmitted { plugin: PluginName, port: Port, schema: SchemaId },
    SchemaDiffers { port: Port, wanted: SchemaId, channel: ChannelId, has: SchemaId },
    Setting { plugin: PluginName, fault: SettingFault },
    SettingsSchema { plugin: PluginName, why: String },
    Distrusted { plugin: PluginName, why: Distrust },
    HttpNotDeclared { plugin: PluginName },
    EgressMissing { plugin: PluginName },
    EgressUnused { plugin: PluginName },
    InboxTaken { path: String, other: ConnectorId },
    InboxNested { path: String, other: ConnectorId, other_path: String },
    UrlNotReached { url: String },
    PortTaken { address: SocketAddr, other: Option<ConnectorId> },
    PointerNotInSchema { pointer: String, schema: SchemaId },
    TimeNotDateTime { pointer: String, schema: SchemaId },
    GrantExpired { until: String },
    GrantRepeated { first: String },
    NoWriteGrant { agency: AgencyId, channel: ChannelId, reading: Option<String> },
    WriteGrantExpired { agency: AgencyId, channel: ChannelId },
    NobodyReads { channel: ChannelId },
    NobodyWrites { channel: ChannelId },
    // Routes
    NameTaken { route: RouteId, first: String },
    ToEmpty,
    KeyWithout { key: &'static str, without: &'static str },
    PortsWithoutTransform,
    PortsNeeded { plugin: PluginName, ports: Vec<Port> },
    NoTarget { id: String },
    TargetAmbiguous { id: String },
    SinkOfTransform { id: String },
    TargetNoSink { connector: ConnectorId, transport: &'static str },
    RouteNeedsGrant { agency: AgencyId, channel: ChannelId, write: bool, other: Option<String> },
    RouteGrantExpired { agency: AgencyId, channel: ChannelId, write: bool },
    RouteLoop { path: Vec<ChannelId> },
    SinkUnfed { connector: ConnectorId },
    // The city's own schemas
    SchemaFileName { path: String },
    SchemaJson { why: String },
    SchemaBuiltIn { id: SchemaId },
    SchemaKeyword { word: String },
    SchemaUnusable { id: SchemaId, pointer: String, why: String },
    // A defect of the program, said rather than hidden
    Incomplete,
}

/// A text from a file as a message may show it: cut, and free of what could steer a terminal.
pub(super) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(visible).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// Replaces control and direction characters.
pub(super) fn visible(c: char) -> char {
    let steering = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if c == '\t' {
        ' '
    } else if c.is_control() || steering {
        '\u{fffd}'
    } else {
        c
    }
}
