//! One line: symbol, value, unit, yyyyMMddHHmmss, status.

use std::borrow::Cow;

use lienthong_sdk::vietnam;
use serde::{Deserialize, Serialize};

use crate::parameter;

/// What stands between fields. The circular says a tab; data loggers can be set otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Separator {
    #[default]
    Tab,
    Semicolon,
    Pipe,
}

impl Separator {
    const fn as_char(self) -> char {
        match self {
            Self::Tab => '\t',
            Self::Semicolon => ';',
            Self::Pipe => '|',
        }
    }
}

/// One reading.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Reading<'a> {
    parameter: Cow<'a, str>,
    value: Option<f64>,
    unit: &'a str,
    observed_at: String,
    status: Status,
}

/// What the device was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Measuring,
    Calibrating,
    Fault,
}

const MAX_UNIT_BYTES: usize = 32;

/// Reads one line, or says what is wrong with it.
pub(crate) fn read(raw: &[u8], separator: Separator, max_bytes: usize) -> Result<Reading<'_>, String> {
    if raw.len() > max_bytes {
        return Err(format!("the line has more than {max_bytes} bytes; only its beginning is kept"));
    }
    let text = std::str::from_utf8(raw).map_err(|e| format!("not UTF-8 from byte {}", e.valid_up_to() + 1))?;
    let mut fields = text.split(separator.as_char()).map(str::trim);
    let mut field = || fields.next().unwrap_or("");
    let (symbol, value, unit, moment, status) = (field(), field(), field(), field(), field());
    if status.is_empty() || fields.any(|extra| !extra.is_empty()) {
        let count = text.split(separator.as_char()).count();
        if count == 1 {
            let separator = format!("{separator:?}").to_ascii_lowercase();
            return Err(format!("no {separator} in the line, where five fields belong: set `separator` if the station uses another"));
        }
        return Err(format!("{count} fields where five belong: symbol, value, unit, yyyyMMddHHmmss, status"));
    }
    let status = read_status(status)?;
    if unit.len() > MAX_UNIT_BYTES || unit.chars().any(char::is_control) {
        return Err("the third field is no unit".to_owned());
    }
    Ok(Reading {
        parameter: parameter::canonical(symbol)?,
        value: read_value(value, status)?,
        unit,
        observed_at: read_moment(moment)?,
        status,
    })
}

fn read_status(text: &str) -> Result<Status, String> {
    match text {
        "00" => Ok(Status::Measuring),
        "01" => Ok(Status::Calibrating),
        "02" => Ok(Status::Fault),
        _ => Err("the status must be 00 (measuring), 01 (calibrating) or 02 (device fault)".to_owned()),
    }
}

/// A decimal number. The format groups no digits, so one comma can only be the decimal mark of a logger set to
/// Vietnamese. Only a device at fault may leave the value out.
fn read_value(text: &str, status: Status) -> Result<Option<f64>, String> {
    if text.is_empty() && status == Status::Fault {
        return Ok(None);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(match text {
            "" => "the value is missing, which only status 02 (device fault) allows".to_owned(),
            _ => "the value is no decimal number, for example 26.9".to_owned(),
        });
    }
    let number = text.replace(',', ".").parse::<f64>().map_err(|e| e.to_string())?;
    // "-0.0" would be a second spelling of zero.
    Ok(Some(if number == 0.0 { 0.0 } else { number }))
}

/// Local time of Việt Nam, as RFC 3339.
fn read_moment(text: &str) -> Result<String, String> {
    vietnam::moment(text, &["yyyyMMddHHmmss"]).ok_or_else(|| "the fourth field is no local time yyyyMMddHHmmss".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Reading<'_>, String> {
        read(line.as_bytes(), Separator::Tab, 1024)
    }

    #[test]
    fn values_are_decimal_numbers_with_a_point_or_a_comma() {
        for (text, expected) in [("26.9", 26.9), ("26,9", 26.9), ("0", 0.0), ("-0.0", 0.0), ("-1.5", -1.5), ("+2", 2.0), ("007.50", 7.5)] {
            assert_eq!(read_value(text, Status::Measuring), Ok(Some(expected)), "{text}");
        }
        for bad in ["", "-", ".5", "5.", "1,234,567", "1.234,5", "NaN", "inf", "1e5", "0x10", "1 2", "٣", &"9".repeat(400)] {
            assert!(read_value(bad, Status::Measuring).is_err(), "{bad}");
        }
        assert_eq!(read_value("", Status::Fault), Ok(None));
        assert!(read_value("", Status::Calibrating).is_err());
    }

    #[test]
    fn a_line_has_five_fields() {
        assert_eq!(check("PM2,5\t26.9\tug/m3\t20251123101500\t00").unwrap().parameter, "PM2.5");
        assert_eq!(check("pH\t7.1\t\t20251123101500\t00\t\t").unwrap().unit, "");
        assert!(check("PM10\t26.9\tug/m3\t20251123101500").unwrap_err().starts_with("4 fields"));
        assert!(check("PM10\t26.9\tug/m3\t20251123101500\t00\tx").unwrap_err().starts_with("6 fields"));
        assert!(check("PM10\t26.9\tug/m3\t20251123101500\t3").unwrap_err().contains("status"));
        assert!(read(b"PM10\t\xff\t\t20251123101500\t00", Separator::Tab, 1024).unwrap_err().contains("byte 6"));
        assert_eq!(read(b"PM10;1;ug/m3;20251123101500;01", Separator::Semicolon, 1024).unwrap().status, Status::Calibrating);
    }
}
