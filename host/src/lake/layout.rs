//! A lake table's columns: as Delta's schema describes them, and as the rows are built.
//!
//! The table's own schema is the truth. A channel's newer schema only ever adds columns; where it gives a property
//! another type, the column keeps its old one and the new values go to `_extra`.

use std::sync::Arc;

use deltalake_core::arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::{DataType, MetadataValue, PrimitiveType, StructField, StructType};
use lienthong_core::columns::{Column, ColumnType};
use lienthong_core::id::ChannelId;

/// The record's offset in its channel and epoch.
pub(super) const OFFSET: &str = "_offset";
/// The channel's life that the offset belongs to: offsets begin again after a restore.
pub(super) const EPOCH: &str = "_epoch";
/// The producer's id, else `channel:epoch:offset`.
pub(super) const ID: &str = "_id";
/// When it happened: the record's word at the channel's `time`, else the producer's, else `_received_at`.
pub(super) const TIME: &str = "_time";
/// When the hub received it.
pub(super) const RECEIVED_AT: &str = "_received_at";
/// The UTC day of `_received_at`; the table's only partition column.
pub(super) const DATE: &str = "_date";
/// The agency it came from.
pub(super) const AGENCY: &str = "_agency";
/// The connector it came from, where one produced it.
pub(super) const CONNECTOR: &str = "_connector";
/// A JSON object of what has no column, or does not convert to its column's type; null where there is nothing.
pub(super) const EXTRA: &str = "_extra";

const ENVELOPE: [(&str, PrimitiveType, &str); 9] = [
    (OFFSET, PrimitiveType::Long, "position in the channel, within its epoch"),
    (EPOCH, PrimitiveType::Integer, "life of the channel; a restore opens a new one"),
    (ID, PrimitiveType::String, "the producer's id, else channel:epoch:offset"),
    (TIME, PrimitiveType::Timestamp, "when it happened"),
    (RECEIVED_AT, PrimitiveType::Timestamp, "when the hub received it"),
    (DATE, PrimitiveType::Date, "UTC day of _received_at"),
    (AGENCY, PrimitiveType::String, "the agency it came from"),
    (CONNECTOR, PrimitiveType::String, "the connector it came from"),
    (EXTRA, PrimitiveType::String, "JSON object of what has no column or does not fit it"),
];

/// Where a field remembers what its Delta type alone does not tell.
const TYPE_KEY: &str = "lienthong.type";
const PERSONAL_KEY: &str = "lienthong.personal";

/// The land of one channel's records: its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The channel.
    pub channel: ChannelId,
    /// The columns of the channel's newest schema.
    pub columns: Vec<Column>,
    /// JSON pointer (RFC 6901) to a record's event time, an RFC 3339 text.
    pub time: Option<String>,
}

/// One typed column as rows are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LandedColumn {
    pub(super) name: String,
    pub(super) column_type: ColumnType,
    pub(super) personal: bool,
}

/// A table's columns, those that landing fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) columns: Vec<LandedColumn>,
    /// The schema of data files: everything but the partition column.
    pub(super) file_schema: SchemaRef,
}

impl Layout {
    /// Reads a table's schema. Columns of types that landing never makes (somebody else added them) stay null.
    pub(super) fn of(table: &StructType) -> Self {
        let is_envelope = |name: &str| ENVELOPE.iter().any(|(envelope, ..)| *envelope == name);
        let columns: Vec<_> = table.fields().filter(|field| !is_envelope(&field.name)).filter_map(landed).collect();
        let mut fields: Vec<Field> = Vec::new();
        for (name, primitive, _) in ENVELOPE.iter().filter(|(name, ..)| *name != DATE) {
            if *name == EXTRA {
                fields.extend(columns.iter().map(|column| Field::new(&column.name, arrow_type(column.column_type), true)));
            }
            fields.push(Field::new(*name, envelope_arrow_type(primitive), true));
        }
        Self { columns, file_schema: Arc::new(Schema::new(fields)) }
    }
}

/// A new table's fields.
pub(super) fn fields(spec: &TableSpec) -> Vec<StructField> {
    let mut fields: Vec<StructField> = ENVELOPE
        .into_iter()
        .map(|(name, primitive, comment)| StructField::nullable(name, primitive).with_metadata([("comment", comment)]))
        .collect();
    let extra = fields.pop();
    for column in &spec.columns {
        if usable(&column.name, fields.iter()) {
            fields.push(field(column));
        }
    }
    fields.extend(extra);
    fields
}

