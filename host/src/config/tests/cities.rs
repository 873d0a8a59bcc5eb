//! Good and bad cities.

use std::time::Duration;

use lienthong_core::city::{Access, Begin, Bucket, Delivering, Fold, Inbox, LakePlace, Limits, Transport, Way};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, Port, RouteId};
use lienthong_core::time::Timestamp;
use proptest::prelude::*;

use super::super::source::{Place, Sources};
use super::super::{Lang, Problem, files, findings, yaml};
use super::{CITY, load, now, report};

const AIR: &str = r#"--- air.yaml
connectors:
  air/stations:
    plugin: station-text
    agency: air-office
    inbox: { path: ./inbox/air/, pattern: "*.txt" }
    settings: { province: LamDong }
    limits: { memory: 32MiB, time_per_call: 2s }
    emits: { readings: air/readings }
channels:
  air/readings:
    schema: air/readings.v1
    key: [/station, /observed_at]
    time: /observed_at
    retention: 5y
    on_invalid: quarantine
grants:
  - { agency: health, channel: air/readings, purpose: cảnh báo, until: 2027-12-31 }
  - { agency: air-office, channel: air/readings, access: [write], purpose: giám sát }
"#;

#[test]
fn a_good_city_becomes_what_its_files_say() {
    let loaded = load(AIR).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    let city = loaded.city;
    assert_eq!(city.title, "Bảo Lộc");
    assert_eq!(city.listen.address.to_string(), "127.0.0.1:8700");
    assert_eq!((city.lake.flush.every, city.lake.flush.bytes), (Duration::from_secs(5), 32 << 20));
    let connector = &city.connectors[&ConnectorId::new("air/stations").unwrap()];
    let settle = Duration::from_secs(10);
    assert_eq!(connector.transport, Transport::Inbox(Inbox { path: "inbox/air".into(), pattern: "*.txt".into(), settle, keep: None }));
    assert_eq!(connector.settings, serde_json::json!({ "province": "LamDong" }));
    assert_eq!(connector.limits.memory_bytes, 32 << 20);
    assert_eq!(connector.limits.cpu_per_call, Duration::from_secs(30));
    let channel = &city.channels[&ChannelId::new("air/readings").unwrap()];
    assert_eq!(channel.key, ["/station", "/observed_at"]);
    assert_eq!(loaded.schemas.keys().map(ToString::to_string).collect::<Vec<_>>(), ["air/readings.v1"]);

    // The last day counts whole, in Vietnam.
    let (agency, channel) = (AgencyId::new("health").unwrap(), ChannelId::new("air/readings").unwrap());
    assert_eq!(city.grants.of(&agency, &channel)[0].until, Timestamp::parse("2028-01-01T00:00:00+07:00"));
    let may = |access, now: &str| city.allows(&agency, &channel, access, Timestamp::parse(now).unwrap());
    let (read, write) = (Access { read: true, write: false }, Access { read: false, write: true });
    assert!(may(read, "2027-12-31T23:59:59+07:00"));
    assert!(!may(read, "2028-01-01T00:00:00+07:00"));
    assert!(!may(write, "2027-01-01T00:00:00+07:00"));
}

#[test]
fn anchors_aliases_and_merge_keys_stand_for_what_they_name() {
    let files = AIR.replace("    limits: {", "    limits: &limits {")
        + "x-more:\n  - *limits\n"
        + "--- bus.yaml\nx-common: &common { agency: health, plugin: station-text, settings: { province: HaNoi } }\n\
           connectors:\n  bus/one: { <<: *common, agency: air-office, webhook: , emits: { readings: air/readings } }\n";
    let loaded = load(&files).unwrap_or_else(|report| panic!("{report}"));
    let connector = &loaded.city.connectors[&ConnectorId::new("bus/one").unwrap()];
    assert_eq!((connector.agency.as_str(), connector.plugin.as_str()), ("air-office", "station-text"));
    assert_eq!(connector.transport, Transport::Webhook);
}

