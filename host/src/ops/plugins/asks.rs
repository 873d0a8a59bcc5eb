//! What is asked for and what is told when versions of plugins are changed.

use lienthong_core::id::{ConnectorId, PluginName};
use serde::{Deserialize, Serialize};

use super::versions::Choice;

/// A version to install. Its component is in the data folder already, put there by the hub's own user.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// SHA-256 of the component.
    pub sha256: String,
    /// For these connectors.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub connectors: Vec<ConnectorId>,
    /// For all that use the plugin.
    #[serde(default)]
    pub all: bool,
    /// Only after it was tried on recorded runs, and came out the same.
    #[serde(default)]
    pub shadow: bool,
    /// Also where it came out otherwise.
    #[serde(default)]
    pub yes: bool,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Installed {
    /// The plugin.
    #[schema(value_type = String)]
    pub plugin: PluginName,
    /// The version that runs now.
    pub version: String,
    /// SHA-256 of its component.
    pub sha256: String,
    /// The public key that signed it; null where nobody did.
    pub signed_by: Option<String>,
    /// The connectors that run it.
    #[schema(value_type = Vec<String>)]
    pub connectors: Vec<ConnectorId>,
    /// What is different, for people.
    pub changes: Vec<String>,
}

/// Back to the version before.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// A connector, or a plugin: then all that use it.
    pub name: String,
    /// Why; it is kept with the choice.
    pub reason: String,
}

/// One connector that went back.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RolledBack {
    /// The connector.
    #[schema(value_type = String)]
    pub connector: ConnectorId,
    /// The version that it left.
    pub from: String,
    /// The version that it runs.
    pub to: String,
    /// What the city's files do not give this version (any more).
    pub lacks: Vec<String>,
}

/// The versions of one connector.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorVersions {
    /// The connector.
    #[schema(value_type = String)]
    pub connector: ConnectorId,
    /// All that are kept, the running one first.
    pub versions: Vec<Choice>,
}
