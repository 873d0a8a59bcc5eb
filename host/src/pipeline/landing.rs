//! The lake's cursor over the log: each channel's records land in its table, by size or by time, exactly once. The table
//! itself says where to resume; a channel whose landing fails is tried again and holds no other back.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lienthong_core::city::LakeFlush;
use lienthong_core::id::ChannelId;
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::retry::Backoff;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::channels::{Channel, Channels};
use crate::failpoint;
use crate::lake::{self, Lake, Table, TableSpec};
use crate::store::{self, Store};

/// Records of one page read from the log.
const PAGE_RECORDS: u32 = 50_000;

/// Bytes of records in one commit at most: with what they become on the way, several times as much memory.
const COMMIT_BYTES: usize = 32 << 20;

/// Nothing is asked of a channel that is waited for; this only bounds one wait.
const A_WHILE: Duration = Duration::from_secs(3_600);

/// Channels that write to the lake at the same time.
const AT_ONCE: usize = 2;

/// How long a start waits for what the lake says of channels that no file names.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a stop waits for a lake that does not take what is to land; the next start lands it.
const LAST_TRY: Duration = Duration::from_secs(60);
/// Tables that are opened at the same time: a start with a thousand of them has other things to do, too.
const OPENED_AT_ONCE: usize = 8;

const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };

/// How far one channel has landed.
#[derive(Debug, Clone, Default)]
pub struct Landed {
    /// Rows in its table, all epochs together.
    pub rows: u64,
    /// Why it does not land at the moment.
    pub last_error: Option<String>,
}

/// How far each channel has landed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Progress(Arc<RwLock<BTreeMap<ChannelId, Landed>>>);

impl Progress {
    /// Every channel's, as far as any is known.
    pub fn all(&self) -> BTreeMap<ChannelId, Landed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many channels do not land at the moment.
    pub fn failing(&self) -> u64 {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|landed| landed.last_error.is_some()).count() as u64
    }

    fn change(&self, channel: &ChannelId, change: impl FnOnce(&mut Landed)) {
        change(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(channel.clone()).or_default());
    }
}

/// Finds the channels whose data lies here and that the city does not name (any more), and warns of each. They do not land.
pub async fn left_behind(store: &Store, lake: &Lake, channels: &Channels, progress: &Progress) -> Result<(), store::Error> {
    let deadline = Instant::now() + PATIENCE;
    for sum in store.sums().await?.into_iter().filter(|sum| channels.get(&sum.channel).is_none() && sum.accepted > 0) {
        let landed = match tokio::time::timeout_at(deadline, lake.landed(&sum.channel, sum.next.epoch)).await {
            Ok(Ok(rows)) => Landed { rows, last_error: None },
            Ok(Err(error)) => Landed { rows: 0, last_error: Some(error.to_string()) },
            Err(_) => Landed { rows: 0, last_error: Some("the lake did not answer in time".into()) },
        };
        let pending = sum.stored.saturating_sub(landed.rows);
        tracing::warn!(
            channel = %sum.channel, stored = sum.stored, quarantined = sum.open, pending, lake_error = landed.last_error,
            "the city's files do not name this channel: its data is kept, and nobody reads it or lands what is pending; name it again or keep a backup"
        );
        progress.change(&sum.channel, |known| *known = landed);
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Lake(#[from] lake::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(
        "the lake table of {channel} ends before {table} and the log of this hub before {log}, so it was filled from another log: restore that one, or move the table away"
    )]
    Ahead { channel: ChannelId, table: Position, log: Position },
    #[error("the disk of the lake is nearly full ({} MiB are free): what is stored lands once {} MiB are", .free >> 20, .wanted >> 20)]
    NoRoom { free: u64, wanted: u64 },
}

/// The landing of all channels.
pub struct Landing {
    tasks: JoinSet<()>,
}

