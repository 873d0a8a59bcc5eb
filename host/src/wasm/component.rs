//! What can be known of a component without running it: its manifest, what it imports, what it exports, and whether this
//! hub can run it.

use std::collections::BTreeMap;

use lienthong_core::manifest::{self, Interface, Manifest, SECTION};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

/// The largest component, bytes.
pub const MAX_SIZE: u64 = 64 << 20;

/// The interface package, and the version this hub offers.
const PACKAGE: &str = "lienthong:connector";
const VERSION: (u64, u64) = (1, 0);

/// What this hub offers of its own package: interface, functions.
const OFFERED: [(&str, &[&str]); 4] = [
    ("types", &[]),
    ("io", &["[method]attachment.write", "[method]blob.read", "[method]blob.size", "attach", "emit", "finish", "reject"]),
    ("config", &["settings"]),
    ("log", &["write"]),
];

/// What this hub offers of WASI 0.2, with an empty context: there is no file, no argument and no socket behind it.
const WASI: [&str; 29] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

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
    /// It wants what this hub has not.
    #[error("the plugin imports {wanted}; {have}; {remedy}")]
    Import {
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
    /// Valid, but the compiler or the linker refused it.
    #[error("the component cannot be made ready: {0}")]
    Compile(String),
    /// The hub's own fault.
    #[error("{0}")]
    Host(String),
}

/// One imported interface and the functions asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Surface {
    manifest: Option<String>,
    imports: Vec<Import>,
    exports: Vec<String>,
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
        for import in &self.imports {
            check_import(import)?;
        }
        let exports = check_exports(&self.exports, &manifest)?;
        let facts = Facts { manifest, sha256, size, imports: self.imports.clone(), exports };
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
        let mut manifest = None;
        let mut imports = BTreeMap::<String, Vec<String>>::new();
        let mut exports = Vec::new();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        let name = import.map_err(invalid)?.name.name;
                        let mut functions = Vec::new();
                        if let Some(item) = types.component_item_for_import(name) {
                            collect_functions(types, name, item, &mut functions);
                        }
                        imports.insert(name.to_owned(), functions);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        exports.push(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                    let text = std::str::from_utf8(section.data()).map_err(|_| LoadError::Invalid("its manifest is not UTF-8".into()))?;
                    if manifest.replace(text.to_owned()).is_some() {
                        return Err(LoadError::Invalid("it carries two manifests".into()));
                    }
                }
                _ => {}
            }
        }
        let imports = imports.into_iter().map(|(name, functions)| Import { name, functions }).collect();
        Ok(Self { manifest, imports, exports })
    }
}

/// Everything callable behind an import, by name. What is neither an interface nor a type counts as callable.
fn collect_functions(types: TypesRef<'_>, name: &str, item: &ComponentItem, found: &mut Vec<String>) {
    match item.ty {
        ComponentEntityType::Type { .. } => {}
        ComponentEntityType::Instance(id) => {
            for (name, item) in &types[id].exports {
                collect_functions(types, name, item, found);
            }
        }
        _ => found.push(name.to_owned()),
    }
}

/// `package/interface` and the version's major, minor, patch.
fn split_name(name: &str) -> Option<(&str, (u64, u64))> {
    let (path, version) = name.split_once('@')?;
    let mut parts = version.split('.');
    let mut next = || parts.next()?.parse().ok();
    let (major, minor, _patch): (u64, u64, u64) = (next()?, next()?, next()?);
    parts.next().is_none().then_some((path, (major, minor)))
}

fn check_import(import: &Import) -> Result<(), LoadError> {
    let have = format!("this hub has {PACKAGE}/{{types, io, config, log}}@{}.{} and WASI 0.2", VERSION.0, VERSION.1);
    let refused = |wanted: String, remedy: &str| Err(LoadError::Import { wanted, have: have.clone(), remedy: remedy.into() });
    let Some((path, (major, minor))) = split_name(&import.name) else {
        return refused(format!("`{}`", import.name), "import only these interfaces, with a released version");
    };
    let Some(interface) = path.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) else {
        let known = WASI.contains(&path);
        return match (major, minor) {
            (0, 2) if known => Ok(()),
            _ => refused(format!("`{}`", import.name), "build the plugin for WASI 0.2, or without what needs this"),
        };
    };
    if major != VERSION.0 {
        return refused(
            format!("`{}`", import.name),
            "build the plugin with the SDK of this hub's major version, or use a hub of that version",
        );
    }
    let Some((_, offered)) = OFFERED.iter().find(|(name, _)| *name == interface) else {
        return refused(format!("`{}`", import.name), "build with an SDK no newer than this hub");
    };
    match import.functions.iter().find(|function| !offered.contains(&function.as_str())) {
        Some(function) => refused(format!("`{function}` of `{}`", import.name), "build with an SDK no newer than this hub"),
        None => Ok(()),
    }
}

fn check_exports(names: &[String], manifest: &Manifest) -> Result<Vec<Interface>, LoadError> {
    const ALL: [Interface; 4] = [Interface::Source, Interface::Receiver, Interface::Transform, Interface::Sink];
    let mut exports = Vec::new();
    for name in names {
        let Some((path, (major, _))) = split_name(name) else { continue };
        let Some(interface) = path.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) else { continue };
        if major != VERSION.0 {
            return Err(LoadError::Import {
                wanted: format!("(by its export) `{name}`"),
                have: format!("this hub speaks {PACKAGE}@{}", VERSION.0),
                remedy: "build the plugin with the SDK of this hub's major version".into(),
            });
        }
        exports.extend(ALL.into_iter().find(|known| known.as_str() == interface));
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
