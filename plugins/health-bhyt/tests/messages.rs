//! Whole messages: those in `fixtures/` against what is kept beside them, and what is no message at all.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod folding;
mod schemas;

use std::path::{Path, PathBuf};

use folding::fold;
use health_bhyt::{Bhyt, EPISODES, ITEMS};
use lienthong_sdk::testing::{Hub, Reject, check_kept, json_lines};
use lienthong_sdk::{Failure, Level};
use schemas::{misfit, schema};
use serde_json::json;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The message that a fixture stands for.
fn message(name: &str) -> String {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    if name.ends_with(".plain.txt") { fold(&text) } else { text }
}

fn received(message: &str) -> Hub {
    let mut hub = Hub::new();
    assert_eq!(hub.receive(&Bhyt, message.as_bytes()).unwrap(), None);
    assert_eq!(misfit(&hub), None);
    hub
}

#[test]
fn messages_become_the_records_and_rejections_kept_beside_them() {
    for (name, stem) in [("episodes.plain.txt", "episodes"), ("faults.plain.txt", "faults"), ("check-ins.xml", "check-ins")] {
        let message = message(name);
        let hub = received(&message);
        check_kept(&fixture(&format!("{stem}.{EPISODES}.ndjson")), &json_lines(hub.records(EPISODES)));
        check_kept(&fixture(&format!("{stem}.{ITEMS}.ndjson")), &json_lines(hub.records(ITEMS)));
        let reject = |r: &Reject| json!({ "at": r.at, "reason": r.reason });
        check_kept(&fixture(&format!("{stem}.rejects.ndjson")), &json_lines(hub.rejects().iter().map(reject)));
        // Nothing is lost: what was rejected is what came.
        for reject in hub.rejects() {
            assert_eq!(reject.port, EPISODES);
            let bytes = std::str::from_utf8(&reject.bytes).unwrap();
            let tag = if name == "check-ins.xml" { "TRANG_THAI_KCB" } else { "HOSO" };
            assert!(bytes.starts_with(&format!("<{tag}>")) && bytes.ends_with(&format!("</{tag}>")), "{bytes}");
            let number: usize = reject.at.as_deref().unwrap().split([' ', ',']).nth(1).unwrap().parse().unwrap();
            let place = message.match_indices(&format!("<{tag}>")).nth(number - 1).unwrap().0;
            assert!(message[place..].starts_with(bytes), "{:?}", reject.at);
        }
        let logs = hub.logs().into_iter().map(|(level, text)| json!({ "level": format!("{level:?}"), "text": text }));
        check_kept(&fixture(&format!("{stem}.logs.ndjson")), &json_lines(logs));
    }
}

#[test]
fn every_hoso_is_a_record_or_a_rejection() {
    let message = message("faults.plain.txt");
    let hub = received(&message);
    let dossiers = message.matches("<HOSO>").count();
    assert_eq!((hub.count(EPISODES), hub.rejects().len()), (2, dossiers - 2));
}

#[test]
fn the_real_envelope_is_the_readable_one() {
    let kept = fixture("episodes.xml");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, message("episodes.plain.txt")).unwrap();
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap(), message("episodes.plain.txt"));
}

#[test]
fn the_order_of_the_parts_and_how_they_are_written_make_no_difference() {
    let plain = std::fs::read_to_string(fixture("episodes.plain.txt")).unwrap();
    let expected = received(&fold(&plain));
    assert_eq!((expected.count(EPISODES), expected.count(ITEMS), expected.rejects().len()), (3, 5, 0));
    // XML3 and XML2 before XML1, LOAIHOSO behind NOIDUNGFILE.
    let turned: String = plain
        .split("<HOSO>\n")
        .map(|piece| match piece.split_once("\n</HOSO>") {
            Some((files, rest)) => {
                let files: Vec<&str> = files.split("</FILEHOSO>").map(str::trim).filter(|file| !file.is_empty()).collect();
                let turned = files.iter().rev().map(|file| {
                    let inner = file.strip_prefix("<FILEHOSO>").unwrap().trim();
                    let (kind, content) = inner.split_once("</LOAIHOSO>").unwrap();
                    format!("<FILEHOSO>{}{kind}</LOAIHOSO></FILEHOSO>", content.trim())
                });
                format!("<HOSO>{}</HOSO>{rest}", turned.collect::<String>())
            }
            None => piece.to_owned(),
        })
        .collect();
    assert_ne!(turned, plain);
    for (what, message) in [
        ("turned", fold(&turned)),
        ("in one line", fold(&plain).replace("\r\n", "")),
        ("without padding", fold(&plain).replace("==</NOIDUNGFILE>", "</NOIDUNGFILE>").replace("=</NOIDUNGFILE>", "</NOIDUNGFILE>")),
        ("a byte order mark", format!("\u{feff}{}", fold(&plain))),
        ("byte order marks within", fold(&plain.replace("<NOIDUNGFILE><", "<NOIDUNGFILE>\u{feff}<"))),
        ("a namespace", fold(&plain).replace("<GIAMDINHHS ", "<GIAMDINHHS xmlns='urn:thu' ")),
        ("carriage returns", fold(&plain.replace('\n', "\r\n"))),
    ] {
        assert_ne!(message, fold(&plain), "{what}");
        let hub = received(&message);
        assert_eq!(hub.rejects(), [], "{what}");
        assert_eq!(hub.records(ITEMS), expected.records(ITEMS), "{what}");
        assert_eq!(hub.records(EPISODES), expected.records(EPISODES), "{what}");
    }
}

