//! The suite on SQLite, and what only SQLite has: its settings, its lock, its full disk.

use super::apply::Work;
use super::conformance::{self, adds_up, append, channel, group, numbered};
use super::{Error, Group, Health, Options, Outcome, Refusal, Sequence, Store};

macro_rules! conform {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let folder = tempfile::tempdir().unwrap();
            conformance::$name(async || Store::open(Options::new(folder.path())).await.unwrap()).await;
        }
    )*};
}

conform!(
    offsets_are_dense_under_many_writers,
    checkpoints_move_by_compare_and_set,
    a_key_is_done_once,
    a_refused_group_leaves_the_others,
    many_light_groups_keep_their_order,
    staged_output_appears_at_once_or_never,
    pages_begin_and_end_where_asked,
    waits_end_when_a_record_comes,
    epochs_follow_each_other,
    the_quarantine_keeps_items_whole,
    the_quarantine_knows_the_message_of_an_item,
    attachments_count_with_their_group_or_never,
    runs_and_keys_are_kept,
    hours_add_up_and_pauses_stay,
    a_dropped_caller_breaks_nothing,
    a_sequence_goes_in_order_and_ends_where_one_fails,
    a_run_is_recorded_with_its_group_or_not_at_all,
    states_move_with_their_checkpoint_or_not_at_all,
    states_are_paged_in_the_order_of_their_keys,
    dead_letters_are_kept_until_they_are_delivered,
);

async fn refusal(folder: &std::path::Path) -> Error {
    match Store::open(Options::new(folder)).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_second_hub_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    store.close().await.unwrap();
    Store::open(Options::new(folder.path())).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn files_that_are_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.db");
    std::fs::write(&file, "a diary, and no database at all. ".repeat(200)).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    let said = error.to_string().replace(file.to_str().unwrap(), "hub.db");
    insta::assert_snapshot!(said, @"hub.db is damaged (file is not a database): put it aside and restore a backup");

    std::fs::remove_file(&file).unwrap();
    use sqlx::Connection;
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
    sqlx::query("CREATE TABLE recipe (name TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(Options::new(folder.path())).await.unwrap().close().await.unwrap();
    let mut db = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    sqlx::query("INSERT INTO migration (version) VALUES (99)").execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    insta::assert_snapshot!(refusal(folder.path()).await, @"the database has version 99, this hub knows up to 5: run the newer hub");
}

#[tokio::test]
async fn a_database_of_an_earlier_hub_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let rejections = vec![conformance::rejection("a/one", b"bad")];
    let earlier = Group { rejections, ..group(vec![append("a/one", numbered(0..3))]) };
    assert!(matches!(store.commit(earlier).await, Outcome::Committed(_)));
    store.close().await.unwrap();
    let mut db = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    let before_attachments = "DROP TABLE attachment; DROP TABLE staged_attachment; DROP TABLE state; DROP TABLE dead_letter;
        DELETE FROM counter WHERE name = 'dead_letter'; DELETE FROM migration WHERE version > 1;
        ALTER TABLE channel DROP COLUMN attachments; ALTER TABLE channel DROP COLUMN attachment_bytes; DROP INDEX quarantine_by_message_name;
        ALTER TABLE quarantine DROP COLUMN message_name; ALTER TABLE staged_rejection DROP COLUMN message_name;
        DROP TABLE connector_hour; DROP TABLE paused_connector; ALTER TABLE run DROP COLUMN cpu_us; ALTER TABLE run DROP COLUMN egress_bytes";
    sqlx::raw_sql(before_attachments).execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    let sums = &store.sums().await.unwrap()[0];
    assert_eq!((sums.stored, sums.attachments, sums.attachment_bytes), (3, 0, 0));
    let (entry, bytes) = store.quarantine_entry(1).await.unwrap().unwrap();
    assert_eq!((entry.message_name, bytes), (None, b"bad".to_vec()));
    let attachments = vec![conformance::attachment(&store, "a/one", b"new").await];
    assert!(matches!(store.commit(super::Group { attachments, ..group(vec![]) }).await, Outcome::Committed(_)));
    assert_eq!(store.sums().await.unwrap()[0].attachments, 1);
    adds_up(&store).await;
}

