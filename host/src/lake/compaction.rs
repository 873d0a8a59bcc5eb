//! Small files of a table become large ones, so that reading it stays as quick as it was.
//!
//! Each landing makes a file of its own. Once a day has many of about one size they are merged, which makes few of the next
//! size; a day that is over is merged whatever it has. So a row is written over a few times at most, and a table of any
//! number of landings has few files. One merge is one commit that removes the small files and adds the large one
//! (`dataChange` false: nothing happened to the rows), put on condition as every other: a crash before it leaves a file
//! that nobody names, and whoever else commits first wins. Replaced files stay for a day, for who reads an older version.

use std::collections::{BTreeMap, HashSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deltalake_core::DeltaTable;
use deltalake_core::arrow::array::{RecordBatch, new_null_array};
use deltalake_core::arrow::datatypes::Schema;
use deltalake_core::kernel::{Action, Add, EagerSnapshot};
use deltalake_core::operations::vacuum::VacuumMode;
use deltalake_core::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use deltalake_core::parquet::errors::ParquetError;
use deltalake_core::protocol::DeltaOperation;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::Error;
use super::files::{DataFile, FileFormat};
use super::stats::day;
use super::table::{Outcome, Table, delta, now};
use super::token::token;

/// A merged file is about so large: what a reader takes at a time, and what is held in memory meanwhile.
const LARGE_BYTES: u64 = 32 << 20;
/// Files below the first are of the smallest size, and so on; from the last on they are let be.
const SIZES: [u64; 3] = [256 << 10, 2 << 20, LARGE_BYTES / 2];
/// So many files of one size and day are merged.
const MANY: usize = 32;
/// Files of one merge at most.
const MOST: usize = 1_000;
/// Files on their way at a time: as many of the largest that are merged fit into memory easily.
const FETCHED_AHEAD: usize = 4;
/// Bytes of rows that are decoded at a time.
const DECODED_BYTES: u64 = 8 << 20;
/// Lowers the merging thread's claim to the processor (`nice`).
const NICE: i32 = 10;
/// Between two looks for files that nobody names any more.
const VACUUM_EVERY: Duration = Duration::from_secs(12 * 3600);

/// What a table's handle remembers between merges.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// There may be something to merge.
    pub(super) due: bool,
    vacuumed: Option<Instant>,
    /// Files that are not of this hub's making, and are let be.
    strange: HashSet<String>,
}

/// One merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Files before.
    pub files: usize,
    /// Their rows, which are the rows of the file they became.
    pub rows: u64,
    /// Bytes of that file.
    pub bytes: u64,
}

/// One data file of the table, as far as merging cares.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    path: String,
    date: String,
    bytes: u64,
    rows: u64,
}

impl Table {
    /// Merges one lot of small files, if there is one; none when nothing is left to do for now. To be called after
    /// [`Table::upkeep`], as long as nothing waits to land.
    ///
    /// # Errors
    /// [`Error::Delta`], [`Error::Encode`]. The table is whole all the same, and landing goes on.
    pub async fn compact(&mut self) -> Result<Option<Compacted>, Error> {
        if !self.compaction.due {
            return Ok(None);
        }
        // Whatever happens below, the next try is after the next upkeep.
        self.compaction.due = false;
        let snapshot = self.reload().await?.clone();
        let Some(parts) = self.lot(&snapshot) else {
            self.vacuum().await?;
            return Ok(None);
        };
        let merged = match self.merge(&parts).await? {
            Ok(merged) => merged,
            Err(Strange(path)) => {
                tracing::warn!(channel = %self.spec.channel, path, "a file of the lake's table has columns that landing never makes: it is not merged with others");
                self.compaction.strange.insert(path);
                self.compaction.due = true;
                return Ok(None);
            }
        };
        let compacted = self.replace(&snapshot, &parts, merged).await?;
        self.compaction.due = true;
        Ok(compacted)
    }

