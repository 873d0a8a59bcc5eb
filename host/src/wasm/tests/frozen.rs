//! Plugins as they were built for `lienthong:connector@1.0.0`, once and for all: each does what it did then.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::net::Door;
use crate::wasm::{Batch, Cause, Failure, ItemStatus};

/// A component from `tests/frozen`.
fn component(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/frozen").join(format!("{name}.wasm.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn lines(kept: &Kept) -> Vec<Value> {
    kept.all("values")
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

async fn does_what_it_did(name: &str) {
    let (_engine, plugin) = super::languages::ready(component(name)).await;
    let call = |kept: &Kept, settings: Value| Call { settings: settings.to_string(), ..super::call(kept.clone(), Limits::default()) };
    let message = |body: &[u8]| Message { name: Some("n.txt".into()), content_type: Some("text/plain".into()), ..super::message(body) };

    // A receiver: the body, its name, type and moment, the settings, a record, two rejections, a log line, the verdict, a reply.
    let kept = Kept::default();
    let (reply, used) = plugin.receive(call(&kept, json!({ "colour": "red" })), message(b"lines\nabc\n\xff\n")).await.unwrap();
    let reply = reply.unwrap();
    assert_eq!((reply.content_type.as_str(), reply.body.as_slice()), ("text/plain", &b"1 0 undefined 1"[..]), "{name}");
    let expected =
        json!({ "value": "abc", "name": "n.txt", "contentType": "text/plain", "receivedAt": 1000, "settings": { "colour": "red" } });
    assert_eq!(lines(&kept), [expected], "{name}");
    let rejected = ("values".to_owned(), b"\xff".to_vec(), "not UTF-8".to_owned(), Some("line 3".to_owned()));
    assert_eq!(kept.rejected.lock().unwrap().as_slice(), [rejected], "{name}");
    assert_eq!(used.log_lines, 1, "{name}");

    // An attachment, by the example of FIPS 180-4.
    let kept = Kept::with_files();
    assert!(plugin.receive(call(&kept, json!({})), message(b"attach")).await.unwrap().0.is_none());
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(lines(&kept), [json!({ "sha256": sha256, "size": 3 })], "{name}");

    // Failures keep their kind.
    let failure = async |body: &str| plugin.receive(call(&Kept::default(), json!({})), message(body.as_bytes())).await.unwrap_err().cause;
    assert!(matches!(failure("nothing").await, Cause::Plugin(Failure::InvalidInput(why)) if why == "nobody does `nothing`"), "{name}");
    assert!(matches!(failure("setting").await, Cause::Plugin(Failure::Config(why)) if why == "`colour` is no colour"), "{name}");
    assert!(matches!(failure("defect").await, Cause::Plugin(Failure::Internal(why)) if why.contains("a defect of the plugin")), "{name}");

    // A source: the moment, the cursor, how many are wanted, and HTTP.
    let address = super::http::server().await;
    let settings = json!({ "url": format!("http://{address}/ok") });
    for (since, more) in [(None, true), (Some(b"at 4".to_vec()), false)] {
        let kept = Kept::default();
        let mut call = call(&kept, settings.clone());
        call.door = Some(Door::new(&[format!("http://{address}")]).unwrap());
        let (progress, used) = plugin.poll(call, Timestamp::from_micros(5_000), since, 7).await.unwrap();
        assert_eq!((progress.next.as_deref(), progress.more), (Some(&b"at 5"[..]), more), "{name}");
        assert_eq!(lines(&kept), [json!({ "value": "hello", "now": 5, "maxRecords": 7, "etag": null })], "{name}");
        assert_eq!(used.http_requests, 1, "{name}");
    }

    // A sink: a status for each record.
    let ids = ["a", "b", "c"].map(str::to_owned).to_vec();
    let batch = Batch { channel: "c/d".into(), ids, records: b"{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n".to_vec() };
    let (statuses, _) = plugin.deliver(call(&Kept::default(), json!({})), batch, "key".into()).await.unwrap();
    let fits = matches!(&statuses[..], [ItemStatus::Delivered, ItemStatus::Retry(b), ItemStatus::Refused(c)] if b == "b" && c == "no room");
    assert!(fits, "{name}: {statuses:?}");
}

#[tokio::test]
async fn a_plugin_in_rust_of_1_0_0() {
    does_what_it_did("rust-1.0.0").await;
}

#[tokio::test]
async fn a_plugin_in_javascript_of_1_0_0() {
    does_what_it_did("javascript-1.0.0").await;
}

#[tokio::test]
async fn a_plugin_in_python_of_1_0_0() {
    does_what_it_did("python-1.0.0").await;
}
