//! From what a compiler gives to a component that says what it is.

use std::borrow::Cow;

use lienthong_core::manifest::{Interface, Manifest, SECTION};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wasmparser::{Parser, Payload};

use super::Error;

const INTERFACES: [Interface; 4] = [Interface::Source, Interface::Receiver, Interface::Transform, Interface::Sink];

/// Makes a component of the core module that Rust's compiler gives.
pub(super) fn wrap(module: &[u8], manifest: &Manifest) -> Result<Vec<u8>, Error> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| Error::Component { name: manifest.plugin.name.clone(), message: format!("the module is no component: {e:#}") })
}

/// Checks that the component exports what its manifest says, and adds the manifest and the standard fields.
pub(super) fn describe(component: Vec<u8>, manifest: &Manifest, manifest_text: &str) -> Result<Vec<u8>, Error> {
    let about = &manifest.plugin;
    let fail = |message: String| Error::Component { name: about.name.clone(), message };
    let exported = exports(&component).map_err(|e| fail(e.to_string()))?;
    for interface in INTERFACES {
        let is = exported.iter().any(|name| is_interface(name, interface));
        let name = interface.as_str();
        match (is, manifest.exports(interface)) {
            (true, false) => return Err(fail(format!("the code exports `{name}`, plugin.toml does not say so: add it to `interfaces`"))),
            (false, true) => {
                return Err(fail(format!(
                    "plugin.toml says `{name}`, the code does not export it: add `lienthong_sdk::export_{name}!(…)`"
                )));
            }
            _ => {}
        }
    }

    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(about.name.to_string());
    metadata.processed_by = vec![("lienthong".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut component = metadata.to_wasm(&component).map_err(|e| fail(format!("its metadata cannot be written: {e:#}")))?;
    // The standard annotations are custom sections of these names that hold the text itself.
    let annotations = [
        ("version", about.version.as_str()),
        ("description", &about.description),
        ("licenses", &about.license),
        ("authors", &about.vendor),
        (SECTION, manifest_text),
    ];
    for (name, text) in annotations {
        CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(text.as_bytes()) }.append_to_component(&mut component);
    }
    Ok(component)
}

/// Whether an export is one of our interfaces, of any version.
fn is_interface(export: &str, interface: Interface) -> bool {
    let unversioned = export.split('@').next().unwrap_or(export);
    unversioned.strip_prefix("lienthong:connector/") == Some(interface.as_str())
}

/// The names of the outermost component's exports.
fn exports(component: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    let mut names = Vec::new();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_known_by_name_whatever_their_version() {
        assert!(is_interface("lienthong:connector/source@1.3.0", Interface::Source));
        assert!(!is_interface("lienthong:connector/source@1.3.0", Interface::Sink));
        assert!(!is_interface("wasi:http/source@1.0.0", Interface::Source));
    }

    #[test]
    fn bytes_that_are_no_module_are_refused_by_name() {
        let text = "[plugin]\nname = \"a-b\"\nversion = \"1.0.0\"\nvendor = \"v\"\nlicense = \"ISC\"\ndescription = \"d\"\ninterfaces = [\"sink\"]\n";
        let manifest = Manifest::parse(text).unwrap();
        let error = wrap(b"\0asm", &manifest).unwrap_err().to_string();
        assert!(error.starts_with("a-b: the module is no component"), "{error}");
    }
}
