//! The components that were installed, found by their hash, and which of them each connector runs: `<data>/plugins`.
//!
//! A component is in place before anything names it, and the list of choices is replaced in one step. So whenever the power goes, a
//! start finds the old choice or the new one, whole. What no choice names is nobody's, and is removed once it is an hour old.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ConnectorId, PluginName};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::trust::{self, Signed};
use crate::disk::{self, Disk, Privacy};
use crate::wasm::Facts;

/// The folder, below the data folder.
const FOLDER: &str = "plugins";
const CHOICES: &str = "versions.json";
const COMPONENT: &str = "wasm";

/// Versions of one connector that are kept, the running one among them.
const KEPT: usize = 8;

/// Between putting a component into place and naming it.
const NOBODYS_AFTER: Duration = Duration::from_secs(3_600);

/// The folder.
pub struct Versions {
    root: PathBuf,
}

/// A component as it was kept.
pub struct Kept {
    /// Its bytes, whose hash is the one it was found by.
    pub bytes: Vec<u8>,
    /// Who signed it.
    pub signed: Option<Signed>,
}

/// A version that somebody chose for a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Choice {
    /// The plugin.
    #[schema(value_type = String)]
    pub plugin: PluginName,
    /// Its version, as its manifest says.
    pub version: String,
    /// SHA-256 of its component.
    pub sha256: String,
    /// The public key that signed it; null where nobody did.
    pub signed_by: Option<String>,
    /// Since when it is the choice; null for the one that lay in the folder of plugins before anything was installed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Who chose it: an operator's key, or `local` for the hub's own socket.
    pub by: String,
    /// Why: `installed`, or the reason of a rollback.
    pub why: String,
}

/// What each connector runs, and ran before: the last is the one that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices(BTreeMap<ConnectorId, Vec<Choice>>);

impl Versions {
    /// Those of a data folder. Nothing is made there before something is kept.
    pub fn of(data: &Path) -> io::Result<Self> {
        Ok(Self { root: std::path::absolute(data)?.join(FOLDER) })
    }

    /// Keeps a component and its signature. Nothing runs it until it is chosen.
    pub fn keep(&self, component: &[u8], signed: Option<&Signed>) -> io::Result<ContentHash> {
        let disk = self.open()?;
        let put = |path: &Path, bytes: &[u8]| {
            let (mut file, staged) = disk.stage()?;
            file.write_all(bytes)?;
            file.sync_all()?;
            disk.place(&staged, path, false)
        };
        let hash = ContentHash::new(Sha256::digest(component).into());
        let path = self.path(&hash);
        if let Some(signed) = signed {
            put(&trust::beside(&path), signed.to_string().as_bytes())?;
        }
        put(&path, component)?;
        Ok(hash)
    }

    fn open(&self) -> io::Result<Disk> {
        Disk::open(&self.root, Privacy::Own, NOBODYS_AFTER)
    }

    /// A component that was kept; none where there is none.
    ///
    /// # Errors
    /// It is damaged, or so is its signature.
    pub fn component(&self, hash: &ContentHash) -> io::Result<Option<Kept>> {
        let path = self.path(hash);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        if Sha256::digest(&bytes)[..] != hash.bytes()[..] {
            return Err(invalid(format!("{} is damaged: install the plugin again", path.display())));
        }
        let signed = Signed::beside(&path, &bytes).map_err(|error| invalid(error.to_string()))?;
        Ok(Some(Kept { bytes, signed }))
    }

