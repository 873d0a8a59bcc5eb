//! Reads official electronic documents and their status messages (edXML, QCVN 102:2016/BTTTT): one message a call.

mod attachments;
mod content;
mod document_id;
mod envelope;
mod fault;
mod field;
mod moment;
mod reply;
mod walk;

use std::io::{Read, Seek};

use lienthong_sdk::{Blob, Call, Failure, Message, Receiver, Reply};
use serde::Deserialize;

use crate::content::Keep;
use crate::envelope::Form;
use crate::fault::Fault;
use crate::walk::Walk;

/// The port of documents, recalls, updates and replacements.
pub const DOCUMENTS: &str = "documents";

/// The port of status messages.
pub const DOCUMENT_STATUS: &str = "document-status";

/// The largest message that is put into quarantine. The sandbox must hold it; beyond this the call fails, and the hub sets the file aside.
const MAX_QUARANTINED_BYTES: u64 = 16 << 20;

/// A longer file name comes from nobody.
const MAX_FILE_NAME_CHARS: usize = 255;

/// The connector has no settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

/// The connector.
#[derive(Debug, Default)]
pub struct Documents;

lienthong_sdk::export_receiver!(Documents);

impl Receiver for Documents {
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        let Settings {} = call.settings()?;
        let mut body = message.body;
        let file = message.name.as_deref().filter(|name| !name.is_empty() && name.chars().count() <= MAX_FILE_NAME_CHARS);
        // First all of it is checked, and only then attachments are kept: the hub should have none whose message it refused.
        let mut read = match read(&mut body, Form::Document, file, None) {
            Err(Refusal { fault: Fault::IsStatus, .. }) => self::read(&mut body, Form::Status, file, None),
            read => read,
        };
        if let Ok(checked) = &read
            && checked.contents > 0
        {
            read = self::read(&mut body, checked.form, file, Some(&mut *call));
        }
        match read {
            Ok(message) => accept(call, message).map(Some),
            Err(refusal) => refuse(call, body, refusal).map(Some),
        }
    }
}

/// A message that was not read to its end.
struct Refusal {
    fault: Fault,
    form: Form,
    /// It is meant as edXML.
    has_envelope: bool,
}

fn read(body: &mut Blob, form: Form, file: Option<&str>, keep: Option<&mut Call<'_>>) -> Result<envelope::Message, Refusal> {
    body.rewind().map_err(|error| Refusal { fault: error.into(), form, has_envelope: false })?;
    let mut walk = Walk::new(body, keep.map(|call| Keep { call, port: form.port() }));
    envelope::read(&mut walk, form, file).map_err(|fault| Refusal { fault, form, has_envelope: walk.has_envelope() })
}

fn accept(call: &mut Call<'_>, message: envelope::Message) -> Result<Reply, Failure> {
    for record in &message.records {
        call.emit(message.form.port(), record)?;
    }
    call.flush()?;
    let id = message.records.first().and_then(|record| record.get("document_id")?.as_str()).unwrap_or_default();
    match call.verdict().refused {
        0 => reply::taken(id),
        _ => reply::refused(id, "the record does not fit its channel and is kept in quarantine"),
    }
}

/// A message is one item: it goes into quarantine whole. What is no edXML at all, or too large for that, is the failure of the call.
fn refuse(call: &mut Call<'_>, mut body: Blob, refusal: Refusal) -> Result<Reply, Failure> {
    let error = match refusal.fault {
        Fault::Document(error) if !error.is_unreadable() => error,
        Fault::Document(error) => return Err(error.into()),
        Fault::Unreadable(error) => return Err(error.into()),
        Fault::Stopped(stopped) => return Err(stopped.into()),
        Fault::IsStatus => return Err(Failure::Internal("a status message was read as a document".to_owned())),
    };
    body.rewind()?;
    let at = lienthong_sdk::xml::place(&mut body, error.offset())?.to_string();
    let reason = error.to_string();
    if !refusal.has_envelope || body.size() > MAX_QUARANTINED_BYTES {
        return Err(Failure::InvalidInput(format!("{at}: {reason}")));
    }
    body.rewind()?;
    let mut bytes = Vec::with_capacity(usize::try_from(body.size()).unwrap_or_default());
    body.read_to_end(&mut bytes)?;
    call.reject(refusal.form.port(), &bytes, &reason, Some(&at))?;
    reply::refused("", &format!("{at}: {reason}"))
}
