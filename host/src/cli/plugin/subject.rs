//! The plugin that a command is about: a project, which is built first, or a component.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lienthong::config;
use lienthong::rehearsal::Rehearsal;
use lienthong::toolchain::{self, Options};
use lienthong_core::id::SchemaId;
use serde_json::Value;

use crate::cli::schema;

/// Where projects are built to, below their own folder.
const BUILT: &str = "built";

pub(super) struct Subject {
    /// The component.
    pub(super) bytes: Vec<u8>,
    /// The project's folder, or the one that the component lies in.
    pub(super) folder: PathBuf,
    /// Schemas of its ports that do not come with the hub: `schemas/` in that folder.
    own: BTreeMap<SchemaId, Value>,
}

impl Subject {
    /// Reads it. A project is built into its folder [`BUILT`], where the component is found for delivery, too.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| path.display().to_string())?;
        let (component, folder) = if path.is_dir() {
            let out = path.join(BUILT);
            let built = toolchain::build(&path, &out, &Options::default()).with_context(|| format!("plugin {}", path.display()))?;
            (built.path, path)
        } else {
            let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
            (path, folder)
        };
        let bytes = std::fs::read(&component).with_context(|| component.display().to_string())?;
        let own = config::own_schemas(&folder).iter().map(|(_, file)| schema::read(file)).collect::<anyhow::Result<_>>()?;
        Ok(Self { bytes, folder, own })
    }

    /// Makes it ready. The first time takes JavaScript and Python a minute, for they bring their language with them.
    pub(super) async fn rehearse(&self) -> anyhow::Result<Rehearsal> {
        Rehearsal::open(self.bytes.clone(), &self.own, &toolchain::cache_folder()?.join("machine-code")).await
    }
}
