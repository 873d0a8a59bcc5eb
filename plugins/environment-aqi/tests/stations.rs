//! A station's days, hour by hour.

#![allow(clippy::unwrap_used)] // Also in what tests share.

use std::path::Path;
use std::sync::LazyLock;

use environment_aqi::{Aqi, PORT};
use jsonschema::Validator;
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use serde_json::{Value, json};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/environment/aqi.v1.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

/// 2026-11-23T00:00:00+07:00.
const MIDNIGHT_MS: u64 = 1_795_366_800_000;

/// A station's fold over several calls.
struct Station {
    state: Option<Vec<u8>>,
    rejects: Vec<String>,
}

impl Station {
    fn new() -> Self {
        Self { state: None, rejects: Vec::new() }
    }

    /// One call at so many minutes past midnight; the records that came of it.
    fn call(&mut self, minute: u64, observations: &[Value]) -> Vec<Value> {
        let hub = Hub::new().at(MIDNIGHT_MS + minute * 60_000);
        let folded = hub.apply(&Aqi, "KK01", self.state.take(), observations).unwrap();
        self.state = folded.state;
        assert!(self.state.as_ref().is_none_or(|state| state.len() < 16 << 10), "the state grows");
        self.rejects.extend(folded.rejects.into_iter().map(|reject| reject.reason));
        let lines = folded.outputs.iter().inspect(|(port, _)| assert_eq!(port, PORT)).flat_map(|(_, records)| records.split(|b| *b == b'\n'));
        let records: Vec<Value> = lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
        for record in &records {
            assert!(SCHEMA.is_valid(record), "{record}");
        }
        records
    }
}

fn observed(parameter: &str, minute: u64, value: f64) -> Value {
    with_unit(parameter, minute, value, "ug/Nm3")
}

fn with_unit(parameter: &str, minute: u64, value: f64, unit: &str) -> Value {
    let at = lienthong_sdk::vietnam::local(MIDNIGHT_MS + minute * 60_000, "yyyy-MM-ddTHH:mm:ss").unwrap();
    json!({ "station": "KK01", "parameter": parameter, "value": value, "unit": unit, "observed_at": format!("{at}+07:00"), "status": "measuring" })
}

/// One value an hour, the first at midnight.
fn hourly(parameter: &str, values: &[f64]) -> Vec<Value> {
    values.iter().zip(0..).map(|(value, hour)| observed(parameter, hour * 60, *value)).collect()
}

const WORKED: [f64; 12] = [26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6];

#[test]
fn the_worked_case_of_the_decision_is_41() {
    let mut station = Station::new();
    let told = station.call(11 * 60 + 59, &hourly("PM2.5", &WORKED));
    // Eleven hours are over; the first has one hour of dust alone, which is not enough.
    assert_eq!(told.len(), 11);
    assert_eq!((&told[0]["status"], &told[0]["aqi"]), (&json!("insufficient"), &Value::Null));
    assert_eq!(told[1]["status"], "complete");
    let last = station.call(12 * 60, &[]);
    assert_eq!(last.len(), 1);
    assert_eq!((&last[0]["hour"], &last[0]["aqi"], &last[0]["nowcast_pm2_5"]), (&json!("2026-11-23T11:00:00+07:00"), &json!(41), &json!(20.3)));
    assert_eq!((&last[0]["level_name"], &last[0]["color"], &last[0]["dominant"]), (&json!("Tốt"), &json!("#00e400"), &json!("PM2.5")));
    assert_eq!(station.rejects, Vec::<String>::new());
}