impl Landing {
    /// Starts landing every channel. After the stop each lands what is stored by then, and ends.
    pub fn start(
        store: &Store,
        lake: &Arc<Lake>,
        channels: &Channels,
        flush: LakeFlush,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> Self {
        let (places, merges) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(1)));
        let opening = Arc::new(Semaphore::new(OPENED_AT_ONCE));
        let mut tasks = JoinSet::new();
        for channel in channels.iter() {
            let lander = Lander {
                store: store.clone(),
                lake: lake.clone(),
                channel: channel.clone(),
                flush,
                progress: progress.clone(),
                places: places.clone(),
                merges: merges.clone(),
                opening: opening.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(lander.run_or_give_up());
        }
        Self { tasks }
    }

    /// Waits until every channel has come to rest after the stop was called.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a channel's landing ended badly");
            }
        }
    }
}

struct Lander {
    store: Store,
    lake: Arc<Lake>,
    channel: Arc<Channel>,
    flush: LakeFlush,
    progress: Progress,
    places: Arc<Semaphore>,
    merges: Arc<Semaphore>,
    opening: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Lander {
    /// Lands until the stop, and then what is stored by then, if the lake takes it in time.
    async fn run_or_give_up(self) {
        let (stop, channel) = (self.stop.clone(), self.channel.id.clone());
        let given_up = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_TRY).await;
        };
        tokio::select! {
            () = self.run() => {}
            () = given_up => tracing::warn!(%channel, "the lake did not take everything before the stop; the next start lands it"),
        }
    }

    async fn run(self) {
        let mut found = self.found();
        // A channel that never had a record has no table yet: a thousand of them cost a start and a stop nothing.
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.news(Position::START) => {}
        }
        let nothing = self.store.end(&self.channel.id).is_none_or(|end| end <= Position::START);
        if nothing {
            return;
        }
        let mut failures = 0u32;
        while let Err(error) = self.land_until_stopped(found, &mut failures).await {
            found = self.found();
            failures += 1;
            tracing::error!(channel = %self.channel.id, %error, "landing failed; it will be tried again");
            self.progress.change(&self.channel.id, |landed| landed.last_error = Some(error.to_string()));
            if self.stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(BACKOFF.delay(failures, 0)) => {}
            }
        }
    }

    /// What lies in the log now: at a start, or after a failure, it has waited long enough.
    fn found(&self) -> Taken {
        let bytes = self.store.stored_bytes(&self.channel.id);
        Taken { bytes, from: self.store.end(&self.channel.id).unwrap_or(Position::START) }
    }

    /// Opens the table anew, so that after any error the table itself says where to go on.
    async fn land_until_stopped(&self, mut taken: Taken, failures: &mut u32) -> Result<(), Error> {
        let spec = TableSpec {
            channel: self.channel.id.clone(),
            columns: self.channel.schema.columns().to_vec(),
            time: self.channel.config.time.clone(),
        };
        let opening = self.opening.acquire().await;
        let mut table = self.lake.table(spec).await?;
        let misfits = table.misfits();
        if !misfits.is_empty() && *failures == 0 {
            tracing::warn!(
                channel = %self.channel.id, columns = misfits.join("; "),
                "the lake's table keeps the types its columns have, so values of another go to `_extra`: give such a property a new name, or its records a new channel"
            );
        }
        let mut ends = self.resume(&mut table).await?;
        let mut next = ends.last_key_value().map_or(Position::START, |(epoch, offset)| Position { epoch: *epoch, offset: *offset });
        table.rest();
        drop(opening);
        loop {
            self.ripen(next, &taken).await;
            let place = self.places.acquire().await;
            let stopping = self.stop.is_cancelled();
            let batches = self.read(next).await?;
            if let Some(last) = batches.last() {
                let end = last.end();
                self.has_room()?;
                table.land(&batches).await?;
                drop(place);
                failpoint::reached("lake.landed");
                *failures = 0;
                taken.add(&batches);
                // By where the table ends and not by what this call added: another writer may have been faster.
                ends.extend(batches.iter().map(|batch| (batch.first.epoch, batch.end().offset)));
                self.progress.change(&self.channel.id, |progress| {
                    progress.rows = ends.values().sum();
                    progress.last_error = None;
                });
                table.upkeep().await?;
                if !stopping {
                    self.compact(&mut table).await;
                }
                next = end;
            } else if stopping {
                return Ok(());
            }
        }
    }

    /// The last half of what is to stay free is left to the log: what lies there is safe, and lands later.
    fn has_room(&self) -> Result<(), Error> {
        let wanted = self.store.room().keep_free_bytes / 2;
        match self.lake.free_bytes() {
            Some(free) if free < wanted => Err(Error::NoRoom { free, wanted }),
            _ => Ok(()),
        }
    }

    /// Merges small files of the table, if it has many: one lot, while no other table does. Landing does not depend on it.
    async fn compact(&self, table: &mut Table) {
        let Ok(_place) = self.merges.try_acquire() else { return };
        if self.has_room().is_err() {
            return;
        }
        match table.compact().await {
            Ok(None) => {}
            Ok(Some(lot)) => {
                tracing::debug!(channel = %self.channel.id, files = lot.files, rows = lot.rows, bytes = lot.bytes, "small files of the lake became one")
            }
            Err(error) => {
                tracing::warn!(channel = %self.channel.id, %error, "small files of the lake were not merged; it will be tried again")
            }
        }
    }

    /// Where each epoch of the table that has rows ends, by its own word.
    async fn resume(&self, table: &mut Table) -> Result<BTreeMap<u32, u64>, Error> {
        let log = self.store.end(&self.channel.id).unwrap_or(Position::START);
        let mut ends = BTreeMap::new();
        for epoch in 1..=log.epoch {
            let offset = table.resume_at(epoch).await?;
            if offset > 0 {
                ends.insert(epoch, offset);
            }
            let end = Position { epoch, offset };
            if end > log {
                return Err(Error::Ahead { channel: self.channel.id.clone(), table: end, log });
            }
        }
        self.progress.change(&self.channel.id, |landed| landed.rows = ends.values().sum());
        Ok(ends)
    }

    /// Waits until there is much to land, or something that has waited long, or the hub stops. Meanwhile it stays in the log:
    /// a thousand channels hold no more memory than those that land at the moment.
    async fn ripen(&self, from: Position, taken: &Taken) {
        if from < taken.from {
            return;
        }
        let ripe = async {
            self.news(from).await;
            let enough = taken.bytes + self.flush.bytes.min(COMMIT_BYTES as u64);
            self.store.wait_for_bytes(&self.channel.id, enough, Instant::now() + self.flush.every).await;
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = ripe => {}
        }
    }

    /// Waits until there is a record at or behind this position.
    async fn news(&self, from: Position) {
        while self.store.wait(&self.channel.id, from, Instant::now() + A_WHILE).await.is_none() {}
    }

    /// What one commit takes.
    async fn read(&self, from: Position) -> Result<Vec<StoredBatch>, Error> {
        let (mut batches, mut bytes, mut next) = (Vec::<StoredBatch>::new(), 0usize, from);
        while bytes < COMMIT_BYTES {
            let page = self.store.read(&self.channel.id, next, PAGE_RECORDS, COMMIT_BYTES - bytes).await?;
            let Some(last) = page.last() else { break };
            next = last.end();
            bytes += page.iter().map(|batch| batch.ndjson.len()).sum::<usize>();
            batches.extend(page);
        }
        Ok(batches)
    }
}

/// How many of a channel's bytes were taken from the log: all before this position, and what was added since.
#[derive(Clone, Copy)]
struct Taken {
    from: Position,
    bytes: u64,
}

impl Taken {
    fn add(&mut self, batches: &[StoredBatch]) {
        let new = batches.iter().filter(|batch| batch.first >= self.from);
        self.bytes += new.map(|batch| batch.ndjson.len() as u64).sum::<u64>();
    }
}
