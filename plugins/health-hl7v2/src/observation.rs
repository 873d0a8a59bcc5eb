//! OBX under its OBR → `health/observations`. An OBR that brings no result, as an order has, is an observation with a status alone.

use lienthong_sdk::{Level, Stopped};
use serde_json::{Map, Value};

use crate::OBSERVATIONS;
use crate::datatype::{concept, entity, organization, person};
use crate::er7::{At, Segment};
use crate::event::Kind;
use crate::observed_value;
use crate::record::{Code, ID_CHARS, Record, TEXT_CHARS, bounded, notes};
use crate::scope::{Group, Scope, first, notes_behind};
use crate::sink::Sink;

/// Where a walk through a group has come to.
struct Walk<'a> {
    /// Whose a vaccination is where none stands before it.
    first_orc: Option<&'a Segment<'a>>,
    orc: Option<&'a Segment<'a>>,
    /// What the OBR says of each of its results.
    order: Map<String, Value>,
    /// The fields of OBR that stand for OBX-14 where it is empty.
    collected: Option<Moments>,
    part_of: Option<String>,
}

type Moments = Vec<(String, Value)>;

/// Gives the observations of a group. `sequence` numbers them within the message.
pub(crate) fn put<'a>(scope: &Scope, group: &Group<'a>, sequence: &mut u32, sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let mut walk = Walk { first_orc: first(group.segments, "ORC"), orc: None, order: Map::new(), collected: None, part_of: None };
    for (index, segment) in group.segments.iter().enumerate() {
        match segment.name() {
            "ORC" => {
                walk.orc = Some(segment);
                walk.part_of = None;
            }
            "RXA" => {
                let orc = walk.orc.or(walk.first_orc);
                walk.part_of = orc.and_then(|orc| entity(orc.at(3).first()).ok()?.0);
            }
            "OBR" => {
                let request = request(scope, group, index, &mut walk, sink)?;
                if let Some(mut record) = request {
                    *sequence += 1;
                    record.set("sequence", *sequence);
                    sink.put(OBSERVATIONS, record)?;
                }
            }
            "OBX" => {
                *sequence += 1;
                result(scope, group, index, &walk, *sequence, sink)?;
            }
            "RXO" | "RXE" | "ODS" | "ODT" | "RQD" if scope.kind == Kind::Order => {
                let name = segment.name();
                sink.call().log(Level::Warn, &format!("an order of {name} is not carried by any channel: it stays with its sender"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads an OBR for the results that follow it. Gives a record of its own where none does, or where it is an order.
fn request<'a>(
    scope: &Scope,
    group: &Group<'a>,
    index: usize,
    walk: &mut Walk<'a>,
    sink: &mut Sink<'_, '_>,
) -> Result<Option<Record<'a>>, Stopped> {
    let obr = &group.segments[index];
    let mut facts = Record::new(&Map::new(), scope.offset);
    for (name, own, of_orc) in [("placer_identifier", 2, 2), ("filler_identifier", 3, 3)] {
        let orc = walk.orc.filter(|orc| obr.at(own).part().is_empty() && orc.has_any(&[of_orc])).map(|orc| orc.at(of_orc));
        let at = orc.unwrap_or_else(|| obr.at(own));
        facts.part(name, at, at.first().component(1), ID_CHARS);
    }
    facts.object("report_code", obr.at(4), concept);
    facts.object("report_status", obr.at(25), |part| Ok(bounded(part.component(1), ID_CHARS)?.map(Value::from)));
    facts.text("category", obr.at(24), ID_CHARS);
    facts.moment("issued", obr.at(22));
    facts.list("requester", &[obr.at(16)], |xcn| Ok(person(xcn)?.finish()));
    specimen(&mut facts, obr, &group.segments[index + 1..]);
    let (order, faults) = facts.finish();
    sink.reject(OBSERVATIONS, &faults)?;
    walk.order = order;

    let mut collected = Record::new(&Map::new(), scope.offset);
    collected.moment("effective_date_time", obr.at(7));
    let (times, faults) = collected.finish();
    sink.reject(OBSERVATIONS, &faults)?;
    walk.collected = Some(times.into_iter().filter(|(name, _)| name != "cleared").collect());

    let follows = group.segments[index + 1..].iter().map(Segment::name).take_while(|name| !matches!(*name, "OBR" | "ORC" | "PID"));
    let has_results = follows.into_iter().any(|name| name == "OBX");
    if scope.kind != Kind::Order && has_results {
        return Ok(None);
    }
    let mut record = scope.record();
    group.set_patient(&mut record);
    group.set_encounter(&mut record);
    walk.apply(&mut record);
    let concept_at = obr.at(4);
    if !code(&mut record, concept_at) {
        record.fault(concept_at, Code::RequiredFieldMissing, "no service identifier: an order without one says nothing");
        sink.refuse(OBSERVATIONS, record)?;
        return Ok(None);
    }
    let control = walk.orc.and_then(|orc| orc.at(1).component(1));
    if let Some(orc) = walk.orc {
        record.text("order_control", orc.at(1), ID_CHARS);
        record.text("order_status", orc.at(5), ID_CHARS);
    }
    record.set("status", request_status(control.as_deref(), obr.at(25).component(1).as_deref()));
    notes(&mut record, "note", notes_behind(group.segments, index));
    Ok(Some(record))
}

/// Order control (table 0119), then the result status (table 0123), as FHIR's ObservationStatus.
fn request_status(control: Option<&str>, status: Option<&str>) -> &'static str {
    match (control, status) {
        (Some("CA" | "OC" | "CR" | "DC" | "OD" | "DR" | "UA"), _) | (_, Some("X")) => "cancelled",
        (_, Some("A" | "P" | "R")) => "preliminary",
        (_, Some("F")) => "final",
        (_, Some("C")) => "corrected",
        (_, Some("Y" | "Z")) => "unknown",
        _ => "registered",
    }
}

/// SPM of the same order, else OBR-15 of versions before 2.5.
fn specimen<'a>(facts: &mut Record<'a>, obr: &'a Segment<'a>, behind: &'a [Segment<'a>]) {
    let own = behind.iter().take_while(|segment| segment.name() != "OBR");
    match own.into_iter().find(|segment| segment.name() == "SPM") {
        Some(spm) => {
            facts.object("specimen_type", spm.at(4), concept);
            // EIP: the filler's identifier, else the placer's.
            let [placer, filler] = [1, 2].map(|n| spm.at(2).first().component(n).subcomponent(1));
            facts.part("specimen_identifier", spm.at(2), if filler.is_empty() { placer } else { filler }, ID_CHARS);
        }
        None => facts.object("specimen_type", obr.at(15), |sps| {
            let mut object = crate::record::Object::default();
            for (name, n, max) in [("code", 1, ID_CHARS), ("display", 2, TEXT_CHARS), ("system", 3, ID_CHARS)] {
                object.text(name, sps.component(1).subcomponent(n), max)?;
            }
            Ok(object.finish())
        }),
    }
}

