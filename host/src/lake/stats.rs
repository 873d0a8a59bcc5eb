//! Delta's statistics of one data file: rows, and for the chosen columns the least and greatest value and the nulls.

use std::collections::BTreeMap;

use deltalake_core::arrow::array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use deltalake_core::arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use deltalake_core::arrow::compute;
use deltalake_core::arrow::datatypes::DataType;
use lienthong_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// What is known of a file so far.
#[derive(Debug, Default)]
pub(super) struct FileStats {
    rows: u64,
    columns: BTreeMap<String, ColumnStats>,
}

#[derive(Debug, Default)]
struct ColumnStats {
    nulls: u64,
    range: Option<Range>,
}

#[derive(Debug, Clone, Copy)]
enum Range {
    Whole(i64, i64),
    Real(f64, f64),
    Moment(i64, i64),
    Day(i32, i32),
}

impl FileStats {
    /// Takes account of more rows; only of these columns.
    pub(super) fn add(&mut self, rows: &RecordBatch, columns: &[String]) {
        self.rows += rows.num_rows() as u64;
        for name in columns {
            let Some(array) = rows.column_by_name(name) else { continue };
            let stats = self.columns.entry(name.clone()).or_default();
            stats.nulls += array.null_count() as u64;
            stats.range = Range::widest(stats.range, Range::of(array));
        }
    }

    /// How many rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// As Delta's log has them (protocol, "Per-file Statistics").
    pub(super) fn to_json(&self) -> String {
        let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
        for (name, stats) in &self.columns {
            nulls.insert(name.clone(), stats.nulls.into());
            if let Some((min, max)) = stats.range.map(Range::texts) {
                least.insert(name.clone(), min);
                greatest.insert(name.clone(), max);
            }
        }
        json!({ "numRecords": self.rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
    }
}

impl Range {
    fn of(array: &dyn Array) -> Option<Self> {
        fn ends<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<(T::Native, T::Native)>
        where
            T::Native: deltalake_core::arrow::array::ArrowNativeTypeOp,
        {
            let array = array.as_primitive_opt::<T>()?;
            Some((compute::min(array)?, compute::max(array)?))
        }
        match array.data_type() {
            DataType::Int64 => ends::<Int64Type>(array).map(|(min, max)| Self::Whole(min, max)),
            DataType::Int32 => ends::<Int32Type>(array).map(|(min, max)| Self::Whole(min.into(), max.into())),
            DataType::Float64 => ends::<Float64Type>(array).map(|(min, max)| Self::Real(min, max)),
            DataType::Timestamp(..) => ends::<TimestampMicrosecondType>(array).map(|(min, max)| Self::Moment(min, max)),
            DataType::Date32 => ends::<Date32Type>(array).map(|(min, max)| Self::Day(min, max)),
            _ => None,
        }
    }

    fn widest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(Self::Whole(a, b)), Some(Self::Whole(c, d))) => Some(Self::Whole(a.min(c), b.max(d))),
            (Some(Self::Real(a, b)), Some(Self::Real(c, d))) => Some(Self::Real(a.min(c), b.max(d))),
            (Some(Self::Moment(a, b)), Some(Self::Moment(c, d))) => Some(Self::Moment(a.min(c), b.max(d))),
            (Some(Self::Day(a, b)), Some(Self::Day(c, d))) => Some(Self::Day(a.min(c), b.max(d))),
            (one, other) => one.or(other),
        }
    }

    fn texts(self) -> (Value, Value) {
        match self {
            Self::Whole(min, max) => (min.into(), max.into()),
            Self::Real(min, max) => (min.into(), max.into()),
            Self::Moment(min, max) => {
                // Readers may know milliseconds only: the ends go outwards to whole ones.
                let floor = min.div_euclid(1000) * 1000;
                let ceiling = max.saturating_add(999).div_euclid(1000) * 1000;
                let text = |micros| Value::from(millis(micros));
                (text(floor), text(ceiling))
            }
            Self::Day(min, max) => (day(min.into()).into(), day(max.into()).into()),
        }
    }
}

fn millis(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    text.strip_suffix("000Z").map_or(text.clone(), |cut| format!("{cut}Z"))
}

/// `YYYY-MM-DD` of a day, counted from 1970-01-01.
pub(super) fn day(days: i64) -> String {
    let text = Timestamp::from_micros(days.saturating_mul(86_400_000_000)).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake_core::arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn only_the_chosen_columns_are_told_and_moments_go_outwards() {
        let column = |array: ArrayRef| array;
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("n", column(Arc::new(Int64Array::from(vec![Some(3), None, Some(-1)]))), true),
            ("x", column(Arc::new(Float64Array::from(vec![0.5, 2.0, 1.0]))), true),
            ("t", column(Arc::new(TimestampMicrosecondArray::from(vec![1, 1_000_001, 5]).with_timezone("UTC"))), true),
            ("d", column(Arc::new(Date32Array::from(vec![None, Some(1), None]))), true),
            ("name", column(Arc::new(StringArray::from(vec!["An", "Bình", "Chi"]))), true),
        ])
        .unwrap();
        let mut stats = FileStats::default();
        let columns = ["n", "x", "t", "d", "absent"].map(str::to_owned);
        stats.add(&rows, &columns);
        stats.add(&rows.slice(1, 1), &columns);
        let json: Value = serde_json::from_str(&stats.to_json()).unwrap();
        let expected = json!({
            "numRecords": 4,
            "minValues": { "n": -1, "x": 0.5, "t": "1970-01-01T00:00:00.000Z", "d": "1970-01-02" },
            "maxValues": { "n": 3, "x": 2.0, "t": "1970-01-01T00:00:01.001Z", "d": "1970-01-02" },
            "nullCount": { "n": 2, "x": 0, "t": 0, "d": 2 },
        });
        assert_eq!(json, expected);
    }
}
