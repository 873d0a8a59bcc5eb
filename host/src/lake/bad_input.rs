//! Any valid records on their way into rows: what must hold of them, for fuzzing and for the inputs that it found.

use std::collections::BTreeMap;

use deltalake_core::arrow::array::{Array, AsArray, RecordBatch};
use deltalake_core::arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use deltalake_core::kernel::StructType;
use lienthong_core::columns::ColumnType;
use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::{AgencyId, ChannelId, SchemaId};
use lienthong_core::log::{Origin, Position, StoredBatch};
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::layout::{EXTRA, Layout, TIME, TableSpec, fields};
use super::rows::Rows;

/// A schema on the first line, a record on each other: every record that the schema takes is one row, and each of its properties
/// stands in its column or, to the letter, in `_extra`.
pub fn rows(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(document) = serde_json::from_slice::<Value>(&data[..at]) else { return };
    let Ok(schema) = ChannelSchema::compile(SchemaId::new("any/input.v1").unwrap(), document, &[]) else { return };
    let mut decoder = Decoder::new(DecodeLimits::default());
    let lines = data[at + 1..].split(|byte| *byte == b'\n');
    let records: Vec<&[u8]> = lines.filter_map(|line| schema.validate(&mut decoder, line).ok().map(|record| record.bytes())).collect();
    let channel = ChannelId::new("any/input").unwrap();
    let spec = TableSpec { channel: channel.clone(), columns: schema.columns().to_vec(), time: Some("/at".into()) };
    let layout = Layout::of(&StructType::try_new(fields(&spec)).unwrap());
    let batch = StoredBatch {
        first: Position { epoch: 1, offset: 7 },
        count: u32::try_from(records.len()).unwrap(),
        origin: Origin { agency: AgencyId::new("any").unwrap(), connector: None },
        received_at: Timestamp::from_micros(0),
        schema_version: 1,
        ndjson: records.iter().flat_map(|record| [*record, b"\n"].concat()).collect(),
        envelopes: Vec::new(),
    };
    let mut rows = Rows::new(&channel, &layout, spec.time.as_deref());
    rows.push(&batch, 0);
    assert_eq!(rows.len(), records.len());
    let rows = rows.take().unwrap();
    assert_eq!((rows.num_rows(), rows.num_columns()), (records.len(), layout.file_schema.fields().len()));
    for (row, record) in records.iter().enumerate() {
        let row = Row { rows: &rows, layout: &layout, row };
        row.holds(std::str::from_utf8(record).unwrap());
    }
}

type Properties<'a> = BTreeMap<String, &'a RawValue>;

struct Row<'a> {
    rows: &'a RecordBatch,
    layout: &'a Layout,
    row: usize,
}

impl Row<'_> {
    fn text(&self, column: &str) -> Option<&str> {
        let column = self.rows.column_by_name(column).unwrap().as_string::<i32>();
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    fn holds(&self, record: &str) {
        let properties: Properties<'_> = serde_json::from_str(record).unwrap();
        let extra: Properties<'_> = self.text(EXTRA).map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default();
        for (name, value) in &properties {
            let value = value.get();
            let column = self.layout.columns.iter().find(|column| column.name == *name);
            let kept = extra.get(name).is_some_and(|kept| kept.get() == value);
            match column {
                Some(column) if !kept => assert!(self.shows(&column.name, column.column_type, value), "{name}: {value} in {record}"),
                // What is kept to the letter shows nothing beside it that it is not.
                Some(column) => assert!(self.rows.column_by_name(&column.name).unwrap().is_null(self.row), "{name}: {value}"),
                None => assert!(kept, "{name}: {value} in {record}"),
            }
        }
        assert!(extra.keys().all(|name| properties.contains_key(name)), "{record}");
        let absent = self.layout.columns.iter().filter(|column| !properties.contains_key(&column.name));
        { absent }.for_each(|column| assert!(self.rows.column_by_name(&column.name).unwrap().is_null(self.row), "{}", column.name));
        let own = properties.get("at").and_then(|at| serde_json::from_str::<String>(at.get()).ok());
        let own = own.and_then(|at| Timestamp::parse(&at)).map_or(0, Timestamp::micros);
        let time = self.rows.column_by_name(TIME).unwrap().as_primitive::<TimestampMicrosecondType>();
        assert_eq!(time.value(self.row), own, "{record}");
    }

    /// Whether a column reads as a value does by the plainest way there is.
    fn shows(&self, name: &str, column_type: ColumnType, value: &str) -> bool {
        let column = self.rows.column_by_name(name).unwrap();
        if column.is_null(self.row) {
            return value == "null";
        }
        let text = || serde_json::from_str::<String>(value);
        match column_type {
            ColumnType::Boolean => column.as_boolean().value(self.row).to_string() == value,
            ColumnType::Integer => {
                let number = column.as_primitive::<Int64Type>().value(self.row);
                value.parse() == Ok(number)
                    || value.contains(['.', 'e', 'E']) && number.unsigned_abs() < 1 << 53 && value.parse() == Ok(number as f64)
            }
            ColumnType::Double => {
                value.parse::<f64>().is_ok_and(|number| number.to_bits() == column.as_primitive::<Float64Type>().value(self.row).to_bits())
            }
            ColumnType::Text if value.starts_with('"') => text().is_ok_and(|text| text == column.as_string::<i32>().value(self.row)),
            ColumnType::Text | ColumnType::Json => column.as_string::<i32>().value(self.row) == value,
            ColumnType::Timestamp => {
                let micros = column.as_primitive::<TimestampMicrosecondType>().value(self.row);
                text().is_ok_and(|text| Timestamp::parse(&text).map(Timestamp::micros) == Some(micros))
            }
            ColumnType::Date => {
                let days = column.as_primitive::<Date32Type>().value(self.row);
                text().is_ok_and(|text| Timestamp::parse(&format!("{text}T00:00:00Z")).map(Timestamp::day) == Some(days.into()))
            }
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_records_are_rows() {
        super::kept::kept("lake-rows", super::rows);
    }
}
