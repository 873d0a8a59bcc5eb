//! The part of a route that writes to channels: reads a page of the log, lets a transform fold it or takes it as it is, and commits
//! what came of it (records, rejections, the keys' states) with its checkpoint, in one transaction.

use std::sync::Arc;
use std::time::Duration;

use lienthong_core::city::{Access, Begin};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, RouteId};
use lienthong_core::log::{Position, StoredBatch, record_id};
use lienthong_core::record::Violation;
use lienthong_core::retry::Backoff;
use lienthong_core::time::Timestamp;
use tokio::time::Instant;

use super::Surroundings;
use super::condition::Part;
use super::cursor::{Cursor, Mark, group};
use super::fold::{Caller, Folded, Folder, PAGE_KEYS, not_kept};
use super::pace::{Pace, Remedy};
use crate::clock;
use crate::pipeline::call::RunClock;
use crate::pipeline::channels::Channel;
use crate::pipeline::fault::Fault;
use crate::pipeline::intake::{Intake, Output};
use crate::pipeline::supervisor::entropy;
use crate::store::KeyState;

/// What one page takes from the log. In a guest it may become many times as much.
const PAGE_RECORDS: usize = 2_000;
const PAGE_BYTES: usize = 1 << 20;

/// The clock is looked at so often while nothing comes: it may have been set.
const A_WHILE: Duration = Duration::from_secs(60);

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// The part of one route that writes.
pub(super) struct Writer {
    pub(super) around: Surroundings,
    pub(super) route: RouteId,
    pub(super) from: Arc<Channel>,
    pub(super) begin: Begin,
    pub(super) agency: AgencyId,
    pub(super) made: Made,
}

/// What is written.
pub(super) enum Made {
    Copied(Vec<Arc<Channel>>),
    Folded(Box<Folder>),
}

/// What stays while a writer runs.
struct Running {
    writer: Writer,
    part: Part,
    connector: ConnectorId,
    owner: String,
    pages: Pace,
    turns: Pace,
    failures: u32,
}