#[tokio::test]
async fn a_key_is_forgotten_after_seven_days_of_the_stores_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    for key in ["old", "young"] {
        let group = Group { remember: Some(conformance::keyed(key, 1)), ..group(vec![]) };
        assert!(matches!(store.commit(group).await, Outcome::Committed(_)));
    }
    store.close().await.unwrap();
    let mut db = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    let pass =
        "UPDATE remembered SET remembered_at = remembered_at - CASE WHEN key = CAST('old' AS BLOB) THEN 604800000000 ELSE 604000000000 END";
    sqlx::query(pass).execute(&mut db).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT next FROM counter WHERE name = 'steady_clock'").fetch_one(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1);
    for (key, known) in [("old", false), ("young", true)] {
        assert_eq!(store.recall("weather-office", key.as_bytes()).await.unwrap().is_some(), known, "{key}");
    }
    store.close().await.unwrap();
    // The time went on from where it stood.
    let mut db = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    let later: i64 = sqlx::query_scalar("SELECT next FROM counter WHERE name = 'steady_clock'").fetch_one(&mut db).await.unwrap();
    assert!(later > kept && later < kept + 600_000_000, "{kept} {later}");
}

#[tokio::test]
async fn a_file_cut_short_is_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    store.close().await.unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(super::database::file(folder.path())).unwrap();
    file.set_len(3 * 4_096).unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_resumes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let noise = |seed: u64| {
        let mut x = seed | 1;
        let record = move |_| {
            let text: String =
                (0..20).map(|_| (x = x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1), format!("{x:016x}")).1).collect();
            format!("{{\"t\":\"{text}\"}}")
        };
        group(vec![append("a/one", conformance::batch((0..400).map(record)))])
    };
    store.answer(Work::MaxPages(120), 0).await.unwrap();
    let mut stored = 0;
    let refused = loop {
        match store.commit(noise(stored)).await {
            Outcome::Committed(_) => stored += 1,
            other => break other,
        }
        assert!(stored < 1_000);
    };
    assert_eq!(refused, Outcome::Refused(Refusal::Full));
    assert_eq!(store.health(), Health::Full);
    assert_eq!(store.commit(noise(77)).await, Outcome::Refused(Refusal::Full));
    let sequence = Sequence::default();
    let in_sequence = |seed| Group { sequence: Some(sequence.clone()), ..noise(seed) };
    assert_eq!(store.commit(in_sequence(79)).await, Outcome::Refused(Refusal::Full));
    adds_up(&store).await;
    // Raising the limit is a write that succeeds, as any write would once there is space.
    store.answer(Work::MaxPages(1 << 20), 0).await.unwrap();
    let Outcome::Committed(receipt) = store.commit(noise(78)).await else { panic!("it did not resume") };
    assert_eq!(receipt.ranges[0].first, stored * 400);
    assert_eq!(store.health(), Health::Ready);
    // Space came too late for what waited behind the one that was refused.
    assert_eq!(store.commit(in_sequence(80)).await, Outcome::Refused(Refusal::OutOfSequence));
    adds_up(&store).await;
}

/// A full disk keeps lost output from being deleted; it must not come back under a new call's name.
#[tokio::test]
async fn lost_output_that_stays_is_no_new_calls() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    for _ in 0..3 {
        store.stage(store.begin_call(), conformance::part(vec![append("a/one", numbered(0..5))], vec![])).await.unwrap();
    }
    store.close().await.unwrap();
    let mut db = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    sqlx::query("CREATE TRIGGER full BEFORE DELETE ON block BEGIN SELECT RAISE(ABORT, 'no space'); END").execute(&mut db).await.unwrap();
    assert!(super::staging::delete_lost(&mut db).await.is_err(), "only a full disk is forgiven");
    sqlx::query("DROP TRIGGER full").execute(&mut db).await.unwrap();
    sqlx::query("UPDATE staged_batch SET call = call + 10").execute(&mut db).await.unwrap();
    assert_eq!(super::staging::first_free_call(&mut db).await.unwrap(), 14);
    assert_eq!(super::staging::delete_lost(&mut db).await.unwrap(), 1);
}

#[tokio::test]
async fn another_program_that_holds_the_file_only_delays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let mut other = super::database::writer(&super::database::file(folder.path())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let refused = store.commit(group(vec![append("a/one", numbered(0..1))])).await;
    assert!(matches!(&refused, Outcome::Refused(Refusal::Failed(why)) if why.contains("another program")), "{refused:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(matches!(store.commit(group(vec![append("a/one", numbered(0..1))])).await, Outcome::Committed(_)));
    assert_eq!(store.health(), Health::Ready);
}

#[tokio::test]
async fn every_connection_has_the_settings_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Options::new(folder.path())).await.unwrap();
    let mut reader = store.reader().await.unwrap();
    assert!(sqlx::query("DELETE FROM channel").execute(&mut *reader).await.is_err(), "readers cannot write");
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *reader).await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *reader).await.unwrap();
    assert_eq!((synchronous, mode.as_str()), (2, "wal"));
}
