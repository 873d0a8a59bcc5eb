//! The one task that writes. It takes what waits in a bounded queue, does it in one transaction, each piece in a
//! savepoint, and answers after COMMIT.

use std::sync::{Arc, PoisonError, RwLock};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::apply::{Apply, BlockNumbers, Done, Trouble, Work};
use super::error::{Severity, severity, sqlite_code};
use super::folder::FolderLock;
use super::steady::{self, Steady};
use super::tail::{End, Tails};
use super::{Error, GroupCommit, Health, Refusal, Sequence, decode};
use crate::failpoint;

/// Compressed bytes after which the WAL goes into the database.
const CHECKPOINT_BYTES: usize = 16 << 20;

/// WAL pages from which on a checkpoint waits for readers, so that it can begin anew: about 256 MiB.
const LONG_WAL_PAGES: i64 = 65_536;

/// A piece of work and who waits for it.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) weight: usize,
    pub(super) reply: oneshot::Sender<Answer>,
    /// Its share of the bytes that may wait; given back when the job is done.
    pub(super) _share: OwnedSemaphorePermit,
}

/// What became of it.
pub(super) enum Answer {
    Done(Done),
    Refused(Refusal),
    Unknown(String),
}

impl Answer {
    /// The same verdict for another piece of work that met the same fate.
    fn again(&self) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.clone()),
            Self::Unknown(why) => Self::Unknown(why.clone()),
            Self::Done(_) => Self::Unknown("the transaction it was part of failed".into()),
        }
    }
}

/// Whether a failed COMMIT surely left no commit record in the WAL.
fn not_written(error: &sqlx::Error) -> bool {
    const FULL: i32 = 13;
    const BUSY: i32 = 5;
    sqlite_code(error).is_some_and(|code| matches!(code & 0xff, FULL | BUSY))
}

/// What the writer shows to everyone.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) tails: Tails,
    health: RwLock<Health>,
}

impl Shown {
    /// The database could not be written for want of space.
    pub(super) fn is_full(&self) -> bool {
        self.health() == Health::Full
    }

