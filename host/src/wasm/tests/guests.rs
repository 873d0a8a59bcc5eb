//! Components from the text under `tests/plugins`.

#[path = "../../../../tests/plugins/guest.rs"]
mod guest;

pub(super) use guest::{beside, component_of, manifest, module_of, with_manifest};

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
    "hoarder",
    "cursor",
    "attach",
    "attach-open",
    "attach-many",
    "attach-flood",
    "attach-hold",
    "handles",
);

/// A receiver: the prelude around the guest's `$main`.
pub(super) fn receiver(name: &str) -> Vec<u8> {
    let world = if matches!(name, "fetch" | "handles") { "lienthong:guests/fetch" } else { "lienthong:connector/receiver-plugin" };
    guest::receiver(source(name), world)
}

/// The text of the module that [`receiver`] makes a component of.
pub(super) fn receiver_text(name: &str) -> String {
    guest::receiver_text(source(name))
}

/// A guest that is a whole module.
pub(super) fn whole(name: &str, interface: &str) -> Vec<u8> {
    with_manifest(component(source(name), &format!("lienthong:connector/{interface}-plugin")), &manifest(interface))
}

/// A component without a manifest, from the text of a core module's fields.
pub(super) fn component(fields: &str, world: &str) -> Vec<u8> {
    component_of(fields, world, guest::CONNECTOR)
}
