//! One channel's Delta table: where it ends, landing, and the upkeep of its log.
//!
//! A commit here is one conditional put of `<version>.json`, written from what this handle knows: the version, the
//! columns and, for each epoch, the offset the table ends before. It costs the same at the millionth version as at the
//! first, since no snapshot is built. Whatever anybody else commits takes that version first; then the put fails, the
//! table is read anew and everything is decided again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use deltalake_core::kernel::transaction::{CommitData, CommitProperties, PROTOCOL, TransactionError};
use deltalake_core::kernel::{Action, Add, EagerSnapshot, MetadataExt, StructField, StructType, Transaction};
use deltalake_core::logstore::{CommitOrBytes, LogStoreRef};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError, TableProperty, checkpoints};
use lienthong_core::columns::Column;
use lienthong_core::log::{Position, StoredBatch};
use lienthong_core::time::Timestamp;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::Error;
use super::files::{DataFile, FileFormat};
use super::layout::{self, DATE, Layout, TableSpec};
use crate::failpoint;

/// How often others may be faster within one call.
const TRIES: u32 = 32;
/// A log older than this may have been trimmed behind another writer's checkpoint, and a version that is free to be put
/// again proves nothing then: the table is read anew. (Delta keeps its log for 30 days; this is far within.)
const FRESH: Duration = Duration::from_secs(3600);
/// Versions between two checkpoints.
const CHECKPOINT_EVERY: u64 = 100;
/// The key in a commit's information by which a writer knows its own commit.
const COMMIT_KEY: &str = "lienthongCommit";

/// What one [`Table::land`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Rows that are new in the table, put there by this call.
    pub rows: u64,
    /// Bytes of the Parquet files with them.
    pub bytes: u64,
    /// The table's version that holds everything given.
    pub version: u64,
    /// How many data files.
    pub files: u32,
}

/// A table, open for landing. One for each channel and hub; others are noticed, not needed.
#[derive(Debug)]
pub struct Table {
    spec: TableSpec,
    log: LogStoreRef,
    pub(super) format: FileFormat,
    version: u64,
    /// The offset each epoch ends before, as far as it was asked for.
    ends: HashMap<u32, u64>,
    /// The table as it was last read, until the first commit after.
    snapshot: Option<EagerSnapshot>,
    read_at: Instant,
    /// What happened to the last commit is not known.
    unsure: bool,
    checkpointed: Option<u64>,
}

/// How a try to commit ended, if it is known.
enum Outcome {
    Committed,
    /// The version belongs to somebody else's commit.
    Overtaken,
}

impl Table {
    pub(super) async fn open(log: LogStoreRef, spec: TableSpec) -> Result<Self, Error> {
        let there = log.is_delta_table_location().await.map_err(|source| delta(&spec, source))?;
        let created = if there { Ok(()) } else { create(&log, &spec).await };
        // Where creating failed because somebody else had just done it, the table can be read all the same.
        let snapshot = read(&log).await.map_err(|source| created.err().unwrap_or(source));
        let snapshot = snapshot.map_err(|source| delta(&spec, source))?;
        let mut table = Self {
            format: format_of(&snapshot),
            version: 0,
            ends: HashMap::new(),
            snapshot: None,
            read_at: Instant::now(),
            unsure: false,
            checkpointed: None,
            spec,
            log,
        };
        table.adopt(snapshot).await?;
        table.evolve().await?;
        Ok(table)
    }

    /// The table's version, as far as this handle knows.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Columns whose type is no longer the one that the channel's schema wants, each with both. A column keeps its type, so the
    /// new values go to `_extra`.
    pub fn misfits(&self) -> Vec<String> {
        let misfit = |wanted: &Column| {
            let column = self.format.layout.columns.iter().find(|column| column.name == wanted.name)?;
            let differs = column.column_type != wanted.column_type;
            differs.then(|| format!("{}: {:?} in the table, {:?} in the schema", wanted.name, column.column_type, wanted.column_type))
        };
        self.spec.columns.iter().filter_map(misfit).collect()
    }

