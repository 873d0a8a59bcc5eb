//! What can be known of a component without running it: its manifest, what it imports, what it exports, and whether this
//! hub can run it.

use std::collections::BTreeMap;

use lienthong_core::manifest::{self, Interface, Manifest, SECTION};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmparser::component_types::ComponentItem;
use wasmparser::{Encoding, Instance, Parser, Payload, Validator, WasmFeatures};

use super::contract::{self, Function, Shapes};

/// The largest component, bytes.
pub const MAX_SIZE: u64 = 64 << 20;

/// Core instances that one component may consist of: each takes a place of the pool.
const MAX_INSTANCES: u32 = super::engine::CORE_INSTANCES;

/// Why a file is no plugin that this hub can run. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More than [`MAX_SIZE`].
    #[error("the component has {size} bytes and may have {MAX_SIZE}: build it optimised and without debug information")]
    TooLarge {
        /// Its size, bytes.
        size: u64,
    },
    /// Not WebAssembly, or a feature that is off.
    #[error("the file is no component this hub accepts: {0}")]
    Invalid(String),
    /// A core module.
    #[error("the file is a core module, not a component: build it with `lienthong plugin build`, or wrap it with wit-component")]
    CoreModule,
    /// No custom section with `plugin.toml`.
    #[error("the component carries no manifest: build it with `lienthong plugin build`, which embeds plugin.toml")]
    NoManifest,
    /// The manifest contradicts itself.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// It was built for another contract than this hub's.
    #[error("the plugin {wanted}; {have}; {remedy}")]
    Mismatch {
        /// What it wants.
        wanted: String,
        /// What this hub has.
        have: String,
        /// What to do.
        remedy: String,
    },
    /// Manifest and exports differ.
    #[error("plugin.toml says `interfaces = [{said}]`, but the component exports [{exported}]: make them equal and build again")]
    Exports {
        /// In the manifest.
        said: String,
        /// In the component.
        exported: String,
    },
    /// A transform that is not pure.
    #[error(
        "a transform may import no function, but this one imports {0}: keep it pure, or build JavaScript and Python with WASI stubbed out"
    )]
    Impure(String),
    /// It is put together of too many parts.
    #[error("the component consists of {count} core instances and may have {MAX_INSTANCES}: build it as one module")]
    TooManyParts {
        /// How many there are.
        count: u32,
    },
    /// Valid, but the compiler refused it.
    #[error("the component cannot be made ready: {0}")]
    Compile(String),
    /// It fits the contract by name, and yet something that it imports has another form here.
    #[error("the plugin and this hub do not fit together: build it with the SDK and the tools of this hub's version ({0})")]
    Link(String),
    /// The hub's own fault.
    #[error("{0}")]
    Host(String),
}

/// One imported interface and the functions asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// `namespace:package/interface@version`
    pub name: String,
    /// Its functions; none where only types are shared.
    pub functions: Vec<String>,
}

/// What is known of a component.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its size, bytes.
    pub size: u64,
    /// What it imports, in order of names.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<Interface>,
}

impl Facts {
    /// Whether it can send HTTP requests at all.
    pub fn imports_http(&self) -> bool {
        self.imports.iter().any(|import| import.name.starts_with("wasi:http/outgoing-handler@"))
    }

    /// Imports no function: it can neither leak nor depend on anything but its arguments.
    pub fn is_pure(&self) -> bool {
        self.imports.iter().all(|import| import.functions.is_empty())
    }

    /// [`Facts::sha256`] in hexadecimal.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The WebAssembly that this hub accepts: what the engine is configured for, without 64-bit or several memories and threads.
pub(super) fn features() -> WasmFeatures {
    (WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL)
        - WasmFeatures::MEMORY64
        - WasmFeatures::MULTI_MEMORY
        - WasmFeatures::THREADS
}

/// What a component's bytes say, before anything is checked against this hub. Reading it means validating the whole
/// component, so it is kept beside the machine code.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Surface {
    manifest: Option<String>,
    /// Everything callable from either side, by the interface's name.
    imports: BTreeMap<String, Vec<Function>>,
    exports: BTreeMap<String, Vec<Function>>,
    core_instances: u32,
}

