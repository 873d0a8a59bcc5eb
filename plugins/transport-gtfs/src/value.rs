//! What the columns of GTFS may hold, as the schemas of the ports have it.

use lienthong_sdk::tables::value::{at_most, number};

pub(crate) use lienthong_sdk::tables::value::count;

/// An identifier or a short name.
pub(crate) fn short<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(512, text, name)
}

/// An identifier that must be there.
pub(crate) fn id<'r>(text: &'r str, name: &str) -> Result<&'r str, String> {
    short(text, name)?.ok_or_else(|| format!("{name} is empty"))
}

/// A name for people, or an address.
pub(crate) fn text<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(2_048, text, name)
}

/// A description.
pub(crate) fn description<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(8_192, text, name)
}

/// The name of a time zone.
pub(crate) fn timezone<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(64, text, name)
}

/// Six hexadecimal digits; the sign that the web puts in front of them is left out.
pub(crate) fn color<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let fits = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match text {
        "" => Ok(None),
        _ if fits => Ok(Some(digits)),
        _ => Err(format!("{name} is no color of six hexadecimal digits")),
    }
}

/// A whole number from 0 that must be there.
pub(crate) fn required_count(text: &str, name: &str) -> Result<u32, String> {
    count(text, name)?.ok_or_else(|| format!("{name} is empty"))
}

fn code(max: u32, text: &str, name: &str) -> Result<Option<u32>, String> {
    match count(text, name)? {
        Some(number) if number > max => Err(format!("{name} must be from 0 to {max}")),
        number => Ok(number),
    }
}

/// One of two choices.
pub(crate) fn code_to_1(text: &str, name: &str) -> Result<Option<u32>, String> {
    code(1, text, name)
}

/// One of three choices.
pub(crate) fn code_to_2(text: &str, name: &str) -> Result<Option<u32>, String> {
    code(2, text, name)
}

/// One of four choices.
pub(crate) fn code_to_3(text: &str, name: &str) -> Result<Option<u32>, String> {
    code(3, text, name)
}

/// One of five choices.
pub(crate) fn code_to_4(text: &str, name: &str) -> Result<Option<u32>, String> {
    code(4, text, name)
}

/// A kind of vehicle: the reference's, or one of the extended kinds that go up to 1799.
pub(crate) fn vehicle(text: &str, name: &str) -> Result<u32, String> {
    code(1_799, text, name)?.ok_or_else(|| format!("{name} is empty"))
}

fn within(range: std::ops::RangeInclusive<f64>, text: &str, name: &str) -> Result<Option<f64>, String> {
    match number(text, name)? {
        Some(number) if !range.contains(&number) => Err(format!("{name} must be from {} to {}", range.start(), range.end())),
        number => Ok(number),
    }
}

/// Degrees north of the equator.
pub(crate) fn latitude(text: &str, name: &str) -> Result<Option<f64>, String> {
    within(-90.0..=90.0, text, name)
}

/// Degrees east of Greenwich.
pub(crate) fn longitude(text: &str, name: &str) -> Result<Option<f64>, String> {
    within(-180.0..=180.0, text, name)
}

/// A length in the feed's own unit.
pub(crate) fn distance(text: &str, name: &str) -> Result<Option<f64>, String> {
    match number(text, name)? {
        Some(number) if number < 0.0 => Err(format!("{name} is less than 0")),
        number => Ok(number),
    }
}

/// Seconds after midnight of `H:MM:SS`, beyond 24 hours for a trip that goes on into the next day.
pub(crate) fn seconds(text: &str) -> Option<u32> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let part = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let digits = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|_| digits)
    };
    let (hours, minutes, seconds) = (part(hours, 1..=3)?, part(minutes, 2..=2)?, part(seconds, 2..=2)?);
    (minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// A time of the service day in one spelling, `HH:MM:SS`.
pub(crate) fn time(text: &str, name: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let all = seconds(text).ok_or_else(|| format!("{name} is no time H:MM:SS"))?;
    Ok(Some(format!("{:02}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_to_their_range() {
        assert_eq!(latitude("-90", "n"), Ok(Some(-90.0)));
        assert_eq!(latitude("90.1", "n").unwrap_err(), "n must be from -90 to 90");
        assert_eq!(longitude("180", "n"), Ok(Some(180.0)));
        assert!(longitude("-180.5", "n").is_err());
        assert_eq!((distance("0", "n"), distance("", "n")), (Ok(Some(0.0)), Ok(None)));
        assert!(distance("-0.1", "n").is_err());
        assert_eq!((code_to_2("2", "n"), code_to_2("", "n")), (Ok(Some(2)), Ok(None)));
        assert_eq!(code_to_2("3", "n").unwrap_err(), "n must be from 0 to 2");
        assert_eq!(vehicle("700", "n"), Ok(700));
        assert!(vehicle("1800", "n").is_err() && vehicle("", "n").is_err());
        assert_eq!((color("#ff0000", "n"), color("00FF00", "n"), color("", "n")), (Ok(Some("ff0000")), Ok(Some("00FF00")), Ok(None)));
        for bad in ["#", "red", "#12345", "##123456", "12345g"] {
            assert!(color(bad, "n").is_err(), "{bad}");
        }
    }

    #[test]
    fn an_identifier_is_not_empty() {
        assert_eq!((id("x", "n"), short("", "n")), (Ok("x"), Ok(None)));
        assert!(id("", "n").is_err());
    }

    #[test]
    fn times_go_beyond_midnight_and_have_one_spelling() {
        for (given, spelled, after) in
            [("8:05:00", "08:05:00", 29_100), ("24:00:00", "24:00:00", 86_400), ("100:59:59", "100:59:59", 363_599)]
        {
            assert_eq!(time(given, "t").unwrap().as_deref(), Some(spelled));
            assert_eq!(seconds(given), Some(after));
        }
        assert_eq!(time("", "t"), Ok(None));
        for bad in ["8:05", "8:5:00", "08:60:00", "08:00:60", "-1:00:00", "+8:00:00", "1000:00:00", "aa:bb:cc", "8:05:00:00", "08:00: 1"] {
            assert!(time(bad, "t").is_err(), "{bad}");
        }
    }
}
