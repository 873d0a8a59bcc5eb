//! Whether routes fit the rest of the city: their channels and sinks, their transforms' ports, grants, and that none leads back to where
//! it begins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lienthong_core::city::{Access, Fold, Route, Transport, Way, Writing};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, PluginName, Port, RouteId};
use lienthong_core::manifest::{Interface, Manifest};
use lienthong_core::time::Timestamp;

use super::draft::{Draft, DraftConnector, DraftGrant, DraftRoute, Targets};
use super::findings::{Findings, Hint};
use super::problem::Problem;
use super::schemas::{Pointed, Schemas, pointed};
use super::source::{At, Sources};
use super::topology::{Channels, agency_exists, channel_exists, find_plugin, written};
use super::{Plugins, plugins, suggest};

/// Every check of routes. Gives those that could be put together; all of them where nothing was found.
pub(super) fn check(
    draft: &Draft,
    plugins: &dyn Plugins,
    has: &Channels<'_>,
    schemas: &Schemas,
    now: Timestamp,
    sources: &Sources,
    findings: &mut Findings,
) -> BTreeMap<RouteId, Route> {
    let mut routes = BTreeMap::new();
    for route in &draft.routes {
        if let Some(connector) = draft.connectors.iter().find(|connector| connector.id.value == route.id.value.as_connector()) {
            let first = written(connector.id.place, sources);
            findings.error(route.id.place, Problem::NameTaken { route: route.id.value.clone(), first });
        }
        if let Some(from) = &route.from {
            channel_exists(from, has, findings);
        }
        if let Some(agency) = &route.agency {
            agency_exists(agency, draft, findings);
        }
        let grants = Grants { draft, has, now, sources };
        let put_together = match route.transform_place {
            Some(_) => folding(route, draft, plugins, has, schemas, findings),
            None => plain(route, draft, has, findings),
        };
        let Some((how, sinks)) = put_together else { continue };
        let writing = match how {
            Some(how) => {
                let Some(agency) = &route.agency else {
                    findings.missing(route.id.place, Problem::MissingKey { key: "agency" });
                    continue;
                };
                let writing = Writing { agency: agency.value.clone(), how };
                grants.of_writing(route, agency, &writing, findings);
                Some(writing)
            }
            None => {
                if let Some((key, place)) = route.places.iter().find(|(key, _)| *key == "agency") {
                    findings.error(*place, Problem::KeyWithout { key, without: "channel" });
                }
                None
            }
        };
        for sink in &sinks {
            grants.of_sink(route, sink, findings);
        }
        if let (Some(from), Some(begin)) = (&route.from, route.begin) {
            let sinks = sinks.iter().map(|sink| sink.id.value.clone()).collect();
            routes.insert(route.id.value.clone(), Route { from: from.value.clone(), begin, writing, sinks });
        }
    }
    loops(draft, &routes, findings);
    sinks_are_fed(draft, &routes, findings);
    routes
}

type PutTogether<'d> = Option<(Option<Way>, Vec<&'d DraftConnector>)>;

/// A route that lets records through as they are.
fn plain<'d>(route: &DraftRoute, draft: &'d Draft, has: &Channels<'_>, findings: &mut Findings) -> PutTogether<'d> {
    for (key, place) in route.places.iter().filter(|(key, _)| *key != "agency") {
        findings.error(*place, Problem::KeyWithout { key, without: "transform" });
    }
    let list = match route.to.as_ref()? {
        Targets::List(list) => list,
        Targets::Ports(_) => {
            findings.error(route.to_place, Problem::PortsWithoutTransform);
            return None;
        }
    };
    let (mut channels, mut sinks, mut whole) = (Vec::new(), Vec::new(), true);
    for target in list {
        let connector = draft.connectors.iter().find(|connector| connector.id.value.as_str() == target.value.as_str());
        let delivers = connector.filter(|connector| delivers(connector));
        match (has.contains_key(&target.value), delivers, connector) {
            (true, None, _) => channels.push(target.value.clone()),
            (false, Some(sink), _) => sinks.push(sink),
            (true, Some(_), _) => {
                findings.error(target.place, Problem::TargetAmbiguous { id: target.value.to_string() });
                whole = false;
            }
            (false, None, Some(connector)) => {
                // What its transport is was not read, or is another one.
                if let Some(transport) = &connector.transport {
                    let (connector, transport) = (connector.id.value.clone(), transport.value.as_str());
                    findings.error(target.place, Problem::TargetNoSink { connector, transport });
                }
                whole = false;
            }
            (false, None, None) => {
                if findings.complete() {
                    let sinks = draft.connectors.iter().filter(|connector| self::delivers(connector));
                    let names: Vec<String> =
                        has.keys().map(ToString::to_string).chain(sinks.map(|sink| sink.id.value.to_string())).collect();
                    let hint = suggest::hint(target.value.as_str(), names.iter().map(String::as_str));
                    findings.error_with(target.place, Problem::NoTarget { id: target.value.to_string() }, hint);
                }
                whole = false;
            }
        }
    }
    whole.then(|| ((!channels.is_empty()).then_some(Way::Copy(channels)), sinks))
}

