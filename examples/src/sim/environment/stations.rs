//! Ten automatic monitoring stations of a highland town: six for air, four for water, each with its days and its moods.
//!
//! The places are real parts of Bảo Lộc, the stations and every figure are made up.

use chrono::Timelike;

use crate::sim::chance::Chance;
use crate::sim::clock::{self, LocalTime};

/// What a station measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Ambient air: dust, gases, weather.
    Air,
    /// Waste water at an outlet.
    Water,
}

/// How a station hands over its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into a folder, as FTP and SFTP servers leave them.
    Inbox,
    /// By an HTTP POST.
    Webhook,
}

/// One station and the habits of its logger's firmware.
#[derive(Debug, PartialEq, Eq)]
pub struct Station {
    /// The facility's code in file names.
    pub facility: &'static str,
    /// The station's own code in file names.
    pub code: &'static str,
    /// Where it stands, for people.
    pub place: &'static str,
    /// What it measures.
    pub medium: Medium,
    /// How its files travel.
    pub way: Way,
    /// `\n` or `\r\n`.
    pub line_end: &'static str,
    /// The symbol it writes for fine dust: the circular has `PM2,5`, some firmware writes `PM2.5`.
    pub fine_dust: &'static str,
}

const fn air(
    facility: &'static str,
    code: &'static str,
    place: &'static str,
    way: Way,
    line_end: &'static str,
    fine_dust: &'static str,
) -> Station {
    Station { facility, code, place, medium: Medium::Air, way, line_end, fine_dust }
}

const fn water(facility: &'static str, code: &'static str, place: &'static str, way: Way, line_end: &'static str) -> Station {
    Station { facility, code, place, medium: Medium::Water, way, line_end, fine_dust: "PM2,5" }
}

/// The province's code in file names.
pub const PROVINCE: &str = "LamDong";

/// All stations, in the order that rounds count them.
pub const STATIONS: [Station; 10] = [
    air("TTQT", "KK01", "Phường 1, trung tâm", Way::Inbox, "\n", "PM2,5"),
    air("TTQT", "KK02", "Phường 2, ngã ba Hà Giang", Way::Inbox, "\r\n", "PM2.5"),
    air("TTQT", "KK03", "Phường 3, bến xe", Way::Inbox, "\r\n", "PM2,5"),
    air("KCNLS", "KK04", "Khu công nghiệp Lộc Sơn", Way::Webhook, "\n", "PM2,5"),
    air("TTQT", "KK05", "B'Lao, hồ Nam Phương", Way::Inbox, "\n", "PM2.5"),
    air("TTQT", "KK06", "Đèo Bảo Lộc", Way::Inbox, "\n", "PM2,5"),
    water("KCNLS", "NT01", "Khu công nghiệp Lộc Sơn, cống xả", Way::Inbox, "\r\n"),
    water("NMNT", "NT02", "Nhà máy xử lý nước thải, đầu vào", Way::Inbox, "\n"),
    water("NMNT", "NT03", "Nhà máy xử lý nước thải, đầu ra", Way::Webhook, "\r\n"),
    water("CBTS", "NT04", "Xưởng chế biến chè và cà phê", Way::Inbox, "\n"),
];

/// What the logger says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `00`: measuring.
    Measuring,
    /// `01`: the sensor is being calibrated.
    Calibrating,
    /// `02`: the sensor is broken; it has no value.
    Fault,
}

/// One value of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// As the circular (appendix 15, table 34) spells it, or as this firmware does.
    pub symbol: &'static str,
    /// None when the sensor is broken.
    pub value: Option<f64>,
    /// Decimals that the logger writes.
    pub decimals: usize,
    /// The unit, in the spelling of loggers.
    pub unit: &'static str,
    /// When it was measured.
    pub at: LocalTime,
    /// What the logger says about it.
    pub status: Status,
}

impl Station {
    /// Its place among [`STATIONS`].
    pub fn number(&self) -> usize {
        STATIONS.iter().position(|one| one == self).unwrap_or_default()
    }