impl Writer {
    /// Works until the stop.
    pub(super) async fn run(self) {
        let mut running = Running {
            part: (self.route.clone(), None),
            connector: self.route.as_connector(),
            // With another channel to read, it is another reader.
            owner: format!("route:{}:{}", self.route, self.from.id),
            pages: Pace::new(PAGE_RECORDS),
            turns: Pace::new(PAGE_KEYS),
            failures: 0,
            writer: self,
        };
        let stop = running.writer.around.stop.clone();
        while !stop.is_cancelled() {
            let Err(fault) = running.go_on().await else { return };
            running.failures += 1;
            running.failed(&fault);
            let pause = BACKOFF.delay(running.failures, entropy());
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

impl Running {
    /// Reads its checkpoint, so that after any failure the store says where to go on, and works from there.
    async fn go_on(&mut self) -> Result<(), Fault> {
        let mut mark = self.mark().await?;
        let stop = self.writer.around.stop.clone();
        while !stop.is_cancelled() {
            self.writer.may_go_on()?;
            let every = self.every();
            if let Some(every) = every {
                mark.cursor.begin_turn(every, clock::now());
            }
            if mark.cursor.round.is_some() {
                self.turn(&mut mark).await?;
                continue;
            }
            let at = mark.cursor.at();
            self.writer.around.conditions.reached(&self.part, at);
            let width = u32::try_from(self.pages.width()).unwrap_or(u32::MAX);
            let page = self.writer.around.store.read(&self.writer.from.id, at, width, PAGE_BYTES).await.map_err(hub)?;
            if page.is_empty() {
                self.writer.around.conditions.at_rest(&self.part);
                let until = every.map_or(A_WHILE, |every| mark.cursor.until_turn(every, clock::now()).min(A_WHILE));
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = self.writer.around.store.wait(&self.writer.from.id, at, Instant::now() + until) => {}
                }
                continue;
            }
            self.page(&mut mark, page).await?;
        }
        Ok(())
    }

    fn every(&self) -> Option<Duration> {
        match &self.writer.made {
            Made::Copied(_) => None,
            Made::Folded(folder) => folder.config.every,
        }
    }

    async fn mark(&self) -> Result<Mark<Cursor>, Fault> {
        let (store, now) = (&self.writer.around.store, clock::now());
        let start = match self.writer.begin {
            Begin::First => Position::START,
            Begin::Now => store.end(&self.writer.from.id).unwrap_or(Position::START),
        };
        let mut mark = Mark::read(store, &self.owner, || Cursor::new(start, now)).await?;
        if mark.is_new() && self.writer.begin == Begin::Now {
            // What comes while it waits is not to be missed after a restart.
            let cursor = mark.cursor.clone();
            mark.commit(store, &self.owner, cursor, self.group(now)).await?;
        }
        Ok(mark)
    }

    async fn page(&mut self, mark: &mut Mark<Cursor>, page: Vec<StoredBatch>) -> Result<(), Fault> {
        let (at, now) = (mark.cursor.at(), clock::now());
        let mut clock = RunClock::start(&self.connector, now);
        self.writer.around.conditions.working(&self.part);
        let intake = self.intake(now, record_id(&self.writer.from.id, at.epoch, at.offset));
        let made = match &self.writer.made {
            Made::Copied(channels) => copy(channels, &page, &intake).await.map(|end| (Folded::default(), end)),
            Made::Folded(folder) => {
                let groups = folder.groups(&page, at);
                let end = groups.end;
                let as_whom = self.caller(record_id(&self.writer.from.id, at.epoch, at.offset).into());
                folder.page(as_whom, groups, now, &intake).await.map(|folded| (folded, end))
            }
        };
        match made {
            Ok((Folded { states, used }, end)) => {
                clock.used = used;
                let cursor = mark.cursor.moved(end);
                self.commit(mark, cursor, states, &intake, &clock).await?;
                self.pages.well();
                Ok(())
            }
            Err(fault) => {
                intake.abandon().await;
                let records: usize = page.iter().map(|batch| batch.count as usize).sum();
                match self.pages.failed(fault.kind, records) {
                    Remedy::Again => Err(fault),
                    Remedy::Less => {
                        self.failed(&fault);
                        Ok(())
                    }
                    Remedy::SetAside => self.set_aside(mark, &page, fault).await,
                }
            }
        }
    }

    /// Puts the only record of a page, which breaks the transform, into quarantine, and goes on behind it.
    async fn set_aside(&mut self, mark: &mut Mark<Cursor>, page: &[StoredBatch], fault: Fault) -> Result<(), Fault> {
        let Made::Folded(folder) = &self.writer.made else { return Err(fault) };
        let (Some(batch), now) = (page.first(), clock::now()) else { return Err(fault) };
        let clock = RunClock::start(&self.connector, now);
        let name = record_id(&self.writer.from.id, batch.first.epoch, batch.first.offset);
        let intake = self.intake(now, name.clone());
        let bytes = batch.records().next().map(|(_, line, _)| line.to_vec()).unwrap_or_default();
        let why = Violation { pointer: String::new(), keyword: "transform".into(), message: fault.text.clone() };
        intake.put_aside(folder.first()?, bytes, why, None).await.map_err(not_kept)?;
        tracing::warn!(route = %self.writer.route, record = name, fault = %fault.text, "a record that breaks the transform went to quarantine");
        let cursor = mark.cursor.moved(batch.end());
        self.commit(mark, cursor, Vec::new(), &intake, &clock).await
    }

    /// One page of a scheduled turn.
    async fn turn(&mut self, mark: &mut Mark<Cursor>) -> Result<(), Fault> {
        let (Made::Folded(folder), Some(round)) = (&self.writer.made, mark.cursor.round.clone()) else { return Ok(()) };
        let width = self.turns.width();
        let limit = u32::try_from(width).unwrap_or(u32::MAX);
        let states = self.writer.around.store.states_after(&self.owner, round.after.as_deref(), limit).await.map_err(hub)?;
        let mut cursor = mark.cursor.clone();
        match &mut cursor.round {
            Some(round) if states.len() == width => round.after = states.last().map(|(key, _)| key.clone()),
            round => *round = None,
        }
        if states.is_empty() {
            // Nothing came of it, so nothing need be kept: a restart would find no key either.
            mark.cursor = cursor;
            return Ok(());
        }
        let (keys, now) = (states.len(), round.now());
        let mut clock = RunClock::start(&self.connector, clock::now());
        self.writer.around.conditions.working(&self.part);
        let intake = self.intake(now, format!("schedule {now}"));
        let folded = folder.turn(self.caller(format!("schedule {now}").into()), states, now, &intake).await;
        match folded {
            Ok(Folded { states, used }) => {
                clock.used = used;
                self.commit(mark, cursor, states, &intake, &clock).await?;
                self.turns.well();
                Ok(())
            }
            Err(fault) => {
                intake.abandon().await;
                match self.turns.failed(fault.kind, keys) {
                    Remedy::Again => Err(fault),
                    Remedy::Less => {
                        self.failed(&fault);
                        Ok(())
                    }
                    Remedy::SetAside => {
                        // The key keeps its state, and is called again at the next turn.
                        self.failed(&fault);
                        let (store, group) = (&self.writer.around.store, self.group(now));
                        mark.commit(store, &self.owner, cursor, group).await
                    }
                }
            }
        }
    }

    async fn commit(
        &mut self,
        mark: &mut Mark<Cursor>,
        cursor: Cursor,
        states: Vec<KeyState>,
        intake: &Intake,
        clock: &RunClock,
    ) -> Result<(), Fault> {
        let Output { appends, rejections, attachments, staged, accepted, rejected, first: _ } = intake.finish().await;
        let mut group = self.group(clock.at());
        group.appends = appends;
        group.rejections = rejections;
        group.attachments = attachments;
        group.publish = staged;
        group.states = states;
        group.run = Some(clock.row(accepted, rejected, None));
        if let Err(fault) = mark.commit(&self.writer.around.store, &self.owner, cursor, group).await {
            intake.abandon().await;
            return Err(fault);
        }
        self.failures = 0;
        let conditions = &self.writer.around.conditions;
        conditions.reached(&self.part, mark.cursor.at());
        conditions.succeeded(&self.part, accepted, rejected, clock::now());
        Ok(())
    }

    fn failed(&self, fault: &Fault) {
        let last_words = Some(fault.stderr.trim()).filter(|words| !words.is_empty());
        tracing::warn!(route = %self.writer.route, fault = %fault.text, last_words, "a route's page was not written");
        self.writer.around.conditions.failed(&self.part, fault.text.clone(), clock::now());
    }

    fn caller(&self, page_name: Arc<str>) -> Caller<'_> {
        Caller { store: &self.writer.around.store, connector: &self.connector, owner: &self.owner, from: &self.writer.from.id, page_name }
    }

    fn intake(&self, now: Timestamp, page_name: String) -> Intake {
        let origin = self.group(now).origin;
        let (store, channels) = (self.writer.around.store.clone(), &self.writer.around.channels);
        Intake::new(store, channels, &std::collections::BTreeMap::new(), origin, now, page_name.into())
    }

    fn group(&self, now: Timestamp) -> crate::store::Group {
        group(&self.writer.agency, self.connector.clone(), now)
    }
}

impl Writer {
    /// Whether it may read and write now, and what it writes would be taken.
    fn may_go_on(&self) -> Result<(), Fault> {
        let (city, now) = (&self.around.city, clock::now());
        let (read, write) = (Access { read: true, write: false }, Access { read: false, write: true });
        let missing = |what: &str, channel: &ChannelId| {
            let agency = &self.agency;
            Err(Fault::hub(format!(
                "the grant of {agency} to {what} {channel} has expired: the route waits until the city's files renew it"
            )))
        };
        if !city.allows(&self.agency, &self.from.id, read, now) {
            return missing("read", &self.from.id);
        }
        for channel in self.made.channels() {
            if !city.allows(&self.agency, &channel.id, write, now) {
                return missing("write to", &channel.id);
            }
        }
        self.around.store.takes_data().map_err(|refusal| Fault::hub(refusal.to_string()))
    }
}

impl Made {
    fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        let (copied, folded) = match self {
            Self::Copied(channels) => (Some(channels), None),
            Self::Folded(folder) => (None, Some(folder.to.values().flatten())),
        };
        copied.into_iter().flatten().chain(folded.into_iter().flatten())
    }
}

/// The records as they are, with what their producers said of them.
async fn copy(channels: &[Arc<Channel>], page: &[StoredBatch], intake: &Intake) -> Result<Position, Fault> {
    for channel in channels {
        for batch in page {
            let records = batch.records().map(|(_, line, envelope)| (line, envelope.cloned()));
            intake.put(channel, records).await.map_err(not_kept)?;
        }
    }
    page.last().map(StoredBatch::end).ok_or_else(|| Fault::hub("an empty page"))
}

fn hub(error: crate::store::Error) -> Fault {
    Fault::hub(error.to_string())
}