    /// The offset of the next record of this epoch to land, from the table's own transaction.
    ///
    /// # Errors
    /// [`Error::Delta`]: the table cannot be read.
    pub async fn resume_at(&mut self, epoch: u32) -> Result<u64, Error> {
        if self.unsure || self.read_at.elapsed() > FRESH {
            self.reload().await?;
        }
        if let Some(end) = self.ends.get(&epoch) {
            return Ok(*end);
        }
        if self.snapshot.is_none() {
            self.reload().await?;
        }
        let last = match &self.snapshot {
            Some(snapshot) => {
                snapshot.transaction_version(&self.log, self.app_id(epoch)).await.map_err(|source| delta(&self.spec, source))?
            }
            None => None,
        };
        let end = last.map_or(0, |last| last.cast_unsigned() + 1);
        self.ends.insert(epoch, end);
        Ok(end)
    }

    /// Makes the batches' records rows of the table: those it lacks, in one commit for each epoch. The batches must be in
    /// order and begin at or before the table's end. When it returns well, all of them are in the table for good.
    ///
    /// Cancelling it between two awaits is safe: the next call finds out what had been committed.
    ///
    /// # Errors
    /// [`Error::Gap`] without anything of that epoch landed; [`Error::Delta`] where the store failed, after which the
    /// same batches may be given again.
    pub async fn land(&mut self, batches: &[StoredBatch]) -> Result<Landed, Error> {
        let mut landed = Landed::default();
        for run in batches.chunk_by(|one, next| one.first.epoch == next.first.epoch) {
            self.land_epoch(run, &mut landed).await?;
        }
        landed.version = self.version;
        Ok(landed)
    }

    async fn land_epoch(&mut self, run: &[StoredBatch], landed: &mut Landed) -> Result<(), Error> {
        let Some(epoch) = run.first().map(|batch| batch.first.epoch) else { return Ok(()) };
        for _ in 0..TRIES {
            let start = self.resume_at(epoch).await?;
            let pending = self.pending(run, Position { epoch, offset: start })?;
            let Some(end) = pending.last().map(|(batch, _)| batch.end().offset) else { return Ok(()) };
            let encoded = self.encode(&pending)?;
            let token = token();
            let written = self.write(epoch, &token, &encoded).await.map_err(|source| delta(&self.spec, source))?;
            failpoint::reached("lake.data-file-written");
            match self.commit_rows(epoch, end, &token, &written).await? {
                Outcome::Committed => {
                    failpoint::reached("lake.commit-written");
                    landed.rows += encoded.iter().map(|file| file.rows).sum::<u64>();
                    landed.bytes += encoded.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
                    landed.files += u32::try_from(encoded.len()).unwrap_or(u32::MAX);
                    return Ok(());
                }
                // The version belongs to another, so these files can never be in the table.
                Outcome::Overtaken => self.discard(&written).await,
            }
        }
        Err(Error::Contended { channel: self.spec.channel.clone(), tries: TRIES })
    }

