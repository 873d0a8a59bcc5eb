//! Passes on the first record of each key, and counts the others.

mod records;

use lienthong_sdk::{Failure, Folded, Keyed, Rejected, Transform};
pub use records::__Record__;

const PORT: &str = "__port__";

/// The transform.
#[derive(Debug, Default)]
pub struct Plugin;

lienthong_sdk::export_transform!(Plugin);

impl Transform for Plugin {
    /// The state of a key is how many records it has had: put your own memory in its place.
    fn apply(&self, _now_ms: u64, groups: Vec<Keyed>) -> Result<Vec<Folded>, Failure> {
        groups.into_iter().map(fold).collect()
    }
}

fn fold(group: Keyed) -> Result<Folded, Failure> {
    let mut folded = Folded { key: group.key, ..Folded::default() };
    let mut count = count(group.state.as_deref());
    for line in group.records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<__Record__>(line) {
            Ok(record) => {
                if count == 0 {
                    let written = serde_json::to_vec(&record).map_err(|error| Failure::Internal(error.to_string()))?;
                    folded.outputs.push((PORT.to_owned(), written));
                }
                count += 1;
            }
            Err(_) => folded.rejects.push(Rejected { bytes: line.to_vec(), reason: "this is no __one__".to_owned(), at: None }),
        }
    }
    folded.state = Some(count.to_string().into_bytes());
    Ok(folded)
}

/// A state that cannot be read is one that this version did not write: begin again.
fn count(state: Option<&[u8]>) -> u64 {
    state.and_then(|state| std::str::from_utf8(state).ok()?.parse().ok()).unwrap_or(0)
}