/// The table's fields after a spec brought new columns or marked old ones personal, and the new ones alone; none where
/// nothing changes.
pub(super) fn evolved(table: &StructType, spec: &TableSpec) -> Option<(Vec<StructField>, Vec<StructField>)> {
    let mut fields: Vec<StructField> = table.fields().cloned().collect();
    let (known, mut changed) = (fields.len(), false);
    for column in &spec.columns {
        if let Some(old) = fields.iter_mut().find(|field| field.name == column.name && field.metadata.contains_key(TYPE_KEY)) {
            if column.personal && !old.metadata.contains_key(PERSONAL_KEY) {
                old.metadata.insert(PERSONAL_KEY.to_owned(), MetadataValue::from(true));
                changed = true;
            }
        } else if usable(&column.name, fields.iter()) {
            fields.push(field(column));
        }
    }
    let new = fields[known..].to_vec();
    (changed || !new.is_empty()).then_some((fields, new))
}

/// Statistics are kept for these, both here and by other writers (`delta.dataSkippingStatsColumns`): never for personal
/// columns, `_id` (a producer's id may name a person) and texts, whose extremes say little of files that are cut by time.
pub(super) fn stats_columns<'a>(fields: impl IntoIterator<Item = &'a StructField>) -> Vec<String> {
    let envelope = [OFFSET, EPOCH, TIME, RECEIVED_AT].map(str::to_owned);
    let typed = fields.into_iter().filter(|field| !field.name.starts_with('_') || field.metadata.contains_key(TYPE_KEY)).filter_map(landed);
    let typed =
        typed.filter(|column| !column.personal && !matches!(column.column_type, ColumnType::Text | ColumnType::Json | ColumnType::Boolean));
    envelope.into_iter().chain(typed.map(|column| column.name)).collect()
}

/// The property's text for those columns; names that are no plain words stand in backticks.
pub(super) fn stats_property(columns: &[String]) -> String {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    let quoted: Vec<_> =
        columns.iter().map(|name| if plain(name) { name.clone() } else { format!("`{}`", name.replace('`', "``")) }).collect();
    quoted.join(",")
}

/// A name that Delta takes and that no column has yet, in whatever case. Others have no column; their values go to `_extra`.
fn usable<'a>(name: &str, taken: impl Iterator<Item = &'a StructField>) -> bool {
    let lower = name.to_lowercase();
    let allowed = !name.is_empty() && !name.contains(|c: char| " ,;{}()\n\t=".contains(c) || c.is_control());
    let in_envelope = ENVELOPE.iter().any(|(envelope, ..)| *envelope == lower);
    allowed && !in_envelope && { taken }.all(|field| field.name.to_lowercase() != lower)
}

fn field(column: &Column) -> StructField {
    let (primitive, kind) = match column.column_type {
        ColumnType::Boolean => (PrimitiveType::Boolean, "boolean"),
        ColumnType::Integer => (PrimitiveType::Long, "integer"),
        ColumnType::Double => (PrimitiveType::Double, "double"),
        ColumnType::Text => (PrimitiveType::String, "text"),
        ColumnType::Timestamp => (PrimitiveType::Timestamp, "timestamp"),
        ColumnType::Date => (PrimitiveType::Date, "date"),
        ColumnType::Json => (PrimitiveType::String, "json"),
    };
    let mut metadata = vec![(TYPE_KEY, MetadataValue::from(kind))];
    if column.personal {
        metadata.push((PERSONAL_KEY, MetadataValue::from(true)));
    }
    if let Some(comment) = &column.comment {
        metadata.push(("comment", MetadataValue::from(comment)));
    }
    StructField::nullable(&column.name, primitive).with_metadata(metadata)
}

