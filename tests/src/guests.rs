//! Plugins of the trials' own, made of the texts under `tests/plugins`.

use std::path::Path;

#[path = "../plugins/component.rs"]
mod component;

/// A receiver that emits what it is sent to its port `out` and replies with the moment and the message.
pub const ACKNOWLEDGE: &str = "acknowledge";

const MANIFEST: &str = r#"[plugin]
name = "acknowledge"
version = "0.1.0"
vendor = "Tests"
license = "Apache-2.0"
description = "Emits what it is sent, and says so."
interfaces = ["receiver"]
[ports.out]
schema = "trial/posts.v1"
"#;

/// Puts it into a folder of plugins.
pub fn write_acknowledge(folder: &Path) {
    let text = component::receiver(include_str!("../plugins/acknowledge.wat"));
    let bare = component::component(&text, "lienthong:connector/receiver-plugin");
    let whole = component::with_manifest(bare, "lienthong:plugin.toml", MANIFEST);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("acknowledge.wasm"), whole))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}
