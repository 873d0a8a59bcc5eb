//! The log and all durable state, on SQLite: channels, checkpoints, receipts, quarantine, attachments, runs and keys.
//!
//! Everything is written by one task, many groups in one transaction; an answer comes after COMMIT with the WAL synced.
//! A channel's offsets come from a counter row that moves in the transaction of the append itself.

mod apply;
mod attachment;
mod block;
#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod crash_tests;
mod database;
mod decode;
mod error;
mod folder;
mod group;
mod health;
mod keys;
mod letters;
mod listing;
#[cfg(test)]
mod measure_tests;
#[cfg(test)]
mod model_tests;
mod read;
mod receipts;
mod room;
mod rows;
#[cfg(test)]
mod sqlite_tests;
mod staging;
mod state;
mod steady;
mod supervision;
mod tail;
mod together;
mod upkeep;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ChannelId, ConnectorId};
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::time::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use apply::{Done, SealedGroup, Work};
pub use attachment::Attachment;
use attachment::{Files, Placed};
use block::Sealed;
pub use error::Error;
pub use group::{
    Advance, Append, CallId, Checkpoint, Group, Outcome, Part, Range, Receipt, Refusal, Rejection, Remember, Remembered, Sequence,
};
pub use health::Health;
pub use letters::{DeadLetter, GivenUp, LetterFilter, Redrive, Redriven};
pub use room::{DiskRoom, Reserve};
use room::{Known, Watch};
pub use state::KeyState;
pub use supervision::{Hour, Pause, Tally, hour_of};
use writer::{Answer, Job, Shown, Writer};

use crate::disk::{Draft, FileBlob};
use crate::failpoint;
pub use rows::{ChannelSums, KeyOwner, KeyRow, QuarantineEntry, QuarantineFilter, Run, RunError, RunOutcome};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The hub's data folder; made where it is missing.
    pub folder: PathBuf,
    /// When the writer commits.
    pub group: GroupCommit,
    /// How much of the disk is to stay free; nothing unless it is set.
    pub reserve: Reserve,
}

impl Options {
    /// The defaults, in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), group: GroupCommit::default(), reserve: Reserve::default() }
    }
}

/// What one transaction takes at most. By default the writer commits what waits as soon as it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCommit {
    /// Groups in one transaction.
    pub max_groups: usize,
    /// Compressed bytes in one transaction; a single group may exceed it.
    pub max_bytes: usize,
    /// How long to wait for more groups.
    pub linger: Duration,
}

impl Default for GroupCommit {
    fn default() -> Self {
        Self { max_groups: 256, max_bytes: 8 << 20, linger: Duration::ZERO }
    }
}

/// The log's file in the hub's folder.
pub const DATABASE: &str = "hub.db";

/// Work that may wait for the writer.
const QUEUE: usize = 1_024;

/// Compressed bytes that may wait for the writer, in KiB: the unit of its shares.
const QUEUE_KIB: usize = 64 << 10;

/// From this many bytes on, packing and unpacking leave the runtime's threads alone.
const HEAVY: usize = 128 << 10;

/// The log, the checkpoints, the quarantine and the keys. Cheap to clone.
///
/// All writing is done by one task that owns it: dropping a caller's future never undoes or tears what it asked for.
/// Reading uses a few connections of its own and never waits for the writer.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: mpsc::Sender<Job>,
    shares: Arc<Semaphore>,
    readers: SqlitePool,
    files: Files,
    shown: Arc<Shown>,
    room: Arc<Known>,
    next_call: AtomicI64,
    redrives: watch::Sender<u64>,
    closing: CancellationToken,
    writer: Mutex<Option<JoinHandle<Result<(), Error>>>>,
    watch: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without `close` the writer ends by itself, as its queue has no sender left.
        self.closing.cancel();
    }
}

