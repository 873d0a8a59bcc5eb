//! A message as a whole: which kind it is, and the records that it becomes.

use std::io::{BufRead, Seek};

use lienthong_sdk::xml::Element;
use serde_json::Value;

use crate::fault::Fault;
use crate::field::{CONTENTS, DOCUMENT, REFERENCES, RESPONSES, STATUS};
use crate::walk::{Object, Walk};
use crate::{DOCUMENT_STATUS, DOCUMENTS, attachments};

/// The two kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Document,
    Status,
}

impl Form {
    pub(crate) const fn port(self) -> &'static str {
        match self {
            Self::Document => DOCUMENTS,
            Self::Status => DOCUMENT_STATUS,
        }
    }
}

/// A message that was read to its end.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) form: Form,
    pub(crate) records: Vec<Object>,
    /// How many attachments came with it.
    pub(crate) contents: usize,
}

/// What the hub takes of one record.
const MAX_RECORD_BYTES: usize = 1 << 20;

/// Reads all of a message as one of `form`.
pub(crate) fn read<R: BufRead + Seek>(walk: &mut Walk<'_, '_, R>, form: Form, file: Option<&str>) -> Result<Message, Fault> {
    let root = walk.root()?;
    // One SDK in use writes it in small letters.
    if !root.name().eq_ignore_ascii_case("edXML") {
        return Err(Fault::new(root.offset(), "the root element is not `edXML`: this connector reads edXML of QCVN 102:2016/BTTTT"));
    }
    let mut record = Object::new();
    walk.fields(&root, if form == Form::Document { DOCUMENT } else { STATUS }, &mut record)?;

    let references = take_objects(&mut record, REFERENCES);
    let contents = take_objects(&mut record, CONTENTS);
    let count = contents.iter().filter(|content| content.contains_key("size_bytes")).count();
    let listed = attachments::matched(references, contents);
    record.insert("signed".to_owned(), record.contains_key("signatures").into());
    let others = walk.take_others();
    for (property, values) in [("attachments", listed), ("other_elements", others)] {
        if !values.is_empty() {
            record.insert(property.to_owned(), values.into());
        }
    }
    if let Some(file) = file {
        record.insert("source_file".to_owned(), file.into());
    }

    let records = match form {
        Form::Document => vec![record],
        Form::Status => take_objects(&mut record, RESPONSES).into_iter().map(|response| joined(&record, response)).collect(),
    };
    records.iter().try_for_each(|record| check_size(record, &root))?;
    Ok(Message { form, records, contents: count })
}

fn take_objects(record: &mut Object, property: &str) -> Vec<Object> {
    let Some(Value::Array(values)) = record.remove(property) else { return Vec::new() };
    values.into_iter().filter_map(|value| if let Value::Object(object) = value { Some(object) } else { None }).collect()
}

fn joined(common: &Object, own: Object) -> Object {
    let mut record = common.clone();
    record.extend(own);
    record
}

fn check_size(record: &Object, root: &Element) -> Result<(), Fault> {
    let length = serde_json::to_vec(record).map_or(usize::MAX, |bytes| bytes.len());
    match length > MAX_RECORD_BYTES {
        true => Err(Fault::new(root.offset(), format!("the message makes a record of more than {MAX_RECORD_BYTES} bytes"))),
        false => Ok(()),
    }
}
