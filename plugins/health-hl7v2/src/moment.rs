//! HL7's times (types DT, TM, TS, DTM; section 2A): `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// A time, as precise as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// RFC 3339. Seconds that were not sent are zero, as FHIR has it.
    Full(String),
    /// A day: `2026-11-24`.
    Day(String),
    /// Less than a day, or an hour of it: `2026`, `2026-11`, `2026-11-24T09`.
    Partial(String),
}

impl Moment {
    /// Its day, where it has one: local to the offset that the time is in.
    pub(crate) fn day(&self) -> Option<&str> {
        match self {
            Self::Full(text) | Self::Day(text) => text.get(..10),
            Self::Partial(_) => None,
        }
    }

    /// The whole of it, where it has a time of day.
    pub(crate) fn full(&self) -> Option<&str> {
        match self {
            Self::Full(text) => Some(text),
            Self::Day(_) | Self::Partial(_) => None,
        }
    }
}

/// Before this, a year is what a system writes that has no date.
const FIRST_YEAR: i32 = 1800;

/// Reads a time; one without an offset of its own is in `offset`.
pub(crate) fn read(text: &str, offset: Offset) -> Result<Moment, &'static str> {
    const FORM: &str = "no time of the form YYYYMMDDHHMMSS, cut off from the end as far as it is known";
    let (stamp, offset) = match text.find(['+', '-']) {
        Some(at) => (&text[..at], Offset::read_basic(&text[at..]).ok_or("the offset is not of the form +HHMM")?),
        None => (text, offset),
    };
    let (digits, fraction) = stamp.split_once('.').map_or((stamp, None), |(digits, fraction)| (digits, Some(fraction)));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let sound = all_digits(digits) && digits.len() >= 4 && digits.len() <= 14 && digits.len().is_multiple_of(2);
    if !sound || fraction.is_some_and(|f| digits.len() != 14 || !all_digits(f) || f.len() > 9) {
        return Err(FORM);
    }
    let number = |at: usize| digits.get(at..at + 2).map(|two| two.parse::<u32>().map_err(|_| FORM)).transpose();
    let year: i32 = digits[..4].parse().map_err(|_| FORM)?;
    let (month, day) = (number(4)?, number(6)?);
    let date = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1));
    if year < FIRST_YEAR || date.is_none() {
        return Err("a day that does not exist");
    }
    let (hour, minute, second) = (number(8)?, number(10)?, number(12)?);
    if hour.is_some_and(|h| h > 23) || minute.is_some_and(|m| m > 59) || second.is_some_and(|s| s > 59) {
        return Err("a time of day that does not exist");
    }
    Ok(match (month, day, hour, minute) {
        (None, ..) => Moment::Partial(format!("{year:04}")),
        (Some(month), None, ..) => Moment::Partial(format!("{year:04}-{month:02}")),
        (Some(month), Some(day), None, _) => Moment::Day(format!("{year:04}-{month:02}-{day:02}")),
        (Some(month), Some(day), Some(hour), None) => Moment::Partial(format!("{year:04}-{month:02}-{day:02}T{hour:02}")),
        (Some(month), Some(day), Some(hour), Some(minute)) => {
            let second = second.unwrap_or(0);
            let fraction = fraction.map(|f| format!(".{f}")).unwrap_or_default();
            Moment::Full(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{}", offset.extended()))
        }
    })
}

/// A time of day (type TM) as `09:30:05`, or as `09:30`; none where it is not one.
pub(crate) fn time_of_day(text: &str) -> Option<String> {
    let digits = text.split(['.', '+', '-']).next()?.replace(':', "");
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let numbers: Vec<u32> = digits.as_bytes().chunks(2).filter_map(|two| std::str::from_utf8(two).ok()?.parse().ok()).collect();
    let real = numbers.iter().zip([23, 59, 59]).all(|(number, last)| *number <= last);
    real.then(|| numbers.iter().map(|number| format!("{number:02}")).collect::<Vec<_>>().join(":"))
}