/// Reads and checks a component. Nothing of it is run. Takes time in proportion to its size: not for a thread that serves others.
pub fn inspect(bytes: &[u8]) -> Result<Facts, LoadError> {
    let sha256 = digest(bytes)?;
    Surface::read(bytes)?.check(sha256, bytes.len() as u64)
}

/// The SHA-256 of a component, if it is not too large to be one.
pub(super) fn digest(bytes: &[u8]) -> Result<[u8; 32], LoadError> {
    let size = bytes.len() as u64;
    if size > MAX_SIZE {
        return Err(LoadError::TooLarge { size });
    }
    Ok(Sha256::digest(bytes).into())
}

impl Surface {
    /// Holds it against what this hub offers.
    pub(super) fn check(&self, sha256: [u8; 32], size: u64) -> Result<Facts, LoadError> {
        let manifest = Manifest::parse(self.manifest.as_deref().ok_or(LoadError::NoManifest)?)?;
        for (name, functions) in &self.imports {
            contract::check_import(name, functions)?;
        }
        if self.core_instances > MAX_INSTANCES {
            return Err(LoadError::TooManyParts { count: self.core_instances });
        }
        let exports = check_exports(&self.exports, &manifest)?;
        let named = |functions: &[Function]| functions.iter().map(|(name, _)| name.clone()).collect();
        let imports = self.imports.iter().map(|(name, functions)| Import { name: name.clone(), functions: named(functions) }).collect();
        let facts = Facts { manifest, sha256, size, imports, exports };
        if facts.exports.contains(&Interface::Transform) && !facts.is_pure() {
            let named = facts.imports.iter().find_map(|import| Some(format!("{}#{}", import.name, import.functions.first()?)));
            return Err(LoadError::Impure(named.unwrap_or_default()));
        }
        Ok(facts)
    }

    /// Validates the component.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let invalid = |error: wasmparser::BinaryReaderError| LoadError::Invalid(error.to_string());
        if Parser::is_core_wasm(bytes) {
            return Err(LoadError::CoreModule);
        }
        if !Parser::is_component(bytes) {
            return Err(LoadError::Invalid("it does not begin as one".into()));
        }
        let types = Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
        let types = types.as_ref();
        let mut found = Self::default();
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        imports.push(import.map_err(invalid)?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        exports.push(export.map_err(invalid)?.name.name);
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        if matches!(instance.map_err(invalid)?, Instance::Instantiate { .. }) {
                            found.core_instances = found.core_instances.saturating_add(1);
                        }
                    }
                }
                Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                    let text = std::str::from_utf8(section.data()).map_err(|_| LoadError::Invalid("its manifest is not UTF-8".into()))?;
                    if found.manifest.replace(text.to_owned()).is_some() {
                        return Err(LoadError::Invalid("it carries two manifests".into()));
                    }
                }
                _ => {}
            }
        }
        let imports: Vec<_> = imports.into_iter().filter_map(|name| Some((name, types.component_item_for_import(name)?))).collect();
        let exports: Vec<_> = exports.into_iter().filter_map(|name| Some((name, types.component_item_for_export(name)?))).collect();
        let shapes = Shapes::new(types, imports.iter().chain(&exports).map(|(_, item)| *item));
        let functions = |(name, item): (&str, &ComponentItem)| (name.to_owned(), shapes.functions(name, item));
        found.imports = imports.into_iter().map(functions).collect();
        found.exports = exports.into_iter().map(functions).collect();
        Ok(found)
    }
}

fn check_exports(found: &BTreeMap<String, Vec<Function>>, manifest: &Manifest) -> Result<Vec<Interface>, LoadError> {
    let mut exports = Vec::new();
    for (name, functions) in found {
        exports.extend(contract::check_export(name, functions)?);
    }
    exports.sort_unstable();
    exports.dedup();
    let mut said = manifest.plugin.interfaces.clone();
    said.sort_unstable();
    said.dedup();
    if said != exports {
        let list = |all: &[Interface]| all.iter().map(|i| format!("\"{}\"", i.as_str())).collect::<Vec<_>>().join(", ");
        return Err(LoadError::Exports { said: list(&said), exported: list(&exports) });
    }
    Ok(exports)
}