    pub(super) fn health(&self) -> Health {
        self.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_health(&self, health: Health) {
        *self.health.write().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

pub(super) struct Writer {
    db: SqliteConnection,
    blocks: BlockNumbers,
    shown: Arc<Shown>,
    group: GroupCommit,
    unchecked_bytes: usize,
    steady: Steady,
    /// Given back after the connection is closed.
    lock: FolderLock,
}

impl Writer {
    /// Reads the ends of all channels; from then on they are known without asking the database.
    pub(super) async fn new(mut db: SqliteConnection, lock: FolderLock, group: GroupCommit) -> Result<Self, Error> {
        let tails = Tails::default();
        for row in sqlx::query("SELECT channel, epoch, next_offset, last_epoch, last_offset FROM channel").fetch_all(&mut db).await? {
            tails.set(&decode::channel(&row, 0)?, End { next: decode::position(&row, 1)?, last: decode::position(&row, 3)? });
        }
        let blocks = BlockNumbers::load(&mut db).await?;
        let steady = Steady::load(&mut db).await?;
        let shown = Arc::new(Shown { tails, health: RwLock::new(Health::Ready) });
        Ok(Self { db, blocks, shown, group, unchecked_bytes: 0, steady, lock })
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// Works until `closing` or until nobody can send more; what waits by then is done all the same.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>, closing: CancellationToken) -> Result<(), Error> {
        loop {
            let first = tokio::select! {
                biased;
                () = closing.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
                job = queue.recv() => job,
            };
            let Some(first) = first else { break };
            let jobs = self.gather(first, &mut queue).await;
            self.turn(jobs).await;
            if self.unchecked_bytes >= CHECKPOINT_BYTES {
                self.checkpoint().await;
            }
        }
        let emptied = match self.shown.health() {
            Health::Failed(_) => Ok(()),
            Health::Ready | Health::Full | Health::Low { .. } => {
                // Without it keys only live longer.
                let _ = steady::keep(&mut self.db, self.steady.now()).await;
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.db).await.map(|_| ())
            }
        };
        let closed = self.db.close().await;
        drop(self.lock);
        Ok(emptied.and(closed)?)
    }

    async fn gather(&self, first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
        let mut bytes = first.weight;
        let mut jobs = vec![first];
        let until = tokio::time::Instant::now() + self.group.linger;
        while jobs.len() < self.group.max_groups && bytes < self.group.max_bytes {
            let next = match queue.try_recv() {
                Ok(job) => Some(job),
                Err(_) if self.group.linger.is_zero() => None,
                Err(_) => tokio::time::timeout_at(until, queue.recv()).await.ok().flatten(),
            };
            let Some(job) = next else { break };
            bytes += job.weight;
            jobs.push(job);
        }
        jobs
    }

    /// One transaction.
    async fn turn(&mut self, jobs: Vec<Job>) {
        let mut replies = Vec::with_capacity(jobs.len());
        let mut works = Vec::with_capacity(jobs.len());
        for Job { work, weight, reply, _share } in jobs {
            works.push((work, weight));
            replies.push((reply, _share));
        }
        let answers = match self.shown.health() {
            Health::Failed(why) => works.iter().map(|_| Answer::Refused(Refusal::Failed(why.clone()))).collect(),
            Health::Ready | Health::Full | Health::Low { .. } => self.transact(works).await,
        };
        for ((reply, share), answer) in replies.into_iter().zip(answers) {
            // Whoever asked may be gone; the work stands all the same.
            let _ = reply.send(answer);
            drop(share);
        }
    }

    async fn transact(&mut self, works: Vec<(Work, usize)>) -> Vec<Answer> {
        let asked = works.len();
        let weight: usize = works.iter().map(|(_, weight)| weight + 4_096).sum();
        let sequences: Vec<Sequence> = works.iter().filter_map(|(work, _)| work.sequence().cloned()).collect();
        let (answers, ends) = match self.attempt(works).await {
            Ok(applied) => applied,
            Err(error) => {
                sequences.iter().for_each(Sequence::break_off);
                let refusal = self.give_up(error).await;
                return (0..asked).map(|_| Answer::Refused(refusal.clone())).collect();
            }
        };
        failpoint::reached("store.before-commit");
        if let Err(error) = sqlx::query("COMMIT").execute(&mut self.db).await {
            sequences.iter().for_each(Sequence::break_off);
            return self.commit_failed(error, answers).await;
        }
        failpoint::reached("store.after-commit");
        for (channel, end) in ends {
            self.shown.tails.set(&channel, end);
        }
        if self.shown.health() == Health::Full {
            tracing::info!("there is space again: data is taken");
            self.shown.set_health(Health::Ready);
        }
        self.unchecked_bytes += weight;
        answers
    }

    /// Everything up to COMMIT. An error means that none of it may stand.
    async fn attempt(
        &mut self,
        works: Vec<(Work, usize)>,
    ) -> Result<(Vec<Answer>, Vec<(lienthong_core::id::ChannelId, End)>), sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await?;
        let mut answers = Vec::with_capacity(works.len());
        let mut ends = Vec::new();
        for (work, _) in works {
            let sequence = work.sequence().cloned();
            if sequence.as_ref().is_some_and(Sequence::is_broken) {
                answers.push(Answer::Refused(Refusal::OutOfSequence));
                continue;
            }
            sqlx::query("SAVEPOINT piece").execute(&mut self.db).await?;
            let mut apply = Apply { db: &mut self.db, blocks: &mut self.blocks, ends: Vec::new(), now: self.steady.now() };
            let done = apply.work(work).await;
            let piece_ends = apply.ends;
            let refusal = match done {
                Ok(done) => {
                    sqlx::query("RELEASE SAVEPOINT piece").execute(&mut self.db).await?;
                    ends.extend(piece_ends);
                    answers.push(Answer::Done(done));
                    continue;
                }
                Err(Trouble::Refused(refusal)) => refusal,
                Err(Trouble::Sql(error)) if severity(&error) == Severity::Statement => Refusal::Failed(error.to_string()),
                Err(Trouble::Sql(error)) => return Err(error),
            };
            sqlx::query("ROLLBACK TO SAVEPOINT piece").execute(&mut self.db).await?;
            sqlx::query("RELEASE SAVEPOINT piece").execute(&mut self.db).await?;
            if let Some(sequence) = sequence {
                sequence.break_off();
            }
            answers.push(Answer::Refused(refusal));
        }
        Ok((answers, ends))
    }

    /// Nothing was committed: undoes the transaction and says why.
    async fn give_up(&mut self, error: sqlx::Error) -> Refusal {
        let severity = severity(&error);
        self.roll_back().await;
        match severity {
            Severity::Full => {
                if self.shown.health() == Health::Ready {
                    tracing::warn!(%error, "the disk is full: nothing is taken until there is space");
                    self.shown.set_health(Health::Full);
                }
                Refusal::Full
            }
            Severity::Busy => Refusal::Failed("another program holds the database: close it and try again".into()),
            Severity::Statement => Refusal::Failed(error.to_string()),
            Severity::Fatal => Refusal::Failed(self.fail(&error)),
        }
    }

    async fn roll_back(&mut self) {
        // SQLite may have rolled back by itself, and then says that there is nothing to roll back.
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.db).await
            && severity(&error) != Severity::Statement
        {
            self.fail(&error);
        }
    }

    /// An answer to what was applied once COMMIT went wrong. A full disk or a lock means that the commit record was not
    /// written. After anything else the record may be on the disk or not, and a restart will tell.
    async fn commit_failed(&mut self, error: sqlx::Error, answers: Vec<Answer>) -> Vec<Answer> {
        let verdict = if not_written(&error) {
            Answer::Refused(self.give_up(error).await)
        } else {
            let why = self.fail(&error);
            self.roll_back().await;
            Answer::Unknown(why)
        };
        // Refusals and repeats too: they may rest on what another piece of the same transaction wrote.
        answers.iter().map(|_| verdict.again()).collect()
    }

    /// From here on everything is refused: after a failed sync the system may have dropped the very pages that a second
    /// sync would then report as written.
    fn fail(&self, error: &sqlx::Error) -> String {
        let why = format!("the database could not be written ({error}): check the disk and restart the hub");
        if !matches!(self.shown.health(), Health::Failed(_)) {
            tracing::error!(%error, "the database could not be written: everything is refused until the hub restarts");
            self.shown.set_health(Health::Failed(why.clone()));
        }
        why
    }

    /// Moves the WAL into the database. A full disk or a reader in the way only puts it off.
    async fn checkpoint(&mut self) {
        self.unchecked_bytes = 0;
        failpoint::reached("store.before-wal-checkpoint");
        let pages = match sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut self.db).await {
            Ok(row) => row.try_get::<i64, _>(1).unwrap_or_default(),
            Err(error) => return self.checkpoint_failed(&error),
        };
        failpoint::reached("store.after-wal-checkpoint");
        if pages > LONG_WAL_PAGES
            && let Err(error) = sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(&mut self.db).await
        {
            self.checkpoint_failed(&error);
        }
    }

    fn checkpoint_failed(&self, error: &sqlx::Error) {
        if severity(error) == Severity::Fatal {
            self.fail(error);
        }
    }
}
