//! PID and what belongs to it → `health/patients`.

use lienthong_sdk::Stopped;
use serde_json::Value;

use crate::PATIENTS;
use crate::datatype::{address, concept, human_name, identifier, organization, person, telecom, typed_identifier};
use crate::er7::{Part, Segment};
use crate::event::{Change, change};
use crate::record::{Bad, Code, ID_CHARS, Object, Record, TEXT_CHARS};
use crate::scope::{Group, Named, Scope, first, leading};
use crate::sink::Sink;

/// Gives the patient of a group, and those that were merged into it.
pub(crate) fn put<'a>(scope: &Scope, group: &Group<'a>, others: &[Named], sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let Some(pid) = group.pid else { return Ok(()) };
    let change = change(scope.administrative_event());
    let mut record = scope.administrative_record();
    let Some(patient) = &group.patient else {
        let (code, reason) = match leading(&[pid.at(3), pid.at(2), pid.at(4)]) {
            Err(bad) => bad,
            Ok(_) => (Code::RequiredFieldMissing, "no patient identifier: a patient without one cannot be told from others".to_owned()),
        };
        record.fault(pid.at(3), code, reason);
        return sink.refuse(PATIENTS, record);
    };
    group.set_patient(&mut record);
    record.set("status", if change == Change::Deletes { "deleted" } else { "current" });
    demographics(&mut record, pid);
    if let Some(pd1) = first(group.segments, "PD1") {
        record.object("managing_organization", pd1.at(3), |xon| Ok(organization(xon)?.map(Value::from)));
        record.list("general_practitioner", &[pd1.at(4)], |xcn| Ok(person(xcn)?.finish()));
    }
    for nk1 in group.named("NK1") {
        let item = contact(nk1);
        record.push("contact", nk1.at(2), item);
    }
    if matches!(change, Change::Links | Change::Unlinks) {
        for other in others.iter().filter(|other| *other != patient) {
            let mut link = link("seealso", other);
            if change == Change::Unlinks {
                link.set("removed", true);
            }
            record.push("link", pid.at(3), Ok(link.finish()));
        }
    }
    let merged: Vec<_> = group.named("MRG").collect();
    let mut replaced = Vec::new();
    for mrg in &merged {
        record.list("prior_identifier", &[mrg.at(1)], identifier);
        record.list("prior_identifier", &[mrg.at(3)], typed_identifier("AN"));
        match leading(&[mrg.at(1), mrg.at(4)]) {
            _ if change != Change::Replaces => {}
            Ok(Some(prior)) if prior != *patient => {
                record.push("link", mrg.at(1), Ok(link("replaces", &prior).finish()));
                replaced.push((*mrg, prior));
            }
            Ok(Some(_)) => {}
            Ok(None) => record.fault(mrg.at(1), Code::RequiredFieldMissing, "the event merges patients, and MRG does not say which"),
            Err((code, reason)) => record.fault(mrg.at(1), code, reason),
        }
    }
    if change == Change::Replaces && merged.is_empty() {
        record.fault(pid.at(3), Code::RequiredFieldMissing, "the event merges patients, and no MRG segment says which");
    }
    sink.put(PATIENTS, record)?;
    for (mrg, prior) in replaced {
        let mut record = scope.administrative_record();
        record.set("patient_identifier", prior.value);
        record.set_some("patient_identifier_system", prior.system);
        record.set("status", "replaced");
        record.list("identifier", &[mrg.at(1)], |cx| identifier(cx).or(Ok(None)));
        record.list("name", &[mrg.at(7)], human_name);
        record.push("link", mrg.at(1), Ok(link("replaced-by", patient).finish()));
        sink.put(PATIENTS, record)?;
    }
    Ok(())
}

fn demographics<'a>(record: &mut Record<'a>, pid: &'a Segment<'a>) {
    record.list("identifier", &[pid.at(3), pid.at(2), pid.at(4)], identifier);
    for (code, field) in [("AN", 18), ("SS", 19), ("DL", 20)] {
        record.list("identifier", &[pid.at(field)], typed_identifier(code));
    }
    record.list("name", &[pid.at(5), pid.at(9)], human_name);
    record.object("mothers_maiden_name", pid.at(6), human_name);
    if let Some(moment) = record.day("birth_date", pid.at(7)) {
        record.set_some("birth_time", moment.full().map(str::to_owned));
    }
    record.object("gender", pid.at(8), gender);
    record.list("race", &[pid.at(10)], concept);
    record.list("address", &[pid.at(11)], address);
    record.text("county_code", pid.at(12), ID_CHARS);
    record.list("telecom", &[pid.at(13), pid.at(14), pid.at(40)], telecom);
    record.object("communication_language", pid.at(15), concept);
    record.object("marital_status", pid.at(16), concept);
    record.object("religion", pid.at(17), concept);
    record.list("ethnicity", &[pid.at(22)], concept);
    record.text("birth_place", pid.at(23), TEXT_CHARS);
    record.object("multiple_birth_boolean", pid.at(24), indicator);
    record.object("multiple_birth_integer", pid.at(25), |part| match part.text().map(|text| text.parse::<u8>()) {
        Some(Ok(order)) => Ok(Some(order.into())),
        Some(Err(_)) => Err((Code::DataType, "no number of a birth among several".to_owned())),
        None => Ok(None),
    });
    record.list("citizenship", &[pid.at(26)], concept);
    record.object("nationality", pid.at(28), concept);
    record.moment("deceased_date_time", pid.at(29));
    record.object("deceased_boolean", pid.at(30), indicator);
}

/// NK1.
fn contact(nk1: &Segment<'_>) -> Result<Option<Value>, Bad> {
    let mut contact = Object::default();
    contact.set_some("name", human_name(nk1.at(2).first())?);
    contact.set_some("relationship", concept(nk1.at(3).first())?);
    contact.set_some("address", address(nk1.at(4).first())?);
    let mut numbers = Vec::new();
    for part in [5, 6, 40].iter().flat_map(|field| nk1.at(*field).part().repetitions()).take(20) {
        numbers.extend(telecom(part)?);
    }
    if !numbers.is_empty() {
        contact.set("telecom", numbers);
    }
    contact.set_some("gender", gender(nk1.at(15).first()).ok().flatten());
    contact.set_some("organization", organization(nk1.at(13).first())?);
    Ok(contact.finish())
}

fn link(kind: &str, other: &Named) -> Object {
    let mut link = Object::default();
    link.set("type", kind);
    link.set("identifier", other.value.as_str());
    link.set_some("identifier_system", other.system.as_deref());
    link
}

/// Table 0001 as FHIR's AdministrativeGender; and the words that Vietnamese systems send.
fn gender(part: Part<'_>) -> Result<Option<Value>, Bad> {
    let Some(code) = part.component(1).text() else { return Ok(None) };
    let gender = match code.to_uppercase().as_str() {
        "M" | "MALE" | "NAM" => "male",
        "F" | "FEMALE" | "NỮ" | "NU" => "female",
        "O" | "A" | "X" => "other",
        "U" | "N" => "unknown",
        _ => return Err((Code::TableValue, "no sex of table 0001: send M, F, O, U, A or N".to_owned())),
    };
    Ok(Some(gender.into()))
}

/// Table 0136.
fn indicator(part: Part<'_>) -> Result<Option<Value>, Bad> {
    match part.text().as_deref() {
        None => Ok(None),
        Some("Y" | "y" | "1") => Ok(Some(true.into())),
        Some("N" | "n" | "0") => Ok(Some(false.into())),
        Some(_) => Err((Code::TableValue, "no indicator of table 0136: send Y or N".to_owned())),
    }
}
