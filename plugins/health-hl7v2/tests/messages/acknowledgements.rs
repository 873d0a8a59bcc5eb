//! Answers, as their senders read them.

use health_hl7v2::Hl7v2;
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, Level, Refusal};
use serde_json::{Value, json};

use super::{hub, received};

const PID: &str = "PID|1||BN000001^^^BVBL^MR||NGUYỄN^AN||19850228|M";

fn message(header: &str) -> Vec<u8> {
    format!("{header}\r{PID}\rPV1|1|O|KHAM\r").into_bytes()
}

#[test]
fn a_stored_message_is_accepted_in_its_own_terms() {
    let mut hub = hub();
    let reply = hub
        .receive(&Hl7v2, &message(r"MSH|^~\&|HIS|BVBL^1.2^ISO|HUB|BL|20261124||ADT^A04^ADT_A01|M1|P|2.5.1||||||UNICODE UTF-8"))
        .unwrap()
        .unwrap();
    assert_eq!(reply.content_type, "application/hl7-v2; charset=utf-8");
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        "MSH|^~\\&|HUB|BL|HIS|BVBL^1.2^ISO|20261124090000.000+0700||ACK^A04^ACK|1795485600000-1|P|2.5.1||||||UNICODE UTF-8\rMSA|AA|M1\r"
    );
    assert_eq!((hub.count("patients"), hub.count("encounters"), hub.rejects().len()), (1, 1, 0));
}

#[test]
fn the_answer_is_in_the_bytes_of_the_message() {
    let mut hub = hub();
    let reply =
        hub.receive(&Hl7v2, b"MSH|^~\\&|HIS|H\xf4pital|HUB|BL|20261124||ADT^A04|M1|P|2.4||||||8859/1\rPID|1||1\r").unwrap().unwrap();
    assert_eq!(reply.content_type, "application/hl7-v2; charset=windows-1252");
    let expected = b"MSH|^~\\&|HUB|BL|HIS|H\xf4pital|20261124090000.000+0700||ACK^A04^ACK|1795485600000-1|P|2.4||||||8859/1\rMSA|AA|M1\r";
    assert_eq!(reply.body, expected);
}

#[test]
fn what_a_schema_refuses_is_an_error_of_the_answer() {
    let refuse = |port: &str, _: &Value| {
        let refusal = Refusal { pointer: "/gender".into(), keyword: "enum".into(), message: "not one of the city's | codes".into() };
        (port == "patients").then_some(refusal)
    };
    let mut hub = Hub::new().refusing(refuse);
    let text = received(&mut hub, &message(r"MSH|^~\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M1|P|2.5")).unwrap();
    assert!(text.contains("\nMSA|AE|M1\nERR||MSH^1|207^Application internal error^HL70357|E||||the channel's schema refused a record at /gender: not one of the city's \\F\\ codes\n"), "{text}");
}

#[test]
fn each_message_of_a_body_is_answered_for_itself() {
    let body = [
        &message(r"MSH|^~\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M1|P|2.5")[..],
        b"MSH|^~\\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M2|P|2.5\rPID|1\r",
    ]
    .concat();
    let text = received(&mut hub(), &body).unwrap();
    let codes: Vec<_> = text.lines().filter(|line| line.starts_with("MSA")).collect();
    assert_eq!(codes, ["MSA|AA|M1", "MSA|AE|M2"]);
    assert!(text.starts_with("BHS|^~\\&|HUB|BL|HIS|BVBL|") && text.ends_with("\nBTS|2\n"), "{text}");
}

#[test]
fn versions_before_2_5_get_their_error_in_err_1() {
    let text = received(&mut hub(), b"MSH|^~\\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M1|P|2.3\rPID|1||1||A||20259999|?\r").unwrap();
    assert!(text.contains("||ACK^A04|") && text.contains("\nMSA|AE|M1|PID-7: a day that does not exist\n"), "{text}");
    let error = "\nERR|PID^1^7^102&Data type error&HL70357~PID^1^8^103&Table value not found&HL70357\n";
    assert!(text.contains(error), "{text}");
}

#[test]
fn a_sender_that_wants_no_answer_gets_none() {
    assert_eq!(received(&mut hub(), &message(r"MSH|^~\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M1|P|2.5|||NE|NE")), None);
    let acknowledgement = br"MSH|^~\&|HIS|BVBL|HUB|BL|20261124||ACK^A04|M1|P|2.5";
    let mut hub = hub();
    assert_eq!(received(&mut hub, acknowledgement), None);
    assert!(matches!(hub.logs().as_slice(), [(Level::Info, _)]));
}

#[test]
fn what_is_not_supported_is_rejected_whole_and_named() {
    for (header, field, code) in [
        (r"MSH|^~\&|HIS|BVBL|||20261124||DFT^P03|M1|P|2.5", 9, 200),
        (r"MSH|^~\&|HIS|BVBL|||20261124||ADT^X01|M1|P|2.5", 9, 201),
        (r"MSH|^~\&|HIS|BVBL|||20261124||ADT^A01|M1|X|2.5", 11, 202),
        (r"MSH|^~\&|HIS|BVBL|||20261124||ADT^A01|M1|P|3.0", 12, 203),
        (r"MSH|^~^&|HIS|BVBL|||20261124||ADT^A01|M1|P|2.5", 2, 102),
    ] {
        let mut hub = hub();
        let body = message(header);
        let text = received(&mut hub, &body).unwrap();
        assert!(text.contains("\nMSA|AR|M1\n") && text.contains(&format!("\nERR||MSH^1^{field}|{code}^")), "{text}");
        assert!(matches!(hub.rejects(), [one] if one.bytes == body && one.at.as_deref() == Some(format!("MSH-{field}").as_str())));
        assert!(hub.emit_sizes().is_empty());
    }
}

#[test]
fn a_setting_says_which_processing_ids_are_taken_and_where_the_hospital_is() {
    let settings = json!({ "processing_ids": ["P"], "time_zone_offset": "+08:00" });
    let training = message(r"MSH|^~\&|HIS|BVBL|||202611240800||ADT^A04|M1|T|2.5");
    assert!(received(&mut hub().settings(settings.clone()), &training).unwrap().contains("|202^Unsupported processing id^"));
    let mut hub = hub().settings(settings);
    let text = received(&mut hub, &message(r"MSH|^~\&|HIS|BVBL|||202611240800||ADT^A04|M1|P|2.5")).unwrap();
    assert_eq!(hub.records("patients")[0]["message_time"], "2026-11-24T08:00:00+08:00");
    assert!(text.contains("|20261124100000.000+0800|"), "{text}");
    let wrong = Hub::new().settings(json!({ "time_zone_offset": "Z" })).receive(&Hl7v2, &training);
    assert!(matches!(wrong, Err(Failure::Config(why)) if why.contains("time_zone_offset")));
}

#[test]
fn what_is_no_message_is_refused_as_a_whole() {
    for (body, expected) in [
        (&b""[..], "no MSH"),
        (b" \r\n", "no MSH"),
        (b"PID|1||1\r", "does not begin with MSH"),
        (b"<ADT_A01/>", "XML or JSON"),
        (b"{}", "XML or JSON"),
        (b"\xff\xfeM\0S\0H\0", "UTF-16"),
        (b"MSHX", "does not begin with MSH"),
    ] {
        let mut hub = hub();
        match hub.receive(&Hl7v2, body) {
            Err(Failure::InvalidInput(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(hub.rejects(), []);
    }
}
