//! One row of a table: the elements of one XML element, each a field.

use std::io::BufRead;

use lienthong_sdk::xml::{Element, Error, Reader};

use crate::record::{Record, Value};
use crate::tables::{Field, NAME};
use crate::value::{self, Cards};

/// Something that keeps a row from becoming a record, and the byte of its document.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: u64,
    pub(crate) what: String,
}

/// What is wrong with a document. A thousand mistakes need not all be told.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) first: Vec<Fault>,
    pub(crate) more: usize,
}

const TOLD_FAULTS: usize = 8;

impl Faults {
    pub(crate) fn push(&mut self, offset: u64, what: impl Into<String>) {
        match self.first.len() < TOLD_FAULTS {
            true => self.first.push(Fault { offset, what: what.into() }),
            false => self.more += 1,
        }
    }

    /// Keeps an error after which the document can be read on; gives any other back.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_unexpected() => {
                self.push(e.offset(), e.to_string());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// A row as far as it could be read.
pub(crate) struct Row {
    pub(crate) record: Record,
    /// Where the row begins.
    pub(crate) offset: u64,
    /// Where each of its fields is.
    places: Vec<(&'static str, u64)>,
}

impl Row {
    /// Where a field is, by its element's name; where it is not, the row.
    pub(crate) fn place(&self, source: &str) -> u64 {
        self.places.iter().find(|(other, _)| *other == source).map_or(self.offset, |(_, offset)| *offset)
    }
}

/// Names that the tables do not have: so many, so long.
const MAX_OTHERS: usize = 32;
const MAX_OTHER_NAME_BYTES: usize = 64;

/// Reads `element`, whose children are fields of `table`.
pub(crate) fn read<R: BufRead>(xml: &mut Reader<R>, element: &Element, table: &'static [Field], faults: &mut Faults) -> Result<Row, Error> {
    let mut row = Row { record: Record::default(), offset: element.offset(), places: Vec::new() };
    let (mut cards, mut others) = (Cards::default(), Vec::new());
    // Fields come in the table's order, or nearly so.
    let mut expected = 0;
    loop {
        let child = xml.child(element);
        let Some(child) = faults.keep(child)? else { continue };
        let Some(child) = child else { break };
        let text = xml.text(&child);
        let Some(text) = faults.keep(text)? else { continue };
        let text = trimmed(text);
        let Some(index) = position(table, child.name(), expected) else {
            if !text.is_empty() {
                match other(child.name(), text, others.len()) {
                    Ok(other) => others.push(other),
                    Err(what) => faults.push(child.offset(), what),
                }
            }
            continue;
        };
        expected = index + 1;
        let field = &table[index];
        if row.places.iter().any(|(source, _)| *source == field.source) {
            faults.push(child.offset(), format!("{} comes twice", field.source));
            continue;
        }
        if text.is_empty() {
            continue;
        }
        row.places.push((field.source, child.offset()));
        if let Err(what) = value::put(field, text, &mut row.record, &mut cards) {
            faults.push(child.offset(), what);
        }
    }
    for field in table.iter().filter(|field| field.required) {
        if !row.places.iter().any(|(source, _)| *source == field.source) {
            faults.push(element.offset(), format!("{} is missing or empty", field.source));
        }
    }
    if let Err(what) = cards.finish(&mut row.record) {
        faults.push(element.offset(), what);
    }
    if !others.is_empty() {
        row.record.push("other_fields", Value::Others(others));
    }
    Ok(row)
}

fn trimmed(text: String) -> String {
    match text.trim() {
        trimmed if trimmed.len() == text.len() => text,
        trimmed => trimmed.to_owned(),
    }
}

fn position(table: &[Field], name: &str, expected: usize) -> Option<usize> {
    let is = |index: &usize| table[*index].source == name;
    (expected..table.len()).find(is).or_else(|| (0..expected.min(table.len())).find(is))
}

fn other(name: &str, text: String, already: usize) -> Result<(String, String), String> {
    if already == MAX_OTHERS {
        return Err(format!("more than {MAX_OTHERS} elements have names that no table has"));
    }
    if name.len() > MAX_OTHER_NAME_BYTES || text.chars().count() > NAME {
        return Err(format!(
            "an element that no table has is too long: names up to {MAX_OTHER_NAME_BYTES} bytes, texts up to {NAME} characters"
        ));
    }
    Ok((name.to_owned(), text))
}
