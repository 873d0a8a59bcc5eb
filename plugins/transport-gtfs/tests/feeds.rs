//! Whole feeds: a small one in the repository, real ones where they are at hand, broken ones made here.

#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what tests share.

use std::io::{Cursor, Write};
use std::path::Path;

use lienthong_sdk::Failure;
use lienthong_sdk::http::Response;
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use serde_json::{Value, json};
use transport_gtfs::Gtfs;
use zip::write::SimpleFileOptions;

const FILES: [&str; 8] =
    ["agency.txt", "calendar.txt", "calendar_dates.txt", "feed_info.txt", "routes.txt", "stops.txt", "stop_times.txt", "trips.txt"];

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/sample-gtfs-feed").join(name)).unwrap()
}

fn archive<'a>(files: impl IntoIterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sample_feed(change: impl Fn(&str, Vec<u8>) -> Option<(String, Vec<u8>)>) -> Vec<u8> {
    let files: Vec<_> = FILES.iter().filter_map(|name| change(name, sample(name))).collect();
    archive(files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())))
}

fn whole() -> Vec<u8> {
    sample_feed(|name, bytes| Some((name.to_owned(), bytes)))
}

fn counts(hub: &Hub) -> [usize; 5] {
    [hub.count("stops"), hub.count("routes"), hub.count("trips"), hub.count("stop-times"), hub.rejects().len()]
}

const SAMPLE: [usize; 5] = [10, 4, 10, 29, 0];

#[test]
fn the_sample_feed_becomes_typed_records() {
    let mut hub = Hub::new();
    hub.receive(&Gtfs, &whole()).unwrap();
    assert_eq!(counts(&hub), SAMPLE);
    assert_eq!(
        hub.records("stops")[1],
        json!({
            "feed": "Some Transit Authority", "feed_version": "third version", "stop_id": "airport-1", "stop_name": "Platform 1",
            "stop_desc": "Platform 1", "stop_lat": 52.36396, "stop_lon": 13.5087, "location_type": 0, "wheelchair_boarding": 2,
            "parent_station": "airport", "level_id": "airport-level-1"
        })
    );
    assert_eq!(
        hub.records("stop-times")[0],
        json!({
            "feed": "Some Transit Authority", "feed_version": "third version", "trip_id": "a-downtown-all-day", "arrival_time": "15:23:00",
            "departure_time": "15:24:00", "stop_id": "airport-1", "stop_sequence": 3, "arrival_seconds": 55_380, "departure_seconds": 55_440
        })
    );
    assert_eq!(hub.records("routes")[1]["route_color"], "FF0000");
    assert_eq!(hub.records("trips")[0]["service_id"], "all-day");
}

#[test]
fn how_a_feed_is_packed_does_not_matter() {
    let nested = sample_feed(|name, bytes| Some((format!("gtfs/2025/{name}"), bytes)));
    let climbing = sample_feed(|name, bytes| Some((format!("../../{name}"), bytes)));
    let windows = sample_feed(|name, bytes| {
        let text = String::from_utf8(bytes).unwrap().replace("\r\n", "\n").replace('\n', "\r\n");
        Some((name.to_ascii_uppercase(), format!("\u{feff}{text}").into_bytes()))
    });
    let spaced = sample_feed(|name, bytes| Some((name.to_owned(), String::from_utf8(bytes).unwrap().replace(',', " ,\t").into_bytes())));
    let optional_left_out =
        sample_feed(|name, bytes| (!matches!(name, "feed_info.txt" | "calendar.txt")).then(|| (name.to_owned(), bytes)));
    for feed in [nested, climbing, windows, spaced, optional_left_out] {
        let mut hub = Hub::new();
        hub.receive(&Gtfs, &feed).unwrap();
        assert_eq!(counts(&hub), SAMPLE);
    }
}

#[test]
fn the_settings_name_a_feed_before_the_feed_does() {
    let mut hub = Hub::new().settings(json!({ "feed": "xe-buyt" }));
    hub.receive(&Gtfs, &whole()).unwrap();
    assert!(hub.records("trips").iter().all(|trip| trip["feed"] == "xe-buyt"));

    let unnamed = sample_feed(|name, bytes| (!matches!(name, "feed_info.txt" | "agency.txt")).then(|| (name.to_owned(), bytes)));
    assert!(matches!(Hub::new().receive(&Gtfs, &unnamed), Err(Failure::InvalidInput(why)) if why.contains("set `feed`")));
}

