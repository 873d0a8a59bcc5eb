//! PV1 with PV2 and DG1 → `health/encounters`.

use lienthong_sdk::Stopped;
use serde_json::Value;

use crate::ENCOUNTERS;
use crate::datatype::{concept, identifier, location, organization, participant};
use crate::er7::{Part, Segment};
use crate::event::{replaces_visit, visit_status};
use crate::record::{Bad, Code, ID_CHARS, Object, Record, TEXT_CHARS, bounded};
use crate::scope::{Group, Scope, first, leading, named};
use crate::sink::Sink;

/// PV1 fields that say something of a visit; a PV1 without any stands there because the message's structure asks for it.
const TELLING: [usize; 17] = [3, 4, 5, 6, 7, 8, 9, 10, 14, 17, 18, 19, 36, 39, 44, 45, 50];

/// Gives each visit of a group.
pub(crate) fn put<'a>(scope: &Scope, group: &Group<'a>, sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let at: Vec<usize> = (0..group.segments.len()).filter(|at| group.segments[*at].name() == "PV1").collect();
    let mut mrg = None;
    let mut last = 0;
    for (index, start) in at.iter().enumerate() {
        // Of several visits each has what follows it, and the MRG before it; a single one has all of the group.
        let (own, before) = match (at.as_slice(), at.get(index + 1)) {
            ([_], _) => (group.segments, group.segments),
            (_, next) => (&group.segments[*start..next.copied().unwrap_or(group.segments.len())], &group.segments[last..*start]),
        };
        mrg = before.iter().rfind(|segment| segment.name() == "MRG").or(mrg);
        last = *start;
        visit(scope, group, &group.segments[*start], own, mrg, sink)?;
    }
    Ok(())
}

fn visit<'a>(
    scope: &Scope,
    group: &Group<'a>,
    pv1: &'a Segment<'a>,
    own: &'a [Segment<'a>],
    mrg: Option<&'a Segment<'a>>,
    sink: &mut Sink<'_, '_>,
) -> Result<(), Stopped> {
    let event = scope.administrative_event();
    let status = visit_status(event);
    let is_numbered = pv1.has_any(&[19]);
    let is_none = pv1.at(2).component(1).as_deref() == Some("N") && !is_numbered;
    if is_none || (status.is_none() && !pv1.has_any(&TELLING)) {
        return Ok(());
    }
    let mut record = scope.administrative_record();
    group.set_patient(&mut record);
    match leading(&[pv1.at(19)]) {
        Ok(Some(number)) => {
            record.set("identifier", number.value);
            record.set_some("identifier_system", number.system);
        }
        Ok(None) if group.patient.is_some() => {}
        Ok(None) => {
            record.fault(pv1.at(19), Code::RequiredFieldMissing, "no visit number, and no patient identifier either");
            return sink.refuse(ENCOUNTERS, record);
        }
        Err((code, reason)) => {
            record.fault(pv1.at(19), code, reason);
            return sink.refuse(ENCOUNTERS, record);
        }
    }
    facts(&mut record, pv1);
    let by_times = || match (pv1.has_any(&[45]), pv1.has_any(&[44])) {
        (true, _) => "finished",
        (false, true) => "in-progress",
        (false, false) => "unknown",
    };
    record.set("status", status.unwrap_or_else(by_times));
    if let Some(pid) = group.pid {
        record.object("account", pid.at(18), identifier);
    }
    if let Some(pv2) = first(own, "PV2") {
        record.list("reason_code", &[pv2.at(3)], concept);
        record.moment("planned_start", pv2.at(8));
        record.moment("planned_end", pv2.at(9));
        record.object("priority", pv2.at(25), concept);
    }
    for dg1 in named(own, "DG1") {
        let item = diagnosis(dg1);
        record.push("diagnosis", dg1.at(3), item);
    }
    let Some(mrg) = mrg else { return sink.put(ENCOUNTERS, record) };
    record.object("prior_identifier", mrg.at(5), identifier);
    record.object("prior_account", mrg.at(3), identifier);
    record.object("prior_patient_identifier", mrg.at(1), identifier);
    let now = record.text_of("identifier");
    sink.put(ENCOUNTERS, record)?;
    match leading(&[mrg.at(5)]) {
        Ok(Some(prior)) if replaces_visit(event) && now.as_ref() != Some(&prior.value) => {
            let mut record = scope.administrative_record();
            group.set_patient(&mut record);
            record.set("identifier", prior.value);
            record.set_some("identifier_system", prior.system);
            record.set("status", "entered-in-error");
            record.set_some("replaced_by_identifier", now);
            sink.put(ENCOUNTERS, record)
        }
        _ => Ok(()),
    }
}

fn facts<'a>(record: &mut Record<'a>, pv1: &'a Segment<'a>) {
    record.object("class", pv1.at(2), class);
    for (status, field) in [("active", 3), ("completed", 6), ("active", 11), ("planned", 42), ("planned", 43)] {
        record.list("location", &[pv1.at(field)], location(status));
    }
    record.object("type", pv1.at(4), concept);
    record.object("pre_admission_identifier", pv1.at(5), identifier);
    for (role, field) in [("ATND", 7), ("REF", 8), ("CON", 9), ("ADM", 17), ("PART", 52)] {
        record.list("participant", &[pv1.at(field)], participant(role));
    }
    record.object("service_type", pv1.at(10), concept);
    for (name, field) in
        [("re_admission", 13), ("admit_source", 14), ("discharge_disposition", 36), ("diet_preference", 38), ("special_courtesy", 22)]
    {
        record.object(name, pv1.at(field), concept);
    }
    // DLD: a code and a date; and the organisation that was it, in words.
    record.object("destination", pv1.at(37), concept_of_first_component);
    record.object("service_provider", pv1.at(39), |part| Ok(organization(part)?.map(Value::from)));
    record.object("alternate_identifier", pv1.at(50), identifier);
    record.moment("period_start", pv1.at(44));
    record.moment("period_end", pv1.at(45));
}

/// Table 0004 as v3's ActEncounterCode, as FHIR has it; a code of the sender's own stays.
fn class(part: Part<'_>) -> Result<Option<Value>, Bad> {
    let Some(code) = bounded(part.component(1), ID_CHARS)? else { return Ok(None) };
    Ok(Some(match code.as_str() {
        "E" => "EMER".into(),
        "I" => "IMP".into(),
        "O" => "AMB".into(),
        "P" => "PRENC".into(),
        _ => code.into(),
    }))
}

fn concept_of_first_component(part: Part<'_>) -> Result<Option<Value>, Bad> {
    let mut object = Object::default();
    object.text("code", part.component(1).subcomponent(1), ID_CHARS)?;
    object.text("display", part.component(1).subcomponent(2), TEXT_CHARS)?;
    object.text("text", part.component(9), TEXT_CHARS)?;
    Ok(object.finish())
}

/// DG1.
fn diagnosis(dg1: &Segment<'_>) -> Result<Option<Value>, Bad> {
    let mut diagnosis = Object::default();
    diagnosis.set_some("condition", concept(dg1.at(3).first())?);
    diagnosis.text("description", dg1.at(4).first(), TEXT_CHARS)?;
    diagnosis.set_some(
        "use",
        match dg1.at(6).component(1).as_deref() {
            Some("A") => Some("admission"),
            Some("W") => Some("working"),
            Some("F") => Some("final"),
            _ => None,
        },
    );
    diagnosis.set_some("rank", dg1.at(15).component(1).and_then(|rank| rank.parse::<u16>().ok()));
    diagnosis.text("action", dg1.at(21).first().component(1), ID_CHARS)?;
    Ok(diagnosis.finish())
}