impl Store {
    /// Opens or makes the store in its folder and locks it. Deletes what lost calls staged, files too.
    ///
    /// # Errors
    /// [`Error::InUse`] when another hub has the folder, [`Error::Foreign`], [`Error::Damaged`] and [`Error::Newer`] for a
    /// file that is not ours to open, [`Error::Pragma`] where durability cannot be promised.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { folder, group, reserve } = options;
        let (lock, watch, files) = {
            let folder = folder.clone();
            let open = move || Ok::<_, Error>((folder::hold(&folder)?, Watch::begin(&folder, reserve), Files::open(&folder)?));
            tokio::task::spawn_blocking(open).await.map_err(|_| Refusal::Closing)??
        };
        let path = database::file(&folder);
        let mut db = database::writer(&path).await?;
        attachment::delete_lost(&mut db, &files).await?;
        let first_call = staging::delete_lost(&mut db).await?;
        failpoint::reached("start.recovered");
        let writer = Writer::new(db, lock, group).await?;
        let readers = database::readers(&path).await?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (shown, closing) = (writer.shown(), CancellationToken::new());
        let writer = tokio::spawn(writer.run(jobs, closing.clone()));
        let inner = Inner {
            queue,
            shares: Arc::new(Semaphore::new(QUEUE_KIB)),
            readers,
            files,
            room: watch.known(),
            shown: Arc::clone(&shown),
            next_call: AtomicI64::new(first_call),
            redrives: watch::Sender::new(0),
            closing: closing.clone(),
            writer: Mutex::new(Some(writer)),
            watch: Mutex::default(),
        };
        let store = Self { inner: Arc::new(inner) };
        // Held weakly: whoever drops the last clone of the store ends it.
        let weak = Arc::downgrade(&store.inner);
        let heal = async move || {
            if let Some(inner) = weak.upgrade() {
                // A transaction that writes nothing tells whether one can be written again.
                let _ = Self { inner }.ensure_channels(&[]).await;
            }
        };
        let watch = tokio::spawn(watch.run(shown, closing, heal));
        *store.inner.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
        Ok(store)
    }

    /// Does what waits already, empties the WAL, and gives the folder free. Other clones are refused from here on.
    pub async fn close(self) -> Result<(), Error> {
        self.inner.readers.close().await;
        self.inner.closing.cancel();
        let watch = self.inner.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(watch) = watch {
            let _ = watch.await;
        }
        let writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match writer {
            None => Ok(()),
            Some(writer) => writer.await.unwrap_or_else(|error| Err(Error::Unknown(error.to_string()))),
        }
    }

    /// Makes channels that are not there yet, at epoch 1 and offset 0.
    pub async fn ensure_channels(&self, ids: &[ChannelId]) -> Result<(), Error> {
        self.rows(Work::EnsureChannels(ids.to_vec())).await.map(|_| ())
    }

    /// Puts a group into the log, all of it or nothing, and answers once it is on the disk. Waits while the queue is full.
    ///
    /// Files of attachments are put into place before, under a row that lets the next start remove them.
    /// A known `remember` key decides first ([`Outcome::Repeated`] or [`Refusal::KeyReused`]), then the checkpoint.
    pub async fn commit(&self, group: Group) -> Outcome {
        self.submit(group).await.outcome().await
    }

    /// Hands a group to the writer and does not wait for its commit. Waits while the queue is full. Groups are done in the
    /// order in which this returned.
    pub async fn submit(&self, group: Group) -> Submitted {
        let sequence = group.sequence.clone();
        let queued = self.queue(group).await;
        if let (Err(_), Some(sequence)) = (&queued, sequence) {
            sequence.break_off();
        }
        Submitted(queued.map_err(|error| match error {
            Error::Refused(refusal) => Answer::Refused(refusal),
            error => Answer::Unknown(error.to_string()),
        }))
    }

    async fn queue(&self, group: Group) -> Result<oneshot::Receiver<Answer>, Error> {
        self.takes_data()?;
        let Group { received_at, origin, appends, rejections, attachments, publish, remember, advance, states, given_up, run, sequence } =
            group;
        let sealed = seal(appends, rejections).await?;
        let placed = self.place(&attachments).await?;
        let extra = remember.as_ref().map_or(0, |r| r.note.len()) + advance.as_ref().map_or(0, |a| a.cursor.len());
        let states_weight: usize = states.iter().map(KeyState::weight).sum();
        let weight = sealed.weight() + extra + states_weight;
        let group = SealedGroup { received_at, origin, sealed, placed, publish, remember, advance, states, given_up, run, sequence };
        Ok(self.enqueue(Work::Group(Box::new(group)), weight).await?)
    }

    /// Puts a group's files into place: durable, and not visible before the group is committed.
    async fn place(&self, attachments: &[Attachment]) -> Result<Option<Placed>, Error> {
        if attachments.is_empty() {
            return Ok(None);
        }
        let by_hash: BTreeMap<_, _> = attachments.iter().map(|a| (a.file.hash, a.file.clone())).collect();
        let rows = attachments.iter().map(|a| ((a.file.hash, a.channel.clone()), a.file.size_bytes)).collect();
        let call = self.begin_call();
        self.rows(Work::StageAttachments { call, hashes: by_hash.keys().copied().collect() }).await?;
        failpoint::reached("attachment.noted");
        let files = self.inner.files.clone();
        tokio::task::spawn_blocking(move || files.place(&by_hash)).await.map_err(|_| Refusal::Closing)??;
        failpoint::reached("attachment.in-place");
        Ok(Some(Placed { call, rows }))
    }

    /// Begins a file that a group's attachments may name once it is finished.
    pub fn draft(&self) -> Draft {
        self.inner.files.draft()
    }

    /// The bytes of a channel's attachment; `None` where it has no such one.
    ///
    /// # Errors
    /// [`Error::DamagedAttachment`] where the file is not what was kept.
    pub async fn attachment(&self, channel: &ChannelId, hash: &ContentHash) -> Result<Option<FileBlob>, Error> {
        let size = attachment::size(&mut *self.reader().await?, channel, hash).await?;
        let Some(size_bytes) = size else { return Ok(None) };
        let (files, hash) = (self.inner.files.clone(), *hash);
        let opened = tokio::task::spawn_blocking(move || files.read(&hash, size_bytes)).await.map_err(|_| Refusal::Closing)?;
        opened.map(Some).map_err(|source| Error::DamagedAttachment { hash, source })
    }

    /// A name for the output of one call.
    pub fn begin_call(&self) -> CallId {
        CallId(self.inner.next_call.fetch_add(1, Ordering::Relaxed))
    }

    /// Keeps some of a call's output, invisible until a group publishes the call. Lost when the store is closed before.
    pub async fn stage(&self, call: CallId, part: Part) -> Result<(), Error> {
        self.takes_data()?;
        let Part { received_at, origin, appends, rejections } = part;
        let sealed = seal(appends, rejections).await?;
        let weight = sealed.weight();
        self.answer(Work::Stage { call, received_at, origin, sealed }, weight).await.map(|_| ())
    }

    /// Deletes what a call staged. A call that staged nothing, or was published, is no error.
    pub async fn abandon(&self, call: CallId) -> Result<(), Error> {
        self.rows(Work::Abandon(call)).await.map(|_| ())
    }

    /// Records from a position on: at most `max_records`, and of about `max_bytes` (a first batch of up to 1 MiB is given in
    /// any case). Begins exactly at `from`, or at the first record behind it that is still there; behind the end of an
    /// epoch the next one follows. Empty at the end of the channel.
    pub async fn read(&self, channel: &ChannelId, from: Position, max_records: u32, max_bytes: usize) -> Result<Vec<StoredBatch>, Error> {
        if max_records == 0 {
            return Ok(Vec::new());
        }
        let page = read::page(&mut *self.reader().await?, channel, from, max_records, max_bytes).await?;
        if page.weight() < HEAVY {
            return page.unpack();
        }
        tokio::task::spawn_blocking(move || page.unpack()).await.map_err(|_| Refusal::Closing)?
    }

    /// The next offset to be assigned, from memory. `None` where there is no such channel.
    pub fn end(&self, channel: &ChannelId) -> Option<Position> {
        self.inner.shown.tails.next(channel)
    }

    /// Waits until there is a record at or behind `from`, and answers the channel's end; `None` at the deadline. May be
    /// late, never skips: what was committed before or during the wait ends it.
    pub async fn wait(&self, channel: &ChannelId, from: Position, deadline: Instant) -> Option<Position> {
        self.inner.shown.tails.wait(channel, deadline, |end| end.last > from).await
    }

    /// Waits until a channel has stored so many bytes of records since it was made, or until the deadline. For whoever takes
    /// much at once, and need not look at every batch to know when it is enough.
    pub async fn wait_for_bytes(&self, channel: &ChannelId, bytes: u64, deadline: Instant) {
        self.inner.shown.tails.wait(channel, deadline, |end| end.bytes >= bytes).await;
    }

    /// Bytes of all records that a channel ever stored, from memory.
    pub fn stored_bytes(&self, channel: &ChannelId) -> u64 {
        self.inner.shown.tails.bytes(channel).unwrap_or_default()
    }

    /// Every channel's sums, from counters that move with what they count.
    pub async fn sums(&self) -> Result<Vec<ChannelSums>, Error> {
        listing::sums(&mut *self.reader().await?).await
    }

    /// Opens a new epoch of a channel, as a restore must: the one after the current, and no lower than `at_least` (what
    /// the lake or a reader knows of, and the restored database does not). Offsets start at 0 again.
    pub async fn open_epoch(&self, channel: &ChannelId, at_least: u32) -> Result<Position, Error> {
        match self.answer(Work::OpenEpoch { channel: channel.clone(), at_least }, 0).await? {
            Done::Epoch(position) => Ok(position),
            _ => Err(Error::Unknown("the writer answered something else".into())),
        }
    }

    /// An owner's committed cursor.
    pub async fn checkpoint(&self, owner: &str) -> Result<Option<Checkpoint>, Error> {
        listing::checkpoint(&mut *self.reader().await?, owner).await
    }

    /// What was committed under an idempotency key in the last seven days.
    pub async fn recall(&self, scope: &str, key: &[u8]) -> Result<Option<Remembered>, Error> {
        Ok(receipts::recall(&mut *self.reader().await?, scope, key).await?)
    }

    /// A page of the quarantine, the newest first.
    pub async fn quarantine(&self, filter: QuarantineFilter) -> Result<Vec<QuarantineEntry>, Error> {
        listing::quarantine(&mut *self.reader().await?, &filter).await
    }

    /// One entry of the quarantine, with its bytes as they came.
    pub async fn quarantine_entry(&self, id: u64) -> Result<Option<(QuarantineEntry, Vec<u8>)>, Error> {
        listing::quarantine_entry(&mut *self.reader().await?, id).await
    }

    /// Keeps one run; of each connector the newest 100 stay.
    pub async fn record_run(&self, run: Run) -> Result<(), Error> {
        self.rows(Work::RecordRun(Box::new(run))).await.map(|_| ())
    }

    /// A connector's last runs, the newest first.
    pub async fn runs(&self, connector: &ConnectorId, limit: u32) -> Result<Vec<Run>, Error> {
        listing::runs(&mut *self.reader().await?, connector, limit).await
    }

    /// What every connector did in each hour of the last week and a day.
    pub async fn hours(&self) -> Result<BTreeMap<ConnectorId, Vec<Hour>>, Error> {
        supervision::hours(&mut *self.reader().await?).await
    }

    /// The connectors that an operator paused.
    pub async fn paused(&self) -> Result<BTreeMap<ConnectorId, Pause>, Error> {
        supervision::paused(&mut *self.reader().await?).await
    }

    /// Keeps that a connector is paused, or with none that it is not. The first moment stands.
    pub async fn pause(&self, connector: &ConnectorId, pause: Option<Pause>) -> Result<(), Error> {
        self.rows(Work::Pause { connector: connector.clone(), pause }).await.map(|_| ())
    }

    /// Keeps a new access key. An id that is there already is refused.
    pub async fn insert_key(&self, key: KeyRow) -> Result<(), Error> {
        self.rows(Work::InsertKey(Box::new(key))).await.map(|_| ())
    }

    /// The access key with this id, revoked and expired ones too. From memory, and never older than the last answer to a change.
    ///
    /// # Errors
    /// When it is not known how the keys stand.
    pub fn key(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        self.inner.shown.keys.get(id)
    }

    /// All access keys, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, Error> {
        listing::keys(&mut *self.reader().await?).await
    }

    /// Withdraws a key; the first time stands. Answers whether there is such a key.
    pub async fn revoke_key(&self, id: &str, at: Timestamp) -> Result<bool, Error> {
        Ok(self.rows(Work::RevokeKey { id: id.into(), at }).await? > 0)
    }

    /// Forgets idempotency keys older than seven days, a few thousand a transaction. Answers how many. Days are counted by a
    /// clock of the store's own, which stands still while no hub runs and which nobody sets: to be called every hour.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let mut swept = 0;
        loop {
            let rows = self.rows(Work::Forget).await?;
            swept += rows;
            if rows < upkeep::SWEEP_ROWS as u64 {
                return Ok(swept);
            }
        }
    }

    /// Whether the store takes data.
    pub fn health(&self) -> Health {
        match (self.inner.shown.health(), self.inner.room.low()) {
            (Health::Ready, Some(low)) => low,
            (health, _) => health,
        }
    }

    /// Refuses at once what [`commit`](Self::commit) and [`stage`](Self::stage) would refuse for want of space. What only puts
    /// in order is done all the same.
    pub fn takes_data(&self) -> Result<(), Refusal> {
        if self.inner.room.low().is_some() { Err(Refusal::Full) } else { Ok(()) }
    }

    /// The room on the disk, as it was a moment ago.
    pub fn room(&self) -> DiskRoom {
        self.inner.room.room()
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, Error> {
        self.inner.readers.acquire().await.map_err(|error| match error {
            sqlx::Error::PoolClosed => Refusal::Closing.into(),
            other => Error::Sql(other),
        })
    }

    async fn rows(&self, work: Work) -> Result<u64, Error> {
        match self.answer(work, 0).await? {
            Done::Rows(rows) => Ok(rows),
            _ => Err(Error::Unknown("the writer answered something else".into())),
        }
    }

    async fn answer(&self, work: Work, weight: usize) -> Result<Done, Error> {
        match self.send(work, weight).await {
            Answer::Done(done) => Ok(done),
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Unknown(why) => Err(Error::Unknown(why)),
        }
    }

    /// Hands work to the writer and waits for its answer.
    async fn send(&self, work: Work, weight: usize) -> Answer {
        Submitted(self.enqueue(work, weight).await.map_err(Answer::Refused)).answer().await
    }

    async fn enqueue(&self, work: Work, weight: usize) -> Result<oneshot::Receiver<Answer>, Refusal> {
        if let Health::Failed(why) = self.health() {
            return Err(Refusal::Failed(why));
        }
        let share = (weight >> 10).clamp(1, QUEUE_KIB) as u32;
        let _share = Arc::clone(&self.inner.shares).acquire_many_owned(share).await.map_err(|_| Refusal::Closing)?;
        let (reply, answer) = oneshot::channel();
        self.inner.queue.send(Job { work, weight, reply, _share }).await.map_err(|_| Refusal::Closing)?;
        Ok(answer)
    }
}