#[test]
fn calls_of_any_size_tell_the_same_hours_in_the_end() {
    let all: Vec<Value> = [hourly("PM2.5", &WORKED), hourly("PM10", &WORKED), hourly("O3", &[180.0; 12])].concat();
    let last_told = |size: usize| {
        let (mut station, mut told) = (Station::new(), std::collections::BTreeMap::new());
        let mut all = all.clone();
        all.sort_by_key(|one| one["observed_at"].as_str().unwrap().to_owned());
        for (chunk, minute) in all.chunks(size).zip(12 * 60..) {
            told.extend(station.call(minute, chunk).into_iter().map(|record| (record["hour"].clone().to_string(), record)));
        }
        told.extend(station.call(13 * 60, &[]).into_iter().map(|record| (record["hour"].clone().to_string(), record)));
        told
    };
    let whole = last_told(usize::MAX);
    assert_eq!(whole.len(), 13);
    // Ozone of 180 µg/m³ lies halfway between 160 and 200.
    assert_eq!((&whole.values().nth(5).unwrap()["index_o3"], &whole.values().nth(5).unwrap()["dominant"]), (&json!(75), &json!("O3")));
    for size in [1, 2, 7] {
        assert_eq!(last_told(size), whole, "{size}");
    }
}

#[test]
fn late_observations_tell_the_hours_that_they_change_once_more() {
    let mut station = Station::new();
    station.call(5 * 60, &hourly("PM10", &[100.0; 6]));
    let again = station.call(5 * 60 + 10, &[observed("PM10", 3 * 60 + 30, 400.0)]);
    let hours: Vec<_> = again.iter().map(|record| record["hour"].as_str().unwrap().to_owned()).collect();
    assert_eq!(hours, ["2026-11-23T03:00:00+07:00", "2026-11-23T04:00:00+07:00"]);
    // The same call again changes nothing that was told.
    assert_eq!(station.call(5 * 60 + 20, &[observed("Temp", 5 * 60, 24.0)]), Vec::<Value>::new());
}

#[test]
fn a_silent_station_is_told_and_forgotten_after_twelve_hours() {
    let mut station = Station::new();
    station.call(3 * 60, &hourly("PM2.5", &[20.0; 4]));
    let (mut silent, mut calls) = (0, 0);
    for hour in 4..24 {
        let told = station.call(hour * 60, &[]);
        calls += usize::from(!told.is_empty());
        silent += told.iter().filter(|record| record["status"] == "silent").count();
        if station.state.is_none() {
            break;
        }
    }
    assert_eq!((silent, calls), (12, 13));
    assert_eq!(station.state, None);
}

#[test]
fn what_is_no_part_of_the_index_is_passed_over_or_rejected_with_a_reason() {
    let mut station = Station::new();
    let mut calibrating = observed("PM2.5", 0, 500.0);
    calibrating["status"] = "calibrating".into();
    let mut fault = observed("PM2.5", 0, 0.0);
    (fault["value"], fault["status"]) = (Value::Null, "fault".into());
    let passed = [calibrating, fault, observed("Temp", 0, 24.0), observed("pH", 0, 7.0)];
    assert_eq!((station.call(1, &passed), &station.state), (Vec::new(), &None));
    let bad = [with_unit("O3", 0, 20.0, "ppb"), observed("CO", 0, -1.0), observed("NO2", 120, 5.0), json!({ "parameter": 7 })];
    station.call(1, &bad);
    let words = ["the unit must be", "negative", "more than an hour from now", "invalid type"];
    assert_eq!(station.rejects.len(), words.len());
    for (reason, words) in station.rejects.iter().zip(words) {
        assert!(reason.contains(words), "{reason}");
    }
    // Milligrams are a thousand micrograms.
    let told = station.call(61, &[with_unit("CO", 0, 10.0, "mg/m3"), observed("PM10", 60, 1.0)]);
    assert_eq!((&told[0]["index_co"], &told[0]["status"], &told[0]["aqi"]), (&json!(50), &json!("insufficient"), &Value::Null));
}

proptest! {
    #[test]
    fn any_day_gives_records_that_fit(day in prop::collection::vec((0..6_usize, 0..1_440_u64, 0.0..5_000.0_f64), 0..200), chunk in 1..50_usize) {
        let mut station = Station::new();
        let parameters = ["PM2.5", "PM10", "O3", "CO", "SO2", "NO2"];
        let observations: Vec<Value> = day.iter().map(|(what, minute, value)| observed(parameters[*what], *minute, *value)).collect();
        for observations in observations.chunks(chunk) {
            station.call(1_440, observations);
        }
        for hour in 24..40 {
            station.call(hour * 60, &[]);
        }
        prop_assert_eq!(station.state, None);
    }
}