fn delivers(connector: &DraftConnector) -> bool {
    matches!(connector.transport, Some(At { value: Transport::Deliver(_), .. }))
}

/// A route with a transform.
fn folding<'d>(
    route: &DraftRoute,
    draft: &'d Draft,
    catalogue: &dyn Plugins,
    has: &Channels<'_>,
    schemas: &Schemas,
    findings: &mut Findings,
) -> PutTogether<'d> {
    if let (Some(by), Some(from)) = (&route.by, &route.from)
        && let Some(Some(schema)) = has.get(&from.value)
        && let Some(document) = schemas.document(schema)
        && let Pointed::Absent(properties) = pointed(document, &by.value)
    {
        let parent = by.value.rsplit_once('/').map_or("", |(parent, _)| parent);
        let known: Vec<String> = properties.iter().map(|property| format!("{parent}/{property}")).collect();
        let hint = suggest::hint(&by.value, known.iter().map(String::as_str)).filter(|_| !known.is_empty());
        let problem = Problem::PointerNotInSchema { pointer: by.value.clone(), schema: (*schema).clone() };
        findings.error_with(by.place, problem, hint);
    }
    let name = route.transform.as_ref()?;
    let plugin = find_plugin(name, catalogue, None, findings)?;
    plugins::check(draft.plugins.as_ref(), name, &plugin, findings);
    if !plugin.manifest.exports(Interface::Transform) {
        let (plugin, transport, wanted) = (name.value.clone(), "transform", Interface::Transform);
        findings.error(name.place, Problem::LacksInterface { plugin, transport, wanted });
        return None;
    }
    let ports = match route.to.as_ref()? {
        Targets::Ports(ports) => ports.iter().map(|(port, channels)| (port.clone(), channels.clone())).collect(),
        Targets::List(channels) => one_port(route, name, plugin.manifest, channels, findings)?,
    };
    let mut whole = true;
    let (mut to, mut misspelt) = (BTreeMap::<Port, Vec<ChannelId>>::new(), Vec::new());
    for (port, channels) in &ports {
        let Some(spec) = plugin.manifest.ports.get(&port.value) else {
            let hint = suggest::hint(port.value.as_str(), plugin.manifest.ports.keys().map(|port| port.as_str()));
            if let Some(Hint::Nearest(meant)) = &hint {
                misspelt.push(meant.clone());
            }
            findings.error_with(port.place, Problem::UnknownPort { plugin: name.value.clone(), port: port.value.clone() }, hint);
            whole = false;
            continue;
        };
        for channel in channels {
            let sinks = draft.connectors.iter().filter(|connector| delivers(connector));
            if !has.contains_key(&channel.value) && sinks.into_iter().any(|sink| sink.id.value.as_str() == channel.value.as_str()) {
                findings.error(channel.place, Problem::SinkOfTransform { id: channel.value.to_string() });
                whole = false;
                continue;
            }
            channel_exists(channel, has, findings);
            if let Some(Some(schema)) = has.get(&channel.value)
                && **schema != spec.schema
            {
                let (wanted, has) = (spec.schema.clone(), (*schema).clone());
                let problem = Problem::SchemaDiffers { port: port.value.clone(), wanted, channel: channel.value.clone(), has };
                findings.error(channel.place, problem);
            }
        }
        to.entry(port.value.clone()).or_default().extend(channels.iter().map(|channel| channel.value.clone()));
    }
    for (port, spec) in &plugin.manifest.ports {
        let given = ports.iter().any(|(given, _)| given.value == *port);
        if !given && !misspelt.iter().any(|meant| meant == port.as_str()) {
            let problem = Problem::PortNotEmitted { plugin: name.value.clone(), port: port.clone(), schema: spec.schema.clone() };
            findings.missing(route.to_place, problem);
            whole = false;
        }
    }
    let fold =
        Fold { plugin: name.value.clone(), by: route.by.as_ref().map(|by| by.value.clone()), every: route.every, limits: route.limits, to };
    whole.then_some((Some(Way::Fold(fold)), Vec::new()))
}

type Ports = Vec<(At<Port>, Vec<At<ChannelId>>)>;

