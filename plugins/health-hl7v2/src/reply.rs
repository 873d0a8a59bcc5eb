//! The answers to a body: one acknowledgement, or those of a batch in a batch.

use lienthong_sdk::Reply;

use crate::ack::{self, Header};
use crate::charset::Charset;
use crate::message::Answer;
use crate::moment::Offset;

/// What answers to a body may take, so that a file of a million messages does not fill the sandbox with them.
const MAX_REPLY_BYTES: usize = 8 << 20;

/// Collects acknowledgements.
pub(crate) struct Replies {
    at_ms: u64,
    offset: Offset,
    number: u64,
    charset: Option<Charset>,
    /// FHS of the body.
    file: Option<Vec<u8>>,
    batch: Batch,
    /// Batches that are closed.
    done: Vec<u8>,
    batches: u64,
    is_open: bool,
}

#[derive(Default)]
struct Batch {
    /// BHS, or the first MSH where there was none.
    header: Option<Vec<u8>>,
    is_declared: bool,
    messages: u64,
    acknowledgements: u64,
    left_out: u64,
    bytes: Vec<u8>,
}

impl Replies {
    pub(crate) fn new(at_ms: u64, offset: Offset) -> Self {
        let (charset, file, done) = (None, None, Vec::new());
        Self { at_ms, offset, number: 0, charset, file, batch: Batch::default(), done, batches: 0, is_open: false }
    }

    /// Nothing of HL7 came yet.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_open
    }

    /// The next answer's time and number.
    pub(crate) fn next_moment(&mut self) -> ack::Moment {
        self.number += 1;
        self.is_open = true;
        ack::Moment { at_ms: self.at_ms, offset: self.offset, number: self.number }
    }

    /// A message's acknowledgement, if it has one.
    pub(crate) fn add(&mut self, message: &[u8], answer: Answer) {
        self.charset.get_or_insert(answer.charset);
        let batch = &mut self.batch;
        batch.messages += 1;
        batch.header.get_or_insert_with(|| first_line(message));
        let Some(bytes) = answer.bytes else { return };
        if self.done.len() + batch.bytes.len() + bytes.len() > MAX_REPLY_BYTES {
            batch.left_out += 1;
        } else {
            batch.acknowledgements += 1;
            batch.bytes.extend_from_slice(&bytes);
        }
    }

    pub(crate) fn open_file(&mut self, header: Vec<u8>) {
        self.is_open = true;
        self.end_batch();
        self.file.get_or_insert(first_line(&header));
    }

    pub(crate) fn open_batch(&mut self, header: Vec<u8>) {
        self.is_open = true;
        self.end_batch();
        self.batch = Batch { header: Some(first_line(&header)), is_declared: true, ..Batch::default() };
    }

    /// Why the trailer is not that of the messages before it, if it is not.
    pub(crate) fn close_batch(&mut self, trailer: &[u8]) -> Option<String> {
        self.is_open = true;
        let header = self.batch.header.clone().unwrap_or_default();
        let field = Header::read(&header).delimiters.field;
        let declared = trailer.split(|b| *b == field).nth(1).unwrap_or_default();
        let declared = std::str::from_utf8(declared).ok().and_then(|count| count.trim().parse::<u64>().ok());
        let came = self.batch.messages;
        self.end_batch();
        let declared = declared.filter(|declared| *declared != came)?;
        Some(format!("the batch's trailer counts {declared} messages, and {came} came: ask its sender for what is missing"))
    }

    pub(crate) fn close_file(&mut self) {
        self.is_open = true;
        self.end_batch();
    }

    fn moment(&mut self) -> ack::Moment {
        self.number += 1;
        ack::Moment { at_ms: self.at_ms, offset: self.offset, number: self.number }
    }

    fn end_batch(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let Some(header) = batch.header else { return };
        let is_alone = !batch.is_declared && batch.messages == 1;
        if is_alone {
            self.done.extend(batch.bytes);
            return;
        }
        self.batches += 1;
        let header = Header::read(&header);
        let when = self.moment();
        let comment = if batch.left_out == 0 { String::new() } else { format!("{} acknowledgements are left out", batch.left_out) };
        self.done.extend(ack::opening("BHS", &header, when));
        self.done.extend(batch.bytes);
        self.done.extend(ack::closing("BTS", &header, batch.acknowledgements, &comment));
    }

    /// The reply; none where no message asks for an acknowledgement and none came in a batch.
    pub(crate) fn finish(mut self) -> Option<Reply> {
        self.end_batch();
        if self.done.is_empty() && self.file.is_none() {
            return None;
        }
        let mut body = Vec::new();
        let file = self.file.take();
        let when = self.moment();
        if let Some(file) = &file {
            body.extend(ack::opening("FHS", &Header::read(file), when));
        }
        body.append(&mut self.done);
        if let Some(file) = &file {
            body.extend(ack::closing("FTS", &Header::read(file), self.batches, ""));
        }
        let charset = self.charset.map_or_else(|| "utf-8".to_owned(), Charset::http_name);
        Some(Reply { content_type: format!("application/hl7-v2; charset={charset}"), body })
    }
}

fn first_line(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().position(|b| crate::er7::is_segment_end(*b)).unwrap_or(bytes.len());
    bytes[..end.min(4_096)].to_vec()
}
