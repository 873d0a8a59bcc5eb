//! What is emitted fits the schemas that the manifest names, whatever the feed holds.

#![allow(clippy::unwrap_used)] // Also in what tests share.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use transport_gtfs::Gtfs;
use zip::write::SimpleFileOptions;

const PORTS: [&str; 4] = ["stops", "routes", "trips", "stop-times"];

static SCHEMAS: LazyLock<[Validator; 4]> = LazyLock::new(|| {
    PORTS.map(|port| {
        let text = std::fs::read_to_string(repository(&format!("schemas/transport/{port}.v1.json"))).unwrap();
        jsonschema::options().should_validate_formats(true).build(&serde_json::from_str(&text).unwrap()).unwrap()
    })
});

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The first record that its schema refuses.
fn misfit(hub: &Hub) -> Option<String> {
    PORTS.iter().zip(SCHEMAS.iter()).find_map(|(port, schema)| {
        let records = hub.records(port);
        records.iter().find_map(|record| schema.validate(record).err().map(|e| format!("{port}: {e} at {} in {record}", e.instance_path())))
    })
}

fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn the_sample_feed_fits() {
    let files = ["agency.txt", "feed_info.txt", "routes.txt", "stops.txt", "stop_times.txt", "trips.txt"];
    let files = files.map(|name| (name, std::fs::read(repository("examples/data/sample-gtfs-feed").join(name)).unwrap()));
    let mut hub = Hub::new();
    hub.receive(&Gtfs, &archive(&files)).unwrap();
    assert!(PORTS.iter().all(|port| hub.count(port) > 0));
    assert_eq!(misfit(&hub), None);
}

/// The columns that are read, as the schemas name them: what is made by the plugin is left out.
fn columns(schema: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository(&format!("schemas/transport/{schema}.v1.json"))).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = schema["properties"].as_object().unwrap().keys().cloned();
    names.filter(|name| !matches!(name.as_str(), "feed" | "feed_version" | "arrival_seconds" | "departure_seconds")).collect()
}

#[test]
fn every_column_of_the_schemas_is_read() {
    let row = |name: &str| match name {
        _ if name.ends_with("_color") => "#00ff00",
        _ if name.ends_with("_time") || name.ends_with("_window") => "25:00:00",
        _ => "1",
    };
    let file = |port: &str| {
        let names = columns(port);
        let values: Vec<_> = names.iter().map(|name| row(name)).collect();
        format!("{}\n{}\n", names.join(","), values.join(",")).into_bytes()
    };
    let mut hub = Hub::new().settings(serde_json::json!({ "feed": "f" }));
    let feed = [("stops.txt", "stops"), ("routes.txt", "routes"), ("trips.txt", "trips"), ("stop_times.txt", "stop-times")];
    hub.receive(&Gtfs, &archive(&feed.map(|(name, port)| (name, file(port))))).unwrap();
    assert_eq!(hub.rejects(), []);
    for port in PORTS {
        let record = hub.records(port).remove(0);
        for column in columns(port) {
            assert!(record.get(&column).is_some(), "{port} {column}");
        }
    }
    assert_eq!(misfit(&hub), None);
}

/// The longest text that the schema allows in each column is taken, and one character more is rejected.
#[test]
fn texts_may_be_as_long_as_the_schemas_allow() {
    let files = [("stops.txt", "stops"), ("routes.txt", "routes"), ("trips.txt", "trips"), ("stop_times.txt", "stop-times")];
    let (mut tried, mut rejected) = (0, 0);
    let mut feed = Vec::new();
    for (file, port) in files {
        let text = std::fs::read_to_string(repository(&format!("schemas/transport/{port}.v1.json"))).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names = columns(port);
        let mut rows = names.join(",");
        for (at, name) in names.iter().enumerate() {
            let column = &schema["properties"][name];
            let Some(max) = column["maxLength"].as_u64().filter(|_| column.get("pattern").is_none()) else { continue };
            for length in [max, max + 1] {
                let mut row: Vec<_> = names.iter().map(|name| if is_needed(name) { "1".to_owned() } else { String::new() }).collect();
                row[at] = "ộ".repeat(usize::try_from(length).unwrap());
                rows = format!("{rows}\n{}", row.join(","));
            }
            tried += 1;
        }
        feed.push((file, rows.into_bytes()));
    }
    let mut hub = Hub::new().settings(serde_json::json!({ "feed": "f" }));
    hub.receive(&Gtfs, &archive(&feed)).unwrap();
    for reject in hub.rejects() {
        assert!(reject.reason.contains("has more than"), "{}", reject.reason);
        rejected += 1;
    }
    assert!(tried > 20);
    assert_eq!((rejected, PORTS.iter().map(|port| hub.count(port)).sum::<usize>()), (tried, tried));
    assert_eq!(misfit(&hub), None);
}

