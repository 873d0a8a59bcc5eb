//! Installing another version of a plugin into a running hub, and going back to the one before.
//!
//! What a version is and needs is found out without running it: who signed it, and what it can do that the running one cannot. Only then
//! is it compiled, in a process of its own. The choice is on the disk before the first call takes the new version, so that a hub that is
//! killed in between comes back with one of the two. No connector is restarted: see [`crate::pipeline::version`].

mod asks;
pub mod change;
mod refused;
pub mod runs;
pub mod trust;
pub mod versions;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};

use lienthong_core::city::{self, City, Unsigned, Way};
use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ConnectorId, PluginName};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock;
use crate::pipeline::call::{Caller, Connector};
use crate::pipeline::channels::Channels;
use crate::pipeline::recordings::Recordings;
use crate::pipeline::supervision::Supervision;
use crate::pipeline::version::Version;
use crate::wasm::{Engine, Facts, component};
pub use asks::{ConnectorVersions, Install, Installed, Rollback, RolledBack};
use change::{Change, Differences};
pub use refused::Refused;
use trust::Signed;
use versions::{Choice, Choices, Kept, Versions};

/// Why a connector runs what nobody installed.
pub const FROM_FOLDER: &str = "it lies in the folder of plugins";

/// Why a connector runs what was installed.
pub const INSTALLED: &str = "installed";

/// What installing stands on.
pub struct Parts {
    /// Whose keys count, and what connectors may.
    pub city: Arc<City>,
    /// What ports lead to.
    pub channels: Channels,
    /// Where components are kept.
    pub versions: Versions,
    /// The sandbox; gone when the hub stops.
    pub engine: Weak<Engine>,
    /// Connectors that run.
    pub connectors: BTreeMap<ConnectorId, Arc<Connector>>,
    /// Their conditions.
    pub supervision: Supervision,
    /// Performs recorded runs again.
    pub caller: Caller,
    /// Recorded runs.
    pub recordings: Recordings,
    /// The components of the folder that the hub was started with.
    pub folder: BTreeMap<ContentHash, Component>,
}

/// A component that is not among the [`Versions`].
#[derive(Clone)]
pub struct Component {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Who signed it.
    pub signed: Option<Signed>,
}

/// What the connectors of a running hub run. Cheap to clone.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// One change at a time.
    turn: Arc<Mutex<()>>,
}

/// Whether a city lets a plugin be installed.
pub fn may_be_installed(city: &City, facts: &Facts, signed: Option<&Signed>) -> Result<(), Refused> {
    match trust::judge(&city.plugins, &facts.manifest.plugin.vendor, signed.map(|signed| &signed.key)) {
        Err(why) if city.plugins.unsigned != Some(Unsigned::Allow) => Err(Refused::Distrusted { plugin: named(facts), why }),
        _ => Ok(()),
    }
}

fn named(facts: &Facts) -> String {
    let about = &facts.manifest.plugin;
    format!("{} {}", about.name, about.version)
}

/// Which of a plugin's connectors are meant. `using` are all that use it.
///
/// # Errors
/// None uses it, one that is named does not, or several do and nobody said which.
pub fn select(plugin: &PluginName, using: &[ConnectorId], wanted: &[ConnectorId], all: bool) -> Result<Vec<ConnectorId>, Refused> {
    let nobody = |why: String| Err(Refused::Nobody(why));
    if let Some(stranger) = wanted.iter().find(|connector| !using.contains(connector)) {
        return nobody(format!("no connector {stranger} of the city runs the plugin {plugin}"));
    }
    match (using, wanted) {
        ([], _) => nobody(format!("no connector of the city uses the plugin {plugin}: name it in a domain's file first")),
        (_, [_, ..]) => Ok(wanted.to_vec()),
        ([_], []) => Ok(using.to_vec()),
        _ if all => Ok(using.to_vec()),
        _ => {
            let names: Vec<_> = using.iter().map(ToString::to_string).collect();
            nobody(format!("{plugin} is run by {}: say `--all-of-plugin`, or which with `--connector`", names.join(", ")))
        }
    }
}

