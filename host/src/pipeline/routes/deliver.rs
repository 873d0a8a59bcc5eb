//! The part of a route that delivers to an agency system through a connector's `sink`. It claims a batch of the log, and keeps the
//! claim at its checkpoint before anything leaves: so a crash, a lost answer or a time-out is followed by the same records under
//! the same key. The claim ends when each of its records is settled: delivered, or given up and kept as a dead letter.

use std::sync::Arc;
use std::time::Duration;

use lienthong_core::city::{Access, Begin, Delivering};
use lienthong_core::id::RouteId;
use lienthong_core::log::{Position, StoredBatch, record_id};
use lienthong_core::ports::Nowhere;
use lienthong_core::retry::Backoff;
use tokio::time::Instant;

use super::Surroundings;
use super::claim::{self, Claimed, Cursor};
use super::condition::Part;
use super::cursor::{Mark, group};
use super::pace::{Pace, Remedy};
use crate::clock;
use crate::pipeline::call::{Connector, RunClock, enter};
use crate::pipeline::channels::Channel;
use crate::pipeline::fault::{Fault, FaultKind};
use crate::pipeline::supervisor::entropy;
use crate::store::{DeadLetter, GivenUp, Redriven};
use crate::wasm::{Batch, Call, Cause, Failure, ItemStatus};

/// Bytes of one batch, its last record left out.
const BATCH_BYTES: usize = 1 << 20;

/// What is kept of a reason, bytes.
const REASON_BYTES: usize = 2 << 10;

/// The longest pause that an agency system can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(3_600);

/// Nothing is asked of a channel that is waited for; this only bounds one wait.
const A_WHILE: Duration = Duration::from_secs(3_600);

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(300) };

/// The part of one route that delivers through one connector.
pub(super) struct Deliverer {
    pub(super) around: Surroundings,
    pub(super) route: RouteId,
    pub(super) from: Arc<Channel>,
    pub(super) begin: Begin,
    pub(super) sink: Arc<Connector>,
    pub(super) how: Delivering,
}

/// What a call of the sink made of its records.
struct Attempt {
    settled: Vec<(Claimed, Fate)>,
    /// Why those that are not settled are not, in one text.
    fault: Option<Fault>,
}

/// What became of one record.
enum Fate {
    Delivered,
    GivenUp(String),
}

struct Running {
    it: Deliverer,
    part: Part,
    owner: String,
    pace: Pace,
    failures: u32,
}

