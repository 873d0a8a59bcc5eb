//! What another version of a plugin can do that the running one cannot, and what it needs of the connector that it does not have. Read
//! from manifests and imports; nothing is run.

use std::collections::BTreeSet;

use lienthong_core::city::{self, Transport};
use lienthong_core::id::{ConnectorId, SchemaId};
use lienthong_core::manifest::{Interface, settings_validator};

use crate::net::Door;
use crate::pipeline::channels::Channels;
use crate::wasm::Facts;

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is different.
    pub what: String,
    /// What it lacks, and what gives it; none where it has all it needs.
    pub lacks: Option<String>,
}

impl Change {
    fn told(what: String) -> Self {
        Self { what, lacks: None }
    }

    fn needs(what: String, lacks: impl Into<String>) -> Self {
        Self { what, lacks: Some(lacks.into()) }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.lacks {
            None => f.write_str(&self.what),
            Some(lacks) => write!(f, "{}: {lacks}", self.what),
        }
    }
}

/// How a connector's plugin would change, and what it would lack.
pub fn changes(connector: &city::Connector, channels: &Channels, old: &Facts, new: &Facts) -> Vec<Change> {
    let mut found = Vec::new();
    interfaces(connector, old, new, &mut found);
    ports(connector, channels, old, new, &mut found);
    reach(connector, old, new, &mut found);
    imports(old, new, &mut found);
    settings(connector, old, new, &mut found);
    found
}

fn version(facts: &Facts) -> &str {
    &facts.manifest.plugin.version
}

fn interfaces(connector: &city::Connector, old: &Facts, new: &Facts, found: &mut Vec<Change>) {
    let needed = match connector.transport {
        Transport::Poll { .. } => Interface::Source,
        Transport::Deliver(_) => Interface::Sink,
        Transport::Inbox(_) | Transport::Webhook | Transport::Mllp(_) => Interface::Receiver,
    };
    if !new.exports.contains(&needed) {
        let (what, transport) = (format!("{} is no {} any more", version(new), needed.as_str()), connector.transport.as_str());
        found.push(Change::needs(what, format!("the connector's `{transport}` calls one")));
    }
    for added in new.exports.iter().filter(|interface| !old.exports.contains(interface)) {
        found.push(Change::told(format!("{} is a {} as well", version(new), added.as_str())));
    }
}

fn ports(connector: &city::Connector, channels: &Channels, old: &Facts, new: &Facts, found: &mut Vec<Change>) {
    let schema_of = |channel| channels.get(channel).map(|channel| channel.schema.id().clone());
    for (port, spec) in &new.manifest.ports {
        let known = old.manifest.ports.get(port);
        let what = match known {
            None => format!("{} newly emits {} to the port `{port}`", version(new), spec.schema),
            Some(before) if before.schema != spec.schema => {
                format!("{} emits {} to the port `{port}`, where it was {}", version(new), spec.schema, before.schema)
            }
            Some(_) => continue,
        };
        let Some(channel) = connector.emits.get(port) else {
            let lacks = format!("the connector has no channel for it: add `emits: {{ {port}: <a channel of {}> }}`", spec.schema);
            found.push(Change::needs(what, lacks));
            continue;
        };
        let has: Option<SchemaId> = schema_of(channel);
        found.push(match has {
            Some(has) if has != spec.schema => {
                Change::needs(what, format!("the connector's channel {channel} is of {has}: give the port a channel of {}", spec.schema))
            }
            _ => Change::told(what),
        });
    }
    for port in old.manifest.ports.keys().filter(|port| !new.manifest.ports.contains_key(port)) {
        let what = format!("{} emits nothing to the port `{port}` any more", version(new));
        found.push(Change::needs(what, "the connector's `emits:` names it: take it out"));
    }
}

/// The way out: whether it has one at all, and the hosts that it says it needs.
fn reach(connector: &city::Connector, old: &Facts, new: &Facts, found: &mut Vec<Change>) {
    if new.imports_http() && !old.imports_http() {
        let reason = Some(new.manifest.egress.reason.trim()).filter(|reason| !reason.is_empty());
        let says = reason.map_or(String::new(), |reason| format!(" (it says: {reason})"));
        let what = format!("{} newly sends HTTP requests{says}", version(new));
        found.push(match (new.manifest.egress.http, connector.egress.is_empty()) {
            (false, _) => Change::needs(what, "its manifest does not say so; the vendor adds `[egress] http = true`"),
            (true, true) => Change::needs(what, "the connector has no `egress:`: add the hosts that it may reach"),
            (true, false) => Change::told(format!("{what}, to the hosts of the connector's `egress:`")),
        });
    }
    let door = Door::new(&connector.egress).unwrap_or_else(|_| Door::closed());
    let before: BTreeSet<&String> = old.manifest.egress.hosts.iter().collect();
    for host in &new.manifest.egress.hosts {
        let covered = door.check(host).is_ok();
        let newly = if before.contains(host) { "asks" } else { "newly asks" };
        let what = format!("{} {newly} for {host}", version(new));
        match (covered, before.contains(host)) {
            (false, _) => found.push(Change::needs(what, format!("the connector's `egress:` does not cover it: add \"{host}\" there"))),
            (true, false) => found.push(Change::told(format!("{what}, which the connector's `egress:` covers"))),
            (true, true) => {}
        }
    }
}

fn imports(old: &Facts, new: &Facts, found: &mut Vec<Change>) {
    // Versions of one interface are one way into the hub.
    let names = |facts: &Facts| -> BTreeSet<String> {
        facts.imports.iter().map(|import| import.name.split('@').next().unwrap_or_default().to_owned()).collect()
    };
    let known = names(old);
    let new_ones: Vec<_> = names(new).into_iter().filter(|name| !known.contains(name)).collect();
    if !new_ones.is_empty() {
        found.push(Change::told(format!("{} newly imports {}", version(new), new_ones.join(", "))));
    }
}

fn settings(connector: &city::Connector, old: &Facts, new: &Facts, found: &mut Vec<Change>) {
    if old.manifest.settings == new.manifest.settings {
        return;
    }
    let what = format!("{} takes other settings", version(new));
    found.push(match settings_validator(&new.manifest.settings) {
        Err(why) => Change::needs(what, format!("its manifest has no usable schema for them ({why}); the vendor must mend it")),
        Ok(validator) => {
            let broken: Vec<_> = validator
                .iter_errors(&connector.settings)
                .take(4)
                .map(|error| match error.instance_path().as_str() {
                    "" => error.masked().to_string(),
                    at => format!("`{at}`: {}", error.masked()),
                })
                .collect();
            match broken.is_empty() {
                true => Change::told(format!("{what}; the connector's fit them")),
                false => Change::needs(what, format!("the connector's do not fit them ({})", broken.join("; "))),
            }
        }
    });
}

/// What stands at the head of a list of changes.
pub fn heading(connector: &ConnectorId, old: &Facts, new: &Facts) -> String {
    if old.sha256 == new.sha256 {
        return format!("{connector}: runs this very version, {}", version(new));
    }
    format!("{connector}: {} → {}", version(old), version(new))
}
