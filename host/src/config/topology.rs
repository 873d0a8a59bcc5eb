//! Whether the parts fit each other: references, schemas, plugins' ports and settings, grants.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lienthong_core::city::{self, Inbox, Mllp, Route, Transport, Writing};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, PluginName, RouteId, SchemaId};
use lienthong_core::manifest::Interface;
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;
use serde_json::Value;

use super::draft::{Draft, DraftConnector, DraftGrant};
use super::findings::{Findings, Hint};
use super::node::Kind;
use super::problem::{Named, Problem, Thing};
use super::schemas::{Pointed, Schemas, pointed};
use super::source::{At, Place, Sources};
use super::{PluginFacts, Plugins, plugins, routing, settings, suggest};
use crate::net::{self, Door};

/// Channels by name, each with its schema as far as it could be read.
pub(super) type Channels<'d> = BTreeMap<&'d ChannelId, Option<&'d SchemaId>>;

/// Every check that needs more than one part. Gives the schemas of the city's channels, and its routes.
pub(super) fn check(
    draft: &Draft,
    plugins: &dyn Plugins,
    schemas: &mut Schemas,
    now: Timestamp,
    sources: &Sources,
    findings: &mut Findings,
) -> (BTreeMap<SchemaId, Arc<ChannelSchema>>, BTreeMap<RouteId, Route>) {
    unique(draft.channels.iter().map(|channel| &channel.id), sources, findings);
    unique(draft.connectors.iter().map(|connector| &connector.id), sources, findings);
    unique(draft.routes.iter().map(|route| &route.id), sources, findings);
    let used = channels(draft, schemas, sources, findings);
    let has: Channels<'_> =
        draft.channels.iter().map(|channel| (&channel.id.value, channel.schema.as_ref().map(|schema| &schema.value))).collect();
    for connector in &draft.connectors {
        if let Some(agency) = &connector.agency {
            agency_exists(agency, draft, findings);
        }
        connector_fits(connector, draft.plugins.as_ref(), plugins, &has, findings);
    }
    inboxes(draft, findings);
    ports(draft, findings);
    grants(draft, &has, now, sources, findings);
    writers(draft, &has, now, sources, findings);
    let routes = routing::check(draft, plugins, &has, schemas, now, sources, findings);
    flow(draft, &routes, now, findings);
    (used, routes)
}

/// Reports what is not defined, with what may have been meant. Silent while a file is only half read.
fn known<'a, T: Named + 'a>(id: &At<T>, exists: bool, all: impl Iterator<Item = &'a T>, findings: &mut Findings) {
    if !exists && findings.complete() {
        let names: Vec<String> = all.map(ToString::to_string).collect();
        let given = id.value.to_string();
        let hint = suggest::hint(&given, names.iter().map(String::as_str));
        findings.error_with(id.place, Problem::Unknown { thing: T::THING, id: given }, hint);
    }
}

pub(super) fn agency_exists(agency: &At<AgencyId>, draft: &Draft, findings: &mut Findings) {
    known(agency, draft.agencies.contains_key(&agency.value), draft.agencies.keys(), findings);
}

pub(super) fn channel_exists(channel: &At<ChannelId>, has: &Channels<'_>, findings: &mut Findings) {
    known(channel, has.contains_key(&channel.value), has.keys().copied(), findings);
}

/// One id over all files.
fn unique<'a, T: Named + 'a>(ids: impl Iterator<Item = &'a At<T>>, sources: &Sources, findings: &mut Findings) {
    let mut first: BTreeMap<&T, Place> = BTreeMap::new();
    for id in ids {
        match first.get(&id.value) {
            Some(place) => {
                let first = written(*place, sources);
                findings.error(id.place, Problem::DuplicateId { thing: T::THING, id: id.value.to_string(), first });
            }
            None => {
                first.insert(&id.value, id.place);
            }
        }
    }
}

pub(super) fn written(place: Place, sources: &Sources) -> String {
    format!("{}:{}", sources.get(place.file).name, place.line)
}

