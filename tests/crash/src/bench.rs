//! A hub under the interposer, at work.

use lienthong_tests::hub::Hub;

use crate::interposer::Interposer;
use crate::oracle::Doors;
use crate::senders::{Company, Senders};
use crate::town;

/// What a trial of disks and clocks has before it.
pub struct Bench {
    /// Breaks it.
    pub interposer: Interposer,
    /// What is broken.
    pub hub: Hub,
    /// Those who ask it.
    pub doors: Doors,
    /// How long the journal was when all of them had their keys; 0 where none is kept.
    pub keys_journal_bytes: u64,
    /// Those who send to it.
    pub senders: Senders,
}

impl Bench {
    /// Starts a hub, with so many clients that post and one that sends scans.
    pub async fn new(seed: u64, posting: u64, keeps_journal: bool) -> Self {
        let city = town::new();
        let interposer = Interposer::new(&city);
        let hub = Hub::start_in(city, interposer.environment(keeps_journal)).await;
        let doors = Doors::open(&hub).await;
        let keys_journal_bytes = interposer.journal.metadata().map_or(0, |meta| meta.len());
        let company = Company { posting, scans: true, files: false };
        let journal = keeps_journal.then_some(&*interposer.journal);
        let senders = Senders::start(&hub, &doors.sender, seed, company, journal);
        Self { interposer, hub, doors, keys_journal_bytes, senders }
    }
}
