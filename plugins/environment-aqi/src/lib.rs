//! A fold by station: observations in, the Vietnamese air quality index (VN_AQI, Decision 1459/QĐ-TCMT) of each hour out.
//!
//! An hour is told once it is over: when the station observes something in a later one, or when the hub calls on its schedule and
//! the clock says so. What comes late, within twelve hours, tells the hours that it changes once more. A station that has nothing to
//! say for an hour is told as silent; after twelve such hours it is forgotten until it speaks again.

mod index;
mod nowcast;
mod observation;
mod pollutant;
mod station;

use lienthong_sdk::{Failure, Folded, Keyed, Transform};

pub use index::{Band, index};
pub use nowcast::nowcast;
pub use pollutant::Pollutant;

use observation::Observation;
use station::Station;

/// Where the hours go.
pub const PORT: &str = "hours";

/// The transform.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aqi;

impl Transform for Aqi {
    fn apply(&self, now_ms: u64, groups: Vec<Keyed>) -> Result<Vec<Folded>, Failure> {
        groups.iter().map(|group| fold(now_ms, group)).collect()
    }
}

fn fold(now_ms: u64, group: &Keyed) -> Result<Folded, Failure> {
    let (mut station, mut folded): (Station, Folded) = (group.state()?, group.answer());
    for (record, observation) in group.read::<Observation>() {
        match observation.and_then(|observation| observation.reading(now_ms)) {
            Ok(Some(reading)) => station.take(reading),
            Ok(None) => {}
            Err(why) => folded.reject(record, &why, None),
        }
    }
    // Called on the schedule, the clock ends hours that no observation ended.
    if group.records.is_empty() {
        station.clock(now_ms);
    }
    for hour in station.tell() {
        folded.emit(PORT, &hour.record(&group.key))?;
    }
    if !station.is_over() {
        folded.keep(&station)?;
    }
    Ok(folded)
}

lienthong_sdk::export_transform!(Aqi);
