//! Messages of e-government.

use std::io::Cursor;
use std::sync::LazyLock;

use egov_documents::{DOCUMENT_STATUS, DOCUMENTS, Documents};
use egov_dossiers::{DOSSIERS, Dossiers, STEPS};
use lienthong_sdk::Failure;
use lienthong_sdk::http::Response;
use lienthong_sdk::testing::Hub;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::received::{Ports, received};

static DOCUMENT_PORTS: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        (DOCUMENTS, include_str!("../../../schemas/egov/documents.v1.json")),
        (DOCUMENT_STATUS, include_str!("../../../schemas/egov/document-status.v1.json")),
    ])
});

static DOSSIER_PORTS: LazyLock<Ports> = LazyLock::new(|| {
    Ports::new(&[
        (DOSSIERS, include_str!("../../../schemas/egov/dossiers.v1.json")),
        (STEPS, include_str!("../../../schemas/egov/dossier-steps.v1.json")),
    ])
});

/// A message between offices is one record, or one rejection of it whole, or a failure.
pub fn documents(body: &[u8]) {
    let outcome = received(&Documents, Hub::new, &DOCUMENT_PORTS, body);
    let (records, rejects) = (DOCUMENT_PORTS.count(&outcome.hub), outcome.hub.rejects());
    assert_eq!(usize::from(records > 0) + rejects.len() + usize::from(outcome.result.is_err()), 1);
    assert!(rejects.iter().all(|reject| reject.bytes == body));
    for record in [outcome.hub.records(DOCUMENTS), outcome.hub.records(DOCUMENT_STATUS)].concat() {
        for attachment in record["attachments"].as_array().into_iter().flatten().filter(|a| a["state"] != "content_missing") {
            let kept = [DOCUMENTS, DOCUMENT_STATUS].iter().find_map(|port| outcome.hub.attachment(port, attachment["sha256"].as_str()?));
            assert_eq!(kept.map(|bytes| json!(bytes.len())).as_ref(), attachment.get("size_bytes"));
        }
    }
}

/// Each item of a push is a record or a rejection. The same bytes as a page that is polled do no harm.
pub fn dossiers(body: &[u8]) {
    let outcome = received(&Dossiers, Hub::new, &DOSSIER_PORTS, body);
    outcome.rejects_are_of(body);
    if outcome.result.is_ok()
        && let Some(items) = items(body)
    {
        assert_eq!(DOSSIER_PORTS.count(&outcome.hub) + outcome.hub.rejects().len(), items);
    }
    let page = Response::new(200, Vec::new(), Cursor::new(body.to_vec()));
    let settings = json!({ "url": "https://motcua.example.vn/", "from": "2025-11-24" });
    let mut hub = Hub::new().settings(settings).at(1_764_000_000_000).answer(Ok(page));
    if let Err(failure) = hub.poll(&Dossiers, None) {
        assert!(matches!(failure, Failure::Upstream(_) | Failure::InvalidInput(_) | Failure::Unauthorized(_)), "{failure:?}");
    }
}

/// The items of a push in order: those of an array, or of `data`; none where it is no JSON, or its wrapping another.
fn items(body: &[u8]) -> Option<usize> {
    let items = |raw: &RawValue| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok().map(|items| items.len());
    let whole = serde_json::from_slice::<&RawValue>(body).ok()?;
    if whole.get().starts_with('[') {
        return items(whole);
    }
    let object: std::collections::BTreeMap<String, Value> = serde_json::from_str(whole.get()).ok()?;
    // Twice the same name: which of them counts is the connector's word.
    let once = memchr::memmem::find_iter(body, b"\"data\"").count() == 1;
    object.get("data").filter(|_| once)?.as_array().map(Vec::len)
}
