//! The text files of automatic monitoring stations, as circular 10/2021/TT-BTNMT has loggers write them.
//!
//! A line is a reading: symbol, value, unit, `yyyyMMddHHmmss` and status, separated by TABs. Lines end in LF or CRLF,
//! the decimal sign is a point, and a broken sensor leaves its value empty.

use super::stations::{PROVINCE, Reading, Station, Status};
use crate::sim::chance::Chance;
use crate::sim::clock::{self, LocalTime};

/// `<Province>_<Facility>_<Station>_<yyyyMMddHHmmss>.txt`
pub fn file_name(station: &Station, at: &LocalTime) -> String {
    format!("{PROVINCE}_{}_{}_{}.txt", station.facility, station.code, clock::digits(at))
}

/// One reading, without its line end.
pub fn line(reading: &Reading) -> String {
    let value = reading.value.map(|value| format!("{value:.*}", reading.decimals)).unwrap_or_default();
    let status = match reading.status {
        Status::Measuring => "00",
        Status::Calibrating => "01",
        Status::Fault => "02",
    };
    format!("{}\t{value}\t{}\t{}\t{status}", reading.symbol, reading.unit, clock::digits(&reading.at))
}

/// A line that no reader may take for a reading, of one of the sorts that loggers really write.
pub fn bad_line(chance: &mut Chance, at: &LocalTime) -> String {
    let at = clock::digits(at);
    match chance.below(4) {
        // The sensor's own error text in place of a value.
        0 => format!("PM10\t#OVER\tug/Nm3\t{at}\t00"),
        // The line was cut by a full disk.
        1 => "NO2\t31.4".to_owned(),
        // A clock that was never set.
        2 => "pH\t7.02\t-\t20260230256100\t00".to_owned(),
        // A status that the circular does not know.
        _ => format!("Temp\t24.1\toC\t{at}\t77"),
    }
}

/// A whole file.
pub fn text(lines: &[String], line_end: &str) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), line_end.as_bytes()]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::stations::STATIONS;
    use super::*;

    const STEP: i64 = 5_984_673;

    /// The five fields of a line that keeps the rules; None of one that breaks them.
    fn parse(line: &str) -> Option<(&str, Option<f64>, &str, &str, &str)> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [symbol, value, unit, at, status] = fields[..] else { return None };
        let known = "Flow Temp Color pH TSS COD NH4 TP TN TOC Cl RH P NO NO2 CO SO2 O2 H2S NH3 VHg PM O3 PM10 PM2,5 PM2.5"
            .split(' ')
            .any(|k| k == symbol);
        let value = match value {
            "" if status == "02" => None,
            number => Some(number.parse().ok()?),
        };
        chrono::NaiveDateTime::parse_from_str(at, "%Y%m%d%H%M%S").ok().filter(|_| at.len() == 14)?;
        (known && ["00", "01", "02"].contains(&status)).then_some((symbol, value, unit, at, status))
    }

    #[test]
    fn every_reading_makes_a_line_that_keeps_the_rules() {
        for step in STEP..STEP + 30 {
            for station in &STATIONS {
                for reading in station.readings(9, step) {
                    let line = line(&reading);
                    let (symbol, value, ..) = parse(&line).unwrap_or_else(|| panic!("{line:?}"));
                    assert_eq!((symbol, value.is_some()), (reading.symbol, reading.value.is_some()));
                }
            }
        }
    }

    #[test]
    fn bad_lines_break_the_rules() {
        let at = clock::at_step(STEP);
        let mut seen = std::collections::BTreeSet::new();
        for draw in 0..200 {
            let line = bad_line(&mut Chance::new(draw, &[]), &at);
            assert!(parse(&line).is_none(), "{line:?}");
            seen.insert(line);
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn files_are_named_and_ended_as_loggers_do() {
        let at = clock::at_step(STEP);
        assert_eq!(file_name(&STATIONS[0], &at), "LamDong_TTQT_KK01_20261123094500.txt");
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!((text(&lines, "\n"), text(&lines, "\r\n")), (b"a\nb\n".to_vec(), b"a\r\nb\r\n".to_vec()));
    }

    #[test]
    fn a_file_of_an_air_station() {
        let lines: Vec<String> = STATIONS[0].readings(1, STEP).iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
