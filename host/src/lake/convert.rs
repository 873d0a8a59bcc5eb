//! From a value's JSON text to a column's type, or none: what does not convert is kept in `_extra` as it stood.

use std::borrow::Cow;

use lienthong_core::time::Timestamp;

/// A string's content, none for any other value and for what is no Unicode text (a lone surrogate).
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(value).ok().map(Cow::Owned)
}

/// A text column's content: a string's, else the value's JSON text, because a property of several types is text too.
pub(super) fn text(value: &str) -> Option<Cow<'_, str>> {
    if value.starts_with('"') { string(value) } else { Some(Cow::Borrowed(value)) }
}

/// `true` or `false`.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number within i64. JSON Schema calls `1.0` and `1e3` integers too.
pub(super) fn integer(value: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: from it on a double no longer tells neighbours apart
    if let Ok(number) = value.parse() {
        // Rust's parser takes a plus sign, which no JSON number has; the door has refused it.
        return Some(number);
    }
    let number = double(value)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// A finite number.
pub(super) fn double(value: &str) -> Option<f64> {
    if !value.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A string with an RFC 3339 time, in microseconds since 1970 (digits beyond are cut).
pub(super) fn timestamp(value: &str) -> Option<i64> {
    let text = string(value)?;
    usual_timestamp(text.as_bytes()).or_else(|| Timestamp::parse(&text).map(Timestamp::micros))
}

/// A string with an RFC 3339 full-date, in days since 1970.
pub(super) fn date(value: &str) -> Option<i32> {
    let text = string(value)?;
    let bytes = text.as_bytes();
    if bytes.len() == 10 { days(bytes) } else { None }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// The usual spelling, `2026-11-23T08:05:00[.123]Z` or with an offset. Anything else, leap seconds among it, is none and
/// left to the full parser.
fn usual_timestamp(text: &[u8]) -> Option<i64> {
    let (main, rest) = text.split_at_checked(19)?;
    if main[10] != b'T' || main[13] != b':' || main[16] != b':' {
        return None;
    }
    let day = i64::from(days(&main[..10])?);
    let (hour, minute, second) = (number(&main[11..13])?, number(&main[14..16])?, number(&main[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let count = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let kept = count.min(6);
            if count == 0 {
                return None;
            }
            (number(&fraction[..kept])? * [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1][kept], &fraction[count..])
        }
        None => (0, rest),
    };
    let offset_minutes = match zone {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some((((day * 24 + hour) * 60 + minute - offset_minutes) * 60 + second) * 1_000_000 + micros)
}

/// Days since 1970-01-01 of `YYYY-MM-DD` in the proleptic Gregorian calendar, counted in years that begin in March so that
/// the leap day comes last.
fn days(text: &[u8]) -> Option<i32> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_year = (153 * month + 2) / 5 + day - 1;
    let whole = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    i32::try_from(whole + in_year - 719_468).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_convert_when_nothing_is_lost() {
        let integers = [
            ("0", Some(0)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1.0", Some(1)),
            ("-2e3", Some(-2000)),
            ("1.5", None),
            // Would be its neighbour.
            ("9007199254740993.0", None),
            ("9007199254740991.0", Some(9_007_199_254_740_991)),
            ("1e300", None),
            ("\"1\"", None),
            ("true", None),
        ];
        for (value, expected) in integers {
            assert_eq!(integer(value), expected, "{value}");
        }
        for (value, expected) in [("-0.5", Some(-0.5)), ("3", Some(3.0)), ("1e400", None), ("null", None), ("inf", None), ("NaN", None)] {
            assert_eq!(double(value), expected, "{value}");
        }
    }

    #[test]
    fn texts_are_unescaped_and_other_values_keep_their_text() {
        for (value, expected) in [
            (r#""Đà Lạt""#, Some("Đà Lạt")),
            (r#""\u0110\u00e0 L\u1ea1t""#, Some("Đà Lạt")),
            (r#""\ud800""#, None),
            ("12", Some("12")),
            (r#"{"a": 1}"#, Some(r#"{"a": 1}"#)),
        ] {
            assert_eq!(text(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn times_are_rfc_3339_and_dates_are_real() {
        let moments = [
            (r#""1970-01-01T00:00:00Z""#, Some(0)),
            (r#""2026-11-23T08:05:00.1234567+07:00""#, Some(1_795_395_900_123_456)),
            (r#""1969-12-31T23:59:59.5Z""#, Some(-500_000)),
            (r#""2026-11-23""#, None),
            (r#""2026-02-29T00:00:00Z""#, None),
            (r#""2026-11-23T24:00:00Z""#, None),
            ("1795395900", None),
        ];
        for (value, expected) in moments {
            assert_eq!(timestamp(value), expected, "{value}");
        }
        for (value, expected) in [
            (r#""1970-01-02""#, Some(1)),
            (r#""2024-02-29""#, Some(19_782)),
            (r#""2023-02-29""#, None),
            (r#""2024-2-29""#, None),
            (r#""0001-01-01""#, Some(-719_162)),
        ] {
            assert_eq!(date(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_full_parser(micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999, minutes in -720_i32..840) {
            use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
            let utc = DateTime::<Utc>::from_timestamp_micros(micros).unwrap();
            for text in [utc.to_rfc3339_opts(SecondsFormat::Micros, true), utc.with_timezone(&FixedOffset::east_opt(minutes * 60).unwrap()).to_rfc3339_opts(SecondsFormat::Micros, false)] {
                if let Some(expected) = Timestamp::parse(&text) {
                    prop_assert_eq!(usual_timestamp(text.as_bytes()), Some(expected.micros()), "{}", text);
                }
            }
            let day = utc.date_naive();
            prop_assert_eq!(date(&format!("\"{}\"", day.format("%Y-%m-%d"))).map(i64::from), Some(micros.div_euclid(86_400_000_000)));
        }

        #[test]
        fn any_text_is_safe(text in "\\PC{0,40}") {
            let quoted = format!("\"{text}\"");
            let _ = (timestamp(&quoted), date(&quoted), integer(&text), double(&text), boolean(&text), string(&text));
        }
    }
}