    /// The batches that the table lacks, each with how many of its records it has.
    fn pending<'b>(&self, run: &'b [StoredBatch], mut expected: Position) -> Result<Vec<(&'b StoredBatch, usize)>, Error> {
        let mut pending = Vec::new();
        for batch in run.iter().filter(|batch| batch.count > 0) {
            if batch.first > expected {
                return Err(Error::Gap { channel: self.spec.channel.clone(), expected, got: batch.first });
            }
            if batch.end() > expected {
                pending.push((batch, (expected.offset - batch.first.offset) as usize));
                expected = batch.end();
            }
        }
        Ok(pending)
    }

    fn encode(&self, pending: &[(&StoredBatch, usize)]) -> Result<Vec<DataFile>, Error> {
        let encode = || self.format.encode(&self.spec.channel, self.spec.time.as_deref(), pending);
        off_the_reactor(encode).map_err(|error| Error::Encode { channel: self.spec.channel.clone(), message: error.to_string() })
    }

    /// Puts data files. Until a commit names them they are nothing.
    pub(super) async fn write(&self, epoch: u32, token: &str, files: &[DataFile]) -> Result<Vec<Add>, DeltaTableError> {
        let store = self.log.object_store(None);
        let mut written = Vec::with_capacity(files.len());
        for file in files {
            // The token keeps two writers of the same offsets from writing over each other.
            let path = format!("{DATE}={}/{epoch}-{:020}-{token}.zstd.parquet", file.date, file.first_offset);
            store.put(&Path::from(path.as_str()), file.bytes.clone().into()).await?;
            written.push(Add {
                path,
                partition_values: HashMap::from([(DATE.to_owned(), Some(file.date.clone()))]),
                size: file.bytes.len() as i64,
                modification_time: now().micros() / 1000,
                data_change: true,
                stats: Some(file.stats.clone()),
                ..Add::default()
            });
        }
        Ok(written)
    }

    async fn discard(&self, written: &[Add]) {
        let store = self.log.object_store(None);
        for file in written {
            if let Err(error) = store.delete(&Path::from(file.path.as_str())).await {
                tracing::debug!(channel = %self.spec.channel, file = file.path, %error, "an unused data file is left for the vacuum");
            }
        }
    }

    async fn commit_rows(&mut self, epoch: u32, end: u64, token: &str, written: &[Add]) -> Result<Outcome, Error> {
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![DATE.to_owned()]), predicate: None };
        let actions = written.iter().cloned().map(Action::Add).collect();
        let last = end.cast_signed() - 1;
        let txn = Transaction::new_with_last_update(self.app_id(epoch), last, Some(now().micros() / 1000));
        let outcome = self.commit(token, actions, operation, vec![txn]).await?;
        if matches!(outcome, Outcome::Committed) {
            self.ends.insert(epoch, end);
        }
        Ok(outcome)
    }

    /// Tries to put the next version. Unless that worked plainly, the table is read anew before the outcome is told.
    async fn commit(
        &mut self,
        token: &str,
        actions: Vec<Action>,
        operation: DeltaOperation,
        txn: Vec<Transaction>,
    ) -> Result<Outcome, Error> {
        let told = HashMap::from([(COMMIT_KEY.to_owned(), token.into()), ("isBlindAppend".to_owned(), true.into())]);
        let bytes = CommitData::new(actions, operation, told, txn).get_bytes().map_err(|error| delta(&self.spec, error.into()))?;
        let version = self.version + 1;
        // Set before the await: who cancels the call leaves the handle unsure, not wrong.
        self.unsure = true;
        let put = self.log.write_commit_entry(version, CommitOrBytes::LogBytes(bytes), Default::default()).await;
        let Err(error) = put else {
            self.version = version;
            self.snapshot = None;
            self.unsure = false;
            return Ok(Outcome::Committed);
        };
        let standing = self.log.read_commit_entry(version).await.map_err(|source| delta(&self.spec, source))?;
        let Some(standing) = standing else {
            // Not there, or not yet: only the table itself can tell, at the next call.
            return Err(delta(&self.spec, error.into()));
        };
        if !matches!(error, TransactionError::VersionAlreadyExists(_)) {
            tracing::warn!(channel = %self.spec.channel, version, %error, "a lake commit failed, yet its version stands; the table decides");
        }
        let own = standing.windows(token.len()).any(|window| window == token.as_bytes());
        self.reload().await?;
        Ok(if own { Outcome::Committed } else { Outcome::Overtaken })
    }

    async fn reload(&mut self) -> Result<(), Error> {
        let snapshot = read(&self.log).await.map_err(|source| delta(&self.spec, source))?;
        self.adopt(snapshot).await
    }

    async fn adopt(&mut self, snapshot: EagerSnapshot) -> Result<(), Error> {
        PROTOCOL.can_write_to(&snapshot).map_err(|error| delta(&self.spec, error.into()))?;
        self.format = format_of(&snapshot);
        self.version = snapshot.version();
        self.ends.clear();
        self.snapshot = Some(snapshot);
        self.read_at = Instant::now();
        self.unsure = false;
        self.checkpointed = self.last_checkpoint().await?;
        Ok(())
    }

    /// Adds the columns, and the marks of personal ones, that the spec has and the table lacks.
    async fn evolve(&mut self) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(snapshot) = &self.snapshot else { return Ok(()) };
            let schema = snapshot.schema();
            let Some((fields, new)) = layout::evolved(&schema, &self.spec) else { return Ok(()) };
            let stats = layout::stats_property(&layout::stats_columns(&fields));
            let metadata = StructType::try_new(fields)
                .map_err(DeltaTableError::from)
                .and_then(|schema| Ok(snapshot.metadata().clone().with_schema(&schema)?))
                .and_then(|metadata| Ok(metadata.add_config_key(TableProperty::DataSkippingStatsColumns.as_ref().to_owned(), stats)?))
                .map_err(|source| delta(&self.spec, source))?;
            let operation = DeltaOperation::AddColumn { fields: new };
            if let Outcome::Committed = self.commit(&token(), vec![Action::Metadata(metadata)], operation, Vec::new()).await? {
                return self.reload().await;
            }
        }
        Err(Error::Contended { channel: self.spec.channel.clone(), tries: TRIES })
    }

    /// Keeps the table's log short: a checkpoint every 100 versions, and Delta's own clean-up of log files that are past
    /// their retention and behind one. To be called now and then, after a landing; true when it had something to do.
    ///
    /// # Errors
    /// [`Error::Delta`]. The table is whole all the same.
    pub async fn upkeep(&mut self) -> Result<bool, Error> {
        if self.version - self.checkpointed.unwrap_or(0).min(self.version) < CHECKPOINT_EVERY {
            return Ok(false);
        }
        let mut table = DeltaTable::new(self.log.clone());
        let work = async {
            table.load().await?;
            checkpoints::create_checkpoint(&table, None).await?;
            failpoint::reached("lake.checkpoint-written");
            checkpoints::cleanup_metadata(&table, None).await?;
            Ok(table.version())
        };
        // Building a checkpoint computes and blocks for a while, in spite of its signature.
        let done = match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| Handle::current().block_on(work)),
            _ => work.await,
        };
        self.checkpointed = done.map_err(|source| delta(&self.spec, source))?;
        Ok(true)
    }

    async fn last_checkpoint(&self) -> Result<Option<u64>, Error> {
        #[derive(serde::Deserialize)]
        struct Hint {
            version: u64,
        }
        let path = Path::from("_delta_log/_last_checkpoint");
        let hint = match self.log.object_store(None).get(&path).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let hint = hint.map_err(|error| delta(&self.spec, error.into()))?;
        // A hint only: where it cannot be read, the next upkeep writes another.
        Ok(serde_json::from_slice::<Hint>(&hint).ok().map(|hint| hint.version))
    }

    fn app_id(&self, epoch: u32) -> String {
        format!("{}:{epoch}", self.spec.channel)
    }
}