fn channels(draft: &Draft, schemas: &mut Schemas, sources: &Sources, findings: &mut Findings) -> BTreeMap<SchemaId, Arc<ChannelSchema>> {
    let mut used = BTreeMap::new();
    for channel in &draft.channels {
        let Some(schema) = &channel.schema else { continue };
        known(schema, schemas.contains(&schema.value), schemas.ids(), findings);
        let compiled = schemas.compile(&schema.value, schema.place, sources, findings);
        used.extend(compiled.map(|compiled| (schema.value.clone(), compiled)));
        let Some(document) = schemas.document(&schema.value) else { continue };
        for pointer in channel.key.iter().chain(&channel.time) {
            if let Pointed::Absent(properties) = pointed(document, &pointer.value) {
                let parent = pointer.value.rsplit_once('/').map_or("", |(parent, _)| parent);
                let known: Vec<String> = properties.iter().map(|property| format!("{parent}/{property}")).collect();
                let hint = suggest::hint(&pointer.value, known.iter().map(String::as_str)).filter(|_| !known.is_empty());
                let problem = Problem::PointerNotInSchema { pointer: pointer.value.clone(), schema: schema.value.clone() };
                findings.error_with(pointer.place, problem, hint);
            }
        }
        if let Some(time) = &channel.time
            && let Pointed::Listed(value) = pointed(document, &time.value)
            && value.get("format").and_then(Value::as_str) != Some("date-time")
        {
            findings.warning(time.place, Problem::TimeNotDateTime { pointer: time.value.clone(), schema: schema.value.clone() });
        }
    }
    used
}

fn connector_fits(
    connector: &DraftConnector,
    trust: Option<&city::Plugins>,
    catalogue: &dyn Plugins,
    has: &Channels<'_>,
    findings: &mut Findings,
) {
    for channel in connector.emits.iter().filter_map(|(_, channel)| channel.as_ref()) {
        channel_exists(channel, has, findings);
    }
    let Some(name) = &connector.plugin else { return };
    let Some(plugin) = find_plugin(name, catalogue, Some(&connector.id.value), findings) else { return };
    let manifest = plugin.manifest;
    let plugin_name = || name.value.clone();

    if let Some(transport) = &connector.transport {
        let wanted = match &transport.value {
            Transport::Inbox(_) | Transport::Webhook | Transport::Mllp(_) => Interface::Receiver,
            Transport::Poll { .. } => Interface::Source,
            Transport::Deliver(_) => Interface::Sink,
        };
        if !manifest.exports(wanted) {
            let key = transport.value.as_str();
            findings.error(transport.place, Problem::LacksInterface { plugin: plugin_name(), transport: key, wanted });
        }
    }

    // A port that was misspelt is not missing as well.
    let mut misspelt = Vec::new();
    for (port, channel) in &connector.emits {
        let Some(spec) = manifest.ports.get(&port.value) else {
            let hint = suggest::hint(port.value.as_str(), manifest.ports.keys().map(|port| port.as_str()));
            if let Some(Hint::Nearest(meant)) = &hint {
                misspelt.push(meant.clone());
            }
            findings.error_with(port.place, Problem::UnknownPort { plugin: plugin_name(), port: port.value.clone() }, hint);
            continue;
        };
        let Some(channel) = channel else { continue };
        if let Some(Some(schema)) = has.get(&channel.value)
            && **schema != spec.schema
        {
            let (wanted, has) = (spec.schema.clone(), (*schema).clone());
            findings.error(channel.place, Problem::SchemaDiffers { port: port.value.clone(), wanted, channel: channel.value.clone(), has });
        }
    }
    for (port, spec) in manifest.ports.iter().filter(|_| connector.emits_read) {
        let written = connector.emits.iter().any(|(emitted, _)| emitted.value == *port);
        if !written && !misspelt.iter().any(|meant| meant == port.as_str()) {
            let problem = Problem::PortNotEmitted { plugin: plugin_name(), port: port.clone(), schema: spec.schema.clone() };
            findings.missing(connector.emits_place, problem);
        }
    }

    settings::check(connector, name, &manifest.settings, findings);
    plugins::check(trust, name, &plugin, findings);

    let fetches = matches!(connector.transport, Some(At { value: Transport::Poll { .. } | Transport::Deliver(_), .. }));
    if plugin.imports_http && !manifest.egress.http {
        findings.error(name.place, Problem::HttpNotDeclared { plugin: plugin_name() });
    } else if plugin.imports_http && fetches && connector.egress_place.is_none() {
        findings.warning(name.place, Problem::EgressMissing { plugin: plugin_name() });
    }
    if let Some(place) = connector.egress_place.filter(|_| !plugin.imports_http) {
        findings.warning(place, Problem::EgressUnused { plugin: plugin_name() });
    }
    if plugin.imports_http && !connector.egress.is_empty() {
        reaches(connector, findings);
    }
}