    /// All it measures in one step. Every step has one station that calibrates a sensor, and one with a broken one.
    pub fn readings(&self, seed: u64, step: i64) -> Vec<Reading> {
        let number = self.number();
        let at = clock::at_step(step);
        let mut chance = Chance::new(seed, &[number as u64, step as u64]);
        let mut readings = match self.medium {
            Medium::Air => self.air(seed, step, &at, &mut chance),
            Medium::Water => self.water(seed, step, &at, &mut chance),
        };
        let count = readings.len();
        if turn(step, 3, 1) == number {
            readings[chance.below(count)].status = Status::Calibrating;
        }
        if turn(step, 7, 4) == number {
            let broken = &mut readings[chance.below(count)];
            broken.status = Status::Fault;
            broken.value = None;
        }
        readings
    }

    fn air(&self, seed: u64, step: i64, at: &LocalTime, chance: &mut Chance) -> Vec<Reading> {
        let hour = hour_of(at);
        let day = self.mood(seed, step);
        // Traffic and cooking fires of the morning and the evening, and the inversion that keeps them down.
        let rush = bump(hour, 7.0, 1.4) + 0.9 * bump(hour, 18.0, 1.9);
        let night = bump(hour, 23.5, 3.0) + bump(hour, 0.0, 3.0);
        let sun = bump(hour, 13.0, 3.2);
        let fine = (11.0 + 22.0 * rush + 7.0 * night) * day + 2.0 * chance.noise();
        let coarse = fine * (1.55 + 0.1 * chance.noise()) + 4.0;
        let heat = 18.5 + 7.5 * sun + 0.6 * chance.noise();
        let mut sample = Sample::at(at);
        sample.add(self.fine_dust, fine.max(1.0), 1, "ug/Nm3");
        sample.add("PM10", coarse.max(2.0), 1, "ug/Nm3");
        sample.add("SO2", (6.0 + 9.0 * rush * day + 1.5 * chance.noise()).max(0.5), 2, "ug/Nm3");
        sample.add("NO2", (12.0 + 34.0 * rush * day + 3.0 * chance.noise()).max(1.0), 2, "ug/Nm3");
        sample.add("CO", (420.0 + 900.0 * rush * day + 60.0 * chance.noise()).max(50.0), 0, "ug/Nm3");
        sample.add("O3", (24.0 + 62.0 * sun - 8.0 * rush + 4.0 * chance.noise()).max(2.0), 1, "ug/Nm3");
        sample.add("Temp", heat, 1, "oC");
        sample.add("RH", (96.0 - 30.0 * sun + 3.0 * chance.noise()).clamp(35.0, 100.0), 1, "%");
        sample.readings
    }

    fn water(&self, seed: u64, step: i64, at: &LocalTime, chance: &mut Chance) -> Vec<Reading> {
        let hour = hour_of(at);
        let day = self.mood(seed, step);
        let shift = bump(hour, 10.0, 2.5) + bump(hour, 15.5, 2.2);
        let mut sample = Sample::at(at);
        sample.add("Flow", (38.0 + 55.0 * shift * day + 4.0 * chance.noise()).max(0.0), 2, "m3/h");
        sample.add("Temp", 23.0 + 2.5 * shift + 0.4 * chance.noise(), 1, "oC");
        sample.add("pH", (7.1 + 0.4 * chance.noise()).clamp(5.5, 9.0), 2, "-");
        sample.add("TSS", (21.0 + 18.0 * shift * day + 3.0 * chance.noise()).max(1.0), 1, "mg/L");
        sample.add("COD", (34.0 + 26.0 * shift * day + 4.0 * chance.noise()).max(2.0), 1, "mg/L");
        sample.add("NH4", (2.2 + 1.9 * shift * day + 0.4 * chance.noise()).max(0.05), 3, "mg/L");
        sample.add("Color", (19.0 + 14.0 * shift * day + 2.0 * chance.noise()).max(1.0), 0, "Pt-Co");
        sample.readings
    }

