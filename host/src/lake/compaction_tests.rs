//! Merging, as readers and rivals meet it: the same rows before and after, each once, whoever else writes meanwhile.

use deltalake_core::arrow::array::AsArray;
use deltalake_core::arrow::datatypes::Int64Type;
use lienthong_core::columns::ColumnType;
use lienthong_core::time::Timestamp;

use super::tests::{Place, batch, column, dense, observations, spec, texts};
use super::*;

async fn merged(table: &mut Table) -> Vec<Compacted> {
    let mut lots = Vec::new();
    while let Some(lot) = table.compact().await.unwrap() {
        lots.push(lot);
    }
    lots
}

fn data_files(place: &Place) -> usize {
    super::tests::walk(&place.folder()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "parquet")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_landings_become_one_file_with_the_same_rows() {
    let place = Place::new();
    let mut table = place.table().await;
    for n in 0..100 {
        table.land(&[observations(1, n * 3..n * 3 + 3)]).await.unwrap();
        assert_eq!(table.compact().await.unwrap(), None, "not before the upkeep says so");
        table.upkeep().await.unwrap();
    }
    let before: Vec<_> = place.rows().await.iter().flat_map(|rows| texts(rows, "station")).collect();
    let lots = merged(&mut table).await;
    assert_eq!(lots.iter().map(|lot| (lot.files, lot.rows)).collect::<Vec<_>>(), [(100, 300)]);
    let rows = place.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["_offset"].as_primitive::<Int64Type>().values(), &(0..300).collect::<Vec<i64>>()[..], "in their order");
    let mut after = texts(&rows[0], "station");
    after.sort();
    let mut before = before;
    before.sort();
    assert_eq!(after, before);
    let log = place.log(table.version());
    assert!(log.contains(r#""isBlindAppend":false"#) && log.matches(r#""dataChange":false"#).count() == 101, "{log}");
    assert!(log.contains(r#"\"minValues\":{"#) && log.contains(r#"\"_offset\":0"#), "{log}");

    // Landing goes on, from where it was.
    assert_eq!(table.land(&[observations(1, 297..310)]).await.unwrap().rows, 10);
    assert_eq!(place.table().await.resume_at(1).await.unwrap(), 310);

    // Who reads an older version still finds its files; a day later nobody does.
    let checkpoints = 1;
    assert_eq!(data_files(&place), 102 + checkpoints);
    table.delete_unnamed(Some(chrono::Duration::zero())).await.unwrap();
    assert_eq!(data_files(&place), 2 + checkpoints);
    assert_eq!(place.keys().await, dense(1, 0..310));
    assert_eq!(table.land(&[observations(1, 310..311)]).await.unwrap().rows, 1, "the vacuum's own commits are known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_older_schemas_epochs_and_days_keep_what_they_have() {
    let place = Place::new();
    let mut table = place.table().await;
    for n in 0..20 {
        table.land(&[batch(1, n, &[r#"{"count":1,"humidity":80}"#])]).await.unwrap();
    }
    let mut newer = spec();
    newer.columns.push(column("humidity", ColumnType::Integer));
    let mut table = place.lake().table(newer).await.unwrap();
    let mut other_day = Vec::new();
    for n in 0..20 {
        let mut tomorrow = batch(2, 20 + n, &[r#"{"humidity":81}"#]);
        tomorrow.received_at = Timestamp::from_micros(tomorrow.received_at.micros() + 86_400_000_000);
        table.land(&[batch(2, n, &[r#"{"count":1,"humidity":80}"#])]).await.unwrap();
        other_day.push(tomorrow);
    }
    for tomorrow in other_day {
        table.land(&[tomorrow]).await.unwrap();
    }
    table.compaction.due = true;
    assert_eq!(merged(&mut table).await.first().map(|lot| lot.files), Some(40));
    assert_eq!(place.keys().await, [dense(1, 0..20), dense(2, 0..40)].concat());
    let rows = place.rows().await;
    let mixed = rows.iter().find(|rows| rows.num_rows() == 40).unwrap();
    let humidity: Vec<_> = mixed["humidity"].as_primitive::<Int64Type>().iter().collect();
    assert_eq!((humidity[0], humidity[39]), (None, Some(80)));
    assert_eq!(texts(mixed, "_extra")[19..21], [Some(r#"{"humidity":80}"#.to_owned()), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_lands_meanwhile_goes_first_and_nothing_is_lost_or_doubled() {
    let place = Place::new();
    let mut merging = place.table().await;
    let mut next = 0;
    for round in 0..2 {
        // Who was overtaken opens the table anew, as the pipeline does.
        merging.reload().await.unwrap();
        for _ in 0..40 {
            merging.land(&[observations(1, next..next + 2)]).await.unwrap();
            next += 2;
        }
        merging.compaction.due = true;
        let mut landing = place.table().await;
        let from = next;
        next += 16;
        let (lots, ()) = tokio::join!(merged(&mut merging), async {
            for n in 0..8 {
                landing.land(&[observations(1, from - 50 - round..from), observations(1, from..from + 2 + 2 * n)]).await.unwrap();
            }
        });
        assert!(lots.len() < 4, "{lots:?}");
    }
    assert_eq!(place.keys().await, dense(1, 0..i64::try_from(next).unwrap()));
    // Overtaken or not so far, undisturbed it merges.
    merging.compaction.due = true;
    assert!(!merged(&mut merging).await.is_empty());
    let unnamed = data_files(&place);
    merging.delete_unnamed(Some(chrono::Duration::zero())).await.unwrap();
    assert!(data_files(&place) < unnamed);
    assert_eq!(place.keys().await, dense(1, 0..i64::try_from(next).unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_was_cut_off_leaves_the_table_as_it_was() {
    let place = Place::new();
    let mut table = place.table().await;
    for n in 0..40 {
        table.land(&[observations(1, n..n + 1)]).await.unwrap();
    }
    for polls in [1, 2, 3, 10, 30] {
        let mut handle = place.table().await;
        handle.compaction.due = true;
        let mut merging = Box::pin(handle.compact());
        for _ in 0..polls {
            if futures::poll!(merging.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(merging);
        assert_eq!(place.keys().await, dense(1, 0..40));
    }
    assert_eq!(table.land(&[observations(1, 40..41)]).await.unwrap().rows, 1);
    table.compaction.due = true;
    merged(&mut table).await;
    assert_eq!((place.keys().await, place.rows().await.len() < 33), (dense(1, 0..41), true));
}
