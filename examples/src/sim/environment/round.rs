//! One round of all stations: what each sends for one step, and what goes wrong on the way.

use super::stations::{STATIONS, Station, Way, turn};
use super::tt10;
use crate::sim::chance::Chance;
use crate::sim::clock;

/// How a file reaches the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// In one go.
    Whole,
    /// The line breaks in the middle, and the rest follows later.
    Halting,
    /// Twice, since the answer to the first was lost.
    Twice,
}

/// One file of one station, and what it should come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who sends it.
    pub station: &'static Station,
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Lines that become records.
    pub good: u64,
    /// Lines that end in quarantine.
    pub bad: u64,
    /// How it travels.
    pub manner: Manner,
}

/// What all ten stations send for a step. In each round one of them writes a bad line, one sends twice, and one
/// halts, unless it is one that posts; in ten rounds each of them did all it can.
pub fn round(seed: u64, step: i64) -> Vec<Delivery> {
    let at = clock::at_step(step);
    STATIONS
        .iter()
        .enumerate()
        .map(|(number, station)| {
            let mut chance = Chance::new(seed, &[number as u64, step as u64, 0xbad]);
            let mut lines: Vec<String> = station.readings(seed, step).iter().map(tt10::line).collect();
            let good = lines.len() as u64;
            let spoilt = turn(step, 3, 0) == number;
            if spoilt {
                let place = chance.below(lines.len() + 1);
                lines.insert(place, tt10::bad_line(&mut chance, &at));
            }
            let manner = match number {
                _ if turn(step, 3, 5) == number && station.way == Way::Inbox => Manner::Halting,
                _ if turn(step, 3, 2) == number => Manner::Twice,
                _ => Manner::Whole,
            };
            let name = tt10::file_name(station, &at);
            Delivery { station, name, body: tt10::text(&lines, station.line_end), good, bad: u64::from(spoilt), manner }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const STEP: i64 = 5_984_673;

    #[test]
    fn a_seed_and_a_step_fix_a_round() {
        assert_eq!(round(4, STEP), round(4, STEP));
        assert_ne!(round(4, STEP), round(5, STEP));
    }

    #[test]
    fn what_is_counted_is_what_is_in_the_file() {
        for step in STEP..STEP + 20 {
            for delivery in round(4, step) {
                let text = String::from_utf8(delivery.body).unwrap();
                assert_eq!(text.lines().count() as u64, delivery.good + delivery.bad, "{}", delivery.name);
                assert_eq!(text.contains("\r\n"), delivery.station.line_end == "\r\n", "{}", delivery.name);
            }
        }
    }

    #[test]
    fn ten_rounds_show_every_fault_at_every_station() {
        let mut bad = BTreeSet::new();
        let mut halting = BTreeSet::new();
        let mut twice = BTreeSet::new();
        let mut names = BTreeSet::new();
        for step in STEP..STEP + 10 {
            let deliveries = round(4, step);
            assert_eq!(deliveries.iter().map(|delivery| delivery.bad).sum::<u64>(), 1, "step {step}");
            for delivery in deliveries {
                let code = delivery.station.code;
                assert!(names.insert(delivery.name));
                if delivery.bad > 0 {
                    bad.insert(code);
                }
                match delivery.manner {
                    Manner::Halting => halting.insert(code),
                    Manner::Twice => twice.insert(code),
                    Manner::Whole => true,
                };
            }
        }
        assert_eq!((bad.len(), halting.len(), twice.len()), (10, 8, 10));
    }
}
