//! SCH with its resources → `health/appointments`.

use lienthong_sdk::Stopped;
use serde_json::Value;

use crate::APPOINTMENTS;
use crate::datatype::{concept, location, person};
use crate::er7::{At, Part, Segment};
use crate::event::appointment_status;
use crate::record::{Bad, Code, ID_CHARS, Object, Record, TEXT_CHARS, notes};
use crate::scope::{Group, Named, Scope, first, notes_behind};
use crate::sink::Sink;

/// What is booked: a segment name, the field of the resource, of its role, of its start, and of its status.
const RESOURCES: [(&str, usize, usize, usize, usize); 4] =
    [("AIS", 3, 0, 4, 10), ("AIG", 3, 4, 8, 14), ("AIL", 3, 4, 6, 12), ("AIP", 3, 4, 6, 12)];

/// Gives the appointment of a message.
pub(crate) fn put<'a>(scope: &Scope, segments: &'a [Segment<'a>], groups: &[Group<'a>], sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let Some(at) = segments.iter().position(|segment| segment.name() == "SCH") else { return Ok(()) };
    let sch = &segments[at];
    let mut record = scope.record();
    let patients: Vec<&Named> = groups.iter().filter_map(|group| group.patient.as_ref()).collect();
    if let Some(group) = groups.first() {
        group.set_patient(&mut record);
        group.set_encounter(&mut record);
    }
    record.part("placer_identifier", sch.at(1), sch.at(1).first().component(1), ID_CHARS);
    record.part("filler_identifier", sch.at(2), sch.at(2).first().component(1), ID_CHARS);
    if !record.has("placer_identifier") && !record.has("filler_identifier") {
        record.fault(sch.at(1), Code::RequiredFieldMissing, "neither a placer's nor a filler's appointment id");
        return sink.refuse(APPOINTMENTS, record);
    }
    record.part("occurrence_number", sch.at(3), sch.at(3).first().component(1), ID_CHARS);
    let reported = sch.at(25).component(1);
    record.set("status", appointment_status(&scope.event).unwrap_or_else(|| reported_status(reported.as_deref())));
    record.object("filler_status", sch.at(25), concept);
    let reason = if matches!(scope.event.as_str(), "S15" | "S16" | "S17") { "cancelation_reason" } else { "event_reason" };
    record.object(reason, sch.at(6), concept);
    record.object("reason_code", sch.at(7), concept);
    record.object("appointment_type", sch.at(8), concept);
    if let Some(ais) = first(segments, "AIS") {
        record.object("service_type", ais.at(3), concept);
    }
    for patient in patients.iter().skip(1) {
        let mut item = Object::default();
        item.set("actor_type", "patient");
        item.set("identifier", patient.value.as_str());
        record.push("participant", sch.at(1), Ok(item.finish()));
    }
    let mut first_start = None;
    for segment in segments {
        let Some((_, resource, role, start, status)) = RESOURCES.iter().find(|(name, ..)| *name == segment.name()) else { continue };
        let start = start_of(&mut record, segment.at(*start));
        for part in segment.at(*resource).part().repetitions().take(20) {
            let item = participant(segment, part, *role, *status, start.as_ref());
            record.push("participant", segment.at(*resource), item);
        }
        first_start = first_start.or(start);
    }
    times(&mut record, segments, sch, first_start);
    record.list("requester", &[sch.at(12), sch.at(16)], |xcn| Ok(person(xcn)?.finish()));
    notes(&mut record, "comment", notes_behind(segments, comments(segments, at)));
    sink.put(APPOINTMENTS, record)
}

