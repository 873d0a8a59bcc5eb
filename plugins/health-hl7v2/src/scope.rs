//! What all records of a message share: which message it was, and whom a part of it is about.

use serde_json::{Map, Value};

use crate::datatype::{Hd, authority, identifier_system};
use crate::er7::{At, Part, Segment};
use crate::event::{self, Kind};
use crate::moment::Offset;
use crate::record::{Bad, Fault, ID_CHARS, Record, bounded};

/// A message's own facts.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) kind: Kind,
    /// `A01`.
    pub(crate) event: String,
    pub(crate) offset: Offset,
    base: Map<String, Value>,
    administration: Map<String, Value>,
}

impl Scope {
    /// From MSH and EVN, with the fields of theirs that are at fault.
    pub(crate) fn read<'a>(kind: Kind, code: &str, event: String, segments: &'a [Segment<'a>], offset: Offset) -> (Self, Vec<Fault<'a>>) {
        let mut record = Record::new(&Map::new(), offset);
        record.set("message_event", format!("{code}^{event}"));
        if let Some(msh) = first(segments, "MSH") {
            record.text("message_control_id", msh.at(10), ID_CHARS);
            record.moment("message_time", msh.at(7));
            record.part("processing_id", msh.at(11), msh.at(11).first().component(1), ID_CHARS);
            for (name, field) in [("sending_application", 3), ("sending_facility", 4)] {
                record.object(name, msh.at(field), named_authority);
            }
        }
        let (base, mut faults) = record.finish();
        let mut record = Record::new(&base, offset);
        if let Some(evn) = first(segments, "EVN") {
            record.moment("event_recorded", evn.at(2));
            record.moment("event_occurred", evn.at(6));
        }
        record.set_some("cancels_event", (kind == Kind::Administration).then(|| event::cancelled_event(&event)).flatten());
        let (administration, more) = record.finish();
        faults.extend(more);
        (Self { kind, event, offset, base, administration }, faults)
    }

    /// A record that begins with the message's facts.
    pub(crate) fn record<'a>(&self) -> Record<'a> {
        Record::new(&self.base, self.offset)
    }

    /// The same, with the event's: for patients and encounters.
    pub(crate) fn administrative_record<'a>(&self) -> Record<'a> {
        Record::new(&self.administration, self.offset)
    }

    /// The event, where it is one of patient administration.
    pub(crate) fn administrative_event(&self) -> &str {
        if self.kind == Kind::Administration { &self.event } else { "" }
    }
}

/// An application or a facility by its local name, else by its universal id: that is how its people know it.
fn named_authority(hd: Part<'_>) -> Result<Option<Value>, Bad> {
    let name = match bounded(hd.component(1), ID_CHARS)? {
        Some(name) => Some(name),
        None => authority(Hd::Components(hd))?,
    };
    Ok(name.map(Value::from))
}

/// One patient of a message: its PID and what stands with it. A message that has no more than one patient is one group, in
/// whatever order its segments are.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) segments: &'a [Segment<'a>],
    pub(crate) pid: Option<&'a Segment<'a>>,
    pub(crate) patient: Option<Named>,
    /// The number of the first visit.
    encounter: Option<String>,
}

/// A patient's leading identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) value: String,
    pub(crate) system: Option<String>,
}

impl<'a> Group<'a> {
    /// The groups of a message.
    pub(crate) fn all(segments: &'a [Segment<'a>]) -> Vec<Self> {
        let pids: Vec<usize> = (0..segments.len()).filter(|at| segments[*at].name() == "PID").collect();
        // What stands before the first patient belongs to it.
        let mut starts: Vec<usize> = pids.clone();
        match starts.first_mut() {
            Some(first) => *first = 0,
            None => starts.push(0),
        }
        let ends = starts.iter().skip(1).copied().chain([segments.len()]);
        let groups = starts.iter().zip(ends).map(|(start, end)| &segments[*start..end]);
        groups
            .map(|segments| {
                let pid = first(segments, "PID");
                let patient = pid.and_then(|pid| leading(&[pid.at(3), pid.at(2), pid.at(4)]).ok().flatten());
                let visit = first(segments, "PV1").and_then(|pv1| leading(&[pv1.at(19)]).ok().flatten());
                Self { segments, pid, patient, encounter: visit.map(|visit| visit.value) }
            })
            .collect()
    }

    /// The group's segments of a name.
    pub(crate) fn named(&self, name: &'static str) -> impl Iterator<Item = &'a Segment<'a>> + use<'a> {
        named(self.segments, name)
    }

    /// Says whom a record is about.
    pub(crate) fn set_patient(&self, record: &mut Record<'a>) {
        if let Some(patient) = &self.patient {
            record.set("patient_identifier", patient.value.as_str());
            record.set_some("patient_identifier_system", patient.system.as_deref());
        }
    }

    /// Says in which visit, by the first PV1.
    pub(crate) fn set_encounter(&self, record: &mut Record<'a>) {
        record.set_some("encounter_identifier", self.encounter.as_deref());
    }
}

/// The identifier by which a patient is known to the sender: the first medical record number (MR) or internal one (PI), else the first
/// of all.
pub(crate) fn leading(fields: &[At<'_>]) -> Result<Option<Named>, Bad> {
    let mut best: Option<(u8, Part<'_>)> = None;
    for part in fields.iter().flat_map(|at| at.part().repetitions()).filter(|part| part.component(1).text().is_some()) {
        let rank = match part.component(5).text().as_deref() {
            Some("MR") => 0,
            Some("PI") => 1,
            _ => 2,
        };
        if best.is_none_or(|(known, _)| rank < known) {
            best = Some((rank, part));
        }
    }
    let Some((_, part)) = best else { return Ok(None) };
    let Some(value) = bounded(part.component(1), ID_CHARS)? else { return Ok(None) };
    Ok(Some(Named { value, system: identifier_system(part)? }))
}

/// The first segment of a name.
pub(crate) fn first<'a>(segments: &'a [Segment<'a>], name: &str) -> Option<&'a Segment<'a>> {
    segments.iter().find(|segment| segment.name() == name)
}

/// All segments of a name.
pub(crate) fn named<'a>(segments: &'a [Segment<'a>], name: &'static str) -> impl Iterator<Item = &'a Segment<'a>> {
    segments.iter().filter(move |segment| segment.name() == name)
}

/// The comments that stand right behind a place.
pub(crate) fn notes_behind<'a>(segments: &'a [Segment<'a>], at: usize) -> impl Iterator<Item = &'a Segment<'a>> {
    segments.iter().skip(at + 1).take_while(|segment| segment.name() == "NTE")
}
