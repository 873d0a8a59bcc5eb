//! Passes on the first record of each key, and counts the others.

mod records;

use lienthong_sdk::{Failure, Folded, Keyed, Transform};
pub use records::__Record__;

const PORT: &str = "__port__";

/// The transform.
#[derive(Debug, Default)]
pub struct Plugin;

lienthong_sdk::export_transform!(Plugin);

impl Transform for Plugin {
    /// The state of a key is how many records it has had: put your own memory in its place.
    fn apply(&self, _now_ms: u64, groups: Vec<Keyed>) -> Result<Vec<Folded>, Failure> {
        groups.iter().map(fold).collect()
    }
}

fn fold(group: &Keyed) -> Result<Folded, Failure> {
    let mut folded = group.answer();
    let mut count: u64 = group.state()?;
    for (line, record) in group.read::<__Record__>() {
        match record {
            Ok(record) if count == 0 => folded.emit(PORT, &record)?,
            Ok(_) => {}
            Err(_) => {
                folded.reject(line, "this is no __one__", None);
                continue;
            }
        }
        count += 1;
    }
    folded.keep(&count)?;
    Ok(folded)
}
