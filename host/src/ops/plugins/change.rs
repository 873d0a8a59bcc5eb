//! What another version of a plugin can do that the running one cannot, and what it needs of the connector that it does not have. Read
//! from manifests and imports; nothing is run.

use std::collections::BTreeSet;

use lienthong_core::city::{self, Transport};
use lienthong_core::id::{ConnectorId, SchemaId};
use lienthong_core::manifest::{Interface, settings_validator};

use super::Refused;
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

/// What is different for connectors, in words.
pub struct Differences<'a> {
    new: &'a Facts,
    told: Vec<String>,
    lacks: bool,
}

impl<'a> Differences<'a> {
    /// None yet.
    pub fn new(new: &'a Facts) -> Self {
        Self { new, told: Vec::new(), lacks: false }
    }

    /// Those for one connector that runs `old`.
    pub fn add(&mut self, id: &ConnectorId, connector: &city::Connector, channels: &Channels, old: &Facts) {
        let changes = changes(connector, channels, old, self.new);
        self.lacks |= changes.iter().any(|change| change.lacks.is_some());
        self.told.push(heading(id, old, self.new));
        self.told.extend(changes.iter().map(|change| format!("  {change}")));
    }

    /// All of them.
    ///
    /// # Errors
    /// A connector lacks what the new version needs.
    pub fn told(self) -> Result<Vec<String>, Refused> {
        if self.lacks { Err(Refused::Lacks { plugin: super::named(self.new), changes: self.told }) } else { Ok(self.told) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lienthong_core::id::{AgencyId, ChannelId, PluginName, Port};
    use lienthong_core::manifest::Manifest;
    use lienthong_core::schema::ChannelSchema;
    use serde_json::json;

    use super::*;
    use crate::pipeline::channels::Channel;
    use crate::wasm::component::Import;

    fn facts(version: &str, interfaces: &[Interface], imports: &[&str], more: &str) -> Facts {
        let names: Vec<_> = interfaces.iter().map(|interface| interface.as_str()).collect();
        let manifest = format!(
            "[plugin]\nname = \"x\"\nversion = \"{version}\"\nvendor = \"V\"\nlicense = \"MIT\"\ndescription = \"-\"\ninterfaces = {names:?}\n\
             {more}"
        );
        let import = |name: &&str| Import { name: (*name).to_owned(), functions: vec!["f".into()] };
        Facts {
            manifest: Manifest::parse(&manifest).unwrap(),
            sha256: [0; 32],
            size: 0,
            imports: imports.iter().map(import).collect(),
            exports: interfaces.to_vec(),
        }
    }

    fn connector(egress: &[&str]) -> city::Connector {
        city::Connector {
            plugin: PluginName::new("x").unwrap(),
            agency: AgencyId::new("a").unwrap(),
            transport: Transport::Webhook,
            settings: json!({}),
            egress: egress.iter().map(|rule| (*rule).to_owned()).collect(),
            limits: city::Limits::default(),
            budget: city::Budget::default(),
            fresh_within: None,
            emits: [(Port::new("out").unwrap(), ChannelId::new("t/one").unwrap())].into(),
            record: city::Record::None,
        }
    }

    fn channels() -> Channels {
        let schema = SchemaId::new("t/things.v1").unwrap();
        let compiled = ChannelSchema::compile(schema.clone(), json!({ "type": "object" }), &[]).unwrap();
        let config = city::Channel { schema, key: Vec::new(), time: None, retention: None };
        Channels::new([Channel { id: ChannelId::new("t/one").unwrap(), config, schema: Arc::new(compiled) }])
    }

    const PORT: &str = "[ports.out]\nschema = \"t/things.v1\"\n";
    const HTTP: &str = "wasi:http/outgoing-handler@0.2.0";

    /// What is told, and whether the new version may be installed.
    fn told(connector: &city::Connector, new: &Facts) -> (Vec<String>, bool) {
        let changes = changes(connector, &channels(), &facts("1.0", &[Interface::Receiver], &[], PORT), new);
        (changes.iter().map(ToString::to_string).collect(), changes.iter().all(|change| change.lacks.is_none()))
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        assert_eq!(told(&connector(&[]), &facts("1.1", &[Interface::Receiver], &[], PORT)), (Vec::new(), true));
    }

    #[test]
    fn a_plugin_that_lost_what_the_transport_calls_is_refused() {
        let (words, may) = told(&connector(&[]), &facts("1.1", &[Interface::Source], &[], PORT));
        assert!(!may && words[0] == "1.1 is no receiver any more: the connector's `webhook` calls one", "{words:?}");
        assert!(words.contains(&"1.1 is a source as well".to_owned()), "{words:?}");
    }

    #[test]
    fn a_way_out_needs_a_place_to_go() {
        let wish = format!("{PORT}[egress]\nhttp = true\nreason = \"weather\"\n");
        let new = facts("1.1", &[Interface::Receiver], &[HTTP], &wish);
        let (words, may) = told(&connector(&[]), &new);
        assert!(
            !may && words[0].starts_with("1.1 newly sends HTTP requests (it says: weather): the connector has no `egress:`"),
            "{words:?}"
        );
        let (words, may) = told(&connector(&["https://x.vn"]), &new);
        assert!(may && words.contains(&"1.1 newly imports wasi:http/outgoing-handler".to_owned()), "{words:?}");
        let undeclared = facts("1.1", &[Interface::Receiver], &[HTTP], PORT);
        assert!(!told(&connector(&["https://x.vn"]), &undeclared).1);
    }

    #[test]
    fn a_host_must_be_covered_to_its_port() {
        let asks = |hosts: &str| facts("1.4", &[Interface::Receiver], &[], &format!("{PORT}[egress]\nhttp = true\nhosts = [{hosts}]\n"));
        let (words, may) = told(&connector(&["https://x.vn"]), &asks("\"https://x.vn\""));
        assert_eq!((words, may), (vec!["1.4 newly asks for https://x.vn, which the connector's `egress:` covers".to_owned()], true));
        for host in ["\"https://x.vn:8443\"", "\"https://y.vn\"", "\"no host\""] {
            assert!(!told(&connector(&["https://x.vn"]), &asks(host)).1, "{host}");
        }
    }

    #[test]
    fn ports_must_lead_to_channels_of_their_schema() {
        let new = |ports: &str| facts("2.0", &[Interface::Receiver], &[], ports);
        let (words, may) = told(&connector(&[]), &new("[ports.out]\nschema = \"t/things.v2\"\n"));
        assert!(!may && words[0].contains("where it was t/things.v1: the connector's channel t/one is of t/things.v1"), "{words:?}");
        let (words, may) = told(&connector(&[]), &new("[ports.other]\nschema = \"t/things.v1\"\n"));
        assert!(!may && words.len() == 2 && words[1].contains("emits nothing to the port `out` any more"), "{words:?}");
    }
}