    /// The next files to merge.
    fn lot(&self, snapshot: &EagerSnapshot) -> Option<Vec<Part>> {
        let log = snapshot.log_data();
        let files = log.iter().filter_map(|file| {
            let path = file.path().into_owned();
            let date = file.partition_values_map().remove(super::layout::DATE)??;
            let whole = file.deletion_vector_descriptor().is_none() && !self.compaction.strange.contains(&path);
            whole.then_some(())?;
            Some(Part { date, bytes: file.size().cast_unsigned(), rows: file.num_records()? as u64, path })
        });
        choose(files.collect(), &day(now().day()))
    }

    /// The parts' rows as one file.
    async fn merge(&self, parts: &[Part]) -> Result<Result<DataFile, Strange>, Error> {
        let (sender, receiver) = sync_channel::<(String, Bytes)>(1);
        let (done, merged) = tokio::sync::oneshot::channel();
        let (format, date) = (self.format.clone(), parts[0].date.clone());
        let first_offset = first_offset(&parts[0].path);
        let work = move || {
            // Whoever lands or answers goes first. Where the system refuses, it is merged all the same.
            let _ = rustix::process::nice(NICE);
            let _ = done.send(merge(&format, receiver, date, first_offset));
        };
        let encode = |message: String| Error::Encode { channel: self.spec.channel.clone(), message };
        std::thread::Builder::new().name("lake-merge".into()).spawn(work).map_err(|error| encode(error.to_string()))?;
        let fetched = self.fetch(parts, sender).await;
        // A thread that stopped taking files says why, and that goes before a file that could not be given to it.
        let merged = merged.await.map_err(|_| encode("the merge ended without a word".into()))?;
        match merged {
            Err(Fault::Strange(strange)) => Ok(Err(strange)),
            Err(Fault::Parquet(error)) => fetched.and(Err(encode(error.to_string()))),
            Ok(file) => {
                fetched?;
                let rows: u64 = parts.iter().map(|part| part.rows).sum();
                if file.rows != rows {
                    return Err(encode(format!("its small files hold {} rows and the table's log tells of {rows}", file.rows)));
                }
                Ok(Ok(file))
            }
        }
    }

    /// Hands the files over in their order, a few on their way at a time.
    async fn fetch(&self, parts: &[Part], sender: SyncSender<(String, Bytes)>) -> Result<(), Error> {
        let store = self.log.object_store(None);
        let get = |part: &Part| {
            let (store, path) = (store.clone(), part.path.clone());
            async move {
                let bytes = store.get(&Path::from(path.as_str())).await?.bytes().await?;
                Ok::<_, object_store::Error>((path, bytes))
            }
        };
        let mut files = futures::stream::iter(parts.iter().map(get)).buffered(FETCHED_AHEAD);
        while let Some(file) = files.next().await {
            let file = file.map_err(|error| delta(&self.spec, error.into()))?;
            let sender = sender.clone();
            let taken = tokio::task::spawn_blocking(move || sender.send(file).is_ok()).await;
            if !taken.unwrap_or(false) {
                break;
            }
        }
        Ok(())
    }

    async fn replace(&mut self, snapshot: &EagerSnapshot, parts: &[Part], merged: DataFile) -> Result<Option<Compacted>, Error> {
        let compacted = Compacted { files: parts.len(), rows: merged.rows, bytes: merged.bytes.len() as u64 };
        let token = token();
        let written = self.write(epoch(&parts[0].path), &token, &[merged]).await.map_err(|source| delta(&self.spec, source))?;
        let added = written.iter().map(|add| Action::Add(Add { data_change: false, ..add.clone() }));
        let replaced: HashSet<&str> = parts.iter().map(|part| part.path.as_str()).collect();
        let log = snapshot.log_data();
        let removed = log.iter().filter(|file| replaced.contains(&*file.path())).map(|file| Action::Remove(file.remove_action(false)));
        let actions: Vec<Action> = removed.chain(added).collect();
        let operation = DeltaOperation::Optimize { predicate: None, target_size: LARGE_BYTES.cast_signed() };
        // The version after the one the lot was chosen from: if anybody came between, nothing is replaced.
        if snapshot.version() != self.version() {
            self.discard(&written).await;
            return Ok(None);
        }
        match self.commit(&token, actions, operation, Vec::new()).await? {
            Outcome::Committed => Ok(Some(compacted)),
            Outcome::Overtaken => {
                self.discard(&written).await;
                Ok(None)
            }
        }
    }

