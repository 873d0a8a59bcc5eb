//! One item as a record of its port.

use lienthong_sdk::vietnam::DossierCode;
use serde_json::{Map, Value};

use crate::envelope::{Item, MAX_ITEM_BYTES, Service};
use crate::fields::{DOSSIER, ONLY_IN_STEPS, STEP};
use crate::json::Kept;
use crate::object::{Fault, Object};

/// The schemas' limit of a dossier's code, characters.
const MAX_CODE_CHARS: usize = 64;

/// What an item is.
pub(crate) struct Reading {
    pub(crate) service: Service,
    /// The dossier's code as it came, if something like one is there.
    pub(crate) code: Option<String>,
    pub(crate) record: Result<Map<String, Value>, Fault>,
}

impl Service {
    /// The port of the service's records.
    pub(crate) fn port(self) -> &'static str {
        match self {
            Self::Dossiers => crate::DOSSIERS,
            Self::Steps => crate::STEPS,
        }
    }
}

/// Reads an item. Where nobody names the service, the item's fields tell it.
pub(crate) fn read(item: &Item<'_>, service: Option<Service>, updating: Option<bool>) -> Reading {
    if item.kept == Kept::Beginning {
        let fault = Fault::new(format!("the item has more than {MAX_ITEM_BYTES} bytes; only its beginning is kept"));
        return Reading { service: service.unwrap_or(Service::Dossiers), code: None, record: Err(fault) };
    }
    let object = match Object::parse(item.bytes) {
        Ok(object) => object,
        Err(fault) => return Reading { service: service.unwrap_or(Service::Dossiers), code: None, record: Err(fault) },
    };
    let service = service.unwrap_or_else(|| match ONLY_IN_STEPS.iter().any(|name| object.has(name)) {
        true => Service::Steps,
        false => Service::Dossiers,
    });
    let code = object.text("MaHoSo").filter(|code| code.chars().count() <= MAX_CODE_CHARS);
    let record = match service {
        Service::Dossiers => object.read(DOSSIER).and_then(|record| dossier(record, updating)),
        Service::Steps => object.read(STEP).and_then(step),
    };
    Reading { service, code, record }
}

fn dossier(mut record: Map<String, Value>, updating: Option<bool>) -> Result<Map<String, Value>, Fault> {
    let received_on = place(&mut record)?;
    let received_at = text(&record, "received_at");
    // A code may be given out before the dossier is taken in: the days need not agree, and neither is wrong.
    if received_at.is_some_and(|moment| !moment.starts_with(&received_on)) {
        record.insert("received_on_differs".to_owned(), true.into());
    }
    name_status(&mut record);
    let kind = match text(&record, "applicant_kind_code") {
        Some("1") => Some("person"),
        Some("2") => Some("business"),
        _ => None,
    };
    if let Some(kind) = kind {
        record.insert("applicant_kind".to_owned(), kind.into());
    }
    if let Some(updating) = updating {
        record.insert("updating".to_owned(), updating.into());
    }
    Ok(record)
}

fn step(mut record: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    place(&mut record)?;
    name_status(&mut record);
    Ok(record)
}

/// Adds what the code says: agency, day and number. Returns the day.
fn place(record: &mut Map<String, Value>) -> Result<String, Fault> {
    let code = text(record, "code").and_then(DossierCode::read).ok_or_else(|| {
        Fault::new("is no dossier code: agency id, day of receipt YYMMDD and number, as in 000.00.17.H36-251123-0001").in_field("MaHoSo")
    })?;
    record.insert("agency_id".to_owned(), code.agency().normal().into());
    record.insert("received_on".to_owned(), code.received_on().into());
    record.insert("number".to_owned(), code.number().into());
    Ok(code.received_on().to_owned())
}

/// A word for the portal's codes; of another code nothing is guessed.
fn name_status(record: &mut Map<String, Value>) {
    let word = match text(record, "status_code") {
        Some("1") => "registered",
        Some("2") => "accepted",
        Some("3") => "not_accepted",
        Some("4") => "processing",
        Some("5") => "supplement_requested",
        Some("6") => "payment_requested",
        Some("7") => "withdrawal_requested",
        Some("8") => "stopped",
        Some("9") => "processed",
        Some("10") => "returned",
        _ => return,
    };
    record.insert("status".to_owned(), word.into());
}

fn text<'r>(record: &'r Map<String, Value>, name: &str) -> Option<&'r str> {
    record.get(name)?.as_str()
}
