//! A channel's JSON Schema (2020-12, draft 7 understood), compiled once: offline, formats asserted, the linear-time
//! regex engine with size limits.

use serde_json::Value;

use crate::columns::Column;
use crate::decode::Decoder;
use crate::id::SchemaId;
use crate::record::{ValidRecord, Violation};

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

/// A compiled schema. Cheap to share behind an `Arc`, `Send + Sync`.
pub struct ChannelSchema {
    id: SchemaId,
    document: Value,
    columns: Vec<Column>,
}

impl ChannelSchema {
    /// Compiles a schema document. References resolve only within it and among `others` (by their `$id`).
    pub fn compile(_id: SchemaId, _document: Value, _others: &[(&str, &Value)]) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Parses and validates one record. `line` is kept as it is: JSON white space around it is trimmed and raw line
    /// feeds inside it (white space too, by RFC 8259) must have been replaced by the caller with [`flatten_line`].
    pub fn validate<'b>(&'b self, _decoder: &mut Decoder, _line: &'b [u8]) -> Result<ValidRecord<'b>, Violation> {
        unimplemented!()
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

/// Replaces raw line feeds and carriage returns of one JSON text by spaces. They can only be white space there (inside a
/// string they are invalid JSON, which the decoder refuses), so the value stays the same and fits one line.
pub fn flatten_line(json: &mut [u8]) {
    for byte in json {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}
