//! A channel's JSON Schema (2020-12, draft 7 understood), compiled once: offline, formats asserted, the linear-time
//! regex engine with size limits.

mod check;
pub mod keywords;
pub mod page;
mod refs;
mod representation;
#[cfg(test)]
mod tests;
mod violation;

use jsonschema::json::Json;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::columns::{self, Column};
use crate::decode::Decoder;
use crate::id::SchemaId;
use crate::record::{ValidRecord, Violation};
use crate::tape::Tape;
pub(crate) use refs::{Documents, Place, subschemas};
use representation::TapeJson;

/// Bytes one compiled pattern may take, and its lazily built automaton's cache.
const PATTERN_BYTES: usize = 4 << 20;

/// Ways through a recursive schema that are followed to explain a violation.
const MAX_EXPLAINED: usize = 10_000;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("schema {schema}: {message}")]
pub struct Error {
    /// Which one.
    pub schema: SchemaId,
    /// JSON pointer into the schema document.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong with a schema, and where, before its name is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A compiled schema. Cheap to share behind an `Arc`, `Send + Sync`.
pub struct ChannelSchema {
    id: SchemaId,
    document: Value,
    others: Vec<(String, Value)>,
    columns: Vec<Column>,
    validator: Validator<TapeJson>,
    /// Ways in which the schema recurses.
    recursions: usize,
}

impl ChannelSchema {
    /// Whether anything in it, or in what it refers to, is marked as a person's data (`x-personal`), however deep.
    pub fn is_personal(&self) -> bool {
        let others: Vec<_> = self.others.iter().map(|(uri, other)| (uri.as_str(), other)).collect();
        let documents = Documents::new(&self.document, &others);
        columns::is_personal(&documents, documents.root())
    }

    /// Compiles a schema document. References resolve only within it and among `others` (by their `$id`).
    ///
    /// # Errors
    /// What is no schema, what reaches outside, what could take unbounded time or memory, and what has no place in
    /// the lake: see [`Error::pointer`] for where.
    pub fn compile(id: SchemaId, document: Value, others: &[(&str, &Value)]) -> Result<Self, Error> {
        match Self::parts(&document, others) {
            Ok((validator, columns, recursions)) => {
                let others = others.iter().map(|(uri, other)| ((*uri).to_owned(), (*other).clone())).collect();
                Ok(Self { id, document, others, columns, validator, recursions })
            }
            Err(Fault { pointer, message }) => Err(Error { schema: id, pointer, message }),
        }
    }

    fn parts(document: &Value, others: &[(&str, &Value)]) -> Result<(Validator<TapeJson>, Vec<Column>, usize), Fault> {
        let documents = Documents::new(document, others);
        check::bounded(document, others)?;
        let recursions = check::keywords(&documents)?;
        let validator = build_validator::<TapeJson>(document, others)?;
        let columns = columns::of_schema(&documents)?;
        Ok((validator, columns, recursions))
    }

    /// Parses and validates one record. `line` is kept as it is: JSON white space around it is trimmed and raw line
    /// feeds inside it (white space too, by RFC 8259) must have been replaced by the caller with [`flatten_line`].
    pub fn validate<'b>(&'b self, decoder: &mut Decoder, line: &'b [u8]) -> Result<ValidRecord<'b>, Violation> {
        let bytes = trim(line);
        if memchr::memchr(b'\n', bytes).is_some() {
            let message = "the record spans several lines: one record stands on one line".into();
            return Err(Violation { pointer: String::new(), keyword: "decode".into(), message });
        }
        let tape = decoder.decode(bytes)?;
        self.check(&tape)?;
        Ok(ValidRecord { bytes, schema: &self.id })
    }

    /// Validates what is decoded already, for who reads the record's values too.
    pub fn check(&self, tape: &Tape<'_>) -> Result<(), Violation> {
        let root = tape.root();
        if self.validator.is_valid(root) {
            return Ok(());
        }
        // Explaining goes every way the schema recurses at every level, where the verdict remembers what it knows.
        let levels = u32::try_from(tape.depth()).unwrap_or(u32::MAX);
        if self.recursions > 1 && self.recursions.saturating_pow(levels) > MAX_EXPLAINED {
            return Err(violation::unexplained());
        }
        let others: Vec<_> = self.others.iter().map(|(uri, other)| (uri.as_str(), other)).collect();
        match self.validator.validate(root) {
            Err(error) => Err(violation::of_error(&error, &Documents::new(&self.document, &others))),
            // Both passes read the same values with the same validators.
            Ok(()) => Err(violation::unexplained()),
        }
    }

    /// Which schema this is.
    pub fn id(&self) -> &SchemaId {
        &self.id
    }

    /// The document as it was given.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The lake's columns for it, in the order of the schema's `properties`.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// A validator for any representation, with the options every schema of the hub gets.
pub(crate) fn build_validator<F: Json>(document: &Value, others: &[(&str, &Value)]) -> Result<Validator<F>, Fault> {
    let mut registry = jsonschema::Registry::new().retriever(Offline);
    for (uri, other) in others {
        registry = registry.add(*uri, *other).map_err(|e| Fault::new("", format!("the schema {uri} beside it has no usable $id: {e}")))?;
    }
    let registry = registry.prepare().map_err(|e| refs::fault(document, &e))?;
    jsonschema::options_for::<F>()
        .offline()
        .with_registry(&registry)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES))
        .build(document)
        .map_err(|error| check::build_fault(document, &error))
}

/// Nothing is ever fetched.
struct Offline;

impl jsonschema::Retrieve for Offline {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is not among the schemas at hand, and none is fetched").into())
    }
}

/// Without the JSON white space around it.
fn trim(line: &[u8]) -> &[u8] {
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    let start = line.iter().position(|b| !space(b)).unwrap_or(line.len());
    let end = line.iter().rposition(|b| !space(b)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// Replaces raw line feeds and carriage returns of one JSON text by spaces. They can only be white space there (inside a
/// string they are invalid JSON, which the decoder refuses), so the value stays the same and fits one line.
pub fn flatten_line(json: &mut [u8]) {
    for byte in json {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}
