//! Whole files, as stations send them. The fixtures are made up.

use std::fmt::Write;
use std::path::Path;

use environment_tt10::Stations;
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, Level};
use proptest::prelude::*;
use serde_json::json;

/// Records, then rejections, one a line.
fn golden(file: &str) -> String {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file)).unwrap();
    let mut hub = Hub::new().named(file);
    hub.receive(&Stations, &bytes).unwrap();
    let mut text = String::new();
    for record in hub.records("readings") {
        writeln!(text, "{record}").unwrap();
    }
    for reject in hub.rejects() {
        writeln!(text, "{}: {} <- {}", reject.at.as_deref().unwrap(), reject.reason, reject.bytes.escape_ascii()).unwrap();
    }
    text
}

#[test]
fn an_air_station() {
    insta::assert_snapshot!(golden("LamDong_TramKhongKhi_KK01_20251123101500.txt"));
}

#[test]
fn a_waste_water_station_with_a_byte_order_mark_and_no_last_line_feed() {
    insta::assert_snapshot!(golden("LamDong_Nha_may_che_A_NT01_20251123101500.txt"));
}

#[test]
fn bad_lines_are_rejected_where_they_are_and_the_others_go_on() {
    insta::assert_snapshot!(golden("LamDong_TramLoi_KT01_20251123101500.txt"));
}

#[test]
fn settings_stand_in_for_the_file_name() {
    let mut hub = Hub::new().settings(json!({ "station": "KK09", "province": "Lâm Đồng", "separator": "semicolon" }));
    hub.receive(&Stations, b"PM10;44;ug/m3;20251123101500;00\n").unwrap();
    let expected = json!({
        "station": "KK09", "province": "Lâm Đồng", "parameter": "PM10", "value": 44.0, "unit": "ug/m3",
        "observed_at": "2025-11-23T10:15:00+07:00", "status": "measuring"
    });
    assert_eq!(hub.records("readings"), [expected]);
    assert!(matches!(Hub::new().receive(&Stations, b""), Err(Failure::InvalidInput(why)) if why.contains("set `station`")));
}

fn station() -> Hub {
    Hub::new().settings(json!({ "station": "KK01" }))
}

#[test]
fn what_is_no_station_file_is_refused_in_words() {
    let utf16 = b"\xff\xfeP\0M\0".to_vec();
    let pouring = b"\x01\n".repeat(5_000);
    for (bytes, expected) in [(utf16, "UTF-16"), (pouring, "no station file")] {
        let mut hub = station();
        assert!(matches!(hub.receive(&Stations, &bytes), Err(Failure::InvalidInput(why)) if why.contains(expected)));
        assert!(hub.rejects().len() <= 1_000);
    }
    let mut hub = station();
    hub.receive(&Stations, b"\r\n\n").unwrap();
    assert_eq!(hub.logs(), [(Level::Warn, "the file holds no readings".to_owned())]);
}

#[test]
fn a_line_without_end_costs_no_memory_and_the_next_line_is_read() {
    let mut bytes = vec![b'x'; 3 << 20];
    bytes.extend_from_slice(b"\nPM10\t44\tug/m3\t20251123101500\t00\n");
    let mut hub = station();
    hub.receive(&Stations, &bytes).unwrap();
    assert_eq!((hub.count("readings"), hub.rejects().len()), (1, 1));
    assert!(hub.rejects()[0].bytes.len() < 20_000 && hub.rejects()[0].reason.contains("more than"));
}

fn fields() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![Just("PM2,5"), Just("\t"), Just("26.9"), Just("20251123101500"), Just("00"), Just("02"), Just("\r\n"), Just("\n"), Just("é"), Just("")];
    proptest::collection::vec(piece, 0..200).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_end_in_records_rejects_or_a_failure(bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..4_000), fields()], name in ".{0,40}") {
        let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
        let mut hub = station().named(&name);
        if hub.receive(&Stations, &bytes).is_ok() && !bytes.starts_with(b"\xef\xbb\xbf") {
            prop_assert_eq!(hub.count("readings") + hub.rejects().len(), lines, "no line is lost");
        }
    }
}
