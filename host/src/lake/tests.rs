//! Landing, as the pipeline meets it: exactly once, over crashes, second writers, lost answers and odd records.

use std::path::PathBuf;

use deltalake_core::DeltaTable;
use deltalake_core::arrow::array::{Array, AsArray, RecordBatch};
use deltalake_core::arrow::compute::concat_batches;
use deltalake_core::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use futures::TryStreamExt;
use lienthong_core::columns::{Column, ColumnType};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId};
use lienthong_core::log::{Origin, Position, StoredBatch};
use lienthong_core::record::Envelope;
use lienthong_core::time::Timestamp;

use super::rows::{Rows, UNREADABLE};
use super::*;

/// 2026-11-23T01:00:00Z
const MORNING: i64 = 1_795_395_600_000_000;
const DAY: i64 = 86_400_000_000;

fn channel() -> ChannelId {
    ChannelId::new("environment/observations").unwrap()
}

pub(super) fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, personal: false, comment: None }
}

pub(super) fn spec() -> TableSpec {
    let mut reporter = column("reporter", ColumnType::Text);
    reporter.personal = true;
    let columns = vec![
        column("station", ColumnType::Text),
        column("value", ColumnType::Double),
        column("count", ColumnType::Integer),
        column("valid", ColumnType::Boolean),
        column("observed_at", ColumnType::Timestamp),
        column("day", ColumnType::Date),
        column("tags", ColumnType::Json),
        reporter,
    ];
    TableSpec { channel: channel(), columns, time: Some("/observed_at".into()) }
}

pub(super) fn batch(epoch: u32, offset: u64, lines: &[impl AsRef<str>]) -> StoredBatch {
    let ndjson = lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect::<String>().into_bytes();
    StoredBatch {
        first: Position { epoch, offset },
        count: u32::try_from(lines.len()).unwrap(),
        origin: Origin { agency: AgencyId::new("env-dept").unwrap(), connector: Some(ConnectorId::new("environment/air").unwrap()) },
        received_at: Timestamp::from_micros(MORNING),
        schema_version: 1,
        ndjson,
        envelopes: Vec::new(),
    }
}

pub(super) fn observations(epoch: u32, offsets: std::ops::Range<u64>) -> StoredBatch {
    let line = |n| {
        format!(
            r#"{{"station":"Đà Lạt {n}","value":{n}.5,"count":{n},"observed_at":"2026-11-23T08:00:00+07:00","reporter":"Ẩn danh {n}"}}"#
        )
    };
    batch(epoch, offsets.start, &offsets.clone().map(line).collect::<Vec<_>>())
}

pub(super) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("dữ liệu ").tempdir().unwrap() }
    }

    pub(super) fn lake(&self) -> Lake {
        Lake::open(&self.folder.path().join("lake")).unwrap()
    }

    pub(super) async fn table(&self) -> Table {
        self.lake().table(spec()).await.unwrap()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.lake().location(&channel()).to_file_path().unwrap()
    }

    pub(super) fn log(&self, version: u64) -> String {
        std::fs::read_to_string(self.folder().join(format!("_delta_log/{version:020}.json"))).unwrap()
    }

    /// The table's rows as its log names them, read from its files, in the order of (epoch, offset).
    pub(super) async fn rows(&self) -> Vec<RecordBatch> {
        let log = self.lake().log_store(&channel()).unwrap();
        let snapshot = EagerSnapshot::try_new(&log, None).await.unwrap();
        let paths: Vec<String> = snapshot.file_views(&log, None).map_ok(|file| file.path().to_string()).try_collect().await.unwrap();
        let read = |path: &String| {
            let file = std::fs::File::open(self.folder().join(path)).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
            concat_batches(&batches[0].schema(), &batches).unwrap()
        };
        paths.iter().map(read).collect()
    }

    pub(super) async fn keys(&self) -> Vec<(i32, i64)> {
        let mut keys = Vec::new();
        for rows in self.rows().await {
            let epochs = rows["_epoch"].as_primitive::<deltalake_core::arrow::datatypes::Int32Type>().values().clone();
            let offsets = rows["_offset"].as_primitive::<Int64Type>().values().clone();
            keys.extend(epochs.iter().copied().zip(offsets.iter().copied()));
        }
        keys.sort_unstable();
        keys
    }
}

