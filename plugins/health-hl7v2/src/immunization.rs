//! RXA with ORC and RXR → `health/immunizations`.

use lienthong_sdk::Stopped;
use serde_json::Value;

use crate::IMMUNIZATIONS;
use crate::datatype::{concept, participant};
use crate::er7::{Part, Segment};
use crate::record::{Bad, Code, ID_CHARS, Object, Record, TEXT_CHARS, bounded, notes};
use crate::scope::{Group, Scope, first, notes_behind};
use crate::sink::Sink;

/// Gives the vaccinations of a group.
pub(crate) fn put<'a>(scope: &Scope, group: &Group<'a>, sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let at: Vec<usize> = (0..group.segments.len()).filter(|at| group.segments[*at].name() == "RXA").collect();
    for (index, start) in at.iter().enumerate() {
        // A single one has all of the group, in whatever order; of several each has the ORC before it and the RXR behind.
        let before = index.checked_sub(1).map_or(0, |last| at[last]);
        let behind = at.get(index + 1).copied().unwrap_or(group.segments.len());
        let (orc, rxr) = match at.len() {
            1 => (first(group.segments, "ORC"), first(group.segments, "RXR")),
            _ => (
                group.segments[before..*start].iter().rfind(|segment| segment.name() == "ORC"),
                group.segments[*start..behind].iter().take_while(|segment| segment.name() != "ORC").find(|segment| segment.name() == "RXR"),
            ),
        };
        vaccination(scope, group, *start, orc, rxr, sink)?;
    }
    Ok(())
}

fn vaccination<'a>(
    scope: &Scope,
    group: &Group<'a>,
    index: usize,
    orc: Option<&'a Segment<'a>>,
    rxr: Option<&'a Segment<'a>>,
    sink: &mut Sink<'_, '_>,
) -> Result<(), Stopped> {
    let rxa = &group.segments[index];
    let mut record = scope.record();
    group.set_patient(&mut record);
    group.set_encounter(&mut record);
    record.coded("vaccine_code", rxa.at(5));
    if !record.has("vaccine_code") && !record.has("vaccine_code_display") {
        record.fault(rxa.at(5), Code::RequiredFieldMissing, "no vaccine code: what was given is not known");
        return sink.refuse(IMMUNIZATIONS, record);
    }
    let (completion, action) = (rxa.at(20).component(1), rxa.at(21).component(1));
    record.set(
        "status",
        match (action.as_deref(), completion.as_deref()) {
            (Some("D"), _) => "entered-in-error",
            (_, Some("NA" | "RE")) => "not-done",
            _ => "completed",
        },
    );
    record.text("completion_status", rxa.at(20), ID_CHARS);
    record.text("action_code", rxa.at(21), ID_CHARS);
    if let Some(orc) = orc {
        record.part("placer_identifier", orc.at(2), orc.at(2).first().component(1), ID_CHARS);
        record.part("identifier", orc.at(3), orc.at(3).first().component(1), ID_CHARS);
        record.list("performer", &[orc.at(12)], participant("OP"));
    }
    record.list("performer", &[rxa.at(10)], participant("AP"));
    record.moment("occurrence_date_time", rxa.at(3));
    match (rxa.has_any(&[22]), orc) {
        (false, Some(orc)) => record.moment("recorded", orc.at(9)),
        _ => record.moment("recorded", rxa.at(22)),
    }
    dose(&mut record, rxa);
    // Table NIP001: 00 is a new record; the others say where a historical one is from.
    let source = rxa.at(9).part().repetitions().find_map(|part| part.component(1).text()).filter(|code| code.len() == 2);
    record.set_some("primary_source", source.as_deref().map(|code| code == "00"));
    if source.as_deref().is_some_and(|code| code != "00") {
        record.object("report_origin", rxa.at(9), concept);
    }
    record.list("lot_number", &[rxa.at(15)], |part| Ok(bounded(part, ID_CHARS)?.map(Value::from)));
    record.day("expiration_date", rxa.at(16));
    record.object("manufacturer", rxa.at(17), concept);
    record.list("status_reason", &[rxa.at(18)], concept);
    record.list("reason_code", &[rxa.at(19)], concept);
    for field in [27, 11] {
        if !record.has("location") {
            record.object("location", rxa.at(field), place);
        }
    }
    if let Some(rxr) = rxr {
        record.object("route", rxr.at(1), concept);
        record.object("site", rxr.at(2), concept);
    }
    notes(&mut record, "note", notes_behind(group.segments, index));
    sink.put(IMMUNIZATIONS, record)
}

/// RXA-6 and 7. 999 stands for an amount that is not known.
fn dose<'a>(record: &mut Record<'a>, rxa: &'a Segment<'a>) {
    record.object("dose_quantity", rxa.at(6), |part| match part.text().as_deref() {
        None | Some("999") => Ok(None),
        Some(text) => match crate::observed_value::number(text) {
            Some(amount) => Ok(Some(Value::Number(amount))),
            None => Err((Code::DataType, "no number of an amount given".to_owned())),
        },
    });
    let unit = rxa.at(7);
    record.part("dose_unit", unit, unit.first().component(1), ID_CHARS);
}

/// LA2 of RXA-11, PL of RXA-27.
fn place(part: Part<'_>) -> Result<Option<Value>, Bad> {
    let mut object = Object::default();
    for (name, n) in [("point_of_care", 1), ("room", 2), ("bed", 3), ("facility", 4), ("building", 7), ("floor", 8)] {
        object.text(name, part.component(n).subcomponent(1), TEXT_CHARS)?;
    }
    Ok(object.finish())
}