impl Deliverer {
    /// Works until the stop.
    pub(super) async fn run(self) {
        let mut running = Running {
            part: (self.route.clone(), Some(self.sink.id.clone())),
            owner: format!("delivery:{}:{}:{}", self.route, self.sink.id, self.from.id),
            pace: Pace::new(self.how.records as usize),
            failures: 0,
            it: self,
        };
        let stop = running.it.around.stop.clone();
        while !stop.is_cancelled() {
            let Err(fault) = running.go_on().await else { return };
            running.failures += 1;
            running.failed(&fault);
            let wish = fault.retry_after.map(|wish| wish.min(LONGEST_WISH));
            let pause = wish.unwrap_or_else(|| BACKOFF.delay(running.failures, entropy()));
            tokio::select! {
                () = stop.cancelled() => {}
                () = running.it.sink.gate.resumed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

impl Running {
    /// Reads its checkpoint, so that after any failure the store says what is claimed, and works from there.
    async fn go_on(&mut self) -> Result<(), Fault> {
        let mut mark = self.mark().await?;
        let (stop, mut redrives) = (self.it.around.stop.clone(), self.it.around.store.redrives());
        while !stop.is_cancelled() {
            self.it.may_go_on()?;
            self.it.around.conditions.reached(&self.part, mark.cursor.settled_until());
            if !mark.cursor.claimed.is_empty() {
                self.attempt(&mut mark).await?;
                continue;
            }
            redrives.mark_unchanged();
            let letter = self.it.around.store.next_redrive(&self.it.route, &self.it.sink.id).await.map_err(hub)?;
            if let Some(letter) = letter {
                self.redrive(letter).await?;
            } else if !self.claim(&mut mark).await? {
                self.it.around.conditions.at_rest(&self.part);
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = redrives.changed() => {}
                    _ = self.it.around.store.wait(&self.it.from.id, mark.cursor.next(), Instant::now() + A_WHILE) => {}
                }
            }
        }
        Ok(())
    }

    async fn mark(&self) -> Result<Mark<Cursor>, Fault> {
        let store = &self.it.around.store;
        let start = match self.it.begin {
            Begin::First => Position::START,
            Begin::Now => store.end(&self.it.from.id).unwrap_or(Position::START),
        };
        let mut mark = Mark::read(store, &self.owner, || Cursor::at(start)).await?;
        if mark.is_new() && self.it.begin == Begin::Now {
            // What comes while it waits is not to be missed after a restart.
            self.commit(&mut mark, Cursor::at(start), Vec::new()).await?;
        }
        Ok(mark)
    }

    /// Claims the next batch, if there is one. What came meanwhile waits for the batch after.
    async fn claim(&self, mark: &mut Mark<Cursor>) -> Result<bool, Fault> {
        let page = self.it.read(mark.cursor.next(), self.it.how.records).await?;
        let Some(epoch) = page.first().map(|batch| batch.first.epoch) else { return Ok(false) };
        let mut same = page.iter().filter(|batch| batch.first.epoch == epoch);
        let claimed: Vec<_> = same.clone().flat_map(StoredBatch::records).map(|(offset, ..)| Claimed(offset, 0)).collect();
        let next = same.next_back().map_or(mark.cursor.next(), StoredBatch::end);
        let cursor = Cursor { epoch: next.epoch, offset: next.offset, claimed_epoch: epoch, claimed };
        self.commit(mark, cursor, Vec::new()).await?;
        Ok(true)
    }

    /// Tries what is claimed once, and settles what it can. An error means: what is left shall be tried again later.
    async fn attempt(&mut self, mark: &mut Mark<Cursor>) -> Result<(), Fault> {
        let Cursor { claimed_epoch: epoch, claimed, .. } = mark.cursor.clone();
        let (now, later) = claimed.split_at(claimed.len().min(self.pace.width()));
        let attempt = self.try_once(epoch, now).await?;
        let mut left: Vec<Claimed> = now.to_vec();
        let (mut delivered, mut given_up) = (0, Vec::new());
        for (record, fate) in attempt.settled {
            left.retain(|Claimed(offset, _)| *offset != record.0);
            match fate {
                Fate::Delivered => delivered += 1,
                Fate::GivenUp(reason) => given_up.push(self.it.letter(epoch, record, reason)),
            }
        }
        let mut tried: Vec<_> = left.into_iter().map(|Claimed(offset, attempts)| Claimed(offset, attempts.saturating_add(1))).collect();
        tried.extend_from_slice(later);
        let cursor = Cursor { claimed: tried, ..mark.cursor.clone() };
        self.commit(mark, cursor, given_up).await?;
        self.it.around.conditions.reached(&self.part, mark.cursor.settled_until());
        if mark.cursor.claimed.len() < claimed.len() || attempt.fault.is_none() {
            // It goes on, if not with all.
            self.failures = 0;
        }
        self.count(delivered);
        attempt.fault.map_or(Ok(()), Err)
    }

    fn count(&self, delivered: u64) {
        if delivered > 0 {
            self.it.around.conditions.succeeded(&self.part, delivered, 0, clock::now());
            self.it.around.supervision.succeeded(&self.it.sink.id, delivered, 0, clock::now());
        }
    }

    /// Calls the sink with these records, and reads its answer.
    async fn try_once(&mut self, epoch: u32, records: &[Claimed]) -> Result<Attempt, Fault> {
        let (batch, lost) = self.it.batch(epoch, records).await?;
        let gone = || Fate::GivenUp("the record is no longer in the log".to_owned());
        let mut attempt = Attempt { settled: lost.into_iter().map(|record| (record, gone())).collect(), fault: None };
        let sent: Vec<Claimed> =
            records.iter().filter(|record| attempt.settled.iter().all(|(lost, _)| lost.0 != record.0)).copied().collect();
        if sent.is_empty() {
            return Ok(attempt);
        }
        match self.it.call(epoch, &sent, batch).await {
            Ok(statuses) => {
                self.pace.well();
                let mut retry = None;
                for (record, status) in sent.into_iter().zip(statuses) {
                    match status {
                        ItemStatus::Delivered => attempt.settled.push((record, Fate::Delivered)),
                        ItemStatus::Refused(why) => attempt.settled.push((record, Fate::GivenUp(why))),
                        ItemStatus::Retry(why) if self.it.is_last(record) => attempt.settled.push((record, Fate::GivenUp(why))),
                        ItemStatus::Retry(why) => retry = Some(why),
                    }
                }
                attempt.fault = retry.map(|why| upstream(format!("the agency system did not take all: {}", cut(why))));
            }
            Err((fault, Counts::No)) => return Err(fault),
            Err((fault, Counts::Yes)) => {
                let own = matches!(fault.kind, FaultKind::Plugin | FaultKind::Message);
                let alone = own && self.pace.failed(fault.kind, sent.len()) == Remedy::SetAside;
                let last = sent.into_iter().filter(|record| alone || self.it.is_last(*record));
                attempt.settled.extend(last.map(|record| (record, Fate::GivenUp(cut(fault.text.clone())))));
                attempt.fault = Some(fault);
            }
        }
        Ok(attempt)
    }

    /// Tries a dead letter once more, alone.
    async fn redrive(&mut self, letter: DeadLetter) -> Result<(), Fault> {
        let (epoch, record) = (letter.given_up.at.epoch, Claimed(letter.given_up.at.offset, letter.given_up.attempts));
        let (batch, lost) = self.it.batch(epoch, &[record]).await?;
        let became = if lost.is_empty() {
            match self.it.call(epoch, &[record], batch).await {
                Ok(statuses) => match statuses.into_iter().next() {
                    Some(ItemStatus::Delivered) => Redriven::Delivered,
                    Some(ItemStatus::Retry(why) | ItemStatus::Refused(why)) => Redriven::Dead(cut(why)),
                    None => Redriven::Dead("the sink gave no status".into()),
                },
                Err((fault, _)) if matches!(fault.kind, FaultKind::Hub | FaultKind::Held | FaultKind::Spent) => return Err(fault),
                Err((fault, _)) => Redriven::Dead(cut(fault.text)),
            }
        } else {
            Redriven::Dead("the record is no longer in the log".into())
        };
        if became == Redriven::Delivered {
            self.count(1);
        }
        self.it.around.store.settle_letter(letter.id, became).await.map_err(hub)
    }

    async fn commit(&self, mark: &mut Mark<Cursor>, cursor: Cursor, given_up: Vec<GivenUp>) -> Result<(), Fault> {
        let mut group = group(&self.it.sink.config.agency, self.it.sink.id.clone(), clock::now());
        group.given_up = given_up;
        mark.commit(&self.it.around.store, &self.owner, cursor, group).await
    }

    fn failed(&self, fault: &Fault) {
        if fault.kind.is_wait() {
            // Nothing was called. The connector's own condition says why, and since when.
            return;
        }
        let last_words = Some(fault.stderr.trim()).filter(|words| !words.is_empty());
        let (route, sink) = (&self.it.route, &self.it.sink.id);
        tracing::warn!(%route, %sink, fault = %fault.text, last_words, "a delivery failed; it will be tried again");
        self.it.around.conditions.failed(&self.part, fault.text.clone(), clock::now());
        self.it.around.supervision.failed(sink, fault.text.clone(), clock::now());
    }
}

/// Whether a failed call counts as an attempt of each of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
}

impl Deliverer {
    /// Whether its agency may read the channel now, and what it settles would be kept.
    fn may_go_on(&self) -> Result<(), Fault> {
        let (agency, channel) = (&self.sink.config.agency, &self.from.id);
        if !self.around.city.allows(agency, channel, Access { read: true, write: false }, clock::now()) {
            let text = format!("the grant of {agency} to read {channel} has expired: nothing is delivered until the city's files renew it");
            return Err(Fault::hub(text));
        }
        self.around.store.takes_data().map_err(|refusal| Fault::hub(refusal.to_string()))
    }

    async fn read(&self, from: Position, records: u32) -> Result<Vec<StoredBatch>, Fault> {
        self.around.store.read(&self.from.id, from, records, BATCH_BYTES).await.map_err(hub)
    }

    /// These records as a batch, and those that are not in the log any more.
    async fn batch(&self, epoch: u32, records: &[Claimed]) -> Result<(Batch, Vec<Claimed>), Fault> {
        let mut batch = Batch { channel: self.from.id.to_string(), ids: Vec::new(), records: Vec::new() };
        let (mut wanted, mut lost) = (records.iter().copied().peekable(), Vec::new());
        while let Some(Claimed(first, _)) = wanted.peek().copied() {
            let page = self.read(Position { epoch, offset: first }, self.how.records.max(1)).await?;
            let found = page.iter().filter(|batch| batch.first.epoch == epoch);
            for (offset, line, envelope) in found.flat_map(StoredBatch::records) {
                while let Some(gone) = wanted.next_if(|record| record.0 < offset) {
                    lost.push(gone);
                }
                if wanted.next_if(|record| record.0 == offset).is_some() {
                    let own = envelope.and_then(|envelope| envelope.id.clone());
                    batch.ids.push(own.unwrap_or_else(|| record_id(&self.from.id, epoch, offset)));
                    batch.records.extend_from_slice(line);
                    batch.records.push(b'\n');
                }
            }
            if wanted.peek().is_some_and(|record| record.0 == first) {
                // Nothing lies there nor behind it.
                lost.extend(wanted.by_ref());
            }
        }
        Ok((batch, lost))
    }

    async fn call(&self, epoch: u32, records: &[Claimed], batch: Batch) -> Result<Vec<ItemStatus>, (Fault, Counts)> {
        let mut pass = enter(&self.sink).map_err(|fault| (fault, Counts::No))?;
        let mut clock = RunClock::start(&self.sink.id, clock::now());
        let first = records.first().map_or(0, |record| record.0);
        let call = Call {
            connector: self.sink.id.clone(),
            message_name: record_id(&self.from.id, epoch, first).into(),
            settings: self.sink.config.settings.to_string(),
            limits: self.sink.config.limits,
            emit: Box::new(Nowhere),
            door: self.sink.door.clone(),
            tape: None,
        };
        let part = (self.route.clone(), Some(self.sink.id.clone()));
        self.around.conditions.working(&part);
        let running = self.around.supervision.running(&self.sink.id);
        let key =
            claim::idempotency_key(&[&self.around.log, self.route.as_str(), self.sink.id.as_str(), self.from.id.as_str()], epoch, records);
        let delivered = self.sink.version.running().plugin.deliver(call, batch, key).await;
        drop(running);
        let (answer, run) = match delivered {
            Ok((statuses, used)) => {
                clock.used = used;
                pass.worked();
                let delivered = statuses.iter().filter(|status| matches!(status, ItemStatus::Delivered)).count() as u64;
                (Ok(statuses), clock.row(delivered, 0, None))
            }
            Err(failed) => {
                clock.used = failed.used;
                // The system's wish for patience, and what only people can mend, are no attempt.
                let waits = matches!(
                    failed.cause,
                    Cause::Plugin(Failure::RateLimited(_) | Failure::Unauthorized(_) | Failure::Config(_))
                        | Cause::Cancelled
                        | Cause::Host(_)
                );
                let fault = Fault::from(failed);
                pass.failed(&fault, clock::now());
                let run = clock.row(0, 0, Some(&fault));
                (Err((fault, if waits { Counts::No } else { Counts::Yes })), run)
            }
        };
        if let Err(error) = self.around.store.record_run(run.clone()).await {
            tracing::warn!(connector = %self.sink.id, %error, "the run was not recorded");
        }
        pass.ran(&run);
        answer
    }

    fn is_last(&self, record: Claimed) -> bool {
        record.1.saturating_add(1) >= self.how.attempts
    }

    fn letter(&self, epoch: u32, Claimed(offset, attempts): Claimed, reason: String) -> GivenUp {
        GivenUp {
            route: self.route.clone(),
            sink: self.sink.id.clone(),
            channel: self.from.id.clone(),
            at: Position { epoch, offset },
            attempts: attempts.saturating_add(1),
            reason: cut(reason),
        }
    }
}

fn upstream(text: String) -> Fault {
    Fault { kind: FaultKind::Upstream, text, stderr: String::new(), retry_after: None }
}

fn cut(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES));
    reason
}

fn hub(error: crate::store::Error) -> Fault {
    Fault::hub(error.to_string())
}