#[test]
fn an_mllp_port_becomes_what_is_written_and_what_is_usual() {
    let given = "mllp: { listen: 10.1.2.1:2575, tls: { certificate: tls/hub.pem, key: tls/hub.key, clients: tls/ca.pem }, peers: [10.1.2.0/24, 10.9.9.9], \
                 connections: 8, idle: 90s }";
    let files = "--- tls/hub.pem\n-----BEGIN CERTIFICATE-----\n--- tls/ca.pem\n-----BEGIN CERTIFICATE-----\n--- tls/hub.key\n-----BEGIN PRIVATE KEY-----\n";
    let port = |given: &str| {
        let files = AIR.replace("inbox: { path: ./inbox/air/, pattern: \"*.txt\" }", given) + files;
        let city = load(&files).unwrap_or_else(|report| panic!("{report}")).city;
        match city.connectors[&ConnectorId::new("air/stations").unwrap()].transport.clone() {
            Transport::Mllp(port) => port,
            other => panic!("{other:?}"),
        }
    };
    let full = port(given);
    assert_eq!((full.listen.to_string().as_str(), full.connections, full.idle), ("10.1.2.1:2575", 8, Duration::from_secs(90)));
    assert_eq!(full.peers.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.1.2.0/24", "10.9.9.9/32"]);
    let tls = full.tls.unwrap();
    assert!(tls.clients.unwrap().ends_with("tls/ca.pem") && tls.files.key.is_absolute());
    let least = port("mllp: { listen: '[::1]:2575' }");
    assert_eq!((least.tls, least.peers, least.connections, least.idle), (None, None, 64, Duration::from_secs(300)));
}

#[test]
fn the_lake_lies_where_the_city_says() {
    let lake = |given: &str| load(&format!("--- city.yaml\n{CITY}lake: {given}\n")).unwrap_or_else(|report| panic!("{report}")).city.lake;
    let bucket = |name: &str, prefix: &str, endpoint: Option<&str>, region: &str| {
        let (name, prefix, endpoint, region) = (name.to_owned(), prefix.to_owned(), endpoint.map(str::to_owned), region.to_owned());
        LakePlace::Bucket(Bucket { name, prefix, endpoint, region })
    };
    assert_eq!(lake("{ flush: { every: 1s } }").at, LakePlace::DataFolder);
    let own = lake("{ at: 's3://lake/cities/bao-loc/', endpoint: 'http://127.0.0.1:8333', flush: { every: 1s } }");
    assert_eq!(own.at, bucket("lake", "cities/bao-loc", Some("http://127.0.0.1:8333"), "us-east-1"));
    assert_eq!(own.flush.every, Duration::from_secs(1));
    assert_eq!(lake("{ at: 's3://lake', region: ap-southeast-1 }").at, bucket("lake", "", None, "ap-southeast-1"));
    let trusted = lake("{ at: 's3://lake', endpoint: 'http://10.0.0.5:9000', plain: true }");
    assert_eq!(trusted.at, bucket("lake", "", Some("http://10.0.0.5:9000"), "us-east-1"));
}

/// Three channels, a board, and grants for all that the routes below do.
const ROUTED: &str = r#"--- air.yaml
connectors:
  air/board:
    plugin: board-http
    agency: health
    deliver: { records: 20 }
    egress: ["https://board.vn"]
channels:
  air/readings: { schema: air/readings.v1 }
  air/index: { schema: air/readings.v1 }
  air/bad: { schema: air/readings.v1 }
grants:
  - { agency: air-office, channel: air/readings, access: [read, write], purpose: x }
  - { agency: air-office, channel: air/index, access: [read, write], purpose: x }
  - { agency: air-office, channel: air/bad, access: [read, write], purpose: x }
  - { agency: health, channel: air/index, purpose: x }
routes:
"#;

#[test]
fn routes_become_what_is_written_and_what_is_usual() {
    let routes = "  air/index: { from: air/readings, agency: air-office, transform: air-index, by: /station, every: 1h, to: [air/index, air/bad] }\n  \
        air/alarm: { from: air/index, begin: now, to: [air/board] }\n";
    let loaded = load(&format!("{ROUTED}{routes}")).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    let city = loaded.city;
    let channel = |name: &str| ChannelId::new(name).unwrap();
    let index = &city.routes[&RouteId::new("air/index").unwrap()];
    assert_eq!((&index.from, index.begin, &index.sinks), (&channel("air/readings"), Begin::First, &vec![]));
    let writing = index.writing.as_ref().unwrap();
    let to = [(Port::new("index").unwrap(), vec![channel("air/index"), channel("air/bad")])].into();
    let (by, every) = (Some("/station".to_owned()), Some(Duration::from_secs(3_600)));
    let fold = Fold { plugin: "air-index".parse().unwrap(), by, every, limits: Limits::default(), to };
    assert_eq!((writing.agency.as_str(), &writing.how), ("air-office", &Way::Fold(fold)));
    let alarm = &city.routes[&RouteId::new("air/alarm").unwrap()];
    let board = ConnectorId::new("air/board").unwrap();
    assert_eq!((alarm.begin, &alarm.writing, &alarm.sinks), (Begin::Now, &None, &vec![board.clone()]));
    assert_eq!(city.connectors[&board].transport, Transport::Deliver(Delivering { records: 20, attempts: 100 }));

    let split = "  air/split: { from: air/readings, agency: air-office, transform: air-split, limits: { memory: 8MiB }, to: { good: air/index, bad: [air/bad] } }\n  \
        air/copy: { from: air/index, agency: air-office, to: [air/bad, air/board] }\n";
    let city = load(&format!("{ROUTED}{split}")).unwrap_or_else(|report| panic!("{report}")).city;
    let Way::Fold(fold) = &city.routes[&RouteId::new("air/split").unwrap()].writing.as_ref().unwrap().how else { panic!("no fold") };
    assert_eq!((fold.limits.memory_bytes, fold.to.len()), (8 << 20, 2));
    let copy = &city.routes[&RouteId::new("air/copy").unwrap()];
    assert_eq!(copy.writing.as_ref().map(|writing| writing.how.clone()), Some(Way::Copy(vec![channel("air/bad")])));
    assert_eq!(copy.sinks, [board]);
}

#[test]
fn bad_routes_are_told_what_is_wrong() {
    let routes = [
        (
            "route_keys",
            "  air/a: { from: air/readings, agency: air-office, by: /station, every: 1h, to: [air/index] }\n  \
            air/b: { to: [air/index], where: '.value > 3' }\n  air/c: { from: air/readings, agency: air-office, begin: yesterday, to: [] }\n  \
            air/d: { from: air/readings, to: [air/index] }\n  air/e: { from: air/index, agency: health, to: [air/board] }\n  \
            bus/f: { from: air/readings, agency: air-office, transform: air-index, every: 10ms, to: { index: [] } }\n",
        ),
        (
            "route_targets",
            "  air/board: { from: air/readings, agency: air-office, to: [air/bad] }\n  \
            air/a: { from: air/reading, agency: air-ofice, to: [air/indexx] }\n  \
            air/b: { from: air/readings, agency: air-office, to: { index: air/index } }\n  \
            air/c: { from: air/readings, agency: air-office, transform: air-split, to: [air/index] }\n  \
            air/d: { from: air/readings, agency: air-office, transform: air-split, to: { god: air/index, bad: air/none } }\n  \
            air/e: { from: air/readings, agency: air-office, transform: board-http, to: [air/index] }\n  \
            air/f: { from: air/readings, agency: air-office, transform: air-indx, by: /statoin, to: [air/index] }\n  \
            air/g: { from: air/readings, agency: air-office, transform: air-index, to: [air/board] }\n",
        ),
        (
            "route_loops",
            "  air/a: { from: air/readings, agency: air-office, to: [air/index] }\n  \
            air/b: { from: air/index, agency: air-office, to: [air/bad] }\n  air/c: { from: air/bad, agency: air-office, to: [air/readings] }\n  \
            air/d: { from: air/bad, agency: air-office, transform: air-index, to: [air/bad] }\n",
        ),
        ("route_grants", "  air/a: { from: air/index, agency: health, to: [air/bad] }\n  air/b: { from: air/readings, to: [air/board] }\n"),
        ("route_unfed", "  air/a: { from: air/readings, agency: air-office, to: [air/index, air/bad] }\n"),
    ];
    for (name, routes) in routes {
        let files = format!("{ROUTED}{routes}");
        let (english, vietnamese) = (report(&files, Lang::En), report(&files, Lang::Vi));
        insta::assert_snapshot!(name, format!("{english}\n{}\n{vietnamese}", "=".repeat(80)));
    }
}

#[test]
fn tls_files_are_found_from_the_citys_folder_and_looked_into() {
    let city = |listen: &str| format!("--- city.yaml\n{CITY}listen:\n  address: 0.0.0.0:8700\n{listen}");
    let tls = city("  tls: { certificate: tls/hub.pem, key: tls/hub.key }\n");
    let (certificate, key) = ("--- tls/hub.pem\n-----BEGIN CERTIFICATE-----\n", "--- tls/hub.key\n-----BEGIN EC PRIVATE KEY-----\n");
    let loaded = load(&format!("{tls}{certificate}{key}")).unwrap_or_else(|report| panic!("{report}"));
    let files = loaded.city.listen.tls.unwrap();
    assert!(files.key.is_absolute() && files.key.ends_with("tls/hub.key"), "{files:?}");

    let bad = format!("{tls}--- tls/hub.key\n-----BEGIN CERTIFICATE-----\n");
    insta::assert_snapshot!("tls_files", report(&bad, Lang::En));

    assert!(load(&city("  behind_proxy: true\n")).is_ok());
}

/// Name and files of each bad city. Its report is read from its snapshot, in both languages.
const BAD: &[(&str, &str)] = &[
    ("empty_city", "--- city.yaml\n"),
    ("no_city", "--- city.yaml\n(absent)\n"),
    ("file_names", "--- Giao thông.yaml\nchannels: {}\n--- air.yml\nchannels: {}\n--- city/notes.txt\nx\n"),
    (
        "city_values",
        "--- city.yaml\ntitel: Bảo Lộc\nagencies:\n  Health: { title: Y tế }\n  air_office: { title: x }\n  empty:\n  wrong: Phòng Y tế\n\
         listen: { address: 'localhost:8700', behind_proxy: yes }\nlake: { flush: { every: 5 seconds, bytes: 32MB } }\n\
         channels: {}\noperators: []\n",
    ),
    (
        "lake",
        "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlake:\n  at: S3://lake\n  endpoint: https://s3.example.vn/lake\n  region: Việt Nam\n  \
         secret_access_key: hunter2\n  regoin: x\n",
    ),
    (
        "lake_secrets",
        "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlake:\n  at: s3://key:hunter2@lake/bao-loc\n  endpoint: https://key:hunter2@s3.example.vn\n",
    ),
    (
        "lake_plain",
        "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlake:\n  at: s3://Lake/bao-loc\n  endpoint: http://10.0.0.5:9000\n",
    ),
    ("lake_prefix", "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlake:\n  at: s3://lake/../other\n"),
    (
        "lake_without_bucket",
        "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlake:\n  endpoint: http://127.0.0.1:8333\n  plain: true\n",
    ),
    ("plain_http", "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\nlisten:\n  address: 0.0.0.0:8700\n"),
    ("syntax_tab", "--- air.yaml\nchannels:\n\tair/readings:\n\t\tschema: air/readings.v1\n"),
    ("syntax_bracket", "--- air.yaml\ngrants:\n  - { agency: health, channel: air/readings\n"),
    ("syntax_colon", "--- air.yaml\nchannels:\n  air/readings:\n    schema: air: readings\n"),
    (
        "syntax_quote",
        "--- air.yaml\nchannels:\n  \"air/a\": { schema: 'air/b.v1' } # it's fine\n  air/readings:\n    schema: \"it's\n    key: [/station]\ngrants: []\n",
    ),
    (
        "syntax_list",
        "--- air.yaml\nchannels:\n  air/readings: { schema: air/readings.v1, key: [/station /at] }\n  air/more: { schema: x } y\n",
    ),
    (
        // What came before the fault is still checked; what may have come after it is not missed.
        "syntax_keeps_the_rest",
        "--- air.yaml\nchannels:\n  air/readings:\n    schema: air/reading.v1\n  \"air/other: x\n\
         --- bus.yaml\ngrants:\n  - { agency: health, channel: air/other, purpose: x, unless: y }\n",
    ),
    (
        "yaml_beyond_what_is_meant",
        "--- air.yaml\nx-a: !secret x\nx-b: *nowhere\nx-c: { [a]: b }\nx-d: &d [ *d ]\nx-e: { <<: [a, b] }\n--- bus.yaml\nchannels: {}\n\
         ---\ngrants: []\n",
    ),
    (
        "keys",
        "--- air.yaml\nconnectors:\n  air/stations:\n    plugin: station-text\n    agency: air-office\n    webhook: {}\n    \
         setings: { province: A }\n    settings: { province: A }\n    limit: {}\n    emits: { readings: air/readings }\n    agency: health\n    \
         mqtt: { topic: x }\nchannels:\n  air/readings: { scheme: air/readings.v1, keys: [/station] }\n  air/readings: {}\nroutes: {}\ntests: []\n\
         title: A\n",
    ),
    (
        "shapes",
        "--- air.yaml\nconnectors:\n  - air/stations\nchannels:\n  air/readings: air/readings.v1\n  air/more: { schema: [a], key: /station, retention: 5 }\n\
         grants: { agency: health }\n",
    ),
    (
        "references",
        "--- air.yaml\nconnectors:\n  air/stations:\n    plugin: station-txt\n    agency: air-ofice\n    webhook: {}\n    emits: { readings: air/reading }\n  \
         air/two:\n    plugin: nothing-like-it\n    agency: police\n    webhook: {}\n    emits: { readings: bus/readings }\n\
         channels:\n  air/readings: { schema: air/reading.v1 }\ngrants:\n  - { agency: heath, channel: air/redings, purpose: x }\n",
    ),
    (
        "ports",
        "--- bus.yaml\nconnectors:\n  bus/feed:\n    plugin: bus-feed\n    agency: health\n    inbox: { path: inbox/bus }\n    \
         emits: { stop: bus/stops }\n  bus/other:\n    plugin: bus-feed\n    agency: health\n    poll: { every: 1m }\n    emits: { stops: air/readings, trips: bus/stops }\n\
         channels:\n  bus/stops: { schema: bus/stops.v1, key: [/stop_id] }\n\
         --- air.yaml\nchannels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "transports",
        "--- air.yaml\nconnectors:\n  air/none: { plugin: station-text, agency: health, settings: { province: A }, emits: { readings: air/readings } }\n  \
         air/two: { plugin: station-text, agency: health, webhook: {}, inbox: { path: a }, settings: { province: A }, emits: { readings: air/readings } }\n  \
         air/poll: { plugin: station-text, agency: health, poll: { every: 1ms }, settings: { province: A }, emits: { readings: air/readings } }\n  \
         air/fetch: { plugin: station-text, agency: health, poll: { every: 1m }, settings: { province: A }, emits: { readings: air/readings } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "mllp",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, agency: health, settings: { province: A }, emits: { readings: air/readings } }\nconnectors:\n  \
         air/a: { <<: *rest, mllp: }\n  air/b: { <<: *rest, mllp: { listen: 0.0.0.0:2575 } }\n  \
         air/c: { <<: *rest, mllp: { listen: 'hub:2575', idle: 100ms, connections: 0 } }\n  \
         air/d: { <<: *rest, mllp: { listen: 127.0.0.1:2575, plain: true, tls: { certificate: none.pem, client: x } } }\n  \
         air/e: { <<: *rest, mllp: { listen: 10.0.0.1:2580, plain: maybe, peers: [] } }\n  \
         air/f: { <<: *rest, mllp: { listen: 127.0.0.1:8700, peers: [10.1.2.3, 10.1.2.3/24, fd00::/8, hospital.vn, 10.0.0.0/33] } }\n  \
         air/g: { <<: *rest, mllp: { listen: 127.0.0.1:0, plain: true } }\n  air/h: { <<: *rest, mllp: { port: 2575 } }\n  \
         air/i: { <<: *rest, plugin: bus-feed, mllp: { listen: 127.0.0.1:0 } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "mllp_open_to_all",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, agency: health, settings: { province: A }, emits: { readings: air/readings } }\nconnectors:\n  \
         air/a: { <<: *rest, mllp: { listen: 0.0.0.0:2575, plain: true } }\n  \
         air/b: { <<: *rest, mllp: { listen: 0.0.0.0:2576, plain: true, peers: [10.1.2.0/24] } }\n  \
         air/c: { <<: *rest, mllp: { listen: 0.0.0.0:2577, tls: { certificate: hub.pem, key: hub.key } } }\n  \
         air/d: { <<: *rest, mllp: { listen: 0.0.0.0:2578, tls: { certificate: hub.pem, key: hub.key, clients: hub.pem } } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n\
         --- hub.pem\n-----BEGIN CERTIFICATE-----\n--- hub.key\n-----BEGIN PRIVATE KEY-----\n",
    ),
    (
        "mllp_ports",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, agency: health, settings: { province: A }, emits: { readings: air/readings } }\nconnectors:\n  \
         air/a: { <<: *rest, mllp: { listen: 127.0.0.1:2575 } }\n  air/b: { <<: *rest, mllp: { listen: 127.0.0.1:2575 } }\n  \
         air/c: { <<: *rest, mllp: { listen: 0.0.0.0:2575, plain: true, peers: [10.0.0.0/8] } }\n  \
         air/d: { <<: *rest, mllp: { listen: 127.0.0.2:2575 } }\n  air/e: { <<: *rest, mllp: { listen: 127.0.0.1:8700 } }\n  \
         air/f: { <<: *rest, mllp: { listen: 127.0.0.1:0 } }\n  air/g: { <<: *rest, mllp: { listen: 127.0.0.1:0 } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "inboxes",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, agency: health, settings: { province: A }, emits: { readings: air/readings } }\nconnectors:\n  \
         air/a: { <<: *rest, inbox: { path: inbox/air } }\n  air/b: { <<: *rest, inbox: { path: ./inbox/air/ } }\n  \
         air/c: { <<: *rest, inbox: { path: ../air } }\n  air/d: { <<: *rest, inbox: { path: lake/air } }\n  air/e: { <<: *rest, inbox: { path: / } }\n  \
         air/f: { <<: *rest, inbox: { path: f, pattern: '**/[a-z].txt' } }\n  air/g: { <<: *rest, inbox: { path: inbox/air/gtfs } }\n  \
         air/h: { <<: *rest, inbox: { path: inbox } }\n  air/i: { <<: *rest, inbox: { path: inbox-2 } }\n  air/j: { <<: *rest, inbox: { path: j, settle: 0s, keep: 30m } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "settings",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, agency: health, webhook: {}, emits: { readings: air/readings } }\nconnectors:\n  \
         air/a: { <<: *rest }\n  air/b:\n    <<: *rest\n    settings:\n      provinces: LamDong\n      separator: tabs\n      offset: -1\n  \
         air/c: { <<: *rest, settings: { province: 42 } }\n  air/d: { <<: *rest, settings: { province: lamdong } }\n  air/e: { <<: *rest, settings: [a] }\n  \
         air/f: { <<: *rest, plugin: sly, settings: {} }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "egress",
        "--- bus.yaml\nconnectors:\n  bus/feed:\n    plugin: bus-feed\n    agency: health\n    poll: { every: 1m }\n    egress:\n      - data.gov.vn\n      \
         - https://data.gov.vn/feed\n      - https://*.gov.vn\n      - http://data.gov.vn\n      - http://8.8.8.8:80\n      - http://10.0.0.5\n      \
         - https://u:p@data.gov.vn\n      - https://DATA.gov.vn\n      - https://data.gov.vn:99999\n    emits: { stops: bus/stops, trips: bus/trips }\n\
         channels:\n  bus/stops: { schema: bus/stops.v1 }\n  bus/trips: { schema: bus/trips.v1 }\n\
         --- schemas/bus/trips.v1.json\n{\"type\":\"object\"}\n",
    ),
    (
        "egress_url",
        "--- bus.yaml\nx-rest: &rest { plugin: bus-feed, agency: health, poll: { every: 1m }, emits: { stops: bus/stops, trips: bus/trips } }\nconnectors:\n  \
         bus/a: { <<: *rest, egress: ['https://data.gov.vn'], settings: { url: 'https://data.gov.vn/feed.zip' } }\n  \
         bus/b: { <<: *rest, egress: ['https://data.gov.vn'], settings: { url: 'https://dta.gov.vn/feed.zip' } }\n  \
         bus/c: { <<: *rest, egress: ['http://10.0.0.5:8080'], settings: { url: 'http://10.0.0.5/feed.zip' } }\n\
         channels:\n  bus/stops: { schema: bus/stops.v1 }\n  bus/trips: { schema: bus/trips.v1 }\ngrants:\n  \
         - { agency: health, channel: bus/stops, access: [read, write], purpose: x }\n  \
         - { agency: health, channel: bus/trips, access: [read, write], purpose: x }\n\
         --- schemas/bus/trips.v1.json\n{\"type\":\"object\"}\n",
    ),
    (
        "limits",
        "--- air.yaml\nconnectors:\n  air/a:\n    plugin: station-text\n    agency: health\n    webhook: {}\n    settings: { province: A }\n    \
         limits: { memory: 512KiB, time_per_call: 2h, cpu_per_call: 1, output: 64MB, log_lines: many, host_calls: 0 }\n    emits: { readings: air/readings }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x }\n",
    ),
    (
        "channels",
        "--- air.yaml\nchannels:\n  air/readings:\n    schema: air/readings.v1\n    key: [station, /statoin, /station/x, /a~b]\n    time: /value\n    \
         retention: 1m\n    on_invalid: drop\n  Air/x: { schema: air/readings }\n  bus/readings: { schema: air/readings.v1 }\n\
         --- bus.yaml\nchannels:\n  bus/readings: { schema: air/readings.v1 }\n",
    ),
    (
        "grants",
        "--- air.yaml\nchannels:\n  air/readings: { schema: air/readings.v1 }\n--- bus.yaml\nchannels:\n  bus/stops: { schema: bus/stops.v1 }\ngrants:\n  \
         - { agency: health, channel: bus/stops, access: [reed], purpose: x }\n  - { agency: health, channel: bus/stops, access: [], purpose: ' ' }\n  \
         - { agency: health, channel: bus/stops, until: 31/12/2027, purpose: x }\n  - { agency: health, channel: air/readings, purpose: x }\n  \
         - { agency: air-office, channel: bus/stops }\n  - health\n",
    ),
    (
        "warnings",
        "--- air.yaml\nconnectors:\n  air/a:\n    plugin: station-text\n    agency: health\n    webhook: {}\n    settings: { province: A }\n    \
         egress: ['https://data.gov.vn']\n    emits: { readings: air/readings }\nchannels:\n  air/readings: { schema: air/readings.v1, time: /station }\n  \
         air/silent: { schema: air/readings.v1 }\ngrants:\n  - { agency: health, channel: air/readings, access: [read, write], purpose: x, until: 2026-11-19 }\n  \
         - { agency: health, channel: air/silent, purpose: x, until: 2026-11-20 }\n  - { agency: health, channel: air/silent, purpose: x }\n",
    ),
    (
        "own_schemas",
        "--- schemas/air/broken.v1.json\n{ \"type\": \"object\",\n  \"properties\": { \"a\" }\n}\n--- schemas/air/remote.v1.json\n{\n  \"type\": \"object\",\n  \
         \"properties\": {\n    \"a\": { \"$ref\": \"https://example.com/a.json\" }\n  }\n}\n--- schemas/air/nothing.json\n{}\n\
         --- schemas/loose.v1.json\n{}\n--- schemas/air/column.v1.json\n{\n  \"type\": \"object\",\n  \"properties\": {\n    \"_offset\": {}\n  }\n}\n",
    ),
    (
        "schema_words",
        "--- schemas/air/words.v1.json\n{\n  \"type\": \"object\",\n  \"properties\": {\n    \
         \"maxLenght\": { \"type\": \"string\", \"maxLenght\": 5, \"x-personnal\": true, \"x-office\": \"own\" },\n    \
         \"b\": { \"nullable\": true }\n  }\n}\n",
    ),
    (
        // A grant to read, none at all, one that has expired; `air/fine` has one that stands.
        "writers",
        "--- air.yaml\nx-rest: &rest { plugin: station-text, webhook: {}, settings: { province: A } }\nconnectors:\n  \
         air/reads: { <<: *rest, agency: health, emits: { readings: air/readings } }\n  \
         air/none: { <<: *rest, agency: air-office, emits: { readings: air/readings } }\n  \
         air/fine: { <<: *rest, agency: air-office, emits: { readings: air/fine } }\n  \
         air/late: { <<: *rest, agency: health, emits: { readings: air/fine } }\n\
         channels:\n  air/readings: { schema: air/readings.v1 }\n  air/fine: { schema: air/readings.v1 }\ngrants:\n  \
         - { agency: health, channel: air/readings, purpose: x }\n  - { agency: air-office, channel: air/fine, access: [write], purpose: x, until: 2026-11-20 }\n  \
         - { agency: health, channel: air/fine, access: [write], purpose: x, until: 2026-11-19 }\n",
    ),
    ("terminal", "--- air.yaml\nchannels:\n  \"air/\\e[31mred\\u202e\": {}\n  \"a\u{202e}b\": {}\nx y \u{7f}: 1\n"),
];