#[test]
fn a_bad_row_is_rejected_with_its_place_and_the_rest_goes_on() {
    let feed = sample_feed(|name, bytes| {
        let more: &[u8] = match name {
            "stops.txt" => b"\"a \"\"b\"\", c\",,Name,,north,13.5,,0,,,,,\n,,No id,,1,2,,0,,,,,\nshort,row\n\xff\xfe,,x,,1,2,,0,,,,,\n",
            "stop_times.txt" => b"t,25:61:00,26:00:00,s,1,,,\nt,24:10:00,25:00:00,s,2,,,\n\n",
            _ => b"",
        };
        Some((name.to_owned(), [bytes, more.to_vec()].concat()))
    });
    let mut hub = Hub::new();
    hub.receive(&Gtfs, &feed).unwrap();
    assert_eq!(counts(&hub), [10, 4, 10, 30, 5]);
    let reasons: Vec<_> = hub.rejects().iter().map(|r| (r.at.as_deref().unwrap(), r.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("stops.txt line 12", "stop_lat is no decimal number"),
            ("stops.txt line 13", "stop_id is empty"),
            ("stops.txt line 14", "2 fields where the header has 13"),
            ("stops.txt line 15", "stop_id is not UTF-8"),
            ("stop_times.txt line 31", "arrival_time is no time H:MM:SS"),
        ]
    );
    assert_eq!(hub.rejects()[0].bytes, b"\"a \"\"b\"\", c\",,Name,,north,13.5,,0,,,,,");
    assert_eq!(hub.records("stop-times")[29]["departure_seconds"], 90_000);
}

#[test]
fn a_mark_that_is_never_closed_costs_its_own_line() {
    let feed = sample_feed(|name, bytes| {
        let more: &[u8] = if name == "routes.txt" { b"\"open,,,,3\nN1,,1,North,3,,,,,\n" } else { b"" };
        Some((name.to_owned(), [bytes, more.to_vec()].concat()))
    });
    let mut hub = Hub::new();
    hub.receive(&Gtfs, &feed).unwrap();
    let [reject] = hub.rejects() else { panic!("{:?}", hub.rejects()) };
    assert!(reject.reason.contains("never closed"), "{}", reject.reason);
    assert_eq!(reject.bytes, b"\"open,,,,3");
    assert_eq!(hub.records("routes").last().unwrap()["route_id"], "N1");
}