/// Real feeds are not kept here: `GTFS_FEEDS` names a folder with the `data/` of gtfs-kit 13.0.1.
#[test]
#[ignore = "needs GTFS_FEEDS"]
fn real_feeds_fit() {
    let folder = std::env::var_os("GTFS_FEEDS").expect("GTFS_FEEDS names the folder of the feeds");
    for file in ["cairns_gtfs.zip", "nyc_subway_gtfs.zip"] {
        let mut hub = Hub::new();
        hub.receive(&Gtfs, &std::fs::read(Path::new(&folder).join(file)).unwrap()).unwrap();
        assert!(PORTS.iter().all(|port| hub.count(port) > 0), "{file}");
        assert_eq!(misfit(&hub), None, "{file}");
    }
}

/// A field: mostly what fits somewhere, now and then what fits nowhere.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "0", "1", "2", "3", "4", "5", "700", "1800", "-1", "4294967295", "90", "-90.5", "180", "181", "1e300",
            "-0.0", "8:05:00", "25:00:00", "999:59:59", "24:60:00", "#FF0000", "00ff00", "#fff", "red", "Asia/Ho_Chi_Minh", "Chợ Bảo Lộc"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec![64usize, 65, 256, 257, 512, 513, 2048, 2049, 8192, 8193]).prop_map(|length| "ộ".repeat(length)),
        2 => "\\PC{0,12}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
        1 => "[\\x00-\\x20a]{0,4}".prop_map(|text| format!("\"{text}\"")),
    ]
}

/// Columns that make a row usable.
fn is_needed(column: &str) -> bool {
    column.ends_with("_id") || column.ends_with("_sequence") || column == "route_type"
}

/// A file with every column. Odd fields come one or two at a time: a row that is odd everywhere is always rejected and shows
/// nothing.
fn file(port: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let names = columns(port);
    let row = prop::collection::vec((any::<prop::sample::Index>(), field()), 0..3);
    prop::collection::vec(row, 0..12).prop_map(move |rows| {
        let mut text = names.join(",");
        for odd in rows {
            let mut row: Vec<_> = names.iter().map(|name| if is_needed(name) { "1" } else { "" }.to_owned()).collect();
            for (place, value) in odd {
                let at = place.index(row.len());
                row[at] = value;
            }
            text = format!("{text}\n{}", row.join(","));
        }
        text.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_odd_feeds_hold_fits_or_is_rejected(
        stops in file("stops"), routes in file("routes"), trips in file("trips"), stop_times in file("stop-times"), name in field(), version in field(),
    ) {
        let lines = |bytes: &[u8]| csv::ReaderBuilder::new().flexible(true).from_reader(bytes).byte_records().count();
        let rows: usize = [&stops, &routes, &trips, &stop_times].map(|bytes| lines(bytes)).iter().sum();
        let info = format!("feed_publisher_name,feed_version\n{name},{version}\n").into_bytes();
        let agency = b"agency_name\nBus\n".to_vec();
        let feed = archive(&[("stops.txt", stops), ("routes.txt", routes), ("trips.txt", trips), ("stop_times.txt", stop_times),
            ("feed_info.txt", info), ("agency.txt", agency)]);
        let mut hub = Hub::new();
        hub.receive(&Gtfs, &feed).unwrap();
        prop_assert_eq!(misfit(&hub), None);
        let emitted: usize = PORTS.iter().map(|port| hub.count(port)).sum();
        prop_assert_eq!(emitted + hub.rejects().len(), rows, "a row is a record or a rejection");
    }
}