    /// Deletes files that were replaced more than a day ago, and those that no commit ever named and that are as old.
    async fn vacuum(&mut self) -> Result<(), Error> {
        if self.compaction.vacuumed.is_some_and(|vacuumed| vacuumed.elapsed() < VACUUM_EVERY) {
            return Ok(());
        }
        self.compaction.vacuumed = Some(Instant::now());
        self.delete_unnamed(None).await
    }

    /// `retention`: instead of the table's own, for trials.
    pub(super) async fn delete_unnamed(&mut self, retention: Option<chrono::Duration>) -> Result<(), Error> {
        let mut vacuum =
            DeltaTable::new(self.log.clone()).vacuum().with_mode(VacuumMode::Full).with_enforce_retention_duration(retention.is_none());
        if let Some(retention) = retention {
            vacuum = vacuum.with_retention_period(retention);
        }
        let done = vacuum.await;
        // It commits what it does, by itself.
        self.reload().await?;
        let (_, metrics) = done.map_err(|source| delta(&self.spec, source))?;
        tracing::debug!(channel = %self.spec.channel, files = metrics.files_deleted.len(), "replaced files were deleted");
        Ok(())
    }
}

/// Many files of one day and size, or what is left of a day that is over; the oldest day first.
fn choose(parts: Vec<Part>, today: &str) -> Option<Vec<Part>> {
    let mut days: BTreeMap<String, [Vec<Part>; SIZES.len()]> = BTreeMap::new();
    for part in parts {
        if let Some(size) = SIZES.iter().position(|bound| part.bytes < *bound) {
            days.entry(part.date.clone()).or_default()[size].push(part);
        }
    }
    days.into_iter().find_map(|(date, sizes)| {
        let over = date.as_str() < today;
        let mut lot = match sizes.iter().position(|parts| parts.len() >= MANY) {
            Some(size) => sizes.into_iter().nth(size)?,
            None if over => sizes.into_iter().flatten().collect(),
            None => return None,
        };
        // A path begins with epoch and first offset: in their order the merged file's rows are in theirs.
        lot.sort_by_key(|part| (epoch(&part.path), first_offset(&part.path)));
        let mut bytes = 0;
        let fits = lot.iter().take(MOST).take_while(|part| {
            bytes += part.bytes;
            bytes <= LARGE_BYTES
        });
        let fits = fits.count();
        lot.truncate(fits);
        (lot.len() > 1).then_some(lot)
    })
}

/// `_date=2026-11-23/<epoch>-<first offset>-<token>.zstd.parquet`: the numbers in it, 0 where it is named otherwise.
fn numbers(path: &str) -> impl Iterator<Item = u64> {
    path.rsplit('/').next().unwrap_or_default().split('-').map(|number| number.parse().unwrap_or(0))
}

fn epoch(path: &str) -> u32 {
    numbers(path).next().and_then(|epoch| epoch.try_into().ok()).unwrap_or(0)
}

fn first_offset(path: &str) -> u64 {
    numbers(path).nth(1).unwrap_or(0)
}

/// A file that landing did not make: merging it could lose what it has besides.
#[derive(Debug)]
struct Strange(String);