/// Minutes east of Greenwich.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offset(i32);

impl Offset {
    /// As the setting has it: `+07:00`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        Self::read_basic(&format!("{hours}{minutes}"))
    }

    /// As HL7 has it: `+0700`.
    fn read_basic(text: &str) -> Option<Self> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let digits = text.get(1..).filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))?;
        let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        (hours <= 14 && minutes < 60).then_some(Self(sign * (hours * 60 + minutes)))
    }

    fn extended(self) -> String {
        let sign = if self.0 < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", self.0.abs() / 60, self.0.abs() % 60)
    }

    /// A moment as HL7 writes it, in this offset: `20261124083000.000+0700`.
    pub(crate) fn write(self, at_ms: u64) -> String {
        let local = at_ms.checked_add_signed(i64::from(self.0) * 60_000).and_then(|ms| i64::try_from(ms).ok());
        let local = local.and_then(DateTime::from_timestamp_millis).unwrap_or(DateTime::UNIX_EPOCH);
        let (date, time) = (local.date_naive(), local.time());
        let (year, month, day) = (date.year(), date.month(), date.day());
        let (hour, minute, second, ms) = (time.hour(), time.minute(), time.second(), time.nanosecond() / 1_000_000);
        let offset = self.extended().replace(':', "");
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.{ms:03}{offset}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANOI: Offset = Offset(7 * 60);

    #[test]
    fn a_time_is_as_precise_as_it_was_sent() {
        for (text, moment) in [
            ("2026", Moment::Partial("2026".into())),
            ("202611", Moment::Partial("2026-11".into())),
            ("20261124", Moment::Day("2026-11-24".into())),
            ("2026112409", Moment::Partial("2026-11-24T09".into())),
            ("202611240930", Moment::Full("2026-11-24T09:30:00+07:00".into())),
            ("20261124093059", Moment::Full("2026-11-24T09:30:59+07:00".into())),
            ("20261124093059.1234", Moment::Full("2026-11-24T09:30:59.1234+07:00".into())),
            ("201203141259-0215", Moment::Full("2012-03-14T12:59:00-02:15".into())),
            ("20240229000000+0000", Moment::Full("2024-02-29T00:00:00+00:00".into())),
        ] {
            assert_eq!(read(text, HANOI), Ok(moment), "{text}");
        }
        assert_eq!(read("20261124093059+0100", HANOI).unwrap().day(), Some("2026-11-24"));
        assert_eq!(read("202611", HANOI).unwrap().day(), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "0000",
            "00000000",
            "17991231",
            "202",
            "20265",
            "20261324",
            "20250229",
            "20261124240000",
            "20261124096000",
            "20261124093060",
            "2026112409305.1",
            "202611240930.5",
            "20261124093059.",
            "20261124+7",
            "20261124093059+1500",
            "20261124093059+07:00",
            "2026-11-24",
            "20261124093059\u{661}",
            "hôm qua",
        ] {
            assert!(read(bad, HANOI).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_of_day_has_at_least_minutes() {
        for (text, time) in [
            ("0930", Some("09:30")),
            ("093005.12", Some("09:30:05")),
            ("11:30:05", Some("11:30:05")),
            ("09", None),
            ("2400", None),
            ("ab", None),
        ] {
            assert_eq!(time_of_day(text).as_deref(), time, "{text}");
        }
    }

    #[test]
    fn an_acknowledgement_is_dated_in_the_offset() {
        assert_eq!(Offset::read("+07:00").unwrap().write(1_795_487_405_123), "20261124093005.123+0700");
        assert_eq!(Offset::read("-02:15").unwrap().write(86_400_000), "19700101214500.000-0215");
        assert_eq!(HANOI.write(u64::MAX), "19700101000000.000+0700");
        for bad in ["", "07:00", "+7:00", "+15:00", "+07:60", "+0700"] {
            assert_eq!(Offset::read(bad), None, "{bad}");
        }
    }
}
