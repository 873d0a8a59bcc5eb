//! What the sender is told, in the words of the national document axis, whose clients send edXML: `status`, `ErrorCode`, `ErrorDesc`, `DocId`.

use lienthong_sdk::{Failure, Reply};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(rename = "status")]
    status: &'a str,
    error_code: &'a str,
    error_desc: &'a str,
    doc_id: &'a str,
}

/// The message is stored.
pub(crate) fn taken(document_id: &str) -> Result<Reply, Failure> {
    json(&Answer { status: "OK", error_code: "0", error_desc: "", doc_id: document_id })
}

/// The message is in quarantine.
pub(crate) fn refused(document_id: &str, why: &str) -> Result<Reply, Failure> {
    json(&Answer { status: "FAIL", error_code: "1", error_desc: why, doc_id: document_id })
}

fn json(answer: &Answer<'_>) -> Result<Reply, Failure> {
    let body = serde_json::to_vec(answer).map_err(|e| Failure::Internal(e.to_string()))?;
    Ok(Reply { content_type: "application/json".to_owned(), body })
}