impl Plugins {
    /// Puts the parts together, and removes components that nobody chose.
    pub fn new(parts: Parts) -> io::Result<Self> {
        parts.versions.tidy(&parts.versions.choices()?)?;
        Ok(Self(Arc::new(Inner { parts, turn: Arc::default() })))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// What a component in the data folder is.
    async fn candidate(&self, hash: ContentHash) -> Result<(Kept, Facts), Refused> {
        let this = self.clone();
        beside(move || {
            let kept = this.parts().versions.component(&hash)?.ok_or_else(|| Refused::Absent(hash.to_string()))?;
            let facts = component::inspect(&kept.bytes)?;
            Ok((kept, facts))
        })
        .await
    }

    fn engine(&self) -> Result<Arc<Engine>, Refused> {
        self.parts().engine.upgrade().ok_or(Refused::Stopping)
    }

    fn using(&self, plugin: &PluginName) -> Vec<ConnectorId> {
        self.parts().connectors.values().filter(|connector| connector.config.plugin == *plugin).map(|c| c.id.clone()).collect()
    }

    /// Where a plugin is at work that no running connector has.
    fn elsewhere(&self, plugin: &PluginName) -> Result<(), Refused> {
        let restart = "stop the hub, install it with `--city`, and start the hub again";
        let city = &self.parts().city;
        if let Some((id, _)) = city.connectors.iter().find(|(_, connector)| connector.plugin == *plugin) {
            return Err(Refused::Nobody(format!("{id} does not run (`lienthong status` tells why): {restart}")));
        }
        let folds = |route: &city::Route| matches!(route.writing.as_ref().map(|w| &w.how), Some(Way::Fold(fold)) if fold.plugin == *plugin);
        match city.routes.iter().find(|(_, route)| folds(route)) {
            Some((id, _)) => Err(Refused::Nobody(format!(
                "{plugin} folds for the route {id}, which takes another version with a restart: put it into the folder of plugins and start the hub again"
            ))),
            None => Ok(()),
        }
    }

    fn connector(&self, id: &ConnectorId) -> Result<&Arc<Connector>, Refused> {
        self.parts().connectors.get(id).ok_or_else(|| Refused::Nobody(format!("no connector {id} runs")))
    }

    /// Installs a version for its connectors, all of them or none. `by` is whose key asks.
    ///
    /// # Errors
    /// See [`Refused`]; what ran goes on.
    pub async fn install(&self, wanted: Install, by: &str) -> Result<Installed, Refused> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let hash = wanted.sha256.parse().map_err(|_| Refused::Absent(wanted.sha256.clone()))?;
        let (kept, facts) = self.candidate(hash).await?;
        let about = &facts.manifest.plugin;
        let using = self.using(&about.name);
        if using.is_empty() {
            self.elsewhere(&about.name)?;
        }
        let connectors = select(&about.name, &using, &wanted.connectors, wanted.all)?;
        may_be_installed(&self.parts().city, &facts, kept.signed.as_ref())?;
        let mut changes = self.changes(&connectors, &facts)?;
        let plugin = self.engine()?.load(kept.bytes).await?;
        if wanted.shadow {
            let (told, differences) = self.shadow(&connectors, &plugin).await?;
            if !differences.is_empty() && !wanted.yes {
                return Err(Refused::Differs { plugin: named(&facts), differences: [told, differences].concat() });
            }
            changes.extend(told.into_iter().chain(differences));
        }

        let signed_by = kept.signed.map(|signed| signed.key.to_string());
        let now = clock::now();
        let version = Version { plugin, signed_by: signed_by.clone(), since: Some(now) };
        let chosen = choice(&version, by, INSTALLED);
        let mut choices = self.parts().versions.choices()?;
        for id in &connectors {
            let running = self.connector(id)?.version.running();
            if running.hash() != hash {
                choices.push(id, Some(choice(&running, by, FROM_FOLDER)), chosen.clone());
            }
        }
        let taken = connectors.iter().map(|id| (id.clone(), version.clone())).collect();
        self.take(turn, choices, taken).await?;
        tracing::info!(by, plugin = %about.name, version = about.version, sha256 = %hash, signed_by, connectors = ?connectors, "a plugin was installed");
        let (plugin, version) = (about.name.clone(), about.version.clone());
        Ok(Installed { plugin, version, sha256: hash.to_string(), signed_by, connectors, changes })
    }

    /// What is different for each connector, in words.
    fn changes(&self, connectors: &[ConnectorId], new: &Facts) -> Result<Vec<String>, Refused> {
        let mut differences = Differences::new(new);
        for id in connectors {
            let connector = self.connector(id)?;
            differences.add(id, &connector.config, &self.parts().channels, connector.version.running().plugin.facts());
        }
        differences.told()
    }

