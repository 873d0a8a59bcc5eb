//! One record in the making: properties from fields, and the fields that are at fault.

use serde_json::{Map, Value};

use crate::datatype;
use crate::er7::{At, Part, Segment};
use crate::moment::{self, Moment, Offset};

/// Identifiers and codes.
pub(crate) const ID_CHARS: usize = 255;
/// Names, lines and titles.
pub(crate) const TEXT_CHARS: usize = 2_000;
/// Comments of several paragraphs.
pub(crate) const NOTE_CHARS: usize = 65_536;
/// A result's text: a whole report at most.
pub(crate) const VALUE_CHARS: usize = 262_144;
/// Repetitions of one field.
pub(crate) const MAX_ITEMS: usize = 100;

/// What is wrong with a field, in HL7's words (table 0357).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    SegmentSequence,
    RequiredFieldMissing,
    DataType,
    TableValue,
    TooLong,
    UnsupportedMessageType,
    UnsupportedEvent,
    UnsupportedProcessingId,
    UnsupportedVersion,
    Internal,
}

impl Code {
    /// The code, and what the table calls it.
    pub(crate) const fn entry(self) -> (u16, &'static str) {
        match self {
            Self::SegmentSequence => (100, "Segment sequence error"),
            Self::RequiredFieldMissing => (101, "Required field missing"),
            Self::DataType => (102, "Data type error"),
            Self::TableValue => (103, "Table value not found"),
            Self::TooLong => (104, "Value too long"),
            Self::UnsupportedMessageType => (200, "Unsupported message type"),
            Self::UnsupportedEvent => (201, "Unsupported event code"),
            Self::UnsupportedProcessingId => (202, "Unsupported processing id"),
            Self::UnsupportedVersion => (203, "Unsupported version id"),
            Self::Internal => (207, "Application internal error"),
        }
    }
}

/// A field that could not be taken. The reason says nothing of what is in it: it may be personal.
#[derive(Debug, Clone)]
pub(crate) struct Fault<'a> {
    pub(crate) at: At<'a>,
    pub(crate) code: Code,
    pub(crate) reason: String,
}

/// Why a part could not be taken.
pub(crate) type Bad = (Code, String);

/// Properties by name, and what was at fault on the way.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    properties: Map<String, Value>,
    cleared: Vec<Value>,
    faults: Vec<Fault<'a>>,
    offset: Offset,
}

/// One object within a record.
#[derive(Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

impl<'a> Record<'a> {
    /// Begins with what every record of the message has.
    pub(crate) fn new(base: &Map<String, Value>, offset: Offset) -> Self {
        Self { properties: base.clone(), cleared: Vec::new(), faults: Vec::new(), offset }
    }

