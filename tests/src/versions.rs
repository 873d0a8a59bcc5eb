//! Versions of a plugin that tell themselves apart, and signed files of them.

use std::path::{Path, PathBuf};

use crate::city::City;
use crate::guest::{self, CONNECTOR, PRELUDE};
use crate::program::{argument, run};

const WORLD: &str = "lienthong:connector/receiver-plugin";

/// Emits what it was sent, and replies with it.
pub const REPLIES: &str = include_str!("../plugins/acknowledge.wat");
/// Emits what it was sent, and leaves the answer to the hub.
pub const SILENT: &str = include_str!("../plugins/honest.wat");

/// A receiver `test-guest` of some version. Its manifest may say more, and begin with other words.
pub fn component(source: &str, version: &str, mend: impl FnOnce(String) -> String) -> Vec<u8> {
    let component = guest::component_of(&format!("{PRELUDE}\n{source}"), WORLD, CONNECTOR);
    guest::with_manifest(component, &mend(guest::manifest("receiver").replace("0.1.0", version)))
}

/// A source that looks at clocks, chance and a server.
pub fn senses(version: &str) -> Vec<u8> {
    let prelude = PRELUDE.replace("(export \"lienthong:connector/receiver@1.0.0#receive\")", "");
    let text = include_str!("../plugins/senses.wat").replace("PRELUDE", &prelude);
    let manifest = guest::manifest("source").replace("0.1.0", version)
        + "[settings]\ntype = \"object\"\n[settings.properties.at]\ntype = \"string\"\n[egress]\nhttp = true\n";
    guest::with_manifest(guest::component_of(&text, "lienthong:guests/senses", CONNECTOR), &manifest)
}

/// One that takes the compiler some seconds.
pub fn slow_to_compile(version: &str) -> Vec<u8> {
    let values: String = (0..400).map(|nth| format!("(local $v{nth} i64)")).collect();
    let products: String = (0..40_000)
        .map(|nth| {
            let (one, other, to) = (nth % 400, (nth * 7 + 1) % 400, (nth * 13 + 5) % 400);
            format!("(local.set $v{to} (i64.mul (local.get $v{one}) (local.get $v{other})))\n")
        })
        .collect();
    component(&format!("{SILENT}\n(func (export \"never-called\") {values}\n{products})"), version, |manifest| manifest)
}

/// A vendor with a key of its own.
pub struct Vendor {
    folder: PathBuf,
    /// Its public key.
    pub public: String,
}

impl Vendor {
    /// Makes a key through the command line.
    pub async fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let said = run(&["plugin", "key", "new", argument(&folder.join("vendor.key"))]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        Self { public: said.stdout.trim().to_owned(), folder }
    }

    /// A file with its signature beside it.
    pub async fn signed(&self, name: &str, component: &[u8]) -> PathBuf {
        let file = self.unsigned(name, component);
        let said = run(&["plugin", "sign", argument(&file), "--key", argument(&self.folder.join("vendor.key"))]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        file
    }

    /// A file alone.
    pub fn unsigned(&self, name: &str, component: &[u8]) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, component).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        file
    }
}

/// A city with one connector `trial/guest` of the plugin `test-guest`, into `trial/one`; `plugins` stands in its city.yaml, `connector`
/// among the connector's lines.
pub fn city(plugins: &str, connector: &str, component: &[u8]) -> City {
    let agencies = "title: Phiên bản\nagencies:\n  sender: { title: Sender }\n";
    let trial = format!(
        "connectors:\n  trial/guest:\n    plugin: test-guest\n    agency: sender\n    webhook: {{}}\n    emits: {{ out: trial/one }}\n{connector}\
         channels:\n  trial/one: {{ schema: tests/things.v1, key: [/id] }}\ngrants:\n  \
         - {{ agency: sender, channel: trial/one, access: [read, write], purpose: trial }}\n"
    );
    let files =
        [("city.yaml", &*format!("{agencies}{plugins}")), ("trial.yaml", &*trial), ("schemas/tests/things.v1.json", crate::ledger::SCHEMA)];
    let city = City::new(&files);
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("test-guest.wasm"), component))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    city
}
