//! Whatever comes in ends as records that fit, as one rejection, or as a failure; and large attachments pass through little memory.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod harness;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::LazyLock;

use egov_documents::{DOCUMENT_STATUS, DOCUMENTS, Documents};
use harness::{fixtures, misfit, received};
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Attached, Attachment, AttachmentWriter, Blob, Call, Failure, Message, Output, ReadAt, Receiver, Stopped, Verdict};
use proptest::prelude::*;
use serde_json::Value;

/// Records that fit, or one rejection of the whole message, or a failure; never two of them.
fn check(body: &[u8]) -> Result<(), TestCaseError> {
    let (hub, result) = received(body, None);
    prop_assert_eq!(misfit(&hub), None);
    let records = [hub.records(DOCUMENTS), hub.records(DOCUMENT_STATUS)].concat();
    let kinds = [!records.is_empty(), hub.rejects().len() == 1, result.is_err()];
    prop_assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{:?}", result);
    prop_assert!(hub.rejects().len() <= 1);
    if let Some(reject) = hub.rejects().first() {
        prop_assert!(reject.bytes == body && reject.at.as_deref().is_some_and(|at| at.starts_with("line ")));
    }
    if let Err(failure) = &result {
        prop_assert!(matches!(failure, Failure::InvalidInput(why) if why.starts_with("line ")), "{}", failure);
    }
    for record in records {
        for attachment in record["attachments"].as_array().into_iter().flatten() {
            let is_there = attachment["sha256"].as_str().is_some_and(|sha256| {
                let kept = [DOCUMENTS, DOCUMENT_STATUS].iter().find_map(|port| hub.attachment(port, sha256));
                kept.is_some_and(|bytes| attachment["size_bytes"] == bytes.len())
            });
            prop_assert_eq!(is_there, attachment["state"] != "content_missing");
        }
    }
    Ok(())
}

#[test]
fn the_corpus_ends_well() {
    let files = fixtures("corpus");
    assert_eq!(files.len(), 25);
    let mut taken = 0;
    for path in files {
        let body = std::fs::read(&path).unwrap();
        check(&body).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        taken += received(&body, None).0.count(DOCUMENTS);
    }
    assert_eq!(taken, 8, "some of it is odd and right");
}

#[test]
fn what_is_large_is_refused_and_not_held() {
    let message = |inner: &str| {
        format!(
            "<edXML xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'><edXMLEnvelope><edXMLHeader><MessageHeader><From><OrganId>H36</OrganId></From>\
             <To><OrganId>H36.17</OrganId></To><DocumentId>1</DocumentId>{inner}</MessageHeader></edXMLHeader></edXMLEnvelope></edXML>"
        )
    };
    for (inner, expected) in [
        ("<To><OrganId>H36.18</OrganId></To>".repeat(30_000), "more than 20000 elements"),
        (format!("<Vendor>{}</Vendor>", "x".repeat(70_000)), "`Vendor` is no element of `MessageHeader`"),
        (format!("<Subject>{}</Subject>", "ộ".repeat(65_537)), "`Subject` has more than 65536 characters"),
        (format!("<Subject>{}</Subject>", " ".repeat(600_000)), "more than 524288 bytes"),
        (format!("<Vendor>{}</Vendor>", "x".repeat(60_000)).repeat(20), "more than 786432 bytes of text"),
        (
            format!("<Content>{}</Content>", "\"".repeat(65_000)) + &format!("<Vendor>{}</Vendor>", "\"".repeat(65_000)).repeat(10),
            "a record of more than 1048576 bytes",
        ),
        (format!("<Subject>{}", "<a>".repeat(40)), "where its text should be"),
        (format!("<Vendor>{}", "<a>".repeat(40)), "more than 32 deep"),
    ] {
        let body = message(&inner);
        let (hub, result) = received(body.as_bytes(), None);
        let reason = &hub.rejects()[0].reason;
        assert!(reason.contains(expected), "{reason}");
        let reply: Value = serde_json::from_slice(&result.unwrap().unwrap().body).unwrap();
        assert_eq!((&reply["status"], &reply["ErrorCode"]), (&"FAIL".into(), &"1".into()));
    }
}

