//! Files that belong to records, from an agency's system to another agency.

use std::path::PathBuf;

use http::Method;
use lienthong_tests::client::{Answer, Client};
use lienthong_tests::hub::{Hub, channel_status};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::towns;

const MESSAGES: &str = "/v1/connectors/tests/scans/messages";
const THINGS: &str = "tests/things";

fn scan(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 % 251) as u8).collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn door(channel: &str, hash: &str) -> String {
    format!("/v1/channels/{channel}/attachments/{hash}")
}

async fn send(client: &Client, bytes: &[u8]) -> Answer {
    client.post(MESSAGES, "application/pdf", bytes.to_vec()).send().await
}

fn file(hub: &Hub, hash: &str) -> PathBuf {
    hub.city().data().join("attachments").join(&hash[..2]).join(hash)
}

fn staging(hub: &Hub) -> PathBuf {
    hub.city().data().join("attachments/.staging")
}

fn staged(hub: &Hub) -> usize {
    std::fs::read_dir(staging(hub)).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_with_its_record_to_whom_the_channel_is_granted_and_to_nobody_else() {
    let mut hub = Hub::start(towns::archive()).await;
    let (archive, reader, stranger) = (hub.agency("archive").await, hub.agency("reader").await, hub.agency("stranger").await);
    let operator = hub.operator().await;
    let bytes = scan(3_000_001);
    let taken = send(&archive, &bytes).await.expect(200).json();
    assert_eq!((&taken["accepted"], &taken["quarantined"]), (&json!(1), &json!(0)));
    // A crash right after the answer loses neither.
    hub.kill().await;
    hub.start_again().await;
    let records = format!("/v1/channels/{THINGS}/records");
    let record = reader.get(&records).header("accept", "application/x-ndjson").send().await.expect(200).lines().remove(0);
    let name = record["sha256"].as_str().unwrap();
    assert_eq!(name, hash(&bytes));

    let path = door(THINGS, name);
    let got = reader.get(&path).send().await.expect(200);
    assert!(got.body == bytes, "other bytes came back");
    let tag = format!("\"{name}\"");
    for (header, value) in [
        ("content-type", "application/octet-stream"),
        ("content-length", "3000001"),
        ("content-disposition", "attachment"),
        ("x-content-type-options", "nosniff"),
        ("etag", tag.as_str()),
    ] {
        assert_eq!(got.header(header), value);
    }
    let head = reader.ask(Method::HEAD, &path).send().await.expect(200);
    assert_eq!((head.header("content-length"), head.header("etag"), head.body.len()), ("3000001", tag.as_str(), 0));
    for (known, status) in [(tag.clone(), 304), (format!("W/\"x\", {tag}"), 304), ("\"x\"".into(), 200)] {
        let answer = reader.get(&path).header("if-none-match", &known).send().await.expect(status);
        assert_eq!((answer.header("etag"), answer.body.is_empty()), (tag.as_str(), status == 304));
    }

    // Without the grant what is there looks like what is not, and so does a channel that is not.
    let absent = "47".repeat(32);
    for client in [&stranger, &archive, &operator] {
        let answers = [door(THINGS, name), door(THINGS, &absent), door("tests/nothing", name)].map(|path| client.get(&path).send());
        let mut said = Vec::new();
        for answer in answers {
            said.push(answer.await.problem(404, "channel").text());
        }
        assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    }
    hub.nobody().get(&path).send().await.problem(401, "Bearer");
    // Another channel of the same reader has no such file, whatever lies on the disk.
    let upper = name.to_uppercase();
    let climbing = format!("..%2f{}%2f{name}", &name[..2]);
    let nothing = reader.get(&door(THINGS, &absent)).send().await.problem(404, "attachment").text();
    for path in
        [door("tests/others", name), door(THINGS, &upper), door(THINGS, &name[..63]), door(THINGS, &climbing), door(THINGS, ".staging")]
    {
        assert_eq!(reader.get(&path).send().await.problem(404, "attachment").text(), nothing, "{path}");
    }

    // The same bytes again are the same file.
    let again = archive.post(MESSAGES, "application/pdf", bytes.clone()).header("idempotency-key", "again").send().await.expect(200).json();
    assert_eq!((&again["accepted"], &again["repeated"]), (&json!(1), &json!(false)));
    let status = channel_status(&operator, THINGS).await;
    assert_eq!((&status["stored"], &status["attachments"], &status["attachment_bytes"]), (&json!(2), &json!(1), &json!(3_000_001)));
    assert_eq!((&status["sums_hold"], staged(&hub)), (&json!(true), 0));

    // A file that others damaged is not handed out, and the answer names nothing.
    for damage in [b"short".to_vec(), scan(3_000_002)] {
        std::fs::write(file(&hub, name), damage).unwrap();
        let answer = reader.get(&path).send().await.problem(500, "damaged");
        assert!(!answer.text().contains(name));
    }
    std::fs::remove_file(file(&hub, name)).unwrap();
    reader.get(&path).send().await.problem(500, "damaged");
    assert!(hub.log().contains(name), "the operator learns which");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_call_that_fails_no_file_stays() {
    let hub = Hub::start(towns::archive()).await;
    let (archive, reader, operator) = (hub.agency("archive").await, hub.agency("reader").await, hub.operator().await);
    let nothing = async || {
        let status = channel_status(&operator, THINGS).await;
        assert_eq!((&status["accepted"], &status["attachments"]), (&json!(0), &json!(0)));
    };
    let large = scan(5 << 20);
    send(&archive, &large).await.problem(500, "limits.attachments");
    nothing().await;
    assert_eq!((staged(&hub), file(&hub, &hash(&large)).exists()), (0, false));

    // A disk that takes no file: nothing counts, and the sender is asked to come back.
    let bytes = scan(100_000);
    std::fs::remove_dir(staging(&hub)).unwrap();
    let answer = send(&archive, &bytes).await.problem(503, "attachment could not be kept");
    assert_ne!(answer.header("retry-after"), "");
    nothing().await;
    std::fs::create_dir(staging(&hub)).unwrap();
    // The same when it fails later, where the file gets its place.
    let folder = file(&hub, &hash(&bytes)).parent().unwrap().to_owned();
    std::fs::write(&folder, "in the way").unwrap();
    send(&archive, &bytes).await.problem(503, "attachment could not be put into place");
    nothing().await;
    assert_eq!(staged(&hub), 0);
    std::fs::remove_file(&folder).unwrap();
    send(&archive, &bytes).await.expect(200);
    assert!(reader.get(&door(THINGS, &hash(&bytes))).send().await.expect(200).body == bytes);
}
