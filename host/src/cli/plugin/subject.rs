//! The plugin that a command is about: a project, which is built first, or a component.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lienthong::config;
use lienthong::rehearsal::Rehearsal;
use lienthong::toolchain::{self, Options};
use lienthong_core::id::SchemaId;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cli::schema;

pub(super) struct Subject {
    /// The component.
    pub(super) bytes: Vec<u8>,
    /// The project's folder, or the one that the component lies in.
    pub(super) folder: PathBuf,
    /// Schemas of its ports that do not come with the hub: `schemas/` in that folder.
    own: BTreeMap<SchemaId, Value>,
}

impl Subject {
    /// Reads it. A project is built into the cache: what it is delivered as is made by `plugin build`.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| path.display().to_string())?;
        let (component, folder) = if path.is_dir() {
            let place: String = Sha256::digest(path.as_os_str().as_encoded_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let out = toolchain::cache_folder()?.join("built").join(place);
            (toolchain::build(&path, &out, &Options::default()).with_context(|| format!("plugin {}", path.display()))?.path, path)
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