#[test]
fn the_corpus_of_nasty_messages_ends_well() {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(fixture("corpus")).unwrap() {
        let path = entry.unwrap().path();
        let mut hub = Hub::new();
        let outcome = match hub.receive(&Bhyt, &std::fs::read(&path).unwrap()) {
            Ok(_) => {
                json!({ "episodes": hub.count(EPISODES), "rejects": hub.rejects().iter().map(|r| format!("{}: {}", r.at.as_deref().unwrap_or("-"), r.reason)).collect::<Vec<_>>() })
            }
            Err(failure) => json!({ "failure": failure.to_string() }),
        };
        assert_eq!(misfit(&hub), None, "{}", path.display());
        seen.push(json!({ "file": path.file_name().unwrap().to_str(), "outcome": outcome }));
    }
    seen.sort_by_key(|outcome| outcome["file"].to_string());
    assert!(seen.len() > 20);
    check_kept(&fixture("corpus.ndjson"), &json_lines(seen));
}

/// A HOSO of `bytes`, XML1 in it first.
fn large(bytes: usize) -> String {
    let plain = std::fs::read_to_string(fixture("episodes.plain.txt")).unwrap();
    let message = fold(&plain);
    let (head, rest) = message.split_once("<HOSO>").unwrap();
    let (dossier, rest) = rest.split_once("</HOSO>").unwrap();
    let filler = format!("<FILEHOSO><LOAIHOSO>XML8</LOAIHOSO><NOIDUNGFILE>{}</NOIDUNGFILE></FILEHOSO>", "QUFB\n".repeat(bytes / 5));
    format!("{head}<HOSO>{dossier}{filler}</HOSO>{rest}")
}

#[test]
fn a_hoso_that_is_too_large_is_rejected_and_the_rest_goes_on() {
    let hub = received(&large(7 << 20));
    assert_eq!((hub.count(EPISODES), hub.rejects().len()), (3, 0));
    let hub = received(&large(9 << 20));
    assert_eq!((hub.count(EPISODES), hub.rejects().len()), (2, 1));
    let reject = &hub.rejects()[0];
    assert_eq!((reject.at.as_deref(), reject.bytes.len()), (Some("HOSO 1, FILEHOSO 5"), 64 << 10));
    assert_eq!(reject.reason, "the HOSO has more than 8 MiB: send its episode in a HOSO of its own");
    // So it is where the part would have been read.
    let message = large(9 << 20).replace("XML8", "XML3").replace("<LOAIHOSO>XML3</LOAIHOSO>", "<LOAIHOSO>XML3</LOAIHOSO> ");
    let hub = received(&message);
    assert_eq!((hub.count(EPISODES), hub.rejects().len()), (2, 1));
}

#[test]
fn a_message_of_bad_dossiers_only_is_refused_as_a_whole() {
    let dossiers = |good: &str| {
        format!("<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO>{good}{}</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>", "<HOSO/>".repeat(1_200))
    };
    let mut hub = Hub::new();
    match hub.receive(&Bhyt, dossiers("").as_bytes()) {
        Err(Failure::InvalidInput(why)) => {
            assert!(why.starts_with("the first 1000 items are all bad, the last of them: HOSO 1000: it holds nothing"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    let plain = std::fs::read_to_string(fixture("episodes.plain.txt")).unwrap();
    let good = fold(&plain)
        .split_once("<HOSO>")
        .and_then(|(_, rest)| rest.split_once("</HOSO>"))
        .map(|(good, _)| format!("<HOSO>{good}</HOSO>"))
        .unwrap();
    let hub = received(&dossiers(&good));
    assert_eq!((hub.count(EPISODES), hub.rejects().len()), (1, 1_200));
}

#[test]
fn the_schemas_examples_fit_them() {
    for port in [EPISODES, ITEMS] {
        let mut hub = Hub::new();
        let examples = schema(port)["examples"].as_array().unwrap().clone();
        assert!(!examples.is_empty());
        hub.run(|call| Ok(examples.iter().try_for_each(|example| call.emit(port, example))?)).unwrap();
        assert_eq!((misfit(&hub), hub.count(port)), (None, examples.len()));
    }
}

/// What stops a call stops it at once, and is not mistaken for a bad HOSO.
#[test]
fn limits_of_the_hub_end_the_call() {
    let mut hub = Hub::new().max_emits(0);
    assert!(matches!(hub.receive(&Bhyt, message("episodes.plain.txt").as_bytes()), Err(Failure::Config(_))));
}

/// Reasons and logs are shown to people who may not see the patient.
#[test]
fn no_reason_and_no_log_line_holds_what_a_field_holds() {
    let plain = std::fs::read_to_string(fixture("faults.plain.txt")).unwrap();
    let hub = received(&fold(&plain));
    let mut told: Vec<String> = hub.rejects().iter().map(|reject| reject.reason.clone()).collect();
    told.extend(hub.logs().into_iter().map(|(level, text)| {
        assert_eq!(level, Level::Warn);
        text
    }));
    for secret in ["Nguyễn", "Mẫu", "BN-0001", "0000000001", "LK-B", "LK-F", "Thử Nghiệm", "phế quản", "198013", "hôm nay"] {
        assert!(plain.contains(secret));
        assert!(!told.iter().any(|text| text.contains(secret)), "{secret}");
    }
}
