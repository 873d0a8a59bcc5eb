//! Components from the text under `tests/plugins`.

use lienthong_core::manifest::SECTION;

#[path = "../../../../tests/plugins/component.rs"]
mod component;

pub(super) use component::component;

const CONNECTOR: &str = include_str!("../../../../wit/connector.wit");
const WASI: &str = include_str!("../../../../tests/plugins/wit/wasi-http.wit");

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
    let text = component::receiver(source(name));
    let made = match name {
        "fetch" => component::component_of(&text, "lienthong:guests/fetch", &[("connector.wit", CONNECTOR), ("wasi-http.wit", WASI)]),
        _ => component(&text, "lienthong:connector/receiver-plugin"),
    };
    with_manifest(made, &manifest("receiver"))
}

/// A guest that is a whole module.
pub(super) fn whole(name: &str, interface: &str) -> Vec<u8> {
    with_manifest(component(source(name), &format!("lienthong:connector/{interface}-plugin")), &manifest(interface))
}

/// A component by another text of the connector package.
pub(super) fn component_of(fields: &str, world: &str, connector: &str) -> Vec<u8> {
    component::component_of(fields, world, &[("connector.wit", connector)])
}

pub(super) fn manifest(interface: &str) -> String {
    format!(
        "[plugin]\nname = \"test-guest\"\nversion = \"0.1.0\"\nvendor = \"Tests\"\nlicense = \"Apache-2.0\"\n\
         description = \"A guest of the tests.\"\ninterfaces = [\"{interface}\"]\n[ports.out]\nschema = \"tests/things.v1\"\n"
    )
}

pub(super) fn with_manifest(component: Vec<u8>, manifest: &str) -> Vec<u8> {
    component::with_manifest(component, SECTION, manifest)
}
