//! The cities that the trials run on.

use std::net::SocketAddr;

use lienthong_tests::city::City;
use lienthong_tests::guest;
use lienthong_tests::ledger;

/// Air quality: the environment department writes and reads, health reads, the contractor writes, and two have no grant (any more).
pub fn air() -> City {
    City::new(&[
        ("city.yaml", CITY),
        ("air.yaml", AIR),
        ("schemas/air/readings.v1.json", READINGS),
        ("schemas/air/secrets.v1.json", READINGS),
    ])
}

const CITY: &str = r#"
title: Thành phố thử nghiệm
agencies:
  environment: { title: Phòng Tài nguyên và Môi trường }
  health: { title: Phòng Y tế }
  contractor: { title: Nhà thầu quan trắc }
  stranger: { title: Người lạ }
  former: { title: Đối tác cũ }
lake: { flush: { every: 1s, bytes: 4MiB } }
"#;

const AIR: &str = r#"
channels:
  air/readings:
    schema: air/readings.v1
    key: [/station]
    time: /at
  air/secrets:
    schema: air/secrets.v1
    key: [/station]
grants:
  - { agency: environment, channel: air/readings, access: [read, write], purpose: "giám sát" }
  - { agency: environment, channel: air/secrets, access: [read, write], purpose: "giám sát" }
  - { agency: health, channel: air/readings, purpose: "cảnh báo" }
  - { agency: contractor, channel: air/readings, access: [write], purpose: "quan trắc thuê" }
  - { agency: former, channel: air/readings, access: [read, write], purpose: "đã hết hạn", until: 2025-06-30 }
"#;

const READINGS: &str = r#"{
  "title": "Readings",
  "type": "object",
  "required": ["station", "value"],
  "additionalProperties": false,
  "properties": {
    "station": { "type": "string", "minLength": 1 },
    "value": { "type": "number", "minimum": -50, "maximum": 2000 },
    "unit": { "enum": ["ug/m3", "celsius"] },
    "at": { "type": "string", "format": "date-time" }
  }
}"#;

/// Two channels for clients that keep a ledger; `sender` writes, `reader` reads.
pub fn ledger() -> City {
    let schema = ledger::SCHEMA;
    City::new(&[("city.yaml", LEDGER), ("trial.yaml", TRIAL), ("schemas/trial/posts.v1.json", schema)])
}

/// The channels of [`ledger`].
pub fn ledger_channels() -> Vec<String> {
    ["trial/one", "trial/two"].map(str::to_owned).to_vec()
}

const LEDGER: &str = r#"
title: Sổ cái
agencies:
  sender: { title: Sender }
  reader: { title: Reader }
lake: { flush: { every: 200ms, bytes: 64KiB } }
"#;

const TRIAL: &str = r#"
channels:
  trial/one: { schema: trial/posts.v1, key: [/id] }
  trial/two: { schema: trial/posts.v1, key: [/id] }
grants:
  - { agency: sender, channel: trial/one, access: [write], purpose: "trial" }
  - { agency: sender, channel: trial/two, access: [write], purpose: "trial" }
  - { agency: reader, channel: trial/one, purpose: "trial" }
  - { agency: reader, channel: trial/two, purpose: "trial" }
"#;

/// A connector `trial/stream` with a port, written as `port` has it; its messages are records of `trial/one`, which `reader` reads.
pub fn stream(port: &str) -> City {
    let trial = STREAM.replace("PORT", port);
    City::new(&[("city.yaml", LEDGER), ("trial.yaml", &trial), ("schemas/tests/things.v1.json", ledger::SCHEMA)])
}

const STREAM: &str = r#"
connectors:
  trial/stream:
    plugin: test-guest
    agency: sender
    mllp: PORT
    limits: { message: 4MiB }
    emits: { out: trial/one }
channels:
  trial/one: { schema: tests/things.v1, key: [/id] }
grants:
  - { agency: sender, channel: trial/one, access: [write], purpose: "trial" }
  - { agency: reader, channel: trial/one, purpose: "trial" }
"#;

/// An archive that sends files, through a plugin of the tests; `reader` may read both channels.
pub fn archive() -> City {
    let city = City::new(&[("city.yaml", ARCHIVE), ("tests.yaml", SCANS), ("schemas/tests/things.v1.json", THINGS)]);
    let plugin = guest::receiver(include_str!("../../plugins/attach.wat"), "lienthong:connector/receiver-plugin");
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("test-guest.wasm"), plugin).unwrap();
    city
}

const ARCHIVE: &str = r#"
title: Kho lưu trữ
agencies:
  archive: { title: Kho lưu trữ }
  reader: { title: Phòng Nội vụ }
  stranger: { title: Người lạ }
