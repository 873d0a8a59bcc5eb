//! Education: a school whose management system writes OneRoster bundles, and one whose clerk saves the Ministry's pupil sheet.

pub mod pupil_sheet;
pub mod roster;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;

use self::pupil_sheet::PupilSheet;
use super::archive;
use super::clock;
use super::inbox::Inbox;
use super::ledger::{Entry, Ledger, Sent};
use super::system::{System, Turn};

/// The files of a roster and the channels they become.
pub const ROSTER_CHANNELS: [(&str, &str); 9] = [
    ("academicSessions.csv", "education/academic-sessions"),
    ("classes.csv", "education/classes"),
    ("courses.csv", "education/courses"),
    ("enrollments.csv", "education/enrollments"),
    ("lineItems.csv", "education/line-items"),
    ("orgs.csv", "education/orgs"),
    ("results.csv", "education/results"),
    ("roles.csv", "education/roles"),
    ("users.csv", "education/users"),
];

/// A school with a management system: all there is in the first turn, and what changed in each later one.
#[derive(Debug)]
pub struct RosterSchool {
    /// Fixes who goes there.
    pub seed: u64,
    /// Where bundles are dropped.
    pub inbox: Inbox,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

/// A school with a spreadsheet: the sheet of one class in each turn.
#[derive(Debug)]
pub struct SheetSchool {
    /// Fixes who goes there.
    pub seed: u64,
    /// Where sheets are dropped.
    pub inbox: Inbox,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for RosterSchool {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let bundle = match turn.number {
                0 => roster::bulk(self.seed),
                number => roster::delta(self.seed, number, &turn.at()),
            };
            let name = format!("thcs-{:04}-{}.zip", turn.number, clock::digits(&turn.at()));
            self.ledger.enter(&Entry { way: "inbox", name: name.clone(), sent: bundle.sent() })?;
            self.inbox.put(&name, &archive::zip(&bundle.files)?).await.context(name)
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        self.inbox.waiting()
    }
}

impl System for SheetSchool {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let sheet = PupilSheet::draw(self.seed, turn.number, &turn.at());
            let name = format!("C1-HocSinh-{}-{}.csv", sheet.class, clock::digits(&turn.at()));
            let Sent { good, bad } = sheet.pupils;
            // A row is a pupil and an enrollment; a bad one is one item, and no record.
            let sent = [("education/enrollments", Sent { good, bad: 0 }), ("education/users", Sent { good, bad })];
            self.ledger.enter(&Entry { way: "inbox", name: name.clone(), sent: BTreeMap::from(sent) })?;
            self.inbox.put_halting(&name, sheet.text.as_bytes()).await.context(name)
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        self.inbox.waiting()
    }
}