fn landed(field: &StructField) -> Option<LandedColumn> {
    let DataType::Primitive(primitive) = &field.data_type else { return None };
    let column_type = match primitive {
        PrimitiveType::Boolean => ColumnType::Boolean,
        PrimitiveType::Long => ColumnType::Integer,
        PrimitiveType::Double => ColumnType::Double,
        PrimitiveType::Timestamp => ColumnType::Timestamp,
        PrimitiveType::Date => ColumnType::Date,
        PrimitiveType::String if matches!(field.metadata.get(TYPE_KEY), Some(MetadataValue::String(kind)) if kind == "json") => {
            ColumnType::Json
        }
        PrimitiveType::String => ColumnType::Text,
        _ => return None,
    };
    // A column that lost its mark is treated as personal: its statistics are not worth the doubt.
    let personal = matches!(field.metadata.get(PERSONAL_KEY), Some(MetadataValue::Boolean(true))) || !field.metadata.contains_key(TYPE_KEY);
    Some(LandedColumn { name: field.name.clone(), column_type, personal })
}

fn utc_micros() -> ArrowType {
    ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn arrow_type(column_type: ColumnType) -> ArrowType {
    match column_type {
        ColumnType::Boolean => ArrowType::Boolean,
        ColumnType::Integer => ArrowType::Int64,
        ColumnType::Double => ArrowType::Float64,
        ColumnType::Timestamp => utc_micros(),
        ColumnType::Date => ArrowType::Date32,
        ColumnType::Text | ColumnType::Json => ArrowType::Utf8,
    }
}

fn envelope_arrow_type(primitive: &PrimitiveType) -> ArrowType {
    match primitive {
        PrimitiveType::Long => ArrowType::Int64,
        PrimitiveType::Integer => ArrowType::Int32,
        PrimitiveType::Timestamp => utc_micros(),
        PrimitiveType::Date => ArrowType::Date32,
        _ => ArrowType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, column_type: ColumnType) -> Column {
        Column { name: name.into(), column_type, personal: false, comment: None }
    }

    fn spec(columns: Vec<Column>) -> TableSpec {
        TableSpec { channel: ChannelId::new("a/b").unwrap(), columns, time: None }
    }

    #[test]
    fn a_schema_comes_back_as_it_was_described() {
        let mut name = column("họ tên".replace(' ', "_").as_str(), ColumnType::Text);
        name.personal = true;
        let spec = spec(vec![name, column("tags", ColumnType::Json), column("pm2.5", ColumnType::Double)]);
        let layout = Layout::of(&StructType::try_new(fields(&spec)).unwrap());
        let found: Vec<_> = layout.columns.iter().map(|c| (c.name.as_str(), c.column_type, c.personal)).collect();
        assert_eq!(found, [("họ_tên", ColumnType::Text, true), ("tags", ColumnType::Json, false), ("pm2.5", ColumnType::Double, false)]);
        let names: Vec<_> = layout.file_schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, [OFFSET, EPOCH, ID, TIME, RECEIVED_AT, AGENCY, CONNECTOR, "họ_tên", "tags", "pm2.5", EXTRA]);
    }

    #[test]
    fn a_newer_schema_adds_columns_and_changes_none() {
        let table = StructType::try_new(fields(&spec(vec![column("level", ColumnType::Integer)]))).unwrap();
        let newer = spec(vec![column("level", ColumnType::Text), column("Level", ColumnType::Text), column("unit", ColumnType::Text)]);
        let (all, new) = evolved(&table, &newer).unwrap();
        assert_eq!(new.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["unit"]);
        let again = StructType::try_new(all).unwrap();
        assert!(evolved(&again, &newer).is_none());
        assert_eq!(Layout::of(&again).columns[0].column_type, ColumnType::Integer);
    }

    #[test]
    fn names_that_no_table_takes_have_no_column() {
        let bad = ["", "a b", "a,b", "x=y", "_offset", "_EXTRA", "tab\there"].map(|name| column(name, ColumnType::Text));
        assert_eq!(fields(&spec(bad.into())).len(), ENVELOPE.len());
    }

    #[test]
    fn statistics_leave_out_persons_and_texts() {
        let mut born = column("born", ColumnType::Date);
        born.personal = true;
        let columns = vec![born, column("name", ColumnType::Text), column("pm2.5", ColumnType::Double), column("_x", ColumnType::Integer)];
        let stats = stats_columns(&fields(&spec(columns)));
        assert_eq!(stats_property(&stats), "_offset,_epoch,_time,_received_at,`pm2.5`,_x");
    }
}
