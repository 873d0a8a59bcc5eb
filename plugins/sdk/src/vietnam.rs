//! What Vietnamese formats share: the ways in which they write moments and days, the ids of agencies and the codes of dossiers.

mod dossier_code;
mod instant;

use std::fmt;

pub use dossier_code::DossierCode;
pub use instant::{instant_ms, local};

/// Viet Nam has one time zone and no summer time.
const OFFSET: &str = "+07:00";

/// A local moment as RFC 3339 at +07:00. `patterns` are the forms that the format allows, tried in order, in the letters that its documents
/// use: `yyyyMMddHHmmss`, `yyyyMMddHHmm`, `dd/MM/yyyy HH:mm:ss`. A pattern without seconds means second 0. None where the text
/// fits no pattern, or names a moment that does not exist.
///
/// ```
/// use lienthong_sdk::vietnam::moment;
/// assert_eq!(moment("20251123101500", &["yyyyMMddHHmmss"]).as_deref(), Some("2025-11-23T10:15:00+07:00"));
/// assert_eq!(moment("23/11/2025 10:15", &["yyyyMMddHHmmss"]), None);
/// ```
pub fn moment(text: &str, patterns: &[&str]) -> Option<String> {
    let fields = patterns.iter().find_map(|pattern| Fields::read(text, pattern)).filter(Fields::has_real_time)?;
    Some(fields.write("yyyy-MM-ddTHH:mm:ss") + OFFSET)
}

/// A day as RFC 3339 `full-date`. `patterns` as in [`moment`], for example `yyyyMMdd`, `dd/MM/yyyy`, `yyyy/MM/dd`.
///
/// ```
/// assert_eq!(lienthong_sdk::vietnam::date("29/02/2024", &["dd/MM/yyyy"]).as_deref(), Some("2024-02-29"));
/// ```
pub fn date(text: &str, patterns: &[&str]) -> Option<String> {
    patterns.iter().find_map(|pattern| Fields::read(text, pattern)).map(|fields| fields.write("yyyy-MM-dd"))
}

