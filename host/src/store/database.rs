//! Connections to `hub.db`, with every setting that durability rests on read back, and the migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::Error;
use super::error::{Severity, severity, sqlite_code};

/// `Lien`, in the header of our files.
const APPLICATION_ID: i64 = 0x4c69_656e;

/// Connections for reading; each reads one page at a time.
const READERS: u32 = 4;

/// Each migration in its order; the first is number 1.
const MIGRATIONS: &[&str] = &[
    include_str!("sqlite.sql"),
    include_str!("attachments.sql"),
    include_str!("message_names.sql"),
    include_str!("supervision.sql"),
    include_str!("routes.sql"),
];

/// Settings of every connection, each read back. FULL syncs the WAL at each commit.
const PRAGMAS: &[(&str, &str, &str)] = &[
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("mmap_size", "0", "0"),
    ("fullfsync", "ON", "1"),
    ("checkpoint_fullfsync", "ON", "1"),
    // The writer checkpoints itself: the automatic one drops its errors, and a failed fsync must not pass unseen.
    ("wal_autocheckpoint", "0", "0"),
];

/// The file's path in the hub's folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(super::DATABASE)
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(5)).disable_statement_logging();
    PRAGMAS.iter().fold(options, |options, (name, wanted, _)| options.pragma(*name, *wanted))
}

/// Opens or makes the database, checks whose it is, and brings it up to date.
pub(super) async fn writer(path: &Path) -> Result<SqliteConnection, Error> {
    let mut db = options(path).create_if_missing(true).connect().await.map_err(damage(path))?;
    check_version(&mut db).await?;
    let ours = integer(&mut db, "PRAGMA application_id").await.map_err(damage(path))? == APPLICATION_ID;
    if !ours && integer(&mut db, "SELECT count(*) FROM sqlite_master").await.map_err(damage(path))? > 0 {
        return Err(Error::Foreign { path: path.into() });
    }
    // Not in the options: those would turn another program's file into a WAL database before it is known as such.
    sqlx::query("PRAGMA journal_mode = WAL").execute(&mut db).await.map_err(damage(path))?;
    empty_wal(&mut db).await.map_err(damage(path))?;
    migrate(&mut db, ours).await.map_err(|error| match error {
        Error::Sql(error) => damage(path)(error),
        other => other,
    })?;
    read_back(&mut db).await?;
    Ok(db)
}

/// Moves what an earlier life left in the WAL into the database. That life may have ended before a sync, or after one that
/// failed: then the system shows frames that are not on the disk, and may never be, and a power cut would take them with
/// all that was committed behind them. Nobody is told of them before they are safe. A full disk, or another program that
/// reads the file, only puts it off.
async fn empty_wal(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    match sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(db).await {
        Ok(0_i64) => {}
        Ok(_) => tracing::warn!("another program reads the database: the write-ahead log could not be emptied"),
        Err(error) if severity(&error) == Severity::Full => {
            tracing::warn!(%error, "the disk is full: the write-ahead log could not be emptied")
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A few connections that cannot write.
pub(super) async fn readers(path: &Path) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .after_connect(|db, _| Box::pin(async move { read_back(db).await.map_err(|e| sqlx::Error::Configuration(Box::new(e))) }))
        .connect_with(options(path).read_only(true))
        .await?;
    Ok(pool)
}

async fn integer(db: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(db).await
}

async fn check_version(db: &mut SqliteConnection) -> Result<(), Error> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(db).await?;
    let parts: Vec<u32> = found.split('.').map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() < [3, 51, 3].as_slice() {
        return Err(Error::OldSqlite { found });
    }
    Ok(())
}

async fn read_back(db: &mut SqliteConnection) -> Result<(), Error> {
    for (name, wanted, value) in PRAGMAS.iter().copied().chain([("journal_mode", "WAL", "wal")]) {
        // Names of our own list; a pragma takes no parameters.
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA {name}"))).fetch_one(&mut *db).await?;
        let found = pragma_text(&row)?;
        if found != value {
            return Err(Error::Pragma { name, wanted, found });
        }
    }
    Ok(())
}

fn pragma_text(row: &sqlx::sqlite::SqliteRow) -> Result<String, sqlx::Error> {
    use sqlx::Row;
    row.try_get::<i64, _>(0).map(|n| n.to_string()).or_else(|_| row.try_get::<String, _>(0))
}

async fn migrate(db: &mut SqliteConnection, ours: bool) -> Result<(), Error> {
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    if !ours {
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"))).execute(&mut *tx).await?;
        sqlx::query("CREATE TABLE migration (version BIGINT NOT NULL PRIMARY KEY)").execute(&mut *tx).await?;
    }
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM migration").fetch_one(&mut *tx).await?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for (version, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO migration (version) VALUES ($1)").bind::<i64>(version).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Says which file is broken, where SQLite says that one is.
fn damage(path: &Path) -> impl FnOnce(sqlx::Error) -> Error {
    const CORRUPT: i32 = 11;
    const NOTADB: i32 = 26;
    let path = path.to_path_buf();
    move |error| match sqlite_code(&error).map(|code| code & 0xff) {
        Some(CORRUPT | NOTADB) => {
            let message = error.as_database_error().map_or_else(String::new, |e| e.message().to_owned());
            Error::Damaged { path, message }
        }
        _ => Error::Sql(error),
    }
}