#[test]
fn a_message_too_large_for_quarantine_is_a_failure_with_its_place() {
    let pad = vec![b' '; 17 << 20];
    let message = String::from_utf8(harness::read_fixture("refused/doubled-from.edxml")).unwrap();
    let body = message.replacen("?>", &format!("?>{}", String::from_utf8(pad).unwrap()), 1);
    let (hub, result) = received(body.as_bytes(), None);
    assert_eq!(hub.rejects(), []);
    assert!(matches!(result, Err(Failure::InvalidInput(why)) if why.contains("`From` stands in `MessageHeader` a second time")));
}

/// A body whose block cannot be had.
struct Away(Vec<u8>, u64);

impl ReadAt for Away {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        match offset < self.1 {
            true => self.0.read_at(offset, max.min(u32::try_from(self.1 - offset).unwrap())),
            false => Err(io::Error::new(io::ErrorKind::ResourceBusy, "the disk is away")),
        }
    }
}

#[test]
fn a_body_that_cannot_be_read_is_not_the_senders_fault() {
    let body = harness::read_fixture("document.edxml");
    for offset in [0, 100, 3_000, body.len() as u64 - 200] {
        let mut hub = Hub::new();
        let result = hub.receive_blob(&Documents, Away(body.clone(), offset));
        assert!(matches!(result, Err(Failure::Upstream(_))), "{offset}: {result:?}");
        assert_eq!((hub.rejects(), hub.count(DOCUMENTS)), (&[][..], 0));
    }
}

/// One body, a few bytes at a time.
struct Pieces(Vec<u8>, u32);

impl ReadAt for Pieces {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        self.0.read_at(offset, max.min(self.1))
    }
}

/// A message with one attachment of `size` base64 characters, made as it is read.
struct Huge {
    before: Vec<u8>,
    size: u64,
    after: Vec<u8>,
}

impl ReadAt for Huge {
    fn size(&self) -> u64 {
        (self.before.len() + self.after.len()) as u64 + self.size
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        let (before, base64_end) = (self.before.len() as u64, self.before.len() as u64 + self.size);
        if offset < before {
            return self.before.read_at(offset, max);
        }
        if offset >= base64_end {
            return self.after.read_at(offset - base64_end, max);
        }
        let count = u64::from(max).min(base64_end - offset);
        // Lines of 76 and a line feed.
        Ok((0..count).map(|n| if (offset - before + n) % 77 == 76 { b'\n' } else { b'A' }).collect())
    }
}

fn huge(size: u64) -> Huge {
    let message = String::from_utf8(harness::read_fixture("replacement.edxml")).unwrap();
    let (before, after) = message.split_once("aGVsbG8=").unwrap();
    Huge { before: before.into(), size, after: after.into() }
}

/// A hub that keeps nothing but sizes.
#[derive(Default)]
struct Sizes {
    records: Vec<u8>,
    attached: Rc<Cell<(u64, usize)>>,
}

struct Counted(u64, Rc<Cell<(u64, usize)>>);

impl AttachmentWriter for Counted {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.0 += bytes.len() as u64;
        let (most, longest) = self.1.get();
        self.1.set((most.max(self.0), longest.max(bytes.len())));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Attached, Stopped> {
        Ok(Attached { sha256: "0".repeat(64), size_bytes: self.0 })
    }
}

impl Output for Sizes {
    fn emit(&mut self, _: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        self.records.extend_from_slice(records);
        Ok(Verdict { accepted: 1, refused: 0, ..Verdict::default() })
    }

    fn reject(&mut self, _: &str, _: &[u8], reason: &str, _: Option<&str>) -> Result<(), Stopped> {
        panic!("{reason}")
    }

    fn attach(&mut self, _: &str) -> Result<Attachment, Stopped> {
        Ok(Attachment::new(Counted(0, Rc::clone(&self.attached))))
    }
}

/// Decoded bytes, and the largest piece of them.
fn through(size: u64) -> (u64, usize) {
    let mut sizes = Sizes::default();
    let message = Message { body: Blob::new(huge(size)), name: None, content_type: None, received_at_ms: 0 };
    let reply = Hub::new().run(|call| Documents.receive(&mut Call::new(**call, &mut sizes), message)).unwrap().unwrap();
    assert!(String::from_utf8(reply.body).unwrap().contains("\"OK\""));
    let record: Value = serde_json::from_slice(sizes.records.strip_suffix(b"\n").unwrap()).unwrap();
    assert_eq!(record["attachments"][2]["size_bytes"], sizes.attached.get().0);
    sizes.attached.get()
}

