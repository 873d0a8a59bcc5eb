//! Bodies of every kind and size.

use std::io;

use egov_dossiers::{DOSSIERS, Dossiers};
use lienthong_sdk::testing::{Hub, check_kept};
use lienthong_sdk::{Failure, ReadAt};
use serde_json::Value;

use crate::{fixture, misfit, records};

#[test]
fn the_corpus_ends_as_it_is_kept() {
    let mut files: Vec<_> = std::fs::read_dir(fixture("corpus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e != "txt"));
    files.sort();
    assert_eq!(files.len(), 27);
    let mut text = String::new();
    for path in files {
        let mut hub = Hub::new();
        let result = hub.receive(&Dossiers, &std::fs::read(&path).unwrap());
        assert_eq!(misfit(&hub), None, "{}", path.display());
        let rejects: String = hub.rejects().iter().map(|r| format!("\n    {}: {}", r.at.as_deref().unwrap(), r.reason)).collect();
        let outcome = match result {
            Ok(_) => format!("{} kept, {} rejected{rejects}", records(&hub), hub.rejects().len()),
            Err(failure) => failure.to_string(),
        };
        text += &format!("{}\n  {outcome}\n", path.file_name().unwrap().to_str().unwrap());
    }
    check_kept(&fixture("corpus/outcomes.txt"), &text);
}

/// A body of a beginning, one item again and again, and an end: as large as one likes, and never in memory.
struct Endless {
    start: Vec<u8>,
    item: Vec<u8>,
    times: u64,
    end: Vec<u8>,
}

impl ReadAt for Endless {
    fn size(&self) -> u64 {
        (self.start.len() + self.end.len()) as u64 + self.item.len() as u64 * self.times
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        let (start, item) = (self.start.len() as u64, self.item.len() as u64);
        let until = offset.saturating_add(max.into()).min(self.size());
        let byte = |at: u64| match at.checked_sub(start) {
            None => self.start[at as usize],
            Some(at) if at < item * self.times => self.item[(at % item) as usize],
            Some(at) => self.end[(at - item * self.times) as usize],
        };
        Ok((offset..until).map(byte).collect())
    }
}

#[test]
fn a_bulk_of_fifty_megabytes_is_taken_in_pieces() {
    let dossier = br#"{"MaHoSo":"000.00.17.H36-251124-0001","MaTTHC":"1.004194","TrangThaiHoSo":"4","GhiChu":"0123456789"},"#;
    let item = [&vec![b' '; 10_000][..], dossier].concat();
    let times = (50 << 20) / item.len() as u64;
    let last = dossier[..dossier.len() - 1].to_vec();
    let end = [&last[..], br#"],"service":"DongBoHoSoMC"}"#].concat();
    let body = Endless { start: br#"{"data":["#.to_vec(), item, times, end };
    let mut hub = Hub::new();
    let reply = hub.receive_blob(&Dossiers, body).unwrap().unwrap();
    assert_eq!(hub.count(DOSSIERS) as u64, times + 1);
    assert!(hub.emit_sizes().iter().all(|size| *size < 300 << 10));
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&answer["error_code"], answer["result"].as_array().unwrap().len() as u64), (&Value::from(0), times + 1));
}

#[test]
fn an_item_without_end_is_rejected_with_its_beginning_and_the_next_is_read() {
    let item = vec![b'x'; 4 << 10];
    let start = br#"[{"MaHoSo":"H36.17-251124-0001","GhiChu":""#.to_vec();
    let end = br#""},{"MaHoSo":"H36.17-251124-0002","MaTTHC":"1.004194","TrangThaiHoSo":"4"}]"#.to_vec();
    let mut hub = Hub::new();
    hub.receive_blob(&Dossiers, Endless { start, item, times: 1_000, end }).unwrap();
    assert_eq!((hub.count(DOSSIERS), hub.rejects().len()), (1, 1));
    let reject = &hub.rejects()[0];
    assert_eq!((reject.at.as_deref(), reject.bytes.len()), (Some("/0"), 1 << 20));
    assert!(reject.bytes.starts_with(br#"{"MaHoSo":"H36.17-251124-0001""#) && reject.reason.contains("1048576 bytes"));
}

#[test]
fn an_answer_stays_bounded_and_says_what_it_leaves_out() {
    let good = br#"{"MaHoSo":"H36.17-251124-0001","MaTTHC":"1.004194","TrangThaiHoSo":"4"}"#.to_vec();
    let body = Endless { start: [&b"["[..], &good].concat(), item: b",0".to_vec(), times: 100_000, end: b"]".to_vec() };
    let mut hub = Hub::new();
    let reply = hub.receive_blob(&Dossiers, body).unwrap().unwrap();
    assert!(reply.body.len() < 5 << 20, "{}", reply.body.len());
    let answer: Value = serde_json::from_slice(&reply.body).unwrap();
    let listed = answer["result"].as_array().unwrap().len();
    let expected = format!(
        "100000 of 100001 were refused; they are kept in the hub's quarantine; `result` is without its last {} entries",
        100_001 - listed
    );
    assert_eq!(answer["message"], expected);
}

/// A body that the hub cannot read any more from some offset on.
struct Lost(Vec<u8>, u64);

impl ReadAt for Lost {
    fn size(&self) -> u64 {
        self.0.len() as u64 + 1
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        if offset >= self.1 {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "the disk is away"))
        } else {
            self.0.read_at(offset, max.min(8))
        }
    }
}

#[test]
fn a_body_that_the_hub_cannot_read_is_worth_another_try() {
    let bytes = b"[{\"MaHoSo\":\"H36.17-251124-0001\"}".to_vec();
    for offset in [0, 9, 30] {
        let result = Hub::new().receive_blob(&Dossiers, Lost(bytes.clone(), offset));
        assert!(matches!(result, Err(Failure::Upstream(why)) if why.contains("the disk is away")), "{offset}");
    }
}