    /// Makes the choices, and lets calls take the versions. Once begun it is done, whether or not anybody still waits for it.
    async fn take(&self, turn: OwnedMutexGuard<()>, choices: Choices, taken: Vec<(ConnectorId, Version)>) -> Result<(), Refused> {
        let this = self.clone();
        beside(move || {
            let _turn = turn;
            let parts = this.parts();
            for component in choices.iter().flat_map(|(_, versions)| versions).filter_map(|choice| parts.folder.get(&choice.hash()?)) {
                parts.versions.keep(&component.bytes, component.signed.as_ref())?;
            }
            parts.versions.choose(&choices)?;
            for (id, version) in taken {
                let connector = this.connector(&id)?;
                if connector.version.running().hash() != version.hash() {
                    parts.supervision.runs(&id, &version);
                    connector.version.replace(version);
                }
            }
            if let Err(error) = parts.versions.tidy(&choices) {
                tracing::warn!(%error, "components that no connector runs were not removed");
            }
            Ok(())
        })
        .await
    }

    /// Lets connectors run again what they ran before.
    ///
    /// # Errors
    /// There is nothing before it, or the city does not trust it any more.
    pub async fn roll_back(&self, wanted: Rollback, by: &str) -> Result<Vec<RolledBack>, Refused> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let mut choices = self.parts().versions.choices()?;
        let meant = match (ConnectorId::new(&wanted.name), PluginName::new(&wanted.name)) {
            (Ok(connector), _) => vec![connector],
            (_, Ok(plugin)) => self.using(&plugin),
            _ => Vec::new(),
        };
        let mut back = Vec::new();
        let mut taken = Vec::new();
        for id in meant {
            let connector = self.connector(&id)?;
            let Some(hash) = choices.before(&id, &connector.config.plugin).and_then(Choice::hash) else { continue };
            let version = self.version_before(&id, hash).await?;
            let running = connector.version.running();
            let lacks = change::changes(&connector.config, &self.parts().channels, running.plugin.facts(), version.plugin.facts());
            let lacks = lacks.iter().filter(|change| change.lacks.is_some()).map(Change::to_string).collect();
            let Some(left) = choices.pop(&id, by, &wanted.reason, clock::now()) else { continue };
            let to = version.plugin.facts().manifest.plugin.version.clone();
            back.push(RolledBack { connector: id.clone(), from: left.version, to, lacks });
            taken.push((id, version));
        }
        if back.is_empty() {
            let why = format!("`{}` has no version before the one that runs: `lienthong plugin list` shows them", wanted.name);
            return Err(Refused::Nobody(why));
        }
        self.take(turn, choices, taken).await?;
        for RolledBack { connector, from, to, .. } in &back {
            tracing::warn!(by, %connector, from, to, reason = wanted.reason, "a plugin was rolled back");
        }
        Ok(back)
    }

    /// The version that ran before: kept ready, or made ready from its machine code.
    async fn version_before(&self, id: &ConnectorId, hash: ContentHash) -> Result<Version, Refused> {
        let since = Some(clock::now());
        if let Some(ready) = self.connector(id)?.version.ready(&hash) {
            return Ok(Version { since, ..ready });
        }
        let (kept, facts) = self.candidate(hash).await?;
        if self.parts().city.plugins.unsigned == Some(Unsigned::Refuse) {
            may_be_installed(&self.parts().city, &facts, kept.signed.as_ref())?;
        }
        let plugin = self.engine()?.load(kept.bytes).await?;
        Ok(Version { plugin, signed_by: kept.signed.map(|signed| signed.key.to_string()), since })
    }

    /// What every connector runs and ran.
    pub fn list(&self) -> Result<Vec<ConnectorVersions>, Refused> {
        let choices = self.parts().versions.choices()?;
        let of = |connector: &Arc<Connector>| {
            let chosen = choices.of(&connector.id, &connector.config.plugin);
            let kept = chosen.and_then(|_| choices.iter().find(|(id, _)| **id == connector.id));
            let kept = kept.map(|(_, versions)| versions.iter().rev().cloned().collect());
            let versions = kept.unwrap_or_else(|| vec![choice(&connector.version.running(), "-", FROM_FOLDER)]);
            ConnectorVersions { connector: connector.id.clone(), versions }
        };
        Ok(self.parts().connectors.values().map(of).collect())
    }
}

/// A version as what somebody chose.
fn choice(version: &Version, by: &str, why: &str) -> Choice {
    Choice::of(version.plugin.facts(), version.signed_by.clone(), version.since, by, why)
}

/// Away from the threads that serve everyone; done to the end once it began.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refused> + Send + 'static) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(|error| io::Error::other(error.to_string()))?
}
