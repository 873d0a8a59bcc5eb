//! Whatever comes: records that fit, rejections, or a failure that says why.

use health_hl7v2::Hl7v2;
use lienthong_sdk::Failure;
use proptest::prelude::*;

use super::{files, fixture, hub, misfit};

/// Nothing but a clear outcome; gives whether the body was taken.
fn ends_well(body: &[u8]) -> Result<bool, String> {
    let mut hub = hub();
    let taken = match hub.receive(&Hl7v2, body) {
        Ok(_) => true,
        Err(Failure::InvalidInput(why)) if !why.is_empty() => false,
        Err(other) => return Err(format!("{other:?}")),
    };
    match misfit(&hub) {
        None => Ok(taken),
        Some(misfit) => Err(misfit),
    }
}

#[test]
fn the_corpus_ends_well() {
    let files = files(&fixture("corpus"), "hl7");
    assert!(files.len() >= 10);
    for path in files {
        let outcome = ends_well(&std::fs::read(&path).unwrap());
        assert!(outcome.is_ok(), "{}: {outcome:?}", path.display());
    }
}

/// A part of a field that is odd in some way.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "\"\"", "1", "BN1^^^A&1.2&ISO^MR", "20261124", "20269999", "202611240800+0700", "NGUYỄN^AN", "A~B~C", "Y", "^", "&&&", "~~~"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["\\F\\", "\\X00\\", "\\XFFFE\\", "\\.sp99\\", "\\", "\\\\", "\\Zx\\", "a^b^c^d^e^f^g^h^i", "ED", "NM", "SN", "CE", "TS", "RP", "^application^pdf^Base64^AAAA", "<^5^-^x", "999"]).prop_map(str::to_owned),
        1 => "\\PC{0,30}",
        1 => "[ -~]{0,20}",
        1 => any::<i64>().prop_map(|n| n.to_string()),
    ]
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "PID", "PV1", "PV2", "MRG", "NK1", "DG1", "ORC", "OBR", "OBX", "NTE", "SPM", "SCH", "TQ1", "AIS", "AIP", "AIL", "AIG", "RXA",
        "RXR", "EVN", "PD1", "ZZZ", "RXO",
    ]);
    (name, prop::collection::vec(part(), 0..52)).prop_map(|(name, parts)| format!("{name}|{}", parts.join("|")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..2_000), headed in any::<bool>()) {
        let head: &[u8] = if headed { b"MSH|^~\\&|" } else { b"" };
        prop_assert!(ends_well(&[head, &bytes].concat()).is_ok());
    }

    #[test]
    fn any_segments_end_well(
        kind in prop::sample::select(vec!["ADT^A01", "ADT^A40", "ADT^A24", "ADT^A42", "ADT^A08", "ORU^R01", "ORM^O01", "OML^O21", "SIU^S12", "SIU^S15", "VXU^V04"]),
        encoding in prop::sample::select(vec![r"^~\&", r"^~\&#", "^~", "$%*!?"]),
        version in prop::sample::select(vec!["2.3", "2.5.1", "2.8", ""]),
        segments in prop::collection::vec(segment(), 1..12),
        end in prop::sample::select(vec!["\r", "\n", "\r\n"]),
    ) {
        let header = format!("MSH|{encoding}|HIS|BVBL|||20261124||{kind}|M1|P|{version}").replace('^', &encoding[..1]);
        let body = format!("{header}{end}{}", segments.join(end));
        prop_assert_eq!(ends_well(body.as_bytes()), Ok(true));
    }

    #[test]
    fn damaged_messages_end_well(which in 0usize..14, cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..4), 1..12)) {
        let mut body = std::fs::read(&files(&fixture(""), "hl7")[which]).unwrap();
        for (at, byte, how) in cuts {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => body[at] = b"|^~\\&\r\""[usize::from(byte) % 7],
                _ => { body.remove(at); }
            }
        }
        let outcome = ends_well(&body);
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
    }
}
