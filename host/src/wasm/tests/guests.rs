//! Components from the text under `tests/plugins`.

use lienthong_core::manifest::SECTION;
use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding};

const CONNECTOR: &str = include_str!("../../../../wit/connector.wit");
const WASI: &str = include_str!("../../../../tests/plugins/wit/wasi-http.wit");
const PRELUDE: &str = include_str!("../../../../tests/plugins/prelude.wat");

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        fn source(name: &str) -> &'static str {
            match name {
                $($name => include_str!(concat!("../../../../tests/plugins/", $name, ".wat")),)*
                other => panic!("no guest {other}"),
            }
        }
    };
}
sources!(
    "honest",
    "endless",
    "endless-start",
    "memory",
    "table",
    "stack",
    "panic",
    "host-calls",
    "log-flood",
    "output",
    "deaf",
    "bad-text",
    "wild-pointer",
    "wild-answer",
    "refuses",
    "wait",
    "fetch",
    "echo",
    "alias",
    "cursor",
);

/// A receiver: the prelude around the guest's `$main`.
pub(super) fn receiver(name: &str) -> Vec<u8> {
    let source = source(name);
    let text = if source.contains("PRELUDE") { source.replace("PRELUDE", PRELUDE) } else { format!("{PRELUDE}\n{source}") };
    let world = if name == "fetch" { "lienthong:guests/fetch" } else { "lienthong:connector/receiver-plugin" };
    with_manifest(component(&text, world), &manifest("receiver"))
}

/// A guest that is a whole module.
pub(super) fn whole(name: &str, interface: &str) -> Vec<u8> {
    with_manifest(component(source(name), &format!("lienthong:connector/{interface}-plugin")), &manifest(interface))
}

/// A component without a manifest, from the text of a core module's fields.
pub(super) fn component(fields: &str, world: &str) -> Vec<u8> {
    component_of(fields, world, CONNECTOR)
}

/// The same, by another text of the connector package.
pub(super) fn component_of(fields: &str, world: &str, connector: &str) -> Vec<u8> {
    let mut module = wat::parse_str(format!("(module {fields})")).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = wit_parser::Resolve::default();
    let mut packages = vec![resolve.push_str("connector.wit", connector).unwrap()];
    if world.starts_with("lienthong:guests") {
        packages.push(resolve.push_str("wasi-http.wit", WASI).unwrap());
    }
    let world = resolve.select_world(&packages, Some(world)).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap_or_else(|error| panic!("{error:?}"))
}

pub(super) fn manifest(interface: &str) -> String {
    format!(
        "[plugin]\nname = \"test-guest\"\nversion = \"0.1.0\"\nvendor = \"Tests\"\nlicense = \"Apache-2.0\"\n\
         description = \"A guest of the tests.\"\ninterfaces = [\"{interface}\"]\n[ports.out]\nschema = \"tests/things.v1\"\n"
    )
}

pub(super) fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    CustomSection { name: SECTION.into(), data: manifest.as_bytes().into() }.append_to_component(&mut component);
    component
}
