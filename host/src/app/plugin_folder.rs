//! The components that connectors may run: those of a folder, and the versions that were chosen instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ConnectorId, PluginName};

use crate::config::{self, PluginFacts};
use crate::ops::plugins;
use crate::ops::plugins::trust::Signed;
use crate::ops::plugins::versions::{Choice, Choices, Versions};
use crate::wasm::{Facts, component};

/// The components of a folder, read without running them.
pub struct PluginFolder {
    folder: PathBuf,
    exists: bool,
    components: BTreeMap<PluginName, Arc<Component>>,
    /// What connectors run in place of the folder's, or why that cannot be had.
    chosen: BTreeMap<ConnectorId, Result<Arc<Component>, String>>,
    /// What is about to be chosen, and for whom; an empty list is everyone.
    candidate: Option<(Arc<Component>, Vec<ConnectorId>)>,
    /// Files that hold no plugin that could be used, and why.
    faults: Vec<(PathBuf, String)>,
}

/// One of them.
pub(super) struct Component {
    path: PathBuf,
    pub(super) bytes: Arc<[u8]>,
    pub(super) facts: Facts,
    pub(super) signed: Option<Signed>,
}

impl PluginFolder {
    /// Reads every `*.wasm`. A missing folder holds none; a file that cannot be used is kept for the report.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let (components, chosen, faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut found = Self { folder: folder.to_owned(), exists: true, components, chosen, candidate: None, faults };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self { exists: false, ..found }),
            Err(error) => return Err(error).with_context(|| format!("the plugins' folder {}", folder.display())),
        };
        let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        paths.sort();
        for path in paths {
            match Component::read(&path) {
                Ok(component) => match found.components.get(component.name()) {
                    Some(first) => {
                        let (name, first) = (component.name(), first.path.display());
                        found.faults.push((path, format!("{first} holds the plugin {name} already: keep one")));
                    }
                    None => drop(found.components.insert(component.name().clone(), Arc::new(component))),
                },
                Err(why) => found.faults.push((path, why)),
            }
        }
        Ok(found)
    }

    /// With the versions that connectors run in place of the folder's.
    pub fn with_choices(mut self, versions: &Versions, choices: &Choices) -> Self {
        let mut read = BTreeMap::<&str, Result<Arc<Component>, String>>::new();
        for (connector, choice) in choices.iter().filter_map(|(connector, all)| Some((connector, all.last()?))) {
            let component = read.entry(&choice.sha256).or_insert_with(|| Component::chosen(versions, choice).map(Arc::new));
            self.chosen.insert(connector.clone(), component.clone());
        }
        self
    }

    /// With one that is about to be chosen: for these connectors, or for all that use it.
    pub(super) fn with_candidate(mut self, component: Arc<Component>, connectors: &[ConnectorId]) -> Self {
        self.candidate = Some((component, connectors.to_vec()));
        self
    }

    /// What a connector ran without the candidate.
    pub(super) fn without_candidate(&self, connector: &ConnectorId, plugin: &PluginName) -> Option<Result<&Arc<Component>, &String>> {
        // Another plugin was named since.
        let chosen = self.chosen.get(connector).filter(|chosen| chosen.as_ref().map_or(true, |c| c.name() == plugin));
        chosen.map(Result::as_ref).or_else(|| self.components.get(plugin).map(Ok))
    }

    /// What a connector runs, or why not; none where there is no such plugin.
    pub(super) fn component(&self, connector: &ConnectorId, plugin: &PluginName) -> Option<Result<&Arc<Component>, &String>> {
        match &self.candidate {
            Some((component, only)) if component.name() == plugin && (only.is_empty() || only.contains(connector)) => Some(Ok(component)),
            _ => self.without_candidate(connector, plugin),
        }
    }

    /// The folder's own.
    pub(super) fn of_folder(&self, plugin: &PluginName) -> Option<&Arc<Component>> {
        self.components.get(plugin)
    }

    /// The folder's components by their hash.
    pub(super) fn into_components(self) -> BTreeMap<ContentHash, plugins::Component> {
        let kept = |component: Arc<Component>| {
            let (bytes, signed) = (component.bytes.clone(), component.signed.clone());
            (component.hash(), plugins::Component { bytes, signed })
        };
        self.components.into_values().map(kept).collect()
    }
}

impl Component {
    /// Reads a file and the signature beside it.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let signed = Signed::beside(path, &bytes).map_err(|error| error.to_string())?;
        Self::of(path, bytes, signed)
    }

    fn chosen(versions: &Versions, choice: &Choice) -> Result<Self, String> {
        let again = "install it again, or `lienthong plugin rollback`";
        let hash = choice.hash().ok_or_else(|| format!("`{}` is no hash: {again}", choice.sha256))?;
        let gone = || format!("the component of {} {} is gone from the data folder: {again}", choice.plugin, choice.version);
        let kept = versions.component(&hash).map_err(|error| error.to_string())?.ok_or_else(gone)?;
        Self::of(Path::new(&choice.sha256), kept.bytes, kept.signed)
    }

    fn of(path: &Path, bytes: Vec<u8>, signed: Option<Signed>) -> Result<Self, String> {
        let facts = component::inspect(&bytes).map_err(|error| error.to_string())?;
        Ok(Self { path: path.to_owned(), bytes: bytes.into(), facts, signed })
    }

    pub(super) fn hash(&self) -> ContentHash {
        ContentHash::new(self.facts.sha256)
    }

    pub(super) fn name(&self) -> &PluginName {
        &self.facts.manifest.plugin.name
    }

    pub(super) fn signed_by(&self) -> Option<String> {
        self.signed.as_ref().map(|signed| signed.key.to_string())
    }

    fn known(&self) -> PluginFacts<'_> {
        let signed_by = self.signed.as_ref().map(|signed| signed.key);
        PluginFacts { manifest: &self.facts.manifest, imports_http: self.facts.imports_http(), signed_by }
    }
}

impl config::Plugins for PluginFolder {
    fn find(&self, name: &PluginName) -> Option<PluginFacts<'_>> {
        self.components.get(name).map(|component| component.known())
    }

    fn find_for(&self, connector: &ConnectorId, name: &PluginName) -> Option<PluginFacts<'_>> {
        match self.component(connector, name) {
            Some(Ok(component)) => Some(component.known()),
            _ => self.find(name),
        }
    }

    fn names(&self) -> Vec<PluginName> {
        self.components.keys().cloned().collect()
    }

    fn folder(&self) -> (String, bool) {
        (self.folder.display().to_string(), self.exists)
    }

    fn faults(&self) -> &[(PathBuf, String)] {
        &self.faults
    }
}
