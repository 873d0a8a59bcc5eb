//! Records to Arrow columns, in bulk: one pass over the stored text, no value tree between.
//!
//! A row is settled before anything of it is appended, so that no record, however odd, can leave columns of unequal
//! length or stop those after it: what has no column or does not convert is kept in `_extra`, and a line that is no
//! object at all is kept there whole, under [`UNREADABLE`].

use std::collections::HashMap;
use std::sync::Arc;

use deltalake_core::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use deltalake_core::arrow::error::ArrowError;
use lienthong_core::columns::ColumnType;
use lienthong_core::id::ChannelId;
use lienthong_core::log::{StoredBatch, event_time};
use lienthong_core::time::Timestamp;

use super::convert;
use super::layout::Layout;
use super::scan::{Malformed, properties, resolve, same_name};

/// The one property of `_extra` where a stored line is no JSON object. The door lets none in, so this is for damaged logs.
pub(super) const UNREADABLE: &str = "_unreadable";

/// Builds record batches of one table.
pub(super) struct Rows<'a> {
    channel: &'a ChannelId,
    layout: &'a Layout,
    by_name: HashMap<&'a str, usize>,
    /// The column of each property of the last line, in the line's order: the next line mostly has the same.
    order: Vec<Option<usize>>,
    time: Option<TimePath>,
    offset: Int64Builder,
    epoch: Int32Builder,
    id: StringBuilder,
    happened: TimestampMicrosecondBuilder,
    received_at: TimestampMicrosecondBuilder,
    agency: StringBuilder,
    connector: StringBuilder,
    columns: Vec<ColumnBuilder>,
    extra: StringBuilder,
    rows: usize,
    /// The `_extra` object under construction, reused.
    scratch: String,
    /// The last id that the hub gave, reused.
    own_id: String,
}

struct TimePath {
    first: String,
    rest: Vec<String>,
    /// The column of `first`, where it has one.
    column: Option<usize>,
}

enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Json(StringBuilder),
}

impl<'a> Rows<'a> {
    /// No rows yet. `time` is a JSON pointer; one that is none leads nowhere.
    pub(super) fn new(channel: &'a ChannelId, layout: &'a Layout, time: Option<&str>) -> Self {
        let unescape = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
        let mut segments = time.and_then(|pointer| pointer.strip_prefix('/')).into_iter().flat_map(|path| path.split('/')).map(unescape);
        let by_name: HashMap<_, _> = layout.columns.iter().enumerate().map(|(i, column)| (column.name.as_str(), i)).collect();
        let time = segments.next();
        let time = time.map(|first| TimePath { column: by_name.get(first.as_str()).copied(), first, rest: segments.collect() });
        Self {
            channel,
            layout,
            by_name,
            order: Vec::new(),
            time,
            offset: Int64Builder::new(),
            epoch: Int32Builder::new(),
            id: StringBuilder::new(),
            happened: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            received_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            agency: StringBuilder::new(),
            connector: StringBuilder::new(),
            columns: layout.columns.iter().map(|column| ColumnBuilder::new(column.column_type)).collect(),
            extra: StringBuilder::new(),
            rows: 0,
            scratch: String::new(),
            own_id: String::new(),
        }
    }

    /// Adds a batch's records from its `skip`th on. As many rows come as the batch counts records, whatever its text holds.
    pub(super) fn push(&mut self, batch: &StoredBatch, skip: usize) {
        // Text that is UTF-8 throughout, as the door made sure of, is not looked at twice.
        let whole = std::str::from_utf8(&batch.ndjson).ok();
        let mut slots: Vec<Option<&str>> = vec![None; self.columns.len()];
        let mut start = 0;
        for place in 0..batch.count as usize {
            let rest = batch.ndjson.get(start..).unwrap_or_default();
            let end = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = start..end;
            start = end + 1;
            if place < skip {
                continue;
            }
            match whole {
                Some(text) => self.row(batch, place, text.get(line).unwrap_or_default(), &mut slots),
                None => {
                    let lossy = String::from_utf8_lossy(batch.ndjson.get(line).unwrap_or_default());
                    self.row(batch, place, &lossy, &mut vec![None; self.columns.len()]);
                }
            }
        }
    }

