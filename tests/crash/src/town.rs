//! The city on which everything is tried: posts to two channels, files in an inbox whose output is large enough to be staged,
//! and scans that are attachments. `sender` writes, `reader` reads.

use std::path::PathBuf;

use lienthong_tests::city::City;
use lienthong_tests::{guest, ledger};

/// Channels that agencies post to.
pub const POSTS: [&str; 2] = ["trial/one", "trial/two"];
/// The channel of the inbox's records.
pub const LINES: &str = "trial/lines";
/// The channel of records that name attachments.
pub const SCANS: &str = "trial/scans";
/// Where scans are sent.
pub const SCANS_DOOR: &str = "/v1/connectors/trial/scans/messages";

const WORLD: &str = "lienthong:connector/receiver-plugin";

/// A new one.
pub fn new() -> City {
    let city = City::new(&[
        ("city.yaml", CITY),
        ("trial.yaml", TRIAL),
        ("schemas/trial/posts.v1.json", ledger::SCHEMA),
        ("schemas/trial/lines.v1.json", LINE),
        ("schemas/tests/things.v1.json", THING),
    ]);
    let scans = guest::receiver(include_str!("../../plugins/attach.wat"), WORLD);
    let text = format!("{}\n{}", guest::PRELUDE, include_str!("../../plugins/pass.wat"));
    let manifest = guest::manifest("receiver").replace("test-guest", "test-pass").replace("tests/things.v1", "trial/lines.v1");
    let files = guest::with_manifest(guest::component_of(&text, WORLD, guest::CONNECTOR), &manifest);
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("test-guest.wasm"), scans))
        .and_then(|()| std::fs::write(folder.join("test-pass.wasm"), files))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    city
}

/// Where files are dropped.
pub fn inbox(city: &City) -> PathBuf {
    city.data().join("inbox/lines")
}

const CITY: &str = r#"
title: Phòng thí nghiệm
agencies:
  sender: { title: Sender }
  reader: { title: Reader }
lake: { flush: { every: 200ms, bytes: 64KiB } }
disk: { keep_free: 8MiB, ballast: 1MiB }
"#;

const TRIAL: &str = r#"
connectors:
  trial/files:
    plugin: test-pass
    agency: sender
    inbox: { path: inbox/lines, pattern: "*.ndjson", settle: 100ms }
    emits: { out: trial/lines }
  trial/scans:
    plugin: test-guest
    agency: sender
    webhook: {}
    emits: { out: trial/scans }
channels:
  trial/one: { schema: trial/posts.v1, key: [/id] }
  trial/two: { schema: trial/posts.v1, key: [/id] }
  trial/lines: { schema: trial/lines.v1, key: [/id] }
  trial/scans: { schema: tests/things.v1, key: [/sha256] }
grants:
  - { agency: sender, channel: trial/one, access: [write], purpose: "trial" }
  - { agency: sender, channel: trial/two, access: [write], purpose: "trial" }
  - { agency: sender, channel: trial/lines, access: [write], purpose: "trial" }
  - { agency: sender, channel: trial/scans, access: [write], purpose: "trial" }
  - { agency: reader, channel: trial/one, purpose: "trial" }
  - { agency: reader, channel: trial/two, purpose: "trial" }
  - { agency: reader, channel: trial/lines, purpose: "trial" }
  - { agency: reader, channel: trial/scans, purpose: "trial" }
"#;

const LINE: &str = r#"{
  "title": "Lines",
  "type": "object",
  "required": ["id"],
  "additionalProperties": false,
  "properties": { "id": { "type": "string", "pattern": "^f[0-9]+-[0-9]+$" }, "pad": { "type": "string" } }
}"#;

/// A channel's schema as the hub has it.
pub fn schema(channel: &str) -> &'static str {
    match channel {
        LINES => LINE,
        SCANS => THING,
        _ => ledger::SCHEMA,
    }
}

const THING: &str = r#"{
  "title": "Things",
  "type": "object",
  "required": ["sha256"],
  "additionalProperties": false,
  "properties": { "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" } }
}"#;
