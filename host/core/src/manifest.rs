//! `plugin.toml`: what a plugin says of itself, embedded in the component and read without running it.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{PluginName, Port, SchemaId};

/// The name of the custom section that holds the manifest's TOML text.
pub const SECTION: &str = "lienthong:plugin.toml";

/// One of the four plugin interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// Fetches.
    Source,
    /// Is sent messages.
    Receiver,
    /// Turns records into records.
    Transform,
    /// Delivers to an agency's system.
    Sink,
}

impl Interface {
    /// Its name in the WIT package and in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Receiver => "receiver",
            Self::Transform => "transform",
            Self::Sink => "sink",
        }
    }
}

/// A plugin's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[plugin]`
    pub plugin: About,
    /// `[ports.<port>]`: what it emits.
    #[serde(default)]
    pub ports: BTreeMap<Port, PortSpec>,
    /// `[settings]`: a JSON Schema for the connector's `settings:`, written in TOML. An object schema; closed unless it says otherwise.
    #[serde(default = "no_settings")]
    pub settings: Value,
    /// `[egress]`
    #[serde(default)]
    pub egress: EgressWish,
}

fn no_settings() -> Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

/// Who made it and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name, `domain-format`.
    pub name: PluginName,
    /// Semantic version.
    pub version: String,
    /// The vendor's name.
    pub vendor: String,
    /// SPDX licence expression.
    pub license: String,
    /// One sentence.
    pub description: String,
    /// What it exports.
    pub interfaces: Vec<Interface>,
}

/// A port and the schema its records are written for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortSpec {
    /// For example `transport/stops.v1`.
    pub schema: SchemaId,
    /// One sentence.
    #[serde(default)]
    pub description: String,
}

/// What it wishes to reach. The operator's `egress:` list decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressWish {
    /// Asks for outbound HTTP at all.
    #[serde(default)]
    pub http: bool,
    /// Why and where to, for the operator to read.
    #[serde(default)]
    pub reason: String,
    /// The hosts that it always needs, `https://host[:port]`; those that settings name are not among them.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the TOML it should be; the message names line and column.
    #[error("plugin.toml: {0}")]
    Toml(String),
    /// Well-formed, but it contradicts itself.
    #[error("plugin.toml: {0}")]
    Meaning(String),
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let manifest: Self = toml::from_str(text).map_err(|error| Error::Toml(error.to_string()))?;
        if manifest.plugin.interfaces.is_empty() {
            return Err(Error::Meaning("`interfaces` is empty: name what the plugin exports, for example [\"receiver\"]".into()));
        }
        let emits = manifest.plugin.interfaces.iter().any(|i| *i != Interface::Sink);
        if emits && manifest.ports.is_empty() {
            return Err(Error::Meaning("no `[ports.<name>]`: a plugin that is not only a sink emits on at least one port".into()));
        }
        if !manifest.settings.is_object() {
            return Err(Error::Meaning("`[settings]` must be a JSON Schema object written in TOML".into()));
        }
        Ok(manifest)
    }

    /// Whether it exports an interface.
    pub fn exports(&self, interface: Interface) -> bool {
        self.plugin.interfaces.contains(&interface)
    }
}

/// What a connector's settings are held against. The schema is a vendor's: nothing is fetched for it, and its patterns run in linear
/// time.
///
/// # Errors
/// It is no JSON Schema that could be used.
pub fn settings_validator(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20);
    let options = jsonschema::options().with_draft(Draft::Draft202012).offline().should_validate_formats(true);
    options.with_pattern_options(patterns).build(schema).map_err(|error| error.masked().to_string())
}
