use super::{Fields, days_in_month};

/// Viet Nam's clocks are so far ahead of UTC.
const AHEAD_MS: u64 = 7 * 3_600_000;

const DAY_MS: u64 = 86_400_000;

/// An instant as Viet Nam's clocks show it, in the letters of [`super::moment`]; milliseconds are cut off. None beyond the year 9999.
///
/// ```
/// use lienthong_sdk::vietnam::{instant_ms, local};
/// assert_eq!(local(1_763_867_700_000, "yyyyMMddHHmmss").as_deref(), Some("20251123101500"));
/// assert_eq!(instant_ms("20251123101500", &["yyyyMMddHHmmss"]), Some(1_763_867_700_000));
/// ```
pub fn local(instant_ms: u64, pattern: &str) -> Option<String> {
    let local_ms = instant_ms.checked_add(AHEAD_MS)?;
    let second = u32::try_from(local_ms % DAY_MS / 1_000).ok()?;
    let (year, month, day) = date_of(local_ms / DAY_MS)?;
    let fields = Fields { year, month, day, hour: second / 3_600, minute: second / 60 % 60, second: second % 60 };
    Some(fields.write(pattern))
}

/// The instant of a local moment, milliseconds since 1970-01-01T00:00:00Z. `patterns` as in [`super::moment`]; a pattern without a
/// time means midnight. None where the text fits no pattern, names a moment that does not exist, or one before 1970.
pub fn instant_ms(text: &str, patterns: &[&str]) -> Option<u64> {
    let fields = patterns.iter().find_map(|pattern| Fields::read(text, pattern)).filter(Fields::has_real_time)?;
    let years: u64 = (1970..fields.year).map(days_in_year).sum();
    let months: u64 = (1..fields.month).map(|month| u64::from(days_in_month(fields.year, month))).sum();
    let days = years + months + u64::from(fields.day - 1);
    let seconds = u64::from(fields.hour * 3_600 + fields.minute * 60 + fields.second);
    (fields.year >= 1970).then(|| days * DAY_MS + seconds * 1_000)?.checked_sub(AHEAD_MS)
}

/// The date of a day counted from 1970-01-01. Year by year: a few thousand steps at most, and nothing to get wrong.
fn date_of(mut day: u64) -> Option<(u32, u32, u32)> {
    let mut year = 1970;
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
        if year > 9999 {
            return None;
        }
    }
    let mut month = 1;
    while day >= u64::from(days_in_month(year, month)) {
        day -= u64::from(days_in_month(year, month));
        month += 1;
    }
    Some((year, month, u32::try_from(day).ok()? + 1))
}

fn days_in_year(year: u32) -> u64 {
    337 + u64::from(days_in_month(year, 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vietnam::moment;

    const DIGITS: &str = "yyyyMMddHHmmss";

    #[test]
    fn instants_are_those_of_the_clock_at_07_00() {
        for (ms, text) in [
            (0, "19700101070000"),
            (61_199_999, "19700101235959"),
            (61_200_000, "19700102000000"),
            (951_757_199_000, "20000228235959"),
            (951_757_200_999, "20000229000000"),
            (4_107_517_199_000, "21000228235959"),
            (4_107_517_200_000, "21000301000000"),
            (1_795_482_000_000, "20261124080000"),
        ] {
            assert_eq!(local(ms, DIGITS).as_deref(), Some(text), "{ms}");
            assert_eq!(instant_ms(text, &[DIGITS]), Some(ms / 1_000 * 1_000), "{text}");
        }
        assert_eq!(local(0, "dd/MM/yyyy HH:mm").as_deref(), Some("01/01/1970 07:00"));
        assert_eq!(instant_ms("2026-11-24", &["yyyy-MM-dd"]), Some(1_795_453_200_000));
    }

    #[test]
    fn every_day_goes_there_and_back() {
        for day in 0..50_000u64 {
            let ms = day * DAY_MS + day % 86_400 * 1_000;
            let text = local(ms, DIGITS).unwrap();
            assert_eq!(instant_ms(&text, &[DIGITS]), Some(ms), "{text}");
            assert!(moment(&text, &[DIGITS]).is_some(), "{text}");
        }
    }

    #[test]
    fn what_has_no_instant_is_none() {
        for bad in ["", "19691231235959", "19700101065959", "20250229000000", "20250101240000", "2025010100000x"] {
            assert_eq!(instant_ms(bad, &[DIGITS]), None, "{bad}");
        }
        assert_eq!(instant_ms("99991231235959", &[DIGITS]).and_then(|ms| local(ms, DIGITS)).as_deref(), Some("99991231235959"));
        for beyond in [253_402_275_600_000, u64::MAX - AHEAD_MS, u64::MAX] {
            assert_eq!(local(beyond, DIGITS), None, "{beyond}");
        }
    }
}
