//! Whether a column's values come again, told by a sample: a dictionary of values that hardly ever do costs its hashing, and is
//! larger than the values themselves.

use std::collections::HashSet;

use deltalake_core::arrow::array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use deltalake_core::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use deltalake_core::arrow::datatypes::DataType;

/// Values looked at, spread over the column.
const SAMPLE: usize = 2_048;

/// False where fewer than one in twenty of the sample was there before: of values drawn from so many that, at a sample of this
/// size, they are more than some twenty thousand. Too small a sample tells nothing, and a dictionary of so few costs nothing.
pub(super) fn repeats(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Int32 => primitive::<Int32Type>(column, |value| value as u64),
        DataType::Int64 => primitive::<Int64Type>(column, |value| value as u64),
        DataType::Date32 => primitive::<Date32Type>(column, |value| value as u64),
        DataType::Float64 => primitive::<Float64Type>(column, f64::to_bits),
        DataType::Timestamp(..) => primitive::<TimestampMicrosecondType>(column, |value| value as u64),
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            sample(column, |at| texts.value(at))
        }
        _ => true,
    }
}

fn primitive<T: ArrowPrimitiveType>(column: &ArrayRef, bits: impl Fn(T::Native) -> u64) -> bool {
    let values = column.as_primitive::<T>();
    sample(column, |at| bits(values.value(at)))
}

fn sample<V: std::hash::Hash + Eq>(column: &ArrayRef, value: impl Fn(usize) -> V) -> bool {
    let step = (column.len() / SAMPLE).max(1);
    let mut seen = HashSet::with_capacity(SAMPLE);
    let (mut looked, mut again) = (0, 0);
    // A null takes no place in a dictionary, nor beside one.
    for at in (0..column.len()).step_by(step).filter(|at| column.is_valid(*at)) {
        looked += 1;
        again += usize::from(!seen.insert(value(at)));
    }
    looked < 100 || again * 20 >= looked
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake_core::arrow::array::{BooleanArray, Int64Array, StringArray};

    use super::*;

    #[test]
    fn unique_values_do_not_repeat_and_few_values_do() {
        let texts = |kinds: usize| Arc::new(StringArray::from_iter_values((0..50_000).map(|n| format!("{}", n % kinds)))) as ArrayRef;
        assert!(repeats(&texts(400)));
        assert!(!repeats(&texts(50_000)));
        assert!(!repeats(&(Arc::new(Int64Array::from_iter_values(0..5_000)) as ArrayRef)));
        assert!(
            !repeats(&(Arc::new(Int64Array::from_iter((0..5_000).map(|n| (n % 2 == 0).then_some(n)))) as ArrayRef)),
            "the nulls do not count"
        );
        assert!(repeats(&(Arc::new(Int64Array::from_iter_values(0..50)) as ArrayRef)), "too few to tell");
        assert!(repeats(&(Arc::new(BooleanArray::from(vec![true; 5_000])) as ArrayRef)));
    }
}
