//! How a GTFS file becomes records: which columns, what each holds, what is wrong with a row.

use csv::ByteRecord;
use serde::Serialize;

/// The longest description of real feeds has some two thousand bytes.
const MAX_FIELD_BYTES: usize = 16 << 10;

/// A file of the feed.
pub(crate) trait Table<'r>: Serialize + Sized {
    /// Its name in the archive.
    const FILE: &'static str;
    /// The port of its records.
    const PORT: &'static str;
    /// The columns that are read, in the order of the struct's fields.
    const COLUMNS: &'static [&'static str];
    /// Those without which the file cannot be used.
    const REQUIRED: &'static [&'static str];
    /// Reads one row, or says what is wrong with it.
    fn read(row: Row<'r>) -> Result<Self, String>;
}

/// One row, its columns in a table's own order.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r> {
    pub(crate) record: &'r ByteRecord,
    /// For each of the table's columns, its place in the file, if it is there.
    pub(crate) places: &'r [Option<usize>],
}

impl<'r> Row<'r> {
    /// A field's text, empty where the column is absent.
    pub(crate) fn text(self, column: usize, name: &str) -> Result<&'r str, String> {
        let bytes = self.places.get(column).copied().flatten().and_then(|place| self.record.get(place)).unwrap_or_default();
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(format!("{name} has more than {MAX_FIELD_BYTES} bytes"));
        }
        std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
    }
}

/// What a column may hold. Each is given the field's text and the column's name.
pub(crate) mod value {
    /// Text that must be there.
    pub(crate) fn id<'r>(text: &'r str, name: &str) -> Result<&'r str, String> {
        if text.is_empty() { Err(format!("{name} is empty")) } else { Ok(text) }
    }

    /// Text.
    pub(crate) fn text<'r>(text: &'r str, _: &str) -> Result<Option<&'r str>, String> {
        Ok(Some(text).filter(|t| !t.is_empty()))
    }

    /// A whole number from 0.
    pub(crate) fn count(text: &str, name: &str) -> Result<Option<u32>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Some).ok_or_else(|| format!("{name} is no whole number from 0"))
    }

    /// A whole number from 0 that must be there.
    pub(crate) fn required_count(text: &str, name: &str) -> Result<u32, String> {
        count(text, name)?.ok_or_else(|| format!("{name} is empty"))
    }

    /// A decimal number.
    pub(crate) fn number(text: &str, name: &str) -> Result<Option<f64>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        // What Rust reads beyond digits, "inf" and "nan", is no number of JSON.
        let decimal = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        let number = text.parse::<f64>().ok().filter(|n| decimal && n.is_finite());
        number.map(Some).ok_or_else(|| format!("{name} is no decimal number"))
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
}

/// Declares a table: `column: type = value-function`, then what is made from columns.
macro_rules! table {
    (
        $(#[$doc:meta])* $name:ident, $file:literal => $port:literal, required $required:tt {
            $($column:ident: $type:ty = $read:ident),+ $(,)?
        } made { $($made:ident: $made_type:ty = $make:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(crate) struct $name<'r> {
            $(#[serde(skip_serializing_if = "Absent::is_absent")] $column: $type,)+
            $(#[serde(skip_serializing_if = "Absent::is_absent")] $made: $made_type,)*
            #[serde(skip)]
            row: std::marker::PhantomData<&'r ()>,
        }

        impl<'r> Table<'r> for $name<'r> {
            const FILE: &'static str = $file;
            const PORT: &'static str = $port;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];
            const REQUIRED: &'static [&'static str] = &$required;

            fn read(row: Row<'r>) -> Result<Self, String> {
                let mut columns = 0..;
                $(
                    let name = stringify!($column);
                    let $column: $type = value::$read(row.text(columns.next().unwrap_or(usize::MAX), name)?, name)?;
                )+
                $(let $made: $made_type = $make;)*
                Ok(Self { $($column,)+ $($made,)* row: std::marker::PhantomData })
            }
        }
    };
}
pub(crate) use table;

/// Whether a value is left out of the record.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Absent for &str {
    fn is_absent(&self) -> bool {
        false
    }
}

impl Absent for u32 {
    fn is_absent(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::value::*;

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

    #[test]
    fn numbers_are_numbers_of_json() {
        assert_eq!(number("-16.92", "n"), Ok(Some(-16.92)));
        assert_eq!(count("0", "n"), Ok(Some(0)));
        for bad in ["nan", "inf", "1e999", "1,5", "--1", "0x1"] {
            assert!(number(bad, "n").is_err(), "{bad}");
        }
        for bad in ["-1", "+1", "1.0", "4294967296"] {
            assert!(count(bad, "n").is_err(), "{bad}");
        }
    }
}
