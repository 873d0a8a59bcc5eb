//! Makes components of the texts beside this file. Not a module of one crate: the sandbox's tests and the harness of the
//! trials both include it.

use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding};

const CONNECTOR: &str = include_str!("../../wit/connector.wit");
const PRELUDE: &str = include_str!("prelude.wat");

/// The whole module of a receiver: the prelude around the guest's `$main`.
pub fn receiver(guest: &str) -> String {
    if guest.contains("PRELUDE") { guest.replace("PRELUDE", PRELUDE) } else { format!("{PRELUDE}\n{guest}") }
}

/// A component without a manifest, from the text of a core module's fields.
pub fn component(fields: &str, world: &str) -> Vec<u8> {
    component_of(fields, world, &[("connector.wit", CONNECTOR)])
}

/// The same, by other packages, `(name, text)`.
pub fn component_of(fields: &str, world: &str, packages: &[(&str, &str)]) -> Vec<u8> {
    let mut module = wat::parse_str(format!("(module {fields})")).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = wit_parser::Resolve::default();
    let packages: Vec<_> =
        packages.iter().map(|(name, text)| resolve.push_str(name, text).unwrap_or_else(|error| panic!("{error}"))).collect();
    let world = resolve.select_world(&packages, Some(world)).unwrap_or_else(|error| panic!("{error}"));
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap_or_else(|error| panic!("{error}"));
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).unwrap_or_else(|error| panic!("{error}"));
    encoder.encode().unwrap_or_else(|error| panic!("{error:?}"))
}

/// A component with its manifest in the custom section `section`.
pub fn with_manifest(mut component: Vec<u8>, section: &str, manifest: &str) -> Vec<u8> {
    CustomSection { name: section.into(), data: manifest.as_bytes().into() }.append_to_component(&mut component);
    component
}