/// The plugin of this name; reports where there is none.
pub(super) fn find_plugin<'p>(
    name: &At<PluginName>,
    plugins: &'p dyn Plugins,
    connector: Option<&ConnectorId>,
    findings: &mut Findings,
) -> Option<PluginFacts<'p>> {
    let found = connector.map_or_else(|| plugins.find(&name.value), |connector| plugins.find_for(connector, &name.value));
    // A file of that name that cannot be used was reported.
    if found.is_some() || plugins.faults().iter().any(|(path, _)| path.file_stem().is_some_and(|stem| stem == name.value.as_str())) {
        return found;
    }
    let (names, id) = (plugins.names(), name.value.to_string());
    if names.is_empty() {
        let (folder, exists) = plugins.folder();
        findings.error(name.place, Problem::NoPlugins { id, folder, exists });
        return None;
    }
    let hint = suggest::hint(&id, names.iter().map(|name| name.as_str()));
    findings.error_with(name.place, Problem::Unknown { thing: Thing::Plugin, id }, hint);
    None
}

/// An address that is set must be one that may be reached.
fn reaches(connector: &DraftConnector, findings: &mut Findings) {
    let Some(entry) = connector.settings.0.as_ref().and_then(|settings| settings.entry("url")) else { return };
    let Kind::Scalar(url) = &entry.value.kind else { return };
    let rules: Vec<String> = connector.egress.iter().map(|rule| rule.value.clone()).collect();
    if Door::new(&rules).is_ok_and(|door| matches!(door.check(&url.text), Err(net::Error::Denied(_)))) {
        findings.warning(entry.value.place, Problem::UrlNotReached { url: url.text.clone() });
    }
}

/// Two connectors on one folder would race for its files, and one within the other's shelves would take what was consumed.
fn inboxes(draft: &Draft, findings: &mut Findings) {
    let mut taken: BTreeMap<&PathBuf, &ConnectorId> = BTreeMap::new();
    for connector in &draft.connectors {
        let Some(At { value: Transport::Inbox(Inbox { path, .. }), place }) = &connector.transport else { continue };
        match taken.get(path) {
            Some(other) => {
                let path = path.display().to_string();
                findings.error(*place, Problem::InboxTaken { path, other: (*other).clone() });
            }
            None => {
                if let Some((outer, other)) = taken.iter().find(|(other, _)| path.starts_with(other) || other.starts_with(path)) {
                    let (path, other_path) = (path.display().to_string(), outer.display().to_string());
                    findings.error(*place, Problem::InboxNested { path, other: (*other).clone(), other_path });
                }
                taken.insert(path, &connector.id.value);
            }
        }
    }
}

/// Nobody can listen where another does. Port 0 is a free one each time.
fn ports(draft: &Draft, findings: &mut Findings) {
    let mut taken: Vec<(SocketAddr, Option<&ConnectorId>)> = draft.listen.iter().map(|listen| (listen.address, None)).collect();
    for connector in &draft.connectors {
        let Some(At { value: Transport::Mllp(Mllp { listen, .. }), place }) = &connector.transport else { continue };
        let clash = |other: SocketAddr| {
            let (own, other_ip) = (listen.ip(), other.ip());
            listen.port() == other.port() && listen.port() != 0 && (own == other_ip || own.is_unspecified() || other_ip.is_unspecified())
        };
        if let Some((address, other)) = taken.iter().find(|(other, _)| clash(*other)) {
            findings.error(*place, Problem::PortTaken { address: *address, other: other.cloned() });
        }
        taken.push((*listen, Some(&connector.id.value)));
    }
}