/// The comments of an appointment stand behind SCH or behind its TQ1.
fn comments(segments: &[Segment<'_>], sch: usize) -> usize {
    sch + segments[sch + 1..].iter().take_while(|segment| segment.name() == "TQ1").count()
}

/// Table 0278 as FHIR's AppointmentStatus. A booking or its change that says nothing else is booked.
fn reported_status(code: Option<&str>) -> &'static str {
    match code.unwrap_or_default().to_ascii_lowercase().as_str() {
        "pending" => "pending",
        "waitlist" => "waitlist",
        "started" => "arrived",
        "complete" => "fulfilled",
        "cancelled" | "canceled" | "dc" => "cancelled",
        "deleted" => "entered-in-error",
        "noshow" => "noshow",
        "blocked" => "busy-unavailable",
        _ => "booked",
    }
}

/// TQ1 since 2.5, SCH-11 before, else the start of the first resource that has one.
fn times<'a>(record: &mut Record<'a>, segments: &'a [Segment<'a>], sch: &'a Segment<'a>, of_resources: Option<Value>) {
    let tq1 = first(segments, "TQ1").filter(|tq1| tq1.has_any(&[7]));
    match tq1 {
        Some(tq1) => {
            record.moment("start", tq1.at(7));
            record.moment("end", tq1.at(8));
        }
        None => {
            let quantity = sch.at(11).first();
            record.moment_of("start", sch.at(11), quantity.component(4));
            record.moment_of("end", sch.at(11), quantity.component(5));
        }
    }
    if !record.has("start") && !record.has("start_partial") {
        record.set_some("start", of_resources);
    }
    let of_service = first(segments, "AIS").map(|ais| (ais.at(7), ais.at(8)));
    let durations = [Some((sch.at(9), sch.at(10))), of_service];
    if let Some(minutes) = durations.into_iter().flatten().find_map(|(amount, unit)| minutes(amount, unit)) {
        record.set("minutes_duration", minutes);
    }
}

/// Whole minutes, by the unit beside the number; a number alone counts minutes.
fn minutes(amount: At<'_>, unit: At<'_>) -> Option<u32> {
    let amount: f64 = amount.component(1)?.parse().ok()?;
    let per_unit = match unit.component(1).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "min" | "m" | "mins" | "minute" | "minutes" | "phút" => 1.0,
        "s" | "sec" | "seconds" => 1.0 / 60.0,
        "h" | "hr" | "hour" | "hours" | "giờ" => 60.0,
        "d" | "day" | "days" => 1440.0,
        _ => return None,
    };
    let minutes = amount * per_unit;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // In range, and whole.
    (minutes.fract() == 0.0 && (1.0..=525_600.0).contains(&minutes)).then_some(minutes as u32)
}

fn start_of<'a>(record: &mut Record<'a>, at: At<'a>) -> Option<Value> {
    let mut own = Record::new(&serde_json::Map::new(), record.offset());
    own.moment("start", at);
    let (mut properties, faults) = own.finish();
    for fault in faults {
        record.fault(fault.at, fault.code, fault.reason);
    }
    properties.remove("start")
}

/// One resource.
fn participant(segment: &Segment<'_>, part: Part<'_>, role: usize, status: usize, start: Option<&Value>) -> Result<Option<Value>, Bad> {
    let mut item = match segment.name() {
        "AIP" => person(part)?,
        "AIL" => {
            let mut item = Object::default();
            item.set_some("location", location("planned")(part)?);
            item
        }
        _ => {
            let mut item = Object::default();
            item.text("identifier", part.component(1), ID_CHARS)?;
            item.text("display", part.component(2), TEXT_CHARS)?;
            item
        }
    };
    let kind = match segment.name() {
        "AIP" => "practitioner",
        "AIL" => "location",
        "AIS" => "service",
        _ => "resource",
    };
    item.set("actor_type", kind);
    if role > 0 {
        item.set_some("role", concept(segment.at(role).first())?);
    }
    item.set_some("start", start.cloned());
    item.text("status", segment.at(status).first().component(1), ID_CHARS)?;
    item.text("action", segment.at(2).first(), ID_CHARS)?;
    Ok(item.finish())
}