async fn read(log: &LogStoreRef) -> Result<EagerSnapshot, DeltaTableError> {
    EagerSnapshot::try_new(log, None).await
}

async fn create(log: &LogStoreRef, spec: &TableSpec) -> Result<(), DeltaTableError> {
    let fields: Vec<StructField> = layout::fields(spec);
    let stats = layout::stats_property(&layout::stats_columns(&fields));
    DeltaTable::new(log.clone())
        .create()
        .with_columns(fields)
        .with_partition_columns([DATE])
        .with_configuration_property(TableProperty::DataSkippingStatsColumns, Some(stats))
        .with_comment(format!("records of the channel {}", spec.channel))
        .with_commit_properties(CommitProperties::default().with_max_retries(0).with_create_checkpoint(false))
        .await
        .map(|_| ())
}

fn format_of(snapshot: &EagerSnapshot) -> FileFormat {
    let schema = snapshot.schema();
    FileFormat::new(Layout::of(&schema), layout::stats_columns(schema.fields()))
}

/// Runs what computes for long without holding up the tasks that share this thread.
fn off_the_reactor<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn delta(spec: &TableSpec, source: DeltaTableError) -> Error {
    Error::Delta { channel: spec.channel.clone(), source: Box::new(source) }
}

fn now() -> Timestamp {
    Timestamp::from_micros(chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).timestamp_micros())
}

/// 96 random bits: no two commits have the same.
fn token() -> String {
    let mut random = [0_u8; 12];
    if getrandom::fill(&mut random).is_err() {
        // Without randomness the moment has to do; a clash would be refused by the put of the same version.
        random[..8].copy_from_slice(&now().micros().to_le_bytes());
    }
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
