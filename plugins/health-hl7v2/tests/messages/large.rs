//! Bodies of the size that comes, and of the size that must not matter.

use std::io;

use health_hl7v2::Hl7v2;
use lienthong_sdk::ReadAt;

use super::{hub, misfit, received};

/// A body that is made as it is read.
struct Repeated {
    piece: Vec<u8>,
    times: u64,
}

impl ReadAt for Repeated {
    fn size(&self) -> u64 {
        self.piece.len() as u64 * self.times
    }

    fn read_at(&self, offset: u64, max: u32) -> io::Result<Vec<u8>> {
        let from = usize::try_from(offset % self.piece.len() as u64).map_err(io::Error::other)?;
        let left = usize::try_from(self.size().saturating_sub(offset)).map_err(io::Error::other)?;
        Ok(self.piece.iter().cycle().skip(from).take((max as usize).min(left)).copied().collect())
    }
}

#[test]
fn a_file_of_many_messages_is_read_in_pieces() {
    let piece = "MSH|^~\\&|HIS|BVBL|HUB|BL|20261124||ADT^A04|M1|P|2.5\rPID|1||BN000001^^^BVBL^MR\rPV1|1|O|KHAM\r".as_bytes().to_vec();
    let mut hub = hub();
    let reply = hub.receive_blob(&Hl7v2, Repeated { piece, times: 5_000 }).unwrap().unwrap();
    assert_eq!((hub.count("patients"), hub.count("encounters")), (5_000, 5_000));
    assert!(String::from_utf8(reply.body).unwrap().ends_with("\rBTS|5000\r"));
}

#[test]
fn a_message_that_is_too_long_is_refused_with_its_beginning_and_the_next_is_read() {
    let long = [&br"MSH|^~\&|HIS|BVBL|HUB|BL|20261124||ORU^R01|M1|P|2.5"[..], b"\rOBX|1|TX|X||", &vec![b'x'; 9 << 20], b"\r"].concat();
    let body = [&long[..], b"MSH|^~\\&|HIS|BVBL|HUB|BL|20261124||ORU^R01|M2|P|2.5\rOBX|1|ST|X||1\r"].concat();
    let mut hub = hub();
    let text = received(&mut hub, &body).unwrap();
    assert!(text.contains("\nMSA|AR|M1\n") && text.contains("\nMSA|AA|M2\n"), "{text}");
    assert_eq!((hub.count("observations"), hub.rejects().len()), (1, 1));
}

#[test]
fn an_embedded_file_is_kept_beside_the_records_whatever_its_size() {
    let body =
        format!("MSH|^~\\&|HIS|BVBL|||20261124||ORU^R01|M1|P|2.5\rOBX|1|ED|PDF||^application^pdf^Base64^{}\r", "AAAA".repeat(1 << 20));
    let mut hub = hub();
    assert!(received(&mut hub, body.as_bytes()).unwrap().contains("MSA|AA"));
    let file = hub.records("observations")[0]["value_attachment"].clone();
    assert_eq!((file["size_bytes"].as_u64(), file["content_type"].as_str()), (Some(3 << 20), Some("application/pdf")));
    assert_eq!(hub.attachment("observations", file["sha256"].as_str().unwrap()).unwrap(), vec![0; 3 << 20]);
}

#[test]
fn values_beyond_the_schemas_limits_are_rejected_and_the_rest_is_kept() {
    let long = |count: usize| "ô".repeat(count);
    let body = format!(
        "MSH|^~\\&|HIS|BVBL|||20261124||ORU^R01|M1|P|2.5\rPID|1||BN1||{}^A||19800101\rOBX|1|TX|X^{}||a\rOBX|2|TX|Y||{}\rOBX|3|NM|Z||{}\rNTE|1||{}\r",
        long(2_001),
        long(2_000),
        long(262_145),
        vec!["1"; 101].join("~"),
        long(65_537),
    );
    let mut hub = hub();
    let text = received(&mut hub, body.as_bytes()).unwrap();
    assert!(text.contains("MSA|AE"), "{text}");
    let places: Vec<_> = hub.rejects().iter().map(|r| r.at.clone().unwrap()).collect();
    assert_eq!(places, ["PID-5", "OBX[2]-5", "OBX[3]-5", "NTE-3"]);
    assert_eq!((hub.count("patients"), hub.count("observations"), misfit(&hub)), (1, 3, None));
}
