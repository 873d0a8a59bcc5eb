use std::collections::BTreeMap;

use lienthong_sdk::vietnam;
use serde::{Deserialize, Serialize};

use crate::observation::Reading;
use crate::{Band, Pollutant, index, nowcast};

/// Hours that the index of one looks back on, itself among them.
const BACK: i64 = 12;

/// What is kept of a station: hourly means, and what was told of each hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Station {
    hours: BTreeMap<i64, BTreeMap<Pollutant, Mean>>,
    /// The last hour that is over.
    over: Option<i64>,
    told: BTreeMap<i64, Told>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    count: u32,
}

/// What is told of an hour, as far as it can change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    indices: BTreeMap<Pollutant, u16>,
    nowcast: BTreeMap<Pollutant, f64>,
    silent: bool,
}

/// An hour to tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hour {
    hour: i64,
    told: Told,
}

impl Station {
    /// Takes one reading. What is older than any index that could still be told is let go.
    pub(crate) fn take(&mut self, reading: Reading) {
        let newest = self.hours.keys().next_back().copied().max(self.over).unwrap_or(reading.hour);
        if reading.hour <= newest - 2 * BACK {
            return;
        }
        let mean = self.hours.entry(reading.hour).or_default().entry(reading.pollutant).or_default();
        mean.sum += reading.concentration;
        mean.count += 1;
        // A reading of a later hour says that those before it are over.
        self.over = self.over.max(Some(reading.hour - 1));
    }

    /// The clock says which hours are over.
    pub(crate) fn clock(&mut self, now_ms: u64) {
        let hour = i64::try_from(now_ms / 3_600_000).unwrap_or(i64::MAX);
        self.over = self.over.max(Some(hour - 1));
    }

    /// The hours that are over and have changed since they were told, and forgets what no hour needs any more.
    pub(crate) fn tell(&mut self) -> Vec<Hour> {
        let (Some(over), Some(first)) = (self.over, self.hours.keys().next().copied()) else { return Vec::new() };
        let mut hours = Vec::new();
        for hour in first.max(over - BACK + 1)..=over {
            let told = self.of(hour);
            if self.told.get(&hour) != Some(&told) {
                self.told.insert(hour, told.clone());
                hours.push(Hour { hour, told });
            }
        }
        self.hours.retain(|hour, _| *hour > over - 2 * BACK);
        self.told.retain(|hour, _| *hour > over - BACK);
        hours
    }

    /// Nothing was heard of it for so long that nothing is left to tell.
    pub(crate) fn is_over(&self) -> bool {
        let newest = self.hours.keys().next_back();
        newest.is_none_or(|newest| self.over.is_some_and(|over| *newest <= over - BACK))
    }

    fn of(&self, hour: i64) -> Told {
        let mean = |hour: i64, pollutant| self.hours.get(&hour)?.get(&pollutant).map(|mean| mean.sum / f64::from(mean.count));
        let mut told = Told { silent: !self.hours.contains_key(&hour), ..Told::default() };
        for pollutant in Pollutant::ALL {
            let concentration = if pollutant.is_dust() {
                let back: [Option<f64>; BACK as usize] = std::array::from_fn(|i| mean(hour - i as i64, pollutant));
                let value = nowcast(&back).filter(|_| !told.silent);
                // A tenth is what the decision writes.
                told.nowcast.extend(value.map(|value| (pollutant, (value * 10.0).round() / 10.0)));
                value
            } else {
                mean(hour, pollutant)
            };
            told.indices.extend(concentration.map(|concentration| (pollutant, index(pollutant, concentration))));
        }
        told
    }
}

/// One record of `environment/aqi`.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    station: &'a str,
    hour: String,
    status: &'static str,
    aqi: Option<u16>,
    level: Option<&'static str>,
    level_name: Option<&'static str>,
    color: Option<&'static str>,
    dominant: Option<Pollutant>,
    index_pm2_5: Option<u16>,
    index_pm10: Option<u16>,
    index_o3: Option<u16>,
    index_co: Option<u16>,
    index_so2: Option<u16>,
    index_no2: Option<u16>,
    nowcast_pm2_5: Option<f64>,
    nowcast_pm10: Option<f64>,
}

impl Hour {
    /// As it is told. Without dust there is no index (Decision 1459/QĐ-TCMT, 4).
    pub(crate) fn record<'a>(&self, station: &'a str) -> Record<'a> {
        let Told { indices, nowcast, silent } = &self.told;
        let has_dust = indices.keys().any(|pollutant| pollutant.is_dust());
        // Of equals, the first: dust before gases.
        let dominant = indices.iter().rev().max_by_key(|(_, index)| **index).filter(|_| has_dust);
        let band = dominant.map(|(_, index)| Band::of(*index));
        let of = |pollutant| indices.get(&pollutant).copied();
        Record {
            station,
            hour: local(self.hour),
            status: match (silent, has_dust) {
                (true, _) => "silent",
                (false, true) => "complete",
                (false, false) => "insufficient",
            },
            aqi: dominant.map(|(_, index)| *index),
            level: band.map(|band| band.level),
            level_name: band.map(|band| band.name),
            color: band.map(|band| band.color),
            dominant: dominant.map(|(pollutant, _)| *pollutant),
            index_pm2_5: of(Pollutant::Pm25),
            index_pm10: of(Pollutant::Pm10),
            index_o3: of(Pollutant::O3),
            index_co: of(Pollutant::Co),
            index_so2: of(Pollutant::So2),
            index_no2: of(Pollutant::No2),
            nowcast_pm2_5: nowcast.get(&Pollutant::Pm25).copied(),
            nowcast_pm10: nowcast.get(&Pollutant::Pm10).copied(),
        }
    }
}

/// When an hour begins, as Vietnam counts it.
fn local(hour: i64) -> String {
    let ms = u64::try_from(hour).unwrap_or(0).saturating_mul(3_600_000);
    vietnam::local(ms, "yyyy-MM-ddTHH:mm:ss").map(|local| local + "+07:00").unwrap_or_default()
}