#[derive(Debug, Default, Clone, Copy)]
struct Fields {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Fields {
    /// Digits where the pattern has letters, and the pattern's own characters between them. Only days that exist.
    fn read(text: &str, pattern: &str) -> Option<Self> {
        if text.len() != pattern.len() {
            return None;
        }
        let mut fields = Self::default();
        for (byte, letter) in text.bytes().zip(pattern.bytes()) {
            let field = match letter {
                b'y' => &mut fields.year,
                b'M' => &mut fields.month,
                b'd' => &mut fields.day,
                b'H' => &mut fields.hour,
                b'm' => &mut fields.minute,
                b's' => &mut fields.second,
                _ if letter == byte => continue,
                _ => return None,
            };
            *field = *field * 10 + u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        let real = (1800..=9999).contains(&fields.year) && (1..=days_in_month(fields.year, fields.month)).contains(&fields.day);
        real.then_some(fields)
    }

    fn has_real_time(&self) -> bool {
        self.hour < 24 && self.minute < 60 && self.second < 60
    }

    /// The inverse of `read`: each run of a letter becomes its field in as many digits.
    fn write(&self, pattern: &str) -> String {
        let mut text = String::with_capacity(pattern.len());
        for run in pattern.as_bytes().chunk_by(|a, b| a == b) {
            let value = match run[0] {
                b'y' => self.year,
                b'M' => self.month,
                b'd' => self.day,
                b'H' => self.hour,
                b'm' => self.minute,
                b's' => self.second,
                other => {
                    text.extend(run.iter().map(|_| char::from(other)));
                    continue;
                }
            };
            text.push_str(&format!("{value:0width$}", width = run.len()));
        }
        text
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// The electronic id of a state agency: groups of capital letters and digits with points between them, at most 35 characters. The group of
/// the first level has the form `M12`: a letter from A to Y and two digits.
///
/// Decision 20/2020/QĐ-TTg writes the first level first (`H36.17.00.000`); before it, QCVN 102:2016/BTTTT wrote it last
/// (`000.00.17.H36`), and both are met. Ids compare equal where they are the same in the newer order and without trailing
/// groups of zeros, which the older order filled up with.
#[derive(Debug, Clone)]
pub struct AgencyId {
    given: String,
    normal: String,
}

/// The longest that Decision 20/2020/QĐ-TTg allows, characters.
const AGENCY_ID_CHARS: usize = 35;

impl AgencyId {
    /// Reads one in either order; none where it has neither.
    pub fn read(text: &str) -> Option<Self> {
        let allowed = |b: u8| b == b'.' || b.is_ascii_digit() || b.is_ascii_uppercase();
        if text.len() > AGENCY_ID_CHARS || !text.bytes().all(allowed) {
            return None;
        }
        let mut groups: Vec<&str> = text.split('.').collect();
        if groups.iter().any(|group| group.is_empty()) {
            return None;
        }
        if !is_first_level(groups[0]) {
            groups.reverse();
        }
        if !is_first_level(groups[0]) {
            return None;
        }
        while groups.last().is_some_and(|group| group.bytes().all(|b| b == b'0')) {
            groups.pop();
        }
        Some(Self { given: text.to_owned(), normal: groups.join(".") })
    }

    /// As it came.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// The one form for comparing: the first level first, no trailing groups of zeros (`H36.17`).
    pub fn normal(&self) -> &str {
        &self.normal
    }
}

impl PartialEq for AgencyId {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for AgencyId {}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

fn is_first_level(group: &str) -> bool {
    matches!(group.as_bytes(), [b'A'..=b'Y', b'0'..=b'9', b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_days_are_those_that_exist() {
        let forms = &["yyyyMMddHHmmss", "yyyyMMddHHmm", "dd/MM/yyyy HH:mm:ss"];
        for (text, expected) in [
            ("20240229235959", Some("2024-02-29T23:59:59+07:00")),
            ("202402292359", Some("2024-02-29T23:59:00+07:00")),
            ("29/02/2024 00:00:00", Some("2024-02-29T00:00:00+07:00")),
            ("20250229000000", None),
            ("20251301000000", None),
            ("20250431000000", None),
            ("20250101240000", None),
            ("20250101006000", None),
            ("00000000000000", None),
            ("2025010100000", None),
            ("2025-01-01T00:0", None),
            ("2025010100000\u{661}", None),
            ("29-02-2024 00:00:00", None),
            ("", None),
        ] {
            assert_eq!(moment(text, forms).as_deref(), expected, "{text}");
        }
        assert_eq!(date("19991231", &["yyyyMMdd"]).as_deref(), Some("1999-12-31"));
        assert_eq!(date("2025/11/23", &["dd/MM/yyyy", "yyyy/MM/dd"]).as_deref(), Some("2025-11-23"));
        assert_eq!(date("31/11/2025", &["dd/MM/yyyy"]), None);
    }

    #[test]
    fn an_agency_id_is_one_in_both_orders() {
        let id = |text| AgencyId::read(text).unwrap();
        assert_eq!(id("000.00.17.H36"), id("H36.17.00.000"));
        assert_eq!(id("000.00.17.H36").normal(), "H36.17");
        assert_eq!(id("000.00.17.H36").given(), "000.00.17.H36");
        assert_eq!(id("H36"), id("000.00.00.H36"));
        assert_ne!(id("H36.17"), id("H36.18"));
        assert_ne!(id("H36.01.17"), id("H36.17"));
        let long = format!("H36.{}", "1".repeat(32));
        for bad in ["", "H36.", ".H36", "h36.17", "Z36.17", "36.17", "H3.17", "H36..17", "H36 17", "Ủ36", long.as_str()] {
            assert!(AgencyId::read(bad).is_none(), "{bad}");
        }
    }
}
