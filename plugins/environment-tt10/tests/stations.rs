//! Whole files: those in `fixtures/` against what is kept beside them, and any bytes at all.

#![allow(clippy::unwrap_used)] // Also in what tests share.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use environment_tt10::{PORT, Stations};
use jsonschema::Validator;
use lienthong_sdk::testing::{Hub, check_kept, json_lines};
use lienthong_sdk::{Failure, Level};
use proptest::prelude::*;
use serde_json::{Value, json};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/environment/observations.v1.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

const NAMED: &str = "LamDong_Tram_KK01_20261123090500.txt";

/// The first record that the schema refuses.
fn misfit(hub: &Hub) -> Option<String> {
    hub.records(PORT).iter().find_map(|record| SCHEMA.validate(record).err().map(|e| format!("{e} at {} in {record}", e.instance_path())))
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    files.sort();
    files
}

fn received(path: &Path) -> Hub {
    let mut hub = Hub::new().named(path.file_name().unwrap().to_str().unwrap());
    hub.receive(&Stations, &std::fs::read(path).unwrap()).unwrap();
    hub
}

#[test]
fn files_become_the_records_and_rejections_kept_beside_them() {
    let files = fixtures();
    assert_eq!(files.len(), 5);
    for path in files {
        let hub = received(&path);
        assert_eq!(misfit(&hub), None, "{}", path.display());
        check_kept(&path.with_extension("records.ndjson"), &json_lines(hub.records(PORT)));
        let reject =
            |r: &lienthong_sdk::testing::Reject| json!({ "at": r.at, "reason": r.reason, "bytes": String::from_utf8_lossy(&r.bytes) });
        check_kept(&path.with_extension("rejects.ndjson"), &json_lines(hub.rejects().iter().map(reject)));
    }
}