    /// How strong this day is at this station: weather and work, 0.7 to 1.5.
    fn mood(&self, seed: u64, step: i64) -> f64 {
        let day = step.div_euclid(24 * 3600 / clock::STEP_SECONDS);
        0.7 + 0.8 * Chance::new(seed, &[self.number() as u64, day as u64, 0xda7]).unit()
    }
}

/// The values of one step, as they are put together.
struct Sample {
    at: LocalTime,
    readings: Vec<Reading>,
}

impl Sample {
    fn at(at: &LocalTime) -> Self {
        Self { at: *at, readings: Vec::new() }
    }

    fn add(&mut self, symbol: &'static str, value: f64, decimals: usize, unit: &'static str) {
        self.readings.push(Reading { symbol, value: Some(value), decimals, unit, at: self.at, status: Status::Measuring });
    }
}

/// Whose turn it is: walks over all stations, since 3 and 7 have no divisor in common with ten.
pub(super) fn turn(step: i64, stride: i64, shift: i64) -> usize {
    (step.wrapping_mul(stride).wrapping_add(shift)).rem_euclid(STATIONS.len() as i64) as usize
}

fn hour_of(at: &LocalTime) -> f64 {
    f64::from(at.hour()) + f64::from(at.minute()) / 60.0
}

/// A bell around an hour of the day, 1 at its top.
fn bump(hour: f64, top: f64, width: f64) -> f64 {
    (-((hour - top) / width).powi(2) / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: i64 = 5_984_673;

    #[test]
    fn a_seed_and_a_step_fix_every_reading() {
        for station in &STATIONS {
            assert_eq!(station.readings(1, STEP), station.readings(1, STEP), "{}", station.code);
            assert_ne!(station.readings(1, STEP), station.readings(2, STEP), "{}", station.code);
            assert_ne!(station.readings(1, STEP), station.readings(1, STEP + 1), "{}", station.code);
        }
    }

    #[test]
    fn every_step_has_one_calibration_and_one_fault() {
        for step in STEP..STEP + 40 {
            let all: Vec<_> = STATIONS.iter().flat_map(|station| station.readings(1, step)).collect();
            let of = |status| all.iter().filter(|reading| reading.status == status).count();
            assert_eq!((of(Status::Calibrating), of(Status::Fault)), (1, 1), "step {step}");
            assert!(all.iter().all(|reading| reading.value.is_none() == (reading.status == Status::Fault)), "step {step}");
        }
    }

    #[test]
    fn a_week_of_values_is_plausible() {
        for step in (STEP..STEP + 7 * 288).step_by(5) {
            for reading in STATIONS.iter().flat_map(|station| station.readings(1, step)) {
                let Some(value) = reading.value else { continue };
                let range = match reading.symbol {
                    "PM2,5" | "PM2.5" => 1.0..120.0,
                    "PM10" => 2.0..220.0,
                    "SO2" | "NO2" => 0.5..90.0,
                    "CO" => 50.0..3000.0,
                    "O3" => 2.0..110.0,
                    "Temp" => 15.0..35.0,
                    "RH" => 35.0..100.5,
                    "pH" => 5.5..9.01,
                    "Flow" | "TSS" | "COD" | "Color" => 0.0..200.0,
                    "NH4" => 0.05..10.0,
                    other => panic!("no station measures {other}"),
                };
                assert!(range.contains(&value), "{} = {value} at {}", reading.symbol, reading.at);
            }
        }
    }

    #[test]
    fn the_morning_rush_is_dustier_than_the_afternoon() {
        let fine_dust = |hour: i64| {
            let midnight = STEP - STEP.rem_euclid(288) - 7 * 12;
            let values = (0..30)
                .flat_map(|day| STATIONS[0].readings(1, midnight + day * 288 + hour * 12))
                .filter(|r| r.symbol == STATIONS[0].fine_dust);
            values.filter_map(|reading| reading.value).sum::<f64>()
        };
        assert!(fine_dust(7) > 1.5 * fine_dust(13), "{} against {}", fine_dust(7), fine_dust(13));
    }
}
