//! The WIT world of one plugin, as the tools of JavaScript and Python read it: what its interfaces may import and must export.

use std::fs;
use std::path::Path;

use lienthong_core::manifest::Manifest;

use super::Error;

/// What the world is called.
pub(super) const WORLD: &str = "plugin";

const CONTRACT: &str = include_str!("../../../wit/connector.wit");
const WASI_HTTP: &str = include_str!("wit/wasi-http.wit");
/// All that decides what is built, for the fingerprint.
pub(super) const PINNED: [&str; 2] = [CONTRACT, WASI_HTTP];

/// Whether the world names `wasi:http`. Rust and JavaScript bring it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http {
    Named,
    Left,
}

/// Writes the world and the contract to a folder.
pub(super) fn write(folder: &Path, manifest: &Manifest, http: Http) -> Result<(), Error> {
    let dependency = folder.join("deps/connector");
    fs::create_dir_all(&dependency).map_err(Error::io(&dependency))?;
    for (path, text) in [(folder.join("world.wit"), text(manifest, http)), (dependency.join("connector.wit"), CONTRACT.to_owned())] {
        fs::write(&path, text).map_err(Error::io(&path))?;
    }
    Ok(())
}

fn text(manifest: &Manifest, http: Http) -> String {
    let mut world = format!("package lienthong:build;\n\nworld {WORLD} {{\n");
    for interface in &manifest.plugin.interfaces {
        world.push_str(&format!("  include lienthong:connector/{}-plugin@1.0.0;\n", interface.as_str()));
    }
    if http == Http::Named {
        for interface in ["wasi:io/poll", "wasi:io/streams", "wasi:http/types", "wasi:http/outgoing-handler"] {
            world.push_str(&format!("  import {interface}@0.2.0;\n"));
        }
    }
    world.push_str("}\n");
    if http == Http::Named {
        world.push('\n');
        world.push_str(WASI_HTTP);
    }
    world
}
