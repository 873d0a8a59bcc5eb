//! The city's files, read and checked as a whole: one [`City`], or every finding at once with its file, line and column.
//!
//! A city's folder holds `city.yaml` (title, agencies, listen, lake), one `<domain>.yaml` a domain (connectors, channels,
//! routes, grants) and `schemas/<domain>/<name>.v<N>.json` of its own. `check` needs no network and runs no plugin: manifests
//! are enough. Numbers in YAML are what JSON calls numbers; `007` stays a text.

#[cfg(any(test, fuzzing))]
pub mod bad_input;
mod city_file;
mod domain_file;
mod draft;
mod egress;
mod english;
mod files;
mod findings;
mod keys;
mod lake;
mod listening;
mod locale;
mod mllp;
mod node;
mod plugins;
mod problem;
mod quantity;
mod route;
mod routing;
mod schemas;
mod section;
mod settings;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod topology;
mod vietnamese;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lienthong_core::city::City;
use lienthong_core::id::{AgencyId, ConnectorId, PluginName, SchemaId};
use lienthong_core::manifest::Manifest;
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;

pub use files::{MAX_FILE_BYTES, MAX_FILES, own_schemas};
pub use findings::{Finding, Hint, Report, Severity, render};
pub use locale::locale;
pub use problem::{BucketFault, EgressFault, EndpointFault, Lang, Problem, SettingFault, Shape, SyntaxKind, Thing, Unit};
pub use schemas::built_in;
pub use settings::wrong_settings;
pub use suggest::nearest;
pub use yaml::{MAX_DEPTH, MAX_NODES};

use quantity::quantity;

use crate::toolchain::signing::PublicKey;

/// A city that may run.
pub struct Loaded {
    /// The whole city.
    pub city: City,
    /// The compiled schema of every channel, and no others.
    pub schemas: BTreeMap<SchemaId, Arc<ChannelSchema>>,
    /// What somebody should look at nevertheless, in the order of the files.
    pub warnings: Vec<Finding>,
}

/// The plugins that a connector may name. Read from components without running them.
pub trait Plugins {
    /// The plugin of this name.
    fn find(&self, name: &PluginName) -> Option<PluginFacts<'_>>;
    /// The one that a connector is to run, where that is another version than [`find`](Self::find) knows.
    fn find_for(&self, _connector: &ConnectorId, name: &PluginName) -> Option<PluginFacts<'_>> {
        self.find(name)
    }
    /// All names, for proposals.
    fn names(&self) -> Vec<PluginName>;
    /// Where they were looked for, and whether that folder is there.
    fn folder(&self) -> (String, bool);
    /// Files of that folder that hold no usable plugin, and why.
    fn faults(&self) -> &[(PathBuf, String)] {
        &[]
    }
}

/// What a check wants to know of a plugin.
#[derive(Debug, Clone, Copy)]
pub struct PluginFacts<'a> {
    /// What it says of itself.
    pub manifest: &'a Manifest,
    /// Its component imports functions of `wasi:http`.
    pub imports_http: bool,
    /// Whose signature over it was found and holds.
    pub signed_by: Option<PublicKey>,
}

/// Manifests by name, each with whether the component imports HTTP; nobody signed them.
impl Plugins for BTreeMap<PluginName, (Manifest, bool)> {
    fn find(&self, name: &PluginName) -> Option<PluginFacts<'_>> {
        self.get(name).map(|(manifest, imports_http)| PluginFacts { manifest, imports_http: *imports_http, signed_by: None })
    }

    fn names(&self) -> Vec<PluginName> {
        self.keys().cloned().collect()
    }

    fn folder(&self) -> (String, bool) {
        ("plugins".into(), true)
    }
}

/// Reads and checks the city in `dir`. Grants that have expired by the system's clock are warned of.
///
/// # Errors
/// Everything that is wrong, warnings included; nothing of the city may be used then.
pub fn load(dir: &Path, catalogue: &dyn Plugins) -> Result<Loaded, Report> {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    load_at(dir, catalogue, Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
}

/// [`load`] as of a given moment.
///
/// # Errors
/// As [`load`].
pub fn load_at(dir: &Path, catalogue: &dyn Plugins, now: Timestamp) -> Result<Loaded, Report> {
    let mut sources = source::Sources::default();
    let mut findings = findings::Findings::default();
    let mut draft = draft::Draft::default();

    // First in the order of findings.
    let city_file = match dir.join("city.yaml") {
        path if path.exists() => files::read(&path, "city.yaml".into(), &mut sources, &mut findings),
        _ => {
            let file = sources.add("city.yaml".into(), String::new());
            if dir.is_dir() {
                findings.syntax(source::Place::start(file), Problem::NoCityFile);
            }
            None
        }
    };
    let domains = match files::domain_files(dir, &mut sources, &mut findings) {
        Ok(domains) => domains,
        Err(error) => {
            let file = sources.add(".".into(), String::new());
            let problem = Problem::Folder { path: dir.display().to_string(), why: error.to_string() };
            findings.syntax(source::Place::start(file), problem);
            Vec::new()
        }
    };
    // Every file is parsed before any is read for meaning, so that a cut one is known to all.
    let city_root = city_file.map(|file| (file, yaml::read(file, &sources.get(file).text, &mut findings)));
    let mut roots = Vec::new();
    for domain in domains {
        let Some(file) = files::read(&domain.path, domain.name, &mut sources, &mut findings) else { continue };
        // A domain is written like an agency: one segment of an id.
        let named = AgencyId::new(&domain.stem).is_ok();
        if !named {
            findings.error(source::Place::start(file), Problem::FileName { stem: domain.stem.clone() });
        }
        roots.push((file, named.then_some(domain.stem), yaml::read(file, &sources.get(file).text, &mut findings)));
    }
    let mut schemas = schemas::Schemas::read(dir, &mut sources, &mut findings);

    if let Some((file, root)) = &city_root {
        city_file::read(dir, *file, root.as_ref(), &mut draft, &mut findings);
    }
    for (file, domain, root) in &roots {
        if let Some(root) = root {
            domain_file::read(dir, *file, domain.as_deref(), root, &mut draft, &mut findings);
        }
    }
    for (path, why) in catalogue.faults() {
        let file = sources.add(path.display().to_string(), String::new());
        findings.error(source::Place::start(file), Problem::BrokenPlugin { why: why.clone() });
    }
    let (compiled, routes) = topology::check(&draft, catalogue, &mut schemas, now, &sources, &mut findings);

    let failed = findings.has_errors();
    let city = draft.assemble();
    match city {
        Some(city) if !failed => Ok(Loaded { city: City { routes, ..city }, schemas: compiled, warnings: findings.finish(&sources) }),
        _ => {
            if !failed {
                let file = sources.add(".".into(), String::new());
                findings.error(source::Place::start(file), Problem::Incomplete);
            }
            Err(Report { findings: findings.finish(&sources) })
        }
    }
}
