//! Planning: the department posts the administrative units, as records and without a connector.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;

use super::door::{Door, Post};
use super::ledger::{Entry, Ledger, Sent};
use super::system::{System, Turn};

/// The reference channel of units.
pub const ADMIN_UNITS: &str = "planning/admin-units";
/// Records of one batch.
const BATCH: usize = 500;

/// The department, and the units it keeps: provinces, wards, communes and special zones since 1 July 2025.
#[derive(Debug)]
pub struct PlanningDepartment {
    door: Door,
    ledger: Arc<Ledger>,
    batches: Vec<Post>,
}

#[derive(Debug, Deserialize)]
struct Said {
    accepted: u64,
    quarantined: u64,
}

impl PlanningDepartment {
    /// Reads the units, one record a line.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn open(units: &Path, door: Door, ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(units).with_context(|| format!("the administrative units {}", units.display()))?;
        let lines: Vec<&str> = text.lines().collect();
        let batch = |(number, lines): (usize, &[&str])| Post {
            name: format!("admin-units-2025-{:02}", number + 1),
            content_type: "application/x-ndjson",
            named: true,
            body: lines.join("\n").into_bytes(),
        };
        Ok(Self { door, ledger, batches: lines.chunks(BATCH).enumerate().map(batch).collect() })
    }
}

impl System for PlanningDepartment {
    /// All batches first; later one of them again under its key, which changes nothing.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            if turn.number == 0 {
                for batch in &self.batches {
                    let records = lines(batch);
                    let sent = BTreeMap::from([(ADMIN_UNITS, Sent { good: records, bad: 0 })]);
                    self.ledger.enter(&Entry { way: "api", name: batch.name.clone(), sent })?;
                    self.post(batch).await?;
                }
                return Ok(());
            }
            match self.batches.get(turn.number as usize % self.batches.len().max(1)) {
                Some(batch) => self.post(batch).await,
                None => Ok(()),
            }
        }
        .boxed()
    }
}

impl PlanningDepartment {
    async fn post(&self, batch: &Post) -> anyhow::Result<()> {
        let answer = self.door.post(batch).await?;
        let said: Said = serde_json::from_slice(&answer.body).with_context(|| answer.text())?;
        anyhow::ensure!(
            (said.accepted, said.quarantined) == (lines(batch), 0),
            "the hub did not take {} as it is: {}",
            batch.name,
            answer.text()
        );
        Ok(())
    }
}

fn lines(batch: &Post) -> u64 {
    batch.body.split(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_are_posted_whole_and_each_batch_has_a_key_of_its_own() {
        let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/admin-units-2025/units.ndjson");
        let door = Door::of_channel("127.0.0.1:1".parse().unwrap(), ADMIN_UNITS, "key");
        let department = PlanningDepartment::open(&units, door, Arc::new(Ledger::in_memory())).unwrap();
        assert_eq!(department.batches.iter().map(lines).sum::<u64>(), 3355);
        assert_eq!(department.batches.len(), 7);
        let names: std::collections::BTreeSet<&str> = department.batches.iter().map(|batch| batch.name.as_str()).collect();
        assert_eq!(names.len(), 7);
    }
}