/// A list of channels is for a transform with one port.
fn one_port(
    route: &DraftRoute,
    plugin: &At<PluginName>,
    manifest: &Manifest,
    channels: &[At<ChannelId>],
    findings: &mut Findings,
) -> Option<Ports> {
    let mut ports = manifest.ports.keys();
    match (ports.next(), ports.next()) {
        (Some(port), None) => Some(vec![(At { value: port.clone(), place: route.to_place }, channels.to_vec())]),
        _ => {
            let ports = manifest.ports.keys().cloned().collect();
            findings.error(route.to_place, Problem::PortsNeeded { plugin: plugin.value.clone(), ports });
            None
        }
    }
}

/// Which grants there are.
struct Grants<'a> {
    draft: &'a Draft,
    has: &'a Channels<'a>,
    now: Timestamp,
    sources: &'a Sources,
}

impl Grants<'_> {
    /// Whoever a route writes for must be allowed to read what it reads, and to write where it writes.
    fn of_writing(&self, route: &DraftRoute, agency: &At<AgencyId>, writing: &Writing, findings: &mut Findings) {
        let from = route.from.iter().map(|from| (&from.value, false));
        for (channel, write) in from.chain(writing.channels().into_iter().map(|channel| (channel, true))) {
            self.check(agency, channel, write, findings);
        }
    }

    /// Whoever a sink delivers to must be allowed to read it.
    fn of_sink(&self, route: &DraftRoute, sink: &DraftConnector, findings: &mut Findings) {
        if let (Some(from), Some(agency)) = (&route.from, &sink.agency) {
            let agency = At { value: agency.value.clone(), place: from.place };
            self.check(&agency, &from.value, false, findings);
        }
    }

    fn check(&self, agency: &At<AgencyId>, channel: &ChannelId, write: bool, findings: &mut Findings) {
        if !findings.complete() || !self.draft.agencies.contains_key(&agency.value) || !self.has.contains_key(channel) {
            return;
        }
        let of_both = |grant: &&DraftGrant| {
            grant.agency.as_ref().is_some_and(|own| own.value == agency.value)
                && grant.channel.as_ref().is_some_and(|own| own.value == *channel)
        };
        let grants: Vec<_> = self.draft.grants.iter().filter(of_both).collect();
        // A grant whose access could not be read was reported, and may be the one.
        if grants.iter().any(|grant| grant.access.is_none()) {
            return;
        }
        let allows = |access: Access| if write { access.write } else { access.read };
        let mut allowing = grants.iter().filter(|grant| grant.access.is_some_and(allows)).peekable();
        let (owner, channel) = (agency.value.clone(), channel.clone());
        if allowing.peek().is_none() {
            let other = grants.first().map(|grant| written(grant.place, self.sources));
            findings.error(agency.place, Problem::RouteNeedsGrant { agency: owner, channel, write, other });
        } else if allowing.all(|grant| grant.until.as_ref().is_some_and(|until| until.value.1 <= self.now)) {
            findings.warning(agency.place, Problem::RouteGrantExpired { agency: owner, channel, write });
        }
    }
}

/// A record that comes back to where it was would go round for ever.
fn loops(draft: &Draft, routes: &BTreeMap<RouteId, Route>, findings: &mut Findings) {
    let mut edges = BTreeMap::<&ChannelId, BTreeSet<&ChannelId>>::new();
    for route in routes.values() {
        let to = route.writing.iter().flat_map(Writing::channels);
        edges.entry(&route.from).or_default().extend(to);
    }
    let mut told = BTreeSet::new();
    for route in &draft.routes {
        let Some(Route { from, writing: Some(writing), .. }) = routes.get(&route.id.value) else { continue };
        let back = writing.channels().into_iter().find_map(|to| way(&edges, to, from));
        let Some(mut path) = back else { continue };
        path.insert(0, from);
        // The same ring is found from each of its channels.
        if told.insert(path.iter().copied().collect::<BTreeSet<_>>()) {
            findings.error(route.id.place, Problem::RouteLoop { path: path.into_iter().cloned().collect() });
        }
    }
}

/// The shortest way from one channel to another, both included.
fn way<'c>(edges: &BTreeMap<&'c ChannelId, BTreeSet<&'c ChannelId>>, from: &'c ChannelId, to: &'c ChannelId) -> Option<Vec<&'c ChannelId>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for next in edges.get(last).into_iter().flatten().filter(|next| seen.insert(next)) {
            ways.push_back([way.as_slice(), &[*next]].concat());
        }
    }
    None
}

/// A sink to which nothing leads delivers nothing: allowed, and rarely meant.
fn sinks_are_fed(draft: &Draft, routes: &BTreeMap<RouteId, Route>, findings: &mut Findings) {
    if findings.has_errors() {
        return;
    }
    let fed: BTreeSet<&ConnectorId> = routes.values().flat_map(|route| &route.sinks).collect();
    for connector in draft.connectors.iter().filter(|connector| delivers(connector) && !fed.contains(&connector.id.value)) {
        findings.warning(connector.id.place, Problem::SinkUnfed { connector: connector.id.value.clone() });
    }
}
