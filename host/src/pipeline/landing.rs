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
use crate::fair::{Pool, Share};
use crate::lake::{self, Lake, Table, TableSpec};
use crate::store::{self, Store};

/// Records of one page read from the log.
const PAGE_RECORDS: u32 = 50_000;

/// Bytes of records in one commit at most.
const COMMIT_BYTES: usize = 64 << 20;

/// Bytes of records that all channels together hold until their commit; each page is read into a share of it.
const GATHERED_BYTES: usize = 256 << 20;
const PAGE_BYTES: usize = 4 << 20;

/// Channels that write to the lake at the same time.
const AT_ONCE: usize = 2;

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

    fn change(&self, channel: &ChannelId, change: impl FnOnce(&mut Landed)) {
        change(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(channel.clone()).or_default());
    }
}

/// Finds the channels whose data lies here and that the city does not name (any more), and warns of each. They do not land.
pub async fn left_behind(store: &Store, lake: &Lake, channels: &Channels, progress: &Progress) -> Result<(), store::Error> {
    for sum in store.sums().await?.into_iter().filter(|sum| channels.get(&sum.channel).is_none() && sum.accepted > 0) {
        let landed = match lake.landed(&sum.channel, sum.next.epoch).await {
            Ok(rows) => Landed { rows, last_error: None },
            Err(error) => Landed { rows: 0, last_error: Some(error.to_string()) },
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
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let memory = Pool::new(GATHERED_BYTES);
        let mut tasks = JoinSet::new();
        for channel in channels.iter() {
            let lander = Lander {
                store: store.clone(),
                lake: lake.clone(),
                channel: channel.clone(),
                flush,
                progress: progress.clone(),
                places: places.clone(),
                memory: memory.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(lander.run());
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
    channel: Channel,
    flush: LakeFlush,
    progress: Progress,
    places: Arc<Semaphore>,
    memory: Pool<ChannelId>,
    stop: CancellationToken,
}

/// What goes into one commit, and its share of the memory.
struct Gathered {
    batches: Vec<StoredBatch>,
    stopping: bool,
    _share: Share<ChannelId>,
}

impl Lander {
    async fn run(self) {
        let mut failures = 0u32;
        while let Err(error) = self.land_until_stopped(&mut failures).await {
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

    /// Opens the table anew, so that after any error the table itself says where to go on.
    async fn land_until_stopped(&self, failures: &mut u32) -> Result<(), Error> {
        let spec = TableSpec {
            channel: self.channel.id.clone(),
            columns: self.channel.schema.columns().to_vec(),
            time: self.channel.config.time.clone(),
        };
        let mut table = self.lake.table(spec).await?;
        let misfits = table.misfits();
        if !misfits.is_empty() && *failures == 0 {
            tracing::warn!(
                channel = %self.channel.id, columns = misfits.join("; "),
                "the lake's table keeps the types its columns have, so values of another go to `_extra`: give such a property a new name, or its records a new channel"
            );
        }
        let mut next = self.resume(&mut table).await?;
        loop {
            let Gathered { batches, stopping, _share } = self.gather(next).await?;
            if let Some(last) = batches.last() {
                let end = last.end();
                self.has_room()?;
                let place = self.places.acquire().await;
                let landed = table.land(&batches).await?;
                drop(place);
                failpoint::reached("lake.landed");
                *failures = 0;
                self.progress.change(&self.channel.id, |progress| {
                    progress.rows += landed.rows;
                    progress.last_error = None;
                });
                table.upkeep().await?;
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

    /// Where the table ends, by its own word.
    async fn resume(&self, table: &mut Table) -> Result<Position, Error> {
        let end = self.store.end(&self.channel.id).unwrap_or(Position::START);
        let (mut rows, mut resume) = (0, Position::START);
        for epoch in 1..=end.epoch {
            let offset = table.resume_at(epoch).await?;
            rows += offset;
            if offset > 0 {
                resume = Position { epoch, offset };
            }
        }
        self.progress.change(&self.channel.id, |landed| landed.rows = rows);
        Ok(resume)
    }

    /// Waits for records and gathers them until the commit is large enough or old enough, no more memory is there for this
    /// channel, or the hub stops. Whoever holds some never waits for more.
    async fn gather(&self, from: Position) -> Result<Gathered, Error> {
        let (mut batches, mut bytes, mut next) = (Vec::<StoredBatch>::new(), 0usize, from);
        let mut share = self.memory.share(self.channel.id.clone());
        let mut due: Option<Instant> = None;
        loop {
            let stopping = self.stop.is_cancelled();
            if batches.is_empty() {
                share.grow(PAGE_BYTES).await;
            } else if !share.try_grow(bytes + PAGE_BYTES) {
                return Ok(Gathered { batches, stopping, _share: share });
            }
            let page = self.store.read(&self.channel.id, next, PAGE_RECORDS, PAGE_BYTES).await?;
            if let Some(last) = page.last() {
                next = last.end();
                bytes += page.iter().map(|batch| batch.ndjson.len()).sum::<usize>();
                due.get_or_insert_with(|| Instant::now() + self.flush.every);
                batches.extend(page);
                if bytes >= COMMIT_BYTES || bytes as u64 >= self.flush.bytes {
                    return Ok(Gathered { batches, stopping, _share: share });
                }
                continue;
            }
            // Nobody holds memory for what is not there yet.
            share.shrink(bytes);
            if stopping || due.is_some_and(|due| due <= Instant::now()) {
                return Ok(Gathered { batches, stopping, _share: share });
            }
            let until = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = self.stop.cancelled() => {}
                _ = self.store.wait(&self.channel.id, next, until) => {}
            }
        }
    }
}