"#;

const SCANS: &str = r#"
connectors:
  tests/scans:
    plugin: test-guest
    agency: archive
    webhook: {}
    limits: { attachments: 4MiB }
    emits: { out: tests/things }
channels:
  tests/things: { schema: tests/things.v1, key: [/sha256] }
  tests/others: { schema: tests/things.v1, key: [/sha256] }
grants:
  - { agency: archive, channel: tests/things, access: [write], purpose: "nộp lưu" }
  - { agency: reader, channel: tests/things, purpose: "tra cứu" }
  - { agency: reader, channel: tests/others, purpose: "tra cứu" }
"#;

const THINGS: &str = r#"{
  "title": "Things",
  "type": "object",
  "required": ["sha256"],
  "additionalProperties": false,
  "properties": { "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" } }
}"#;

/// Monitoring stations (an inbox and a webhook) and a timetable (an inbox, and a poll of `feed`).
pub fn connected(feed: SocketAddr) -> City {
    City::new(&[
        ("city.yaml", CONNECTED),
        ("environment.yaml", ENVIRONMENT),
        ("transport.yaml", &TRANSPORT.replace("FEED", &feed.to_string())),
    ])
}

const CONNECTED: &str = r#"
title: Thành phố kết nối
agencies:
  environment: { title: Phòng Tài nguyên và Môi trường }
  transport: { title: Phòng Giao thông }
  operations: { title: Trung tâm điều hành }
  stranger: { title: Người lạ }
  former: { title: Đối tác cũ }
lake: { flush: { every: 500ms, bytes: 1MiB } }
"#;

const ENVIRONMENT: &str = r#"
connectors:
  environment/stations:
    plugin: environment-tt10
    agency: environment
    inbox: { path: inbox/air, pattern: "*.txt", settle: 500ms }
    emits: { readings: environment/observations }
  environment/push:
    plugin: environment-tt10
    agency: environment
    webhook: {}
    emits: { readings: environment/observations }
  environment/former:
    plugin: environment-tt10
    agency: former
    webhook: {}
    emits: { readings: environment/observations }
  environment/former-files:
    plugin: environment-tt10
    agency: former
    inbox: { path: inbox/former, pattern: "*.txt" }
    emits: { readings: environment/observations }
channels:
  environment/observations: { schema: environment/observations.v1, key: [/station, /parameter, /observed_at], time: /observed_at }
  environment/copied: { schema: environment/observations.v1 }
routes:
  environment/copies: { from: environment/observations, agency: operations, to: [environment/copied] }
grants:
  - { agency: environment, channel: environment/observations, access: [write], purpose: "giám sát" }
  - { agency: operations, channel: environment/copied, access: [write], purpose: "sao chép" }
  - { agency: operations, channel: environment/observations, purpose: "điều hành" }
  - { agency: former, channel: environment/observations, access: [write], purpose: "đã hết hạn", until: 2025-06-30 }
"#;

const TRANSPORT: &str = r#"
x-ports: &ports { stops: transport/stops, routes: transport/routes, trips: transport/trips, stop-times: transport/stop-times }
connectors:
  transport/dropped: { plugin: transport-gtfs, agency: transport, inbox: { path: inbox/gtfs, pattern: "*.zip", settle: 500ms }, settings: { feed: dropped }, emits: *ports }
  transport/fetched:
    plugin: transport-gtfs
    agency: transport
    poll: { every: 1s }
    settings: { feed: fetched, url: "http://FEED/gtfs.zip" }
    egress: ["http://FEED"]
    emits: *ports
channels:
  transport/stops: { schema: transport/stops.v1, key: [/feed, /stop_id] }
  transport/routes: { schema: transport/routes.v1, key: [/feed, /route_id] }
  transport/trips: { schema: transport/trips.v1, key: [/feed, /trip_id] }
  transport/stop-times: { schema: transport/stop-times.v1, key: [/feed, /trip_id, /stop_sequence] }
grants:
  - { agency: transport, channel: transport/stops, access: [write], purpose: "giao thông" }
  - { agency: transport, channel: transport/routes, access: [write], purpose: "giao thông" }
  - { agency: transport, channel: transport/trips, access: [write], purpose: "giao thông" }
  - { agency: transport, channel: transport/stop-times, access: [write], purpose: "giao thông" }
  - { agency: operations, channel: transport/stops, purpose: "điều hành" }
  - { agency: operations, channel: transport/routes, purpose: "điều hành" }
  - { agency: operations, channel: transport/trips, purpose: "điều hành" }
  - { agency: operations, channel: transport/stop-times, purpose: "điều hành" }
"#;
