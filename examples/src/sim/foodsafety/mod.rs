//! Food safety: inspectors whose clerk saves a sheet of each round.

pub mod sheet;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;

use self::sheet::InspectionSheet;
use super::clock;
use super::inbox::Inbox;
use super::ledger::{Entry, Ledger};
use super::system::{System, Turn};

/// The channel of inspections.
pub const INSPECTIONS: &str = "foodsafety/inspections";

/// A team of inspectors: the sheet of a round in each turn.
#[derive(Debug)]
pub struct Inspectors {
    /// Fixes what they find.
    pub seed: u64,
    /// Where sheets are dropped.
    pub inbox: Inbox,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for Inspectors {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let sheet = InspectionSheet::draw(self.seed, turn.number, &turn.at());
            let name = format!("kiem-tra-{:04}-{}.csv", turn.number, clock::digits(&turn.at()));
            self.ledger.enter(&Entry { way: "inbox", name: name.clone(), sent: BTreeMap::from([(INSPECTIONS, sheet.inspections)]) })?;
            self.inbox.put_twice(&name, sheet.text.as_bytes()).await.context(name)
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        self.inbox.waiting()
    }
}
