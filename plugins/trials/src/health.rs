//! Messages of hospitals.

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use health_bhyt::{Bhyt, EPISODES, ITEMS};
use health_hl7v2::{APPOINTMENTS, ENCOUNTERS, Hl7v2, IMMUNIZATIONS, OBSERVATIONS, PATIENTS};
use lienthong_sdk::testing::Hub;
use quick_xml::events::Event;

use crate::received::{Ports, received};

static HL7: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        (PATIENTS, include_str!("../../../schemas/health/patients.v1.json")),
        (ENCOUNTERS, include_str!("../../../schemas/health/encounters.v1.json")),
        (OBSERVATIONS, include_str!("../../../schemas/health/observations.v1.json")),
        (APPOINTMENTS, include_str!("../../../schemas/health/appointments.v1.json")),
        (IMMUNIZATIONS, include_str!("../../../schemas/health/immunizations.v1.json")),
    ])
});

static BHYT: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        (EPISODES, include_str!("../../../schemas/health/insurance-episodes.v1.json")),
        (ITEMS, include_str!("../../../schemas/health/insurance-items.v1.json")),
    ])
});

/// Every message of HL7 is acknowledged, and a rejection holds a message or a line as it came.
pub fn hl7v2(body: &[u8]) {
    let outcome = received(&Hl7v2, || Hub::new().at(1_795_485_600_000), &HL7, body);
    outcome.rejects_are_of(body);
    let Ok(reply) = outcome.result else { return };
    let reply = reply.map(|reply| reply.body).unwrap_or_default();
    // An acknowledgement travels in a frame of MLLP.
    assert!(!reply.contains(&0x1c));
    // Unless a sender has a say in when it wants answers (MSH-15, MSH-16), each message gets one, whatever became of it.
    let messages = headers(body);
    let fields = |header: &&[u8]| header.iter().filter(|byte| **byte == header[3]).count();
    let answers = reply.split(|byte| *byte == b'\r').filter(|segment| segment.starts_with(b"MSA")).count();
    match messages.iter().any(|header| fields(header) >= 14) {
        false => assert_eq!(answers, messages.len()),
        true => assert!(answers <= messages.len()),
    }
}

/// The lines with which messages begin: `MSH` and whatever delimits its fields.
fn headers(body: &[u8]) -> Vec<&[u8]> {
    let mut text = body;
    while let Some(rest) = text.strip_prefix(b"\xef\xbb\xbf").or_else(|| text.strip_prefix(b"\x0b")).or_else(|| text.strip_prefix(b"\x1c"))
    {
        text = rest.trim_ascii_start();
    }
    let lines = text.trim_ascii_start().split_inclusive(|byte| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c));
    lines.filter(|line| line.starts_with(b"MSH") && line.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric())).collect()
}

/// Each HOSO of an envelope is an episode with its items or a rejection. The documents in it may stand there as they are, as in the
/// fixtures: they are put into base 64 too.
pub fn bhyt(body: &[u8]) {
    one_envelope(body);
    if let Ok(text) = std::str::from_utf8(body)
        && let Some(folded) = folded(text)
    {
        one_envelope(folded.as_bytes());
    }
}

fn one_envelope(body: &[u8]) {
    let outcome = received(&Bhyt, Hub::new, &BHYT, body);
    outcome.rejects_are_of(body);
    if outcome.result.is_ok()
        && let Some(dossiers) = dossiers(body)
    {
        let episodes = outcome.hub.count(EPISODES) + outcome.hub.rejects().len();
        // A HOSO may hold check-ins and no episode of its own, one record each.
        assert!(episodes >= dossiers, "{episodes} of {dossiers}");
    }
}

/// Puts what stands between the tags of NOIDUNGFILE into base 64.
fn folded(text: &str) -> Option<String> {
    let (mut folded, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("<NOIDUNGFILE>") {
        let (document, behind) = behind.split_once("</NOIDUNGFILE>")?;
        folded += &format!("{before}<NOIDUNGFILE>{}</NOIDUNGFILE>", BASE64_STANDARD.encode(document));
        rest = behind;
    }
    (!folded.is_empty()).then(|| folded + rest)
}

/// How many HOSO stand where they should; none where the document is no envelope.
fn dossiers(body: &[u8]) -> Option<usize> {
    const PATH: [&str; 4] = ["GIAMDINHHS", "THONGTINHOSO", "DANHSACHHOSO", "HOSO"];
    let mut reader = quick_xml::Reader::from_reader(body);
    reader.config_mut().expand_empty_elements = true;
    let (mut path, mut count) = (Vec::<String>::new(), 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                path.push(element.local_name().as_ref().to_owned());
                count += usize::from(path == PATH);
            }
            Event::End(_) => drop(path.pop()),
            Event::Eof => return (count > 0).then_some(count),
            _ => {}
        }
    }
}