pub(super) fn dense(epoch: i32, offsets: std::ops::Range<i64>) -> Vec<(i32, i64)> {
    offsets.map(|offset| (epoch, offset)).collect()
}

fn build(batch: &StoredBatch) -> RecordBatch {
    let spec = spec();
    let schema = deltalake_core::kernel::StructType::try_new(layout::fields(&spec)).unwrap();
    let layout = layout::Layout::of(&schema);
    let mut rows = Rows::new(&spec.channel, &layout, spec.time.as_deref());
    rows.push(batch, 0);
    rows.take().unwrap()
}

pub(super) fn texts(rows: &RecordBatch, column: &str) -> Vec<Option<String>> {
    rows[column].as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn no_odd_record_stops_landing_and_nothing_of_it_is_lost() {
    let lines = [
        r#"{"station":"Đ\u00e0 Lạt","value":1e2,"count":3.0,"valid":true,"observed_at":"2026-11-23T08:00:00.25+07:00","day":"2026-11-23","tags":[ "a" , {"b":1.50} ]}"#,
        r#"{"station":null,"value":"cao","count":1.5,"valid":"yes","observed_at":"hôm qua","day":"2026-02-30","tags":"x","new":{"a": [1,2]},"big":12345678901234567890123}"#,
        r#"{"station":12,"station":"again","\u0063ount":7}"#,
        "{}",
        r#"[1,"not an object"#,
        r#"{"station":"\ud800"}"#,
    ];
    let rows = build(&batch(1, 10, &lines));
    assert_eq!(rows["_offset"].as_primitive::<Int64Type>().values(), &[10, 11, 12, 13, 14, 15]);
    assert_eq!(texts(&rows, "station"), [Some("Đà Lạt".into()), None, Some("12".into()), None, None, None]);
    assert_eq!(texts(&rows, "tags"), [Some(r#"[ "a" , {"b":1.50} ]"#.into()), Some(r#""x""#.into()), None, None, None, None]);
    let unreadable = format!(r#"{{"{UNREADABLE}":"[1,\"not an object"}}"#);
    let expected = [
        None,
        Some(r#"{"new":{"a": [1,2]},"big":12345678901234567890123,"value":"cao","count":1.5,"valid":"yes","observed_at":"hôm qua","day":"2026-02-30"}"#.into()),
        Some(r#"{"station":"again"}"#.into()),
        None,
        Some(unreadable),
        Some(r#"{"station":"\ud800"}"#.into()),
    ];
    assert_eq!(texts(&rows, "_extra"), expected);
    let times: Vec<_> = rows["_time"].as_primitive::<TimestampMicrosecondType>().iter().collect();
    // Where the record says nothing of it, it happened when it came.
    let received = Some(MORNING);
    assert_eq!(times, [Some(MORNING + 250_000), received, received, received, received, received]);
    assert_eq!(rows["count"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(3), None, Some(7), None, None, None]);
}

#[test]
fn bytes_that_are_no_text_become_a_row_each() {
    let mut odd = batch(1, 0, &[r#"{"count":1}"#, "?", r#"{"count":3}"#]);
    odd.ndjson[12] = 0xff;
    let rows = build(&odd);
    assert_eq!(rows["count"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(3)]);
    assert!(rows["_extra"].is_valid(1));
    odd.ndjson.truncate(3);
    assert_eq!(build(&odd).num_rows(), 3);
}

#[test]
fn the_records_word_goes_before_the_producers_and_the_producers_before_the_receipt() {
    let mut told = batch(2, 5, &[r#"{"observed_at":"2026-11-23T07:00:00+07:00"}"#, "{}", "{}"]);
    let said = Envelope { id: Some("sự-kiện-1".into()), time: Some(Timestamp::from_micros(7)), ..Envelope::default() };
    told.envelopes = vec![said.clone(), said, Envelope::default()];
    let rows = build(&told);
    let said = Some("sự-kiện-1".into());
    assert_eq!(texts(&rows, "_id"), [said.clone(), said, Some("environment/observations:2:7".into())]);
    let times: Vec<_> = rows["_time"].as_primitive::<TimestampMicrosecondType>().iter().collect();
    assert_eq!(times, [Some(MORNING - 3_600_000_000), Some(7), Some(told.received_at.micros())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_offset_is_one_row_however_often_it_is_given() {
    let place = Place::new();
    let mut table = place.table().await;
    assert_eq!(table.resume_at(1).await.unwrap(), 0);
    let landed = table.land(&[observations(1, 0..10), observations(1, 10..25)]).await.unwrap();
    assert_eq!((landed.rows, landed.files, landed.version), (25, 1, 1));
    let landed = table.land(&[observations(1, 0..10), observations(1, 10..30)]).await.unwrap();
    assert_eq!((landed.rows, landed.version), (5, 2));
    assert_eq!(table.land(&[observations(1, 3..30)]).await.unwrap(), Landed { version: 2, ..Landed::default() });
    let gap = table.land(&[observations(1, 31..32)]).await;
    assert!(
        matches!(gap, Err(Error::Gap { expected: Position { epoch: 1, offset: 30 }, got: Position { epoch: 1, offset: 31 }, .. })),
        "{gap:?}"
    );
    let within = table.land(&[observations(1, 30..32), observations(1, 33..34)]).await;
    assert!(matches!(within, Err(Error::Gap { .. })), "{within:?}");
    assert_eq!(place.keys().await, dense(1, 0..30));
    assert_eq!(place.table().await.resume_at(1).await.unwrap(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epochs_and_days_are_kept_apart() {
    let place = Place::new();
    let mut table = place.table().await;
    let mut next_day = observations(1, 5..8);
    next_day.received_at = Timestamp::from_micros(MORNING + DAY);
    let landed = table.land(&[observations(1, 0..5), next_day, observations(2, 0..4)]).await.unwrap();
    assert_eq!((landed.rows, landed.files, landed.version), (12, 3, 2));
    assert_eq!((table.resume_at(1).await.unwrap(), table.resume_at(2).await.unwrap(), table.resume_at(3).await.unwrap()), (8, 4, 0));
    assert!(place.folder().join("_date=2026-11-23").is_dir() && place.folder().join("_date=2026-11-24").is_dir());
    assert_eq!(place.keys().await, [dense(1, 0..8), dense(2, 0..4)].concat());
}

#[tokio::test]
async fn it_lands_on_a_single_threaded_runtime_too() {
    let place = Place::new();
    let mut table = place.table().await;
    table.land(&[observations(1, 0..5)]).await.unwrap();
    assert_eq!(place.table().await.resume_at(1).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_writers_one_wins_and_the_other_sees_it() {
    let place = Place::new();
    let (mut one, mut two) = tokio::join!(place.table(), place.table());
    for round in 0..10 {
        let (from, to) = (round * 20, round * 20 + 20);
        let batches = [observations(1, from..to)];
        let (a, b) = tokio::join!(async { one.land(&batches).await.unwrap() }, async { two.land(&batches).await.unwrap() },);
        assert_eq!(a.rows + b.rows, 20, "{a:?} {b:?}");
    }
    // One ahead of the other by several commits, and columns changed under it.
    one.land(&[observations(1, 200..210)]).await.unwrap();
    let mut newer = spec();
    newer.columns.push(column("humidity", ColumnType::Double));
    place.lake().table(newer).await.unwrap();
    assert_eq!(two.land(&[observations(1, 200..215)]).await.unwrap().rows, 5);
    assert_eq!(place.keys().await, dense(1, 0..215));
    let files = walk(&place.folder()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "parquet")).count();
    assert_eq!(files, place.rows().await.len(), "the loser's files are gone");
}

pub(super) fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_what_the_next_start_sets_right() {
    let place = Place::new();
    let mut table = place.table().await;
    table.land(&[observations(1, 0..10)]).await.unwrap();

    // The data file stands, the commit does not.
    let batches = [observations(1, 10..20)];
    let files = table.format.encode(&channel(), None, &[(&batches[0], 0)]).unwrap();
    let written = table.write(1, "left-behind", &files).await.unwrap();
    drop(table);
    let mut table = place.table().await;
    assert_eq!(table.resume_at(1).await.unwrap(), 10);
    assert_eq!(table.land(&batches).await.unwrap().rows, 10);
    assert!(place.folder().join(&written[0].path).exists());

    // The commit stands, the process is gone before it knew: another handle, older, knows nothing of it either.
    let mut older = place.table().await;
    table.land(&[observations(1, 20..30)]).await.unwrap();
    drop(table);
    assert_eq!(place.table().await.resume_at(1).await.unwrap(), 30);
    assert_eq!(older.land(&[observations(1, 20..30)]).await.unwrap().rows, 0);

    // A call that was dropped at its first wait.
    let again = [observations(1, 30..40)];
    {
        let mut landing = Box::pin(older.land(&again));
        let polled = futures::poll!(landing.as_mut());
        assert!(polled.is_pending());
    }
    older.land(&again).await.unwrap();
    assert_eq!(place.keys().await, dense(1, 0..40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_schemas_add_columns_and_old_types_stay() {
    let place = Place::new();
    let mut table = place.table().await;
    table.land(&[batch(1, 0, &[r#"{"count":1,"humidity":80}"#])]).await.unwrap();
    let mut newer = spec();
    newer.columns[2].column_type = ColumnType::Text;
    newer.columns[0].personal = true;
    newer.columns.push(column("humidity", ColumnType::Integer));
    let mut table = place.lake().table(newer.clone()).await.unwrap();
    table.land(&[batch(1, 1, &[r#"{"count":"nhiều","humidity":81}"#])]).await.unwrap();
    let version = table.version();
    assert_eq!(place.lake().table(newer).await.unwrap().version(), version, "nothing to add the second time");
    let rows = place.rows().await;
    let new = rows.iter().find(|rows| rows.column_by_name("humidity").is_some()).unwrap();
    assert_eq!(new["humidity"].as_primitive::<Int64Type>().value(0), 81);
    assert_eq!(texts(new, "_extra"), [Some(r#"{"count":"nhiều"}"#.into())]);
    assert_eq!(
        texts(rows.iter().find(|rows| rows.column_by_name("humidity").is_none()).unwrap(), "_extra"),
        [Some(r#"{"humidity":80}"#.into())]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_values_are_in_no_statistics() {
    let place = Place::new();
    let mut table = place.table().await;
    let secret = "Nguyễn Thị Bí Mật";
    let line = format!(r#"{{"station":"s","count":1,"reporter":"{secret}","phone":"0900000000"}}"#);
    let mut told = batch(1, 0, &[line]);
    told.envelopes = vec![Envelope { id: Some("cccd-001".into()), ..Envelope::default() }];
    table.land(&[told]).await.unwrap();
    let log = place.log(1);
    for leak in [secret, "0900000000", "cccd-001"] {
        assert!(!log.contains(leak), "{leak} in {log}");
    }
    let file = walk(&place.folder()).into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(file).unwrap()).unwrap();
    let told: Vec<_> =
        reader.metadata().row_group(0).columns().iter().filter(|c| c.statistics().is_some()).map(|c| c.column_path().string()).collect();
    for kept_out in ["reporter", "_extra", "_id", "tags"] {
        assert!(!told.iter().any(|name| name == kept_out), "{told:?}");
    }
    assert!(told.iter().any(|name| name == "_offset"));
    assert!(place.log(0).contains("delta.dataSkippingStatsColumns"));
    assert!(!place.log(0).contains("setTransactionRetentionDuration"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upkeep_makes_checkpoints_and_the_transaction_outlives_the_log() {
    let place = Place::new();
    let mut table = place.table().await;
    for n in 0..100 {
        table.land(&[observations(1, n..n + 1)]).await.unwrap();
        assert_eq!(table.upkeep().await.unwrap(), n == 99);
    }
    // What a clean-up after the retention would leave: the checkpoint alone.
    for path in walk(&place.folder().join("_delta_log")) {
        if path.extension().is_some_and(|e| e == "json") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let mut table = place.table().await;
    assert_eq!((table.resume_at(1).await.unwrap(), table.version()), (100, 100));
    assert!(!table.upkeep().await.unwrap());
    table.land(&[observations(1, 100..101)]).await.unwrap();
    assert_eq!(place.keys().await, dense(1, 0..101));
    let mut plain = DeltaTable::new(place.lake().log_store(&channel()).unwrap());
    plain.load().await.unwrap();
    assert_eq!(plain.version(), Some(101));
}