impl<'a> Walk<'a> {
    fn apply(&self, record: &mut Record<'a>) {
        for (name, value) in &self.order {
            record.set(name, value.clone());
        }
        if !record.has("effective_date_time") && !record.has("effective_date_time_partial") {
            for (name, value) in self.collected.iter().flatten() {
                record.set(name, value.clone());
            }
        }
    }
}

/// Sets the record's code; false where there is none.
fn code<'a>(record: &mut Record<'a>, at: At<'a>) -> bool {
    record.coded("code", at);
    record.has("code") || record.has("code_display")
}

/// One OBX.
fn result<'a>(
    scope: &Scope,
    group: &Group<'a>,
    index: usize,
    walk: &Walk<'a>,
    sequence: u32,
    sink: &mut Sink<'_, '_>,
) -> Result<(), Stopped> {
    let obx = &group.segments[index];
    let mut record = scope.record();
    group.set_patient(&mut record);
    group.set_encounter(&mut record);
    record.set("sequence", sequence);
    if !code(&mut record, obx.at(3)) {
        record.fault(obx.at(3), Code::RequiredFieldMissing, "no observation identifier: a value without one says nothing");
        return sink.refuse(OBSERVATIONS, record);
    }
    record.text("sub_id", obx.at(4), ID_CHARS);
    let reported = obx.at(11).component(1);
    record.set("status", result_status(reported.as_deref()));
    record.text("result_status", obx.at(11), ID_CHARS);
    observed_value::put(&mut record, obx, sink.call())?;
    record.text("reference_range_text", obx.at(7), TEXT_CHARS);
    if let Some((low, high)) = obx.at(7).component(1).and_then(|text| observed_value::range(&text)) {
        record.set("reference_range_low", low);
        record.set("reference_range_high", high);
    }
    record.list("interpretation", &[obx.at(8)], concept);
    record.moment("effective_date_time", obx.at(14));
    record.list("performer", &[obx.at(16)], |xcn| Ok(person(xcn)?.finish()));
    for field in [23, 15] {
        if !record.has("performer_organization") {
            record.object("performer_organization", obx.at(field), |xon| Ok(organization_or_display(xon, field)?.map(Value::from)));
        }
    }
    record.object("method", obx.at(17), concept);
    record.part("device_identifier", obx.at(18), obx.at(18).first().component(1), ID_CHARS);
    record.object("body_site", obx.at(20), concept);
    record.part("identifier", obx.at(21), obx.at(21).first().component(1), ID_CHARS);
    record.set_some("part_of_identifier", walk.part_of.as_deref());
    // What stands with an order is not its result.
    if scope.kind != Kind::Order {
        walk.apply(&mut record);
    }
    notes(&mut record, "note", notes_behind(group.segments, index));
    sink.put(OBSERVATIONS, record)
}

/// OBX-23 is an organisation; OBX-15 is a code of one, with its name second.
fn organization_or_display(part: crate::er7::Part<'_>, field: usize) -> Result<Option<String>, crate::record::Bad> {
    match (field, bounded(part.component(2), TEXT_CHARS)?) {
        (15, Some(name)) => Ok(Some(name)),
        _ => organization(part),
    }
}

/// Table 0085 as FHIR's ObservationStatus, after HL7's own map.
fn result_status(code: Option<&str>) -> &'static str {
    match code {
        Some("F" | "U" | "V") => "final",
        Some("C") => "corrected",
        Some("A" | "B") => "amended",
        Some("P" | "R" | "S") => "preliminary",
        Some("I" | "O" | "N") => "registered",
        Some("X") => "cancelled",
        Some("D" | "W") => "entered-in-error",
        _ => "unknown",
    }
}
