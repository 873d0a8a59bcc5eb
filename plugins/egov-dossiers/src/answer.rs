//! The answer to a push, as the national portal answers: `{"error_code": 0, "result": […]}`, one entry an item.

use lienthong_sdk::{Failure, Reply};
use serde::Serialize;
use serde_json::value::RawValue;

/// Entries beyond this are left out, so that no message can fill the sandbox: some fifty thousand fit.
const MAX_ENTRIES_BYTES: usize = 4 << 20;

/// Gathers what became of the items.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// A JSON array without its brackets.
    entries: Vec<u8>,
    pub(crate) taken: u64,
    pub(crate) refused: u64,
    left_out: u64,
}

/// Why an item was refused.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    #[serde(rename = "message")]
    pub(crate) reason: String,
    /// JSON pointer into the body.
    pub(crate) at: String,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(rename = "MaHoSo")]
    code: Option<&'a str>,
    error_code: u8,
    #[serde(flatten)]
    refusal: Option<&'a Refusal>,
}

#[derive(Serialize)]
struct Whole<'a> {
    error_code: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    result: &'a RawValue,
}

impl Answer {
    /// Adds an item by its dossier's code: taken, or refused for a reason.
    pub(crate) fn add(&mut self, code: Option<&str>, refusal: Option<&Refusal>) -> Result<(), Failure> {
        match refusal {
            Some(_) => self.refused += 1,
            None => self.taken += 1,
        }
        if self.entries.len() >= MAX_ENTRIES_BYTES {
            self.left_out += 1;
            return Ok(());
        }
        if !self.entries.is_empty() {
            self.entries.push(b',');
        }
        let entry = Entry { code, error_code: refusal.is_some().into(), refusal };
        serde_json::to_writer(&mut self.entries, &entry).map_err(|e| Failure::Internal(e.to_string()))
    }

    /// The whole answer. `by_schema` items fitted the format, and yet the channel's schema refused them: which, only the hub knows.
    pub(crate) fn reply(self, by_schema: u64) -> Result<Reply, Failure> {
        let internal = |e: serde_json::Error| Failure::Internal(e.to_string());
        let mut message = Vec::new();
        if self.refused > 0 {
            message.push(format!("{} of {} were refused", self.refused, self.taken + self.refused));
        }
        if by_schema > 0 {
            message.push(format!("{by_schema} that are not marked in `result` do not fit the channel's schema"));
        }
        if !message.is_empty() {
            message.push("they are kept in the hub's quarantine".to_owned());
        }
        if self.left_out > 0 {
            message.push(format!("`result` is without its last {} entries", self.left_out));
        }
        let entries = [&b"["[..], &self.entries, b"]"].concat();
        let result: &RawValue = serde_json::from_slice(&entries).map_err(internal)?;
        let error_code = (self.refused + by_schema > 0).into();
        let body = serde_json::to_vec(&Whole { error_code, message: &message.join("; "), result }).map_err(internal)?;
        Ok(Reply { content_type: "application/json".to_owned(), body })
    }
}