    /// The offset of times that have none.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    /// A property that is not read from a field.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.properties.insert(name.to_owned(), value.into());
    }

    /// The same, where there is something.
    pub(crate) fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The properties of an object, beside its own.
    pub(crate) fn extend(&mut self, object: Object) {
        self.properties.extend(object.0);
    }

    /// One more item of a list.
    pub(crate) fn push(&mut self, name: &str, at: At<'a>, item: Result<Option<Value>, Bad>) {
        match item {
            Ok(None) => {}
            Ok(Some(item)) => match self.properties.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(items) if items.len() < MAX_ITEMS => items.push(item),
                _ => self.fault(at, Code::TooLong, format!("more than {MAX_ITEMS} of them: the rest is not taken")),
            },
            Err((code, reason)) => self.fault(at, code, reason),
        }
    }

    /// A property that is a text.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        self.properties.get(name)?.as_str().map(str::to_owned)
    }

    /// Whether the property is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.properties.contains_key(name)
    }

    pub(crate) fn fault(&mut self, at: At<'a>, code: Code, reason: impl Into<String>) {
        self.faults.push(Fault { at, code, reason: reason.into() });
    }

    /// The first repetition's whole text.
    pub(crate) fn text(&mut self, name: &'static str, at: At<'a>, max_chars: usize) {
        self.part(name, at, at.first(), max_chars);
    }

    /// A part of a field.
    pub(crate) fn part(&mut self, name: &'static str, at: At<'a>, part: Part<'a>, max_chars: usize) {
        if part.is_null() {
            self.cleared.push(name.into());
        }
        self.value(name, at, bounded(part, max_chars).map(|text| text.map(Value::from)));
    }

    /// What a conversion of the field's first repetition gives.
    pub(crate) fn object(&mut self, name: &'static str, at: At<'a>, convert: impl Fn(Part<'a>) -> Result<Option<Value>, Bad>) {
        if at.part().is_null() {
            self.cleared.push(name.into());
        }
        self.value(name, at, convert(at.first()));
    }

    /// A coded field, flat: `name`, `name_system`, `name_display`, and `name_alternate`.
    pub(crate) fn coded(&mut self, name: &'static str, at: At<'a>) {
        if at.part().is_null() {
            self.cleared.push(name.into());
        }
        let concept = match datatype::concept(at.first()) {
            Ok(Some(Value::Object(concept))) => concept,
            Ok(_) => return,
            Err((code, reason)) => return self.fault(at, code, reason),
        };
        let mut alternate = Object::default();
        for (part, value) in concept {
            match (part.as_str(), part.strip_prefix("alternate_")) {
                (_, Some(part)) => alternate.set(part, value),
                ("code", _) => self.set(name, value),
                (part, _) => self.set(&format!("{name}_{part}"), value),
            }
        }
        self.set_some(&format!("{name}_alternate"), alternate.finish());
    }

    /// What a conversion of each repetition of each field gives, behind what the list has already.
    pub(crate) fn list(&mut self, name: &'static str, fields: &[At<'a>], convert: impl Fn(Part<'a>) -> Result<Option<Value>, Bad>) {
        let mut items = match self.properties.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        for at in fields.iter().copied() {
            if at.part().is_null() {
                self.cleared.push(name.into());
            }
            for part in at.part().repetitions().filter(|part| !part.is_empty()) {
                match convert(part) {
                    Ok(None) => {}
                    Ok(Some(_)) if items.len() >= MAX_ITEMS => {
                        self.fault(at, Code::TooLong, format!("more than {MAX_ITEMS} repetitions: the rest is not taken"));
                        break;
                    }
                    Ok(Some(item)) => items.push(item),
                    Err((code, reason)) => self.fault(at, code, reason),
                }
            }
        }
        if !items.is_empty() {
            self.set(name, items);
        }
    }

    /// A time: `name` where it is a full one, else `name_partial`.
    pub(crate) fn moment(&mut self, name: &'static str, at: At<'a>) {
        self.moment_of(name, at, at.first());
    }

    /// The same, of a part.
    pub(crate) fn moment_of(&mut self, name: &'static str, at: At<'a>, part: Part<'a>) {
        match self.read_moment(name, at, part) {
            Some(Moment::Full(text)) => self.set(name, text),
            Some(Moment::Day(text) | Moment::Partial(text)) => self.set(&format!("{name}_partial"), text),
            None => {}
        }
    }

    /// A day: `name` where it is a full one, else `name_partial`. Gives the moment, which may have more.
    pub(crate) fn day(&mut self, name: &'static str, at: At<'a>) -> Option<Moment> {
        let moment = self.read_moment(name, at, at.first())?;
        match (moment.day(), &moment) {
            (Some(day), _) => self.set(name, day),
            (None, Moment::Partial(text)) => {
                let day = text.get(..10).map(str::to_owned);
                match day {
                    Some(day) => self.set(name, day),
                    None => self.set(&format!("{name}_partial"), text.as_str()),
                }
            }
            (None, _) => {}
        }
        Some(moment)
    }

    fn read_moment(&mut self, name: &'static str, at: At<'a>, part: Part<'a>) -> Option<Moment> {
        if part.is_null() {
            self.cleared.push(name.into());
        }
        // Before 2.6 a time had a second component, its precision, which its digits show as well.
        match moment::read(&part.component(1).text()?, self.offset) {
            Ok(moment) => Some(moment),
            Err(reason) => {
                self.fault(at, Code::DataType, reason);
                None
            }
        }
    }

    fn value(&mut self, name: &'static str, at: At<'a>, value: Result<Option<Value>, Bad>) {
        match value {
            Ok(value) => self.set_some(name, value),
            Err((code, reason)) => self.fault(at, code, reason),
        }
    }

    /// The record, and the fields that are not in it.
    pub(crate) fn finish(mut self) -> (Map<String, Value>, Vec<Fault<'a>>) {
        if !self.cleared.is_empty() {
            self.cleared.dedup();
            self.properties.insert("cleared".to_owned(), self.cleared.into());
        }
        (self.properties, self.faults)
    }
}

impl Object {
    /// A property that is not read from a field.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The same, where there is something.
    pub(crate) fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A part's text.
    pub(crate) fn text(&mut self, name: &str, part: Part<'_>, max_chars: usize) -> Result<(), Bad> {
        self.set_some(name, bounded(part, max_chars)?);
        Ok(())
    }

    /// None where nothing is in it.
    pub(crate) fn finish(self) -> Option<Value> {
        (!self.0.is_empty()).then_some(Value::Object(self.0))
    }
}

/// A part's text, unless it is longer than the schemas allow.
pub(crate) fn bounded(part: Part<'_>, max_chars: usize) -> Result<Option<String>, Bad> {
    let too_long = || (Code::TooLong, format!("more than {max_chars} characters"));
    // A character takes at most four bytes, or eleven in an escape sequence: what is far longer is not even unescaped.
    if part.len() > max_chars.saturating_mul(12) {
        return Err(too_long());
    }
    let text = part.text();
    if text.as_ref().is_some_and(|text| text.len() > max_chars && text.chars().count() > max_chars) { Err(too_long()) } else { Ok(text) }
}

/// The texts of the segments' field, a line each: comments that belong to what stands before them.
pub(crate) fn notes<'a>(record: &mut Record<'a>, name: &'static str, segments: impl Iterator<Item = &'a Segment<'a>>) {
    let mut text = String::new();
    let mut chars = 0;
    'all: for segment in segments {
        let at = segment.at(3);
        for part in at.part().repetitions() {
            match bounded(part, NOTE_CHARS) {
                Ok(Some(line)) if chars + line.chars().count() < NOTE_CHARS => {
                    chars += line.chars().count() + 1;
                    text.push_str(if text.is_empty() { "" } else { "\n" });
                    text.push_str(&line);
                }
                Ok(None) => {}
                _ => {
                    record.fault(at, Code::TooLong, format!("the comments have more than {NOTE_CHARS} characters together"));
                    break 'all;
                }
            }
        }
    }
    if !text.is_empty() {
        record.set(name, text);
    }
}