enum Fault {
    Strange(Strange),
    Parquet(ParquetError),
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

fn merge(format: &FileFormat, files: Receiver<(String, Bytes)>, date: String, first_offset: u64) -> Result<DataFile, Fault> {
    let mut merged = format.begin();
    for (path, bytes) in files {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let (rows, decoded) = reader.metadata().row_groups().iter().fold((0, 0), |(rows, bytes), group| {
            (rows + group.num_rows().cast_unsigned(), bytes + group.total_byte_size().cast_unsigned())
        });
        let at_once = (DECODED_BYTES * rows / decoded.max(1)).clamp(1, 8192);
        if !made_here(reader.schema(), &format.layout.file_schema) {
            return Err(Fault::Strange(Strange(path)));
        }
        for rows in reader.with_batch_size(at_once as usize).build()? {
            let rows = rows.map_err(ParquetError::from)?;
            merged.push(&widened(&rows, format)?)?;
        }
    }
    Ok(merged.finish(date, first_offset)?)
}

/// All of a file's columns are columns of the table that landing knows.
fn made_here(file: &Schema, table: &Schema) -> bool {
    file.fields().iter().all(|field| table.field_with_name(field.name()).is_ok_and(|known| known.data_type() == field.data_type()))
}

/// The rows with all of the table's columns, in their order: those that came later are null.
fn widened(rows: &RecordBatch, format: &FileFormat) -> Result<RecordBatch, ParquetError> {
    let schema = format.layout.file_schema.clone();
    let column = |field: &std::sync::Arc<deltalake_core::arrow::datatypes::Field>| {
        rows.column_by_name(field.name()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).map_err(ParquetError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(date: &str, bytes: u64, offsets: std::ops::Range<u64>) -> impl Iterator<Item = Part> {
        let part = move |n| Part { path: format!("_date={date}/1-{n:020}-ab12.zstd.parquet"), date: date.to_owned(), bytes, rows: 1 };
        offsets.map(part).collect::<Vec<_>>().into_iter()
    }

    fn chosen(parts: impl Iterator<Item = Part>) -> Option<(String, u64, usize)> {
        choose(parts.collect(), "2026-11-24").map(|lot| (lot[0].date.clone(), first_offset(&lot[0].path), lot.len()))
    }

    #[test]
    fn a_day_waits_for_many_of_one_size_and_is_cleared_up_when_it_is_over() {
        let (yesterday, today) = ("2026-11-23", "2026-11-24");
        let many = MANY as u64;
        assert_eq!(chosen(parts(today, 1000, 0..many - 1).chain(parts(today, 1 << 20, 100..100 + many - 1))), None);
        assert_eq!(chosen(parts(today, 1000, 5..5 + many)), Some((today.into(), 5, MANY)));
        assert_eq!(
            chosen(parts(today, 1 << 20, 7..40).chain(parts(today, 1000, 50..55))),
            Some((today.into(), 7, 32)),
            "no more than one large file"
        );
        assert_eq!(chosen(parts(yesterday, 1000, 1..2)), None, "one file is merged with none");
        assert_eq!(chosen(parts(yesterday, 1000, 1..2).chain(parts(yesterday, 3 << 20, 2..4))), Some((yesterday.into(), 1, 3)));
        assert_eq!(chosen(parts(yesterday, LARGE_BYTES / 2, 0..100)), None, "large enough");
        assert_eq!(
            chosen(parts(yesterday, 1000, 0..2).chain(parts(today, 1000, 0..many))),
            Some((yesterday.into(), 0, 2)),
            "the oldest first"
        );
        assert_eq!(chosen(parts(today, 10, 0..5000)).map(|lot| lot.2), Some(MOST));
    }

    #[test]
    fn a_file_with_columns_of_somebody_elses_is_let_be() {
        use deltalake_core::arrow::datatypes::{DataType, Field};
        let schema = |fields: &[(&str, DataType)]| {
            Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>())
        };
        let table = schema(&[("_offset", DataType::Int64), ("level", DataType::Float64)]);
        assert!(made_here(&schema(&[("_offset", DataType::Int64)]), &table));
        assert!(!made_here(&schema(&[("_offset", DataType::Int64), ("theirs", DataType::Int64)]), &table));
        assert!(!made_here(&schema(&[("level", DataType::Utf8)]), &table));
    }
}