    /// What each connector runs.
    pub fn choices(&self) -> io::Result<Choices> {
        let path = self.root.join(CHOICES);
        match std::fs::read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Choices::default()),
            bytes => serde_json::from_slice(&bytes?).map_err(|error| invalid(format!("{} is damaged: {error}", path.display()))),
        }
    }

    /// Makes these the choices, on the disk when this returns. One writer at a time.
    pub fn choose(&self, choices: &Choices) -> io::Result<()> {
        self.open()?;
        disk::replace(&self.root.join(CHOICES), &serde_json::to_vec_pretty(choices)?)
    }

    /// Removes what no choice names, but for what was put there within the hour.
    pub fn tidy(&self, choices: &Choices) -> io::Result<()> {
        let named: BTreeSet<&str> = choices.0.values().flatten().map(|choice| choice.sha256.as_str()).collect();
        let entries = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((hash, _)) = name.split_once(&format!(".{COMPONENT}")) else { continue };
            let old = entry.metadata()?.modified()?.elapsed().unwrap_or_default() >= NOBODYS_AFTER;
            if old && !named.contains(hash) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join(format!("{hash}.{COMPONENT}"))
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

impl Choice {
    /// A version as what somebody chose.
    pub fn of(facts: &Facts, signed_by: Option<String>, since: Option<Timestamp>, by: &str, why: &str) -> Self {
        let (about, sha256) = (&facts.manifest.plugin, facts.sha256_hex());
        let (plugin, version) = (about.name.clone(), about.version.clone());
        Self { plugin, version, sha256, signed_by, since, by: by.to_owned(), why: why.to_owned() }
    }

    /// [`Choice::sha256`] as what it is; none where somebody wrote something else.
    pub fn hash(&self) -> Option<ContentHash> {
        self.sha256.parse().ok()
    }
}

impl Choices {
    /// What a connector runs, if anything of this plugin was ever installed for it.
    pub fn of(&self, connector: &ConnectorId, plugin: &PluginName) -> Option<&Choice> {
        self.0.get(connector)?.last().filter(|choice| choice.plugin == *plugin)
    }

    /// What a rollback would take it to.
    pub fn before(&self, connector: &ConnectorId, plugin: &PluginName) -> Option<&Choice> {
        self.of(connector, plugin)?;
        self.0.get(connector)?.iter().rev().nth(1)
    }

    /// All versions of every connector, the running one last.
    pub fn iter(&self) -> impl Iterator<Item = (&ConnectorId, &[Choice])> {
        self.0.iter().map(|(connector, choices)| (connector, choices.as_slice()))
    }

    /// A connector runs this from now on; `replaced` is what it ran before anything was installed for it.
    pub fn push(&mut self, connector: &ConnectorId, replaced: Option<Choice>, chosen: Choice) {
        let versions = self.0.entry(connector.clone()).or_default();
        // The connector was given another plugin since: nobody wants to go back to the one before.
        if versions.last().is_none_or(|last| last.plugin != chosen.plugin) {
            versions.clear();
            versions.extend(replaced);
        }
        versions.push(chosen);
        versions.drain(..versions.len().saturating_sub(KEPT));
    }

    /// A connector runs again what it ran before. Answers what it leaves; none where there is nothing before it.
    pub fn pop(&mut self, connector: &ConnectorId, by: &str, why: &str, now: Timestamp) -> Option<Choice> {
        let versions = self.0.get_mut(connector).filter(|versions| versions.len() > 1)?;
        let left = versions.pop()?;
        let back = versions.last_mut()?;
        (back.since, back.by, back.why) = (Some(now), by.to_owned(), why.to_owned());
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PluginName {
        PluginName::new(name).unwrap()
    }

    fn choice(version: &str) -> Choice {
        let plugin = plugin("x");
        let (sha256, by, why) = ("0".repeat(64), "local".into(), "installed".into());
        Choice { plugin, version: version.into(), sha256, signed_by: None, since: None, by, why }
    }

    #[test]
    fn a_component_is_found_by_its_hash_and_told_when_it_is_damaged() {
        let data = tempfile::tempdir().unwrap();
        let versions = Versions::of(data.path()).unwrap();
        let hash = versions.keep(b"component", None).unwrap();
        assert_eq!(versions.component(&hash).unwrap().unwrap().bytes, b"component");
        assert!(versions.component(&ContentHash::new([0; 32])).unwrap().is_none());
        // Nothing names it yet, but somebody may be about to.
        versions.tidy(&Choices::default()).unwrap();
        std::fs::write(versions.path(&hash), b"composition").unwrap();
        assert!(versions.component(&hash).err().unwrap().to_string().contains("is damaged"));
    }

    #[test]
    fn choices_are_a_stack_that_does_not_grow_for_ever() {
        let data = tempfile::tempdir().unwrap();
        let versions = Versions::of(data.path()).unwrap();
        let (connector, mut choices) = (ConnectorId::new("a/b").unwrap(), versions.choices().unwrap());
        for nth in 1..20 {
            choices.push(&connector, Some(choice("0")), choice(&nth.to_string()));
        }
        versions.choose(&choices).unwrap();
        let mut choices = Versions::of(data.path()).unwrap().choices().unwrap();
        let version = |choice: Option<&Choice>| choice.map(|choice| choice.version.clone());
        assert_eq!((version(choices.of(&connector, &plugin("x"))), version(choices.before(&connector, &plugin("x")))), (Some("19".into()), Some("18".into())));
        let mut left = Vec::new();
        while let Some(choice) = choices.pop(&connector, "local", "it broke", Timestamp::from_micros(7)) {
            left.push(choice.version);
        }
        assert_eq!(left.len(), KEPT - 1);
        let stays = choices.of(&connector, &plugin("x")).unwrap();
        assert_eq!((stays.version.as_str(), stays.why.as_str()), ("12", "it broke"));

        // Another plugin begins anew.
        assert_eq!(choices.of(&connector, &plugin("y")), None);
        choices.push(&connector, None, Choice { plugin: plugin("y"), ..choice("1") });
        assert_eq!((version(choices.of(&connector, &plugin("y"))), choices.before(&connector, &plugin("y"))), (Some("1".into()), None));
    }
}
