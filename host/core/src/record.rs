//! Records that fit their channel, and why others do not.

use serde::{Deserialize, Serialize};

use crate::id::SchemaId;
use crate::time::Timestamp;

/// Why bytes are no record of a channel. Serialised as it is in quarantine listings and API answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the value at fault; empty for the whole record. A plugin may put its own place here (`line 7`).
    pub pointer: String,
    /// The schema keyword that was broken; `decode` when the bytes are no record at all, `plugin` when a plugin rejected them.
    pub keyword: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// The bytes of one record that its channel's schema accepted. Only [`crate::schema::ChannelSchema::validate`] makes one,
/// so "stored but unvalidated" cannot be written. Holds no raw line feed.
#[derive(Debug, Clone, Copy)]
pub struct ValidRecord<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) schema: &'b SchemaId,
}

impl<'b> ValidRecord<'b> {
    /// The record, as it was validated.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// The schema that accepted it.
    pub fn schema(&self) -> &'b SchemaId {
        self.schema
    }
}

/// What a producer said about one record beside its content (CloudEvents attributes).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The producer's id; without one a record's id is `channel:epoch:offset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The producer's `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The producer's `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// The producer's `subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, by the producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

impl Envelope {
    /// Says nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Records of one schema on their way to the log: newline-delimited bytes and how many.
#[derive(Debug, Clone)]
pub struct ValidBatch {
    schema: SchemaId,
    ndjson: Vec<u8>,
    count: u32,
    /// One a record, or none at all where no record has one.
    envelopes: Vec<Envelope>,
}

impl ValidBatch {
    /// An empty batch for records of this schema.
    pub fn new(schema: SchemaId) -> Self {
        Self { schema, ndjson: Vec::new(), count: 0, envelopes: Vec::new() }
    }

    /// An empty batch with room for so many bytes of records, line feeds included.
    pub fn with_capacity(schema: SchemaId, bytes: usize) -> Self {
        Self { ndjson: Vec::with_capacity(bytes), ..Self::new(schema) }
    }

    /// Adds a record.
    ///
    /// # Panics
    /// If another schema validated it: batches are built per channel, so that is a defect of the caller.
    pub fn push(&mut self, record: ValidRecord<'_>, envelope: Option<Envelope>) {
        assert_eq!(*record.schema, self.schema, "a batch holds records of one schema");
        if let Some(envelope) = envelope.filter(|e| !e.is_empty()) {
            self.envelopes.resize_with(self.count as usize, Envelope::default);
            self.envelopes.push(envelope);
        } else if !self.envelopes.is_empty() {
            self.envelopes.push(Envelope::default());
        }
        self.ndjson.extend_from_slice(record.bytes);
        self.ndjson.push(b'\n');
        self.count += 1;
    }

    /// The schema of every record in it.
    pub fn schema(&self) -> &SchemaId {
        &self.schema
    }

    /// The records, each followed by a line feed.
    pub fn ndjson(&self) -> &[u8] {
        &self.ndjson
    }

    /// How many records.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What producers said of each record: as many as records, or none.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.envelopes
    }

    /// Takes the batch's content and leaves it empty, its schema kept.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.schema.clone()))
    }
}