/// A group that the writer has, or has refused already. Dropping it undoes nothing.
#[must_use]
pub struct Submitted(Result<oneshot::Receiver<Answer>, Answer>);

impl Submitted {
    /// Waits until it is on the disk, or surely is not, or nobody can know.
    pub async fn outcome(self) -> Outcome {
        match self.answer().await {
            Answer::Done(Done::Committed(receipt)) => Outcome::Committed(receipt),
            Answer::Done(Done::Repeated(receipt)) => Outcome::Repeated(receipt),
            Answer::Done(Done::Rows(_) | Done::Epoch(_)) => Outcome::Unknown("the writer answered something else".into()),
            Answer::Refused(refusal) => Outcome::Refused(refusal),
            Answer::Unknown(why) => Outcome::Unknown(why),
        }
    }

    async fn answer(self) -> Answer {
        match self.0 {
            Ok(answer) => answer.await.unwrap_or_else(|_| Answer::Unknown("the writer ended before it answered".into())),
            Err(answer) => answer,
        }
    }
}

/// Compresses in the caller's task, or beside it where it takes long.
async fn seal(appends: Vec<Append>, rejections: Vec<Rejection>) -> Result<Sealed, Refusal> {
    let bytes = appends.iter().map(|a| a.batch.ndjson().len()).sum::<usize>() + rejections.iter().map(|r| r.bytes.len()).sum::<usize>();
    if bytes < HEAVY {
        return Ok(Sealed::new(appends, rejections));
    }
    tokio::task::spawn_blocking(move || Sealed::new(appends, rejections)).await.map_err(|_| Refusal::Closing)
}