    fn row<'t>(&mut self, batch: &StoredBatch, place: usize, line: &'t str, slots: &mut [Option<&'t str>]) {
        slots.fill(None);
        self.scratch.clear();
        let mut time = None;
        if self.settle(line, slots, &mut time).is_err() {
            slots.fill(None);
            time = None;
            self.scratch.clear();
            let text = serde_json::to_string(line).unwrap_or_default();
            extra(&mut self.scratch, UNREADABLE, &text);
        }
        let offset = batch.first.offset + place as u64;
        self.offset.append_value(offset.cast_signed());
        self.epoch.append_value(batch.first.epoch.cast_signed());
        let envelope = batch.envelopes.get(place);
        match envelope.and_then(|envelope| envelope.id.as_deref()) {
            Some(id) => self.id.append_value(id),
            None => {
                // The spelling of `record_id`, without a text of its own for each row.
                self.own_id.clear();
                self.own_id.push_str(self.channel.as_str());
                for number in [u64::from(batch.first.epoch), offset] {
                    self.own_id.push(':');
                    push_number(&mut self.own_id, number);
                }
                self.id.append_value(&self.own_id);
            }
        }
        let own = time.and_then(convert::timestamp).map(Timestamp::from_micros);
        self.happened.append_value(event_time(own, envelope, batch.received_at).micros());
        self.received_at.append_value(batch.received_at.micros());
        self.agency.append_value(batch.origin.agency.as_str());
        self.connector.append_option(batch.origin.connector.as_ref().map(|connector| connector.as_str()));
        for ((builder, slot), column) in self.columns.iter_mut().zip(slots.iter()).zip(&self.layout.columns) {
            let Some(value) = slot.filter(|value| *value != "null") else {
                builder.append_null();
                continue;
            };
            if !builder.append(value) {
                builder.append_null();
                let name = serde_json::to_string(&column.name).unwrap_or_default();
                extra(&mut self.scratch, &name[1..name.len() - 1], value);
            }
        }
        if self.scratch.is_empty() {
            self.extra.append_null();
        } else {
            self.scratch.push('}');
            self.extra.append_value(&self.scratch);
        }
        self.rows += 1;
    }

    /// Sorts a line's properties into the columns' slots, and the others into the scratch object.
    fn settle<'t>(&mut self, line: &'t str, slots: &mut [Option<&'t str>], time: &mut Option<&'t str>) -> Result<(), Malformed> {
        let mut properties = properties(line);
        let mut place = 0;
        while let Some(property) = properties.next()? {
            let column = self.column(place, property.name);
            place += 1;
            if let Some(path) = &self.time
                && if path.column.is_some() { path.column == column } else { same_name(property.name, &path.first) }
            {
                *time = resolve(property.value, &path.rest);
            }
            match column.and_then(|column| slots.get_mut(column)).filter(|slot| slot.is_none()) {
                Some(slot) => *slot = Some(property.value),
                None => extra(&mut self.scratch, property.name, property.value),
            }
        }
        Ok(())
    }

    /// The column of a line's property, its name as it stands in the text.
    fn column(&mut self, place: usize, name: &str) -> Option<usize> {
        let guess = self.order.get(place).copied().flatten();
        if let Some(column) = guess.and_then(|guess| self.layout.columns.get(guess))
            && column.name == name
        {
            return guess;
        }
        let column = if name.contains('\\') {
            self.layout.columns.iter().position(|column| same_name(name, &column.name))
        } else {
            self.by_name.get(name).copied()
        };
        // Beyond as many properties as there are columns a guess is not worth its memory.
        if place < self.columns.len() {
            self.order.resize(self.order.len().max(place + 1), None);
            self.order[place] = column;
        }
        column
    }

    /// How many rows are waiting.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Takes the rows as one batch of the file schema and begins anew.
    ///
    /// # Errors
    /// The columns do not fit the schema: a defect here.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.offset.finish()),
            Arc::new(self.epoch.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.happened.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.agency.finish()),
            Arc::new(self.connector.finish()),
        ];
        arrays.extend(self.columns.iter_mut().map(ColumnBuilder::finish));
        arrays.push(Arc::new(self.extra.finish()));
        RecordBatch::try_new(self.layout.file_schema.clone(), arrays)
    }
}

/// Adds a property, its name escaped already, to an object that is not closed yet.
fn extra(object: &mut String, name: &str, value: &str) {
    object.push_str(if object.is_empty() { "{\"" } else { ",\"" });
    object.push_str(name);
    object.push_str("\":");
    object.push_str(value);
}

/// Adds a number's digits.
fn push_number(text: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let (mut left, mut at) = (number, digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

impl ColumnBuilder {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Json => Self::Json(StringBuilder::new()),
        }
    }

    /// Appends a value that converts; one that does not appends nothing and is false.
    fn append(&mut self, value: &str) -> bool {
        match self {
            Self::Boolean(builder) => convert::boolean(value).map(|value| builder.append_value(value)),
            Self::Integer(builder) => convert::integer(value).map(|value| builder.append_value(value)),
            Self::Double(builder) => convert::double(value).map(|value| builder.append_value(value)),
            Self::Text(builder) => convert::text(value).map(|value| builder.append_value(value)),
            Self::Timestamp(builder) => convert::timestamp(value).map(|value| builder.append_value(value)),
            Self::Date(builder) => convert::date(value).map(|value| builder.append_value(value)),
            Self::Json(builder) => Some(value).map(|value| builder.append_value(value)),
        }
        .is_some()
    }

    fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Text(builder) | Self::Json(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Json(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
        }
    }
}
