//! The work that the measure of a plugin call does: one vendor's reading in, the city's record out. The very same lines run in
//! the hub's sandbox, in Extism's and natively.

use serde::{Deserialize, Serialize};

/// As the vendor's system has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Incoming<'a> {
    id: &'a str,
    station: &'a str,
    parameter: &'a str,
    value: f64,
    unit: &'a str,
    observed_at: &'a str,
    latitude: f64,
    longitude: f64,
    battery: u8,
    quality: u8,
    online: bool,
    #[serde(borrow)]
    flags: Vec<&'a str>,
}

/// As the channel wants it: named and nested otherwise, and about as long.
#[derive(Serialize)]
pub(crate) struct Outgoing<'a> {
    id: &'a str,
    station: &'a str,
    observed_property: &'a str,
    result: f64,
    unit: &'a str,
    result_time: &'a str,
    position: [f64; 2],
    battery_percent: u8,
    usable: bool,
    remarks: Vec<&'a str>,
}

/// Reads one line.
///
/// # Errors
/// When it is no reading.
pub(crate) fn convert(line: &str) -> serde_json::Result<Outgoing<'_>> {
    let reading: Incoming<'_> = serde_json::from_str(line)?;
    Ok(Outgoing {
        id: reading.id,
        station: reading.station,
        observed_property: reading.parameter,
        result: reading.value,
        unit: reading.unit,
        result_time: reading.observed_at,
        position: [reading.longitude, reading.latitude],
        battery_percent: reading.battery,
        usable: reading.online && reading.quality > 0,
        remarks: reading.flags,
    })
}