fn grants(draft: &Draft, has: &Channels<'_>, now: Timestamp, sources: &Sources, findings: &mut Findings) {
    let mut first: BTreeMap<(&AgencyId, &ChannelId), Place> = BTreeMap::new();
    for grant in &draft.grants {
        if let Some(agency) = &grant.agency {
            agency_exists(agency, draft, findings);
        }
        if let Some(channel) = &grant.channel {
            channel_exists(channel, has, findings);
        }
        if let Some(until) = grant.until.as_ref().filter(|until| until.value.1 <= now) {
            findings.warning(until.place, Problem::GrantExpired { until: until.value.0.clone() });
        }
        if let (Some(agency), Some(channel)) = (&grant.agency, &grant.channel) {
            let key = (&agency.value, &channel.value);
            match first.get(&key) {
                Some(place) => findings.warning(grant.place, Problem::GrantRepeated { first: written(*place, sources) }),
                None => {
                    first.insert(key, grant.place);
                }
            }
        }
    }
}

/// What a connector brings is its agency's writing, and takes a grant as posting does. One that has expired does not keep the
/// rest of the city from starting.
fn writers(draft: &Draft, has: &Channels<'_>, now: Timestamp, sources: &Sources, findings: &mut Findings) {
    if !findings.complete() {
        return;
    }
    for connector in &draft.connectors {
        let Some(At { value: agency, .. }) = connector.agency.as_ref().filter(|agency| draft.agencies.contains_key(&agency.value)) else {
            continue;
        };
        for At { value: channel, place } in connector.emits.iter().filter_map(|(_, channel)| channel.as_ref()) {
            let of_both = |grant: &&DraftGrant| {
                grant.agency.as_ref().is_some_and(|own| own.value == *agency)
                    && grant.channel.as_ref().is_some_and(|own| own.value == *channel)
            };
            let grants: Vec<_> = draft.grants.iter().filter(of_both).collect();
            // A grant whose access could not be read was reported, and may be the one.
            if !has.contains_key(channel) || grants.iter().any(|grant| grant.access.is_none()) {
                continue;
            }
            let mut writing = grants.iter().filter(|grant| grant.access.is_some_and(|access| access.write)).peekable();
            let (agency, channel) = (agency.clone(), channel.clone());
            if writing.peek().is_none() {
                let reading = grants.first().map(|grant| written(grant.place, sources));
                findings.error(*place, Problem::NoWriteGrant { agency, channel, reading });
            } else if writing.all(|grant| grant.until.as_ref().is_some_and(|until| until.value.1 <= now)) {
                findings.warning(*place, Problem::WriteGrantExpired { agency, channel });
            }
        }
    }
}

/// Channels that nothing fills or nobody reads: allowed, and rarely meant. Said only of a city without errors, whose
/// mending may well be the answer.
fn flow(draft: &Draft, routes: &BTreeMap<RouteId, Route>, now: Timestamp, findings: &mut Findings) {
    if findings.has_errors() {
        return;
    }
    let mut filled: BTreeSet<&ChannelId> =
        draft.connectors.iter().flat_map(|connector| &connector.emits).filter_map(|(_, channel)| Some(&channel.as_ref()?.value)).collect();
    let mut read = BTreeSet::new();
    for route in routes.values() {
        read.insert(&route.from);
        filled.extend(route.writing.iter().flat_map(Writing::channels));
    }
    for grant in &draft.grants {
        let (Some(channel), Some(access)) = (&grant.channel, &grant.access) else { continue };
        if grant.until.as_ref().is_none_or(|until| now < until.value.1) {
            if access.read {
                read.insert(&channel.value);
            }
            if access.write {
                filled.insert(&channel.value);
            }
        }
    }
    for channel in &draft.channels {
        if !filled.contains(&channel.id.value) {
            findings.warning(channel.id.place, Problem::NobodyWrites { channel: channel.id.value.clone() });
        }
        if !read.contains(&channel.id.value) {
            findings.warning(channel.id.place, Problem::NobodyReads { channel: channel.id.value.clone() });
        }
    }
}