#[test]
fn bad_cities_are_told_what_is_wrong() {
    for (name, files) in BAD {
        let english = report(files, Lang::En);
        let vietnamese = report(files, Lang::Vi);
        insta::assert_snapshot!(*name, format!("{english}\n{}\n{vietnamese}", "=".repeat(80)));
    }
}

#[test]
fn a_city_with_ten_mistakes_is_told_all_ten() {
    let files = "--- city.yaml\ntitle: A\nagencies:\n  health: { titel: Y tế }\n--- air.yaml\nconnectors:\n  air/a:\n    plugin: station-text\n    \
        agency: healt\n    inbox: { path: ../x }\n    settings: { province: 7 }\n    limits: { memory: 1GB }\n    emits: { reading: air/readings }\n\
        channels:\n  air/readings: { schema: air/readings.v1, key: [/stat] }\ntests: {}\ngrants:\n  \
        - { agency: health, channel: air/nothing }\n";
    let report = load(files).err().unwrap();
    // titel, agency, inbox, province, memory, port, pointer, tests, the grant's channel, its purpose.
    assert_eq!(report.errors(), 10, "{report}");
}

#[test]
fn limits_on_files_hold() {
    let find = |files: &str| load(files).err().unwrap().findings.into_iter().map(|finding| finding.problem).collect::<Vec<_>>();
    let deep = format!("--- air.yaml\nx-a: {}{}\n", "[".repeat(33), "]".repeat(33));
    assert!(matches!(find(&deep)[..], [Problem::TooDeep { .. }]));
    let deeper = format!("--- air.yaml\nx-a: {}\n", "[".repeat(100_000));
    assert!(matches!(find(&deeper)[..], [Problem::TooDeep { .. }]));
    let bomb: String = (1..12).map(|n| format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
    assert!(matches!(find(&format!("--- air.yaml\nx-0: &a0 [x]\n{bomb}"))[..], [Problem::TooManyNodes { .. }]));
    let large = format!("--- air.yaml\n# {}\n", "x".repeat(1 << 20));
    assert!(matches!(find(&large)[..], [Problem::TooLarge { .. }]));
}

#[test]
fn a_file_that_is_no_text_is_told_where_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    super::write(dir.path(), "--- city.yaml\ntitle: A\nagencies: { a: { title: A } }\n");
    std::fs::write(dir.path().join("air.yaml"), b"channels:\n  # B\xe1\xba\xa3o \xff\n").unwrap();
    std::fs::create_dir(dir.path().join("bus.yaml")).unwrap();
    let report = super::super::load_at(dir.path(), &super::catalogue(), now()).err().unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!((report.findings[0].line, report.findings[0].column), (2, 9), "{report}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(bytes);
    }

    #[test]
    fn any_text_of_yaml_marks_is_read_without_panic(text in "[-a:{}\\[\\],&*!#|>'\"%@?~<\\\\ \t\r\n\u{feff}\u{85}é0]{0,200}") {
        read(text.into_bytes());
    }

}

proptest! {
    // Each case writes a folder and compiles its schemas twice.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A good city with some characters changed: read for meaning, too, and rendered.
    #[test]
    fn a_city_with_changed_bytes_is_checked_without_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6)) {
        let mut text: Vec<char> = AIR.split_once('\n').unwrap().1.chars().collect();
        for (at, c) in changes {
            let at = at.index(text.len());
            text[at] = c;
        }
        let files = format!("--- air.yaml\n{}", text.into_iter().collect::<String>().replace("--- ", "---"));
        report(&files, Lang::En);
        report(&files, Lang::Vi);
    }
}

fn read(bytes: Vec<u8>) {
    let (mut sources, mut found) = (Sources::default(), findings::Findings::default());
    let file = files::add_bytes("air.yaml".into(), bytes, &mut sources, &mut found);
    let root = yaml::read(file, &sources.get(file).text, &mut found);
    found.error(root.map_or(Place::start(file), |root| root.place), Problem::KeyNotText);
    for finding in found.finish(&sources) {
        finding.render(Lang::Vi);
    }
}
