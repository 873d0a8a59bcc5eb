//! Installing and rolling back on the data folder, while no hub runs on it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use lienthong_core::id::{ConnectorId, PluginName};

use super::plugin_folder::{Component, PluginFolder};
use super::{OWN_PROGRAM, channels};
use crate::ops::plugins::change::Differences;
use crate::ops::plugins::versions::{Choice, Versions};
use crate::ops::plugins::{self, FROM_FOLDER, INSTALLED, Installed, Rollback, RolledBack};
use crate::store::{self, Store};
use crate::wasm::{Engine, EngineOptions};
use crate::{clock, config};

/// Who changes plugins while no hub runs: whoever may write to its folder.
const BY: &str = "local";

/// A version to install while no hub runs.
pub struct Installation {
    /// The hub's data folder.
    pub data: PathBuf,
    /// The city's folder: its files say what the plugin may.
    pub city: PathBuf,
    /// Where plugins lie; `<city>/plugins` unless given.
    pub plugins: Option<PathBuf>,
    /// The component.
    pub file: PathBuf,
    /// For these connectors.
    pub connectors: Vec<ConnectorId>,
    /// For all that use it.
    pub all: bool,
}

/// Installs a version into a data folder. The city is checked with it as a start would.
///
/// # Errors
/// A hub runs there, the city cannot run with it or does not trust it, or it cannot be compiled. Nothing is changed then.
pub async fn install(wanted: Installation) -> anyhow::Result<Installed> {
    let Installation { data, city, plugins, file, connectors, all } = wanted;
    // Also the lock of the folder.
    let store = Store::open(store::Options::new(&data)).await?;
    let versions = Versions::of(&data)?;
    let mut choices = versions.choices()?;
    let component = Arc::new(Component::read(&file).map_err(anyhow::Error::msg).with_context(|| file.display().to_string())?);
    let folder = PluginFolder::read(&plugins.unwrap_or_else(|| city.join("plugins")))?.with_choices(&versions, &choices);
    let folder = folder.with_candidate(component.clone(), &connectors);
    let loaded = config::load(&city, &folder).map_err(|report| anyhow::anyhow!("{}", report.render(config::locale())))?;

    let (city, facts) = (&loaded.city, &component.facts);
    let about = &facts.manifest.plugin;
    let using: Vec<_> = city.connectors.iter().filter(|(_, config)| config.plugin == about.name).map(|(id, _)| id.clone()).collect();
    let connectors = plugins::select(&about.name, &using, &connectors, all)?;
    plugins::may_be_installed(city, facts, component.signed.as_ref())?;
    let channels = channels(city, &loaded.schemas);
    let mut differences = Differences::new(facts);
    for id in &connectors {
        let (Some(config), Some(Ok(old))) = (city.connectors.get(id), folder.without_candidate(id, &about.name)) else { continue };
        differences.add(id, config, &channels, &old.facts);
    }
    let changes = differences.told()?;

    let compiler = Some(PathBuf::from(OWN_PROGRAM));
    let engine = Engine::new(EngineOptions { compiler, ..EngineOptions::new(data.join("cache/plugins")) })?;
    engine.load(component.bytes.clone()).await?;
    let hash = versions.keep(&component.bytes, component.signed.as_ref())?;
    let signed_by = component.signed_by();
    let chosen = Choice::of(facts, signed_by.clone(), Some(clock::now()), BY, INSTALLED);
    for id in &connectors {
        let replaced = match folder.without_candidate(id, &about.name) {
            Some(Ok(old)) if old.hash() == hash => continue,
            Some(Ok(old)) => {
                versions.keep(&old.bytes, old.signed.as_ref())?;
                Some(Choice::of(&old.facts, old.signed_by(), None, BY, FROM_FOLDER))
            }
            _ => None,
        };
        choices.push(id, replaced, chosen.clone());
    }
    versions.choose(&choices)?;
    store.close().await?;
    let (plugin, version) = (about.name.clone(), about.version.clone());
    Ok(Installed { plugin, version, sha256: hash.to_string(), signed_by, connectors, changes })
}

/// Lets connectors run what they ran before, from the next start on.
///
/// # Errors
/// A hub runs there, or there is nothing before.
pub async fn roll_back(data: PathBuf, wanted: Rollback) -> anyhow::Result<Vec<RolledBack>> {
    let store = Store::open(store::Options::new(&data)).await?;
    let versions = Versions::of(&data)?;
    let mut choices = versions.choices()?;
    let plugin = PluginName::new(&wanted.name).ok();
    let of_name = |id: &ConnectorId, running: &Choice| id.as_str() == wanted.name || plugin.as_ref() == Some(&running.plugin);
    let meant: Vec<_> =
        choices.iter().filter(|(id, all)| all.last().is_some_and(|running| of_name(id, running))).map(|(id, _)| id.clone()).collect();
    let mut back = Vec::new();
    for connector in meant {
        let Some(left) = choices.pop(&connector, BY, &wanted.reason, clock::now()) else { continue };
        let to = choices.of(&connector, &left.plugin).map(|choice| choice.version.clone()).unwrap_or_default();
        back.push(RolledBack { connector, from: left.version, to, lacks: Vec::new() });
    }
    if back.is_empty() {
        bail!("`{}` has no version before the one that was chosen: `lienthong plugin list` shows them", wanted.name);
    }
    versions.choose(&choices)?;
    store.close().await?;
    Ok(back)
}