#[test]
fn every_symbol_of_the_circular_is_in_the_fixtures_and_keeps_its_spelling() {
    let records: Vec<_> = fixtures().iter().flat_map(|path| received(path).records(PORT)).collect();
    let schema: Value = serde_json::from_slice(
        &std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/environment/observations.v1.json")).unwrap(),
    )
    .unwrap();
    let symbols = schema["properties"]["parameter"]["examples"].as_array().unwrap();
    assert_eq!(symbols.len(), 25);
    for symbol in symbols {
        assert!(records.iter().any(|record| record["parameter"] == *symbol), "{symbol}");
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_make_no_difference() {
    let lines = ["PM2,5\t26.9\tug/m3\t20261123090500\t00", "", "SO2\t\tug/m3\t20261123090500\t02", "CO\tx\tug/m3\t20261123090500\t00"];
    let mut expected = Hub::new().named(NAMED);
    expected.receive(&Stations, lines.join("\n").as_bytes()).unwrap();
    assert_eq!((expected.count(PORT), expected.rejects().len()), (2, 1));
    assert_eq!(expected.rejects()[0].at.as_deref(), Some("line 4"));
    for (start, end) in [("", "\r\n"), ("\u{feff}", "\n"), ("\u{feff}", "\r\n")] {
        let mut hub = Hub::new().named(NAMED);
        hub.receive(&Stations, format!("{start}{}{end}", lines.join(end)).as_bytes()).unwrap();
        assert_eq!((hub.records(PORT), hub.rejects()), (expected.records(PORT), expected.rejects()), "{start:?} {end:?}");
    }
}

#[test]
fn the_settings_say_what_the_name_does_not() {
    let line = b"PM10|26,9|ug/m3|20261123090500|00\n";
    let settings = json!({ "station": "KK09", "province": "Lâm Đồng", "separator": "pipe" });
    let mut hub = Hub::new().settings(settings).named("a/data.csv");
    hub.receive(&Stations, line).unwrap();
    assert_eq!(
        hub.records(PORT),
        [json!({ "station": "KK09", "province": "Lâm Đồng", "parameter": "PM10", "value": 26.9, "unit": "ug/m3",
            "observed_at": "2026-11-23T09:05:00+07:00", "status": "measuring", "source_file": "data.csv" })]
    );
    assert!(
        matches!(Hub::new().named("a/data.csv").receive(&Stations, line), Err(Failure::InvalidInput(why)) if why.contains("`station`"))
    );
    let unknown = Hub::new().settings(json!({ "statoin": "KK09" })).receive(&Stations, line);
    assert!(matches!(unknown, Err(Failure::Config(why)) if why.contains("statoin")));
}

#[test]
fn what_is_no_station_file_is_refused_as_a_whole() {
    let utf16: Vec<u8> = "\u{feff}PM10\t1\t\t20261123090500\t00\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, expected) in [(utf16, "UTF-16"), (b"x\n".repeat(5_000), "no station file")] {
        let mut hub = Hub::new().named(NAMED);
        match hub.receive(&Stations, &bytes) {
            Err(Failure::InvalidInput(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{expected}: {other:?}"),
        }
        assert!(hub.rejects().len() <= 1_000);
    }
}

#[test]
fn a_file_without_readings_is_told_to_the_operator() {
    let mut hub = Hub::new().named(NAMED);
    hub.receive(&Stations, b"\r\n\n").unwrap();
    assert_eq!(hub.logs(), [(Level::Warn, "the file holds no readings".to_owned())]);
    assert_eq!((hub.count(PORT), hub.rejects().len()), (0, 0));
}

#[test]
fn a_line_without_end_is_rejected_with_its_beginning_and_the_next_is_read() {
    let file = [&b"PM10\t1\t\t20261123090500\t00\n"[..], &vec![b'x'; 3 << 20], b"\nPM10\t2\t\t20261123090500\t00\n"].concat();
    let mut hub = Hub::new().named(NAMED);
    hub.receive(&Stations, &file).unwrap();
    assert_eq!((hub.count(PORT), hub.rejects().len()), (2, 1));
    assert_eq!(hub.rejects()[0].at.as_deref(), Some("line 2"));
    assert!(hub.rejects()[0].bytes.len() < 20 << 10);
}

/// A line of which any field may be odd.
fn line() -> impl Strategy<Value = String> {
    let odd = || prop_oneof![8 => Just(None), 1 => "\\PC{0,40}".prop_map(Some), 1 => "[ -~]{0,20}".prop_map(Some)];
    let good = (
        prop::sample::select(vec!["PM2,5", "PM2.5", "pH", "VHg", "Wind-Dir", "X_1+"]),
        prop::sample::select(vec!["26.9", "26,9", "", "-3", "0", "99999999999999999999.5", "1e5"]),
        prop::sample::select(vec!["ug/m3", "", "µg/m³"]),
        prop::sample::select(vec!["20261123090500", "19700101000000", "99991231235959", "20240229120000", "20250229120000"]),
        prop::sample::select(vec!["00", "01", "02", "03"]),
    );
    (good, [odd(), odd(), odd(), odd(), odd()]).prop_map(|((symbol, value, unit, moment, status), odd)| {
        let fields = [symbol, value, unit, moment, status].into_iter().zip(odd);
        fields.map(|(good, odd)| odd.unwrap_or_else(|| good.to_owned())).collect::<Vec<_>>().join("\t")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_under_any_name_end_in_records_that_fit_or_rejects_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..2_000), name in "\\PC{0,300}") {
        let mut hub = Hub::new().named(&name).settings(json!({ "station": "KK01" }));
        let _ = hub.receive(&Stations, &bytes);
        prop_assert_eq!(misfit(&hub), None);
    }

    #[test]
    fn a_line_is_a_record_that_fits_or_a_rejection(lines in prop::collection::vec(line(), 1..20), parts in "[^/\\\\]{1,140}", crlf in any::<bool>()) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut hub = Hub::new().named(&format!("LamDong_{parts}_KK01_20261123090500.txt")).settings(json!({ "station": "KK01" }));
        hub.receive(&Stations, lines.join(end).as_bytes()).unwrap();
        prop_assert_eq!(misfit(&hub), None);
        let written = lines.iter().filter(|line| !line.bytes().all(|b| b.is_ascii_whitespace())).count();
        prop_assert_eq!(hub.count(PORT) + hub.rejects().len(), written);
    }
}