#[test]
fn an_attachment_leaves_in_pieces() {
    // Whole lines of 76 are 57 bytes.
    let lines = 40_000;
    let (bytes, longest) = through(lines * 77);
    assert_eq!(bytes, lines * 57);
    assert!(longest <= 128 << 10, "{longest}");
}

/// `cargo test --release … -- --ignored --nocapture` tells how long 100 MB take and how much memory.
#[test]
#[ignore = "measures; ask for it in a release build"]
fn measure_100_mb() {
    let start = std::time::Instant::now();
    let (bytes, _) = through(100_000_000 / 77 * 77);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!("{bytes} bytes in {:?}, {peak}", start.elapsed());
}

static MESSAGES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| [fixtures(""), fixtures("refused")].concat().iter().map(|path| std::fs::read(path).unwrap()).collect());

/// Bits that mean something in a message.
const FRAGMENTS: &[&str] = &[
    "<",
    ">",
    "&",
    "\"",
    "=",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?x?>",
    "&amp;",
    "&#0;",
    "<From>",
    "</From>",
    "<To/>",
    "</edXML:To>",
    "<edXML:StatusCode>1</edXML:StatusCode>",
    "<Attachment>",
    "</AttachmentEncoded>",
    "xmlns=''",
    "xmlns:edXML='urn:x'",
    "<edXML:OrganId>H36</edXML:OrganId>",
    "2026/02/30",
    "\r\n",
    "\u{feff}",
    "ộ",
    "AAAA",
    "cid:",
];

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..6, prop::sample::select(FRAGMENTS), any::<u8>());
    (any::<prop::sample::Index>(), prop::collection::vec(change, 1..5)).prop_map(|(which, changes)| {
        let mut bytes = which.get(&MESSAGES).clone();
        for (at, length, kind, fragment, byte) in changes {
            let at = at.index(bytes.len() + 1);
            let end = (at + length.index(200)).min(bytes.len());
            match kind {
                0 => drop(bytes.splice(at..at, fragment.bytes())),
                1 => drop(bytes.splice(at..end, fragment.bytes())),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                4 => bytes.truncate(at),
                _ => bytes.extend_from_slice(&[byte]),
            }
        }
        bytes
    })
}

/// An element taken away, doubled, or put elsewhere: the message stays well-formed.
fn rearranged() -> impl Strategy<Value = Vec<u8>> {
    (0usize..14, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..3).prop_map(|(which, from, to, kind)| {
        let text = String::from_utf8(MESSAGES[which].clone()).unwrap();
        // Elements that hold text alone.
        let leaves: Vec<(usize, usize)> = text
            .match_indices('<')
            .filter(|(at, _)| !text[at + 1..].starts_with(['/', '?', '!']))
            .filter_map(|(at, _)| {
                let end = text[at..].find("</")? + at;
                let inner = text[at + 1..end].contains('<');
                (!inner).then(|| Some((at, text[end..].find('>')? + end + 1)))?
            })
            .collect();
        let (start, end) = *from.get(&leaves);
        let place = to.get(&leaves).0;
        let leaf = &text[start..end];
        let mut out = text.clone();
        match kind {
            0 => out.replace_range(start..end, ""),
            1 => out.insert_str(start, leaf),
            _ => out.insert_str(place, leaf),
        }
        out.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        check(&bytes)?;
    }

    #[test]
    fn mutated_messages_end_well(bytes in mutated()) {
        check(&bytes)?;
    }

    #[test]
    fn rearranged_messages_end_well(bytes in rearranged()) {
        check(&bytes)?;
    }

    #[test]
    fn pieces_make_no_difference(bytes in mutated(), piece in 1u32..40) {
        let (whole, expected) = received(&bytes, None);
        let mut hub = Hub::new();
        let result = hub.receive_blob(&Documents, Pieces(bytes, piece));
        prop_assert_eq!(result, expected);
        prop_assert_eq!(hub.rejects(), whole.rejects());
        for port in [DOCUMENTS, DOCUMENT_STATUS] {
            prop_assert_eq!(hub.records(port), whole.records(port));
        }
    }
}