#[test]
fn what_is_no_feed_is_refused_in_words() {
    let without = |left_out: &'static str| sample_feed(move |name, bytes| (name != left_out).then(|| (name.to_owned(), bytes)));
    let no_column = sample_feed(|name, bytes| {
        let text = String::from_utf8(bytes).unwrap();
        Some((name.to_owned(), text.replacen("route_type", "kind", 1).into_bytes()))
    });
    let hopeless = sample_feed(|name, bytes| {
        let rows = if name == "routes.txt" { format!("route_id,route_type\n{}", ",\n,3\n".repeat(2_000)).into_bytes() } else { bytes };
        Some((name.to_owned(), rows))
    });
    for (bytes, expected) in [
        (b"PK nonsense".to_vec(), "no whole zip archive"),
        (archive([("a.txt".to_owned(), &b"x"[..])]), "no stops.txt"),
        (without("trips.txt"), "the feed has no trips.txt"),
        (no_column, "routes.txt lacks the column route_type"),
        (hopeless, "the first 1000 rows are all bad"),
    ] {
        match Hub::new().receive(&Gtfs, &bytes) {
            Err(Failure::InvalidInput(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_limit_of_the_hub_ends_the_call() {
    assert!(matches!(Hub::new().max_emits(2).receive(&Gtfs, &whole()), Err(Failure::Config(_))));
}

fn served(headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    Response::new(200, headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect(), Cursor::new(body))
}

#[test]
fn a_poll_asks_whether_anything_changed() {
    let settings = json!({ "url": "https://bus.example.vn/gtfs.zip" });
    let mut hub = Hub::new()
        .settings(settings.clone())
        .answer(Ok(served(&[("ETag", "\"v1\""), ("Last-Modified", "Mon, 03 Nov 2025 00:00:00 GMT")], whole())));
    let first = hub.poll(&Gtfs, None).unwrap();
    assert_eq!(counts(&hub), SAMPLE);

    let mut hub = Hub::new().settings(settings.clone()).answer(Ok(Response::new(304, Vec::new(), std::io::empty())));
    let second = hub.poll(&Gtfs, first.next.as_deref()).unwrap();
    assert_eq!((second.next, second.more, hub.count("stops")), (None, false, 0));
    let asked = hub.requests().remove(0);
    assert!(asked.headers.contains(&("if-none-match".to_owned(), "\"v1\"".to_owned())));
    assert!(asked.headers.contains(&("if-modified-since".to_owned(), "Mon, 03 Nov 2025 00:00:00 GMT".to_owned())));

    let mut hub = Hub::new().settings(json!({ "url": "https://other.example.vn/" })).answer(Ok(served(&[], whole())));
    let elsewhere = hub.poll(&Gtfs, first.next.as_deref()).unwrap();
    assert_eq!(hub.requests()[0].headers.len(), 1, "a cursor of another address is not used");

    let mut hub = Hub::new().settings(json!({ "url": "https://other.example.vn/" })).answer(Ok(served(&[], whole())));
    hub.poll(&Gtfs, elsewhere.next.as_deref()).unwrap();
    assert_eq!(hub.count("stops"), 0, "the same bytes are nothing new, whatever the server says");
}

#[test]
fn a_poll_that_fails_says_whose_fault_it_is() {
    let url = json!({ "url": "https://bus.example.vn/gtfs.zip", "max_download_mib": 1 });
    let poll = |settings: &Value, answer| Hub::new().settings(settings.clone()).answer(answer).poll(&Gtfs, None).unwrap_err();
    assert!(matches!(poll(&json!({}), Ok(served(&[], whole()))), Failure::Config(_)));
    assert!(matches!(poll(&url, Ok(Response::new(503, Vec::new(), std::io::empty()))), Failure::Upstream(_)));
    assert!(matches!(poll(&url, Ok(served(&[], vec![0; (1 << 20) + 1]))), Failure::Config(_)));
    assert!(matches!(poll(&url, Ok(served(&[], b"<html>".to_vec()))), Failure::InvalidInput(_)));
    assert!(matches!(Hub::new().settings(url).poll(&Gtfs, None), Err(Failure::Config(_))), "nothing is allowed");
}

/// Real feeds are not kept here: `GTFS_FEEDS` names a folder with the `data/` of gtfs-kit 13.0.1.
#[test]
#[ignore = "needs GTFS_FEEDS"]
fn real_feeds_are_taken_whole() {
    let folder = std::env::var_os("GTFS_FEEDS").expect("GTFS_FEEDS names the folder of the feeds");
    for (file, expected) in [("cairns_gtfs.zip", [416, 22, 1_339, 37_790, 0]), ("nyc_subway_gtfs.zip", [273, 2, 1_990, 86_150, 0])] {
        let mut hub = Hub::new();
        hub.receive(&Gtfs, &std::fs::read(Path::new(&folder).join(file)).unwrap()).unwrap();
        assert_eq!(counts(&hub), expected, "{file}");
        assert!(hub.emit_sizes().iter().all(|size| *size < 300 << 10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_end_in_records_rejects_or_a_failure(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = Hub::new().receive(&Gtfs, &bytes);
        let stops = [&b"stop_id,stop_lat\n"[..], &bytes].concat();
        let feed = sample_feed(|name, sample| Some((name.to_owned(), if name == "stops.txt" { stops.clone() } else { sample })));
        let _ = Hub::new().receive(&Gtfs, &feed);
    }

    #[test]
    fn an_archive_damaged_anywhere_ends_well_too(places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut feed = whole();
        for (place, byte) in places {
            let at = place.index(feed.len());
            feed[at] = byte;
        }
        let _ = Hub::new().receive(&Gtfs, &feed);
        feed.truncate(cut.index(feed.len()));
        let _ = Hub::new().receive(&Gtfs, &feed);
    }
}
