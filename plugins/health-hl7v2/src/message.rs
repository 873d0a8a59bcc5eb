//! One message: its header is checked, its records are given, and it is answered.

use std::borrow::Cow;

use lienthong_sdk::{Call, Failure, Level, Stopped};

use crate::ack::{self, Header, Outcome};
use crate::batch::MAX_MESSAGE_BYTES;
use crate::charset::Charset;
use crate::er7::{Segment, Syntax, segments};
use crate::event::Kind;
use crate::record::Code;
use crate::scope::{Group, Scope, first};
use crate::sink::{Named, Sink};
use crate::{PATIENTS, Settings, appointment, encounter, immunization, observation, patient};

/// What is wrong with a message as a whole: the field of MSH, and why.
struct Refusal {
    outcome: Outcome,
    field: usize,
    code: Code,
    reason: Cow<'static, str>,
}

/// A message's acknowledgement.
pub(crate) struct Answer {
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) charset: Charset,
}

/// Takes a message; `cut` where `bytes` are only its beginning.
pub(crate) fn take(call: &mut Call<'_>, settings: &Settings, bytes: &[u8], cut: bool, when: ack::Moment) -> Result<Answer, Failure> {
    let header = Header::read(bytes);
    let charset_declared = header.component(18);
    let (charset, note) = Charset::choose((!charset_declared.is_empty()).then_some(charset_declared.as_str()), bytes);
    if let Some(note) = note {
        call.log(Level::Warn, &note);
    }
    let code = header.component(9);
    if code == "ACK" || code == "MCF" {
        call.log(Level::Info, "an acknowledgement came as a message: nothing is made of it, and it is not acknowledged");
        return Ok(Answer { bytes: None, charset });
    }
    let syntax = Syntax { delimiters: header.delimiters, charset };
    let mut sink = Sink::new(call);
    let outcome = match read(&mut sink, settings, &header, bytes, cut, &syntax)? {
        None if sink.faults == 0 => Outcome::Accepted,
        None => Outcome::Faulty,
        Some(refusal) => {
            let place = format!("MSH-{}", refusal.field);
            let port = Kind::of(&code).map_or(PATIENTS, Kind::port);
            sink.call().reject(port, bytes, &refusal.reason, Some(&place))?;
            let named =
                Named { segment: "MSH".into(), number: 1, field: refusal.field, code: refusal.code, reason: refusal.reason.into_owned() };
            sink.name(named);
            refusal.outcome
        }
    };
    let more = sink.faults - sink.named.len() as u64;
    Ok(Answer { bytes: ack::message(&header, outcome, &sink.named, more, when), charset })
}

/// Gives the message's records, unless it is refused as a whole.
fn read(
    sink: &mut Sink<'_, '_>,
    settings: &Settings,
    header: &Header<'_>,
    bytes: &[u8],
    cut: bool,
    syntax: &Syntax,
) -> Result<Option<Refusal>, Stopped> {
    let unreadable = |field, reason| Some(Refusal { outcome: Outcome::Unreadable, field, code: Code::DataType, reason });
    if let Some(fault) = header.fault {
        return Ok(unreadable(2, fault.into()));
    }
    if cut {
        let why = format!("the message has more than {MAX_MESSAGE_BYTES} bytes: only its beginning is kept, send it in parts");
        return Ok(unreadable(1, why.into()));
    }
    let all = match segments(bytes, syntax) {
        Ok(all) => all,
        Err(why) => return Ok(unreadable(1, why.into())),
    };
    let Some(msh) = all.first() else { return Ok(unreadable(1, "the message has no segments".into())) };
    let (kind, code, event) = match checked(settings, msh, &all) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(Some(refusal)),
    };
    let (scope, faults) = Scope::read(kind, &code, event, &all, settings.offset);
    sink.reject(kind.port(), &faults)?;
    records(&scope, &all, sink)?;
    sink.settle()?;
    Ok(None)
}

/// The type and event, where they and version and processing id are supported.
fn checked(settings: &Settings, msh: &Segment<'_>, all: &[Segment<'_>]) -> Result<(Kind, String, String), Refusal> {
    let unsupported = |field, code, reason| Err(Refusal { outcome: Outcome::Unsupported, field, code, reason });
    // A version that is left out is one of the time before it had to be named.
    let is_supported = |text: &str| ack::version(text).is_some_and(|version| ((2, 3)..=(2, 9)).contains(&version));
    if msh.at(12).component(1).is_some_and(|version| !is_supported(&version)) {
        return unsupported(12, Code::UnsupportedVersion, "the version is not supported: send 2.3 to 2.8".into());
    }
    if msh.at(11).component(1).is_some_and(|id| !settings.processing_ids.contains(&id)) {
        let taken = settings.processing_ids.join(", ");
        let why = format!("the processing id is not taken: send {taken}, or have it added to `processing_ids`");
        return unsupported(11, Code::UnsupportedProcessingId, why.into());
    }
    let code = msh.at(9).component(1).unwrap_or_default();
    let Some(kind) = Kind::of(&code) else {
        let why = "the message type is not supported: send ADT, ORU, ORM, OML, OMG, OMI, SIU or VXU";
        return unsupported(9, Code::UnsupportedMessageType, why.into());
    };
    // Before 2.3.1 the event was often in EVN alone.
    let named = msh.at(9).component(2).or_else(|| first(all, "EVN")?.at(1).component(1));
    let event = named.unwrap_or_else(|| kind.usual_event().to_owned());
    if !kind.has_event(&event) {
        return unsupported(9, Code::UnsupportedEvent, "the trigger event is not one that is supported of this message type".into());
    }
    let subject = match kind {
        Kind::Administration => Some(("PID", "a message of patient administration without PID is about nobody")),
        Kind::Scheduling => Some(("SCH", "a scheduling message without SCH says nothing of an appointment")),
        Kind::Results | Kind::Order | Kind::Vaccination => None,
    };
    match subject {
        Some((name, why)) if first(all, name).is_none() => {
            Err(Refusal { outcome: Outcome::Faulty, field: 9, code: Code::SegmentSequence, reason: why.into() })
        }
        _ => Ok((kind, code, event)),
    }
}

fn records<'a>(scope: &Scope, all: &'a [Segment<'a>], sink: &mut Sink<'_, '_>) -> Result<(), Stopped> {
    let groups = Group::all(all);
    let patients: Vec<_> = groups.iter().filter_map(|group| group.patient.clone()).take(2).collect();
    let mut sequence = 0;
    for group in &groups {
        patient::put(scope, group, &patients, sink)?;
        encounter::put(scope, group, sink)?;
        immunization::put(scope, group, sink)?;
        observation::put(scope, group, &mut sequence, sink)?;
    }
    if scope.kind == Kind::Scheduling {
        appointment::put(scope, all, &groups, sink)?;
    }
    Ok(())
}
