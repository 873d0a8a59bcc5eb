//! One call of a connector, from its input to its commit: records, rejections and the checkpoint (or the memory of the
//! message) become durable in one transaction, or nothing of the call counts.

use std::sync::Arc;
use std::time::Instant;

use lienthong_core::city::{self, Access, City};
use lienthong_core::id::ConnectorId;
use lienthong_core::log::Origin;
use lienthong_core::ports::Emit;
use lienthong_core::record::Violation;
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::channels::Channels;
use super::fault::{Fault, FaultKind};
use super::gate::{self, Gate, Pass};
use super::intake::{Intake, Output};
use super::recording::Ending;
use super::recordings::Recordings;
use super::reply::Reply;
use super::taping::{Asked, Taping};
use super::version::Slot;
use crate::clock;
use crate::failpoint;
use crate::net::Door;
use crate::store::{
    Advance, Checkpoint, Group, Outcome, Receipt, Refusal, Remember, Run, RunError, RunOutcome, Sequence, Store, Submitted,
};
use crate::wasm::{Call, Message, Octets, Usage};

/// Records a source is asked for in one poll.
const POLL_RECORDS: u32 = 10_000;

/// How often an outcome of unknown fate is asked again, under the same key.
const UNKNOWN_TRIES: u32 = 5;

/// A connector with everything it needs to run.
pub struct Connector {
    /// Its name.
    pub id: ConnectorId,
    /// Its configuration.
    pub config: city::Connector,
    /// Its plugin, in the version that it runs.
    pub version: Slot,
    /// Its way out, where it has one.
    pub door: Option<Door>,
    /// Whether it may be called, and what its calls add up to.
    pub gate: Gate,
}

/// Runs connectors' calls.
#[derive(Clone)]
pub struct Caller {
    pub(super) store: Store,
    pub(super) channels: Channels,
    city: Arc<City>,
    recordings: Recordings,
}

/// How a message is known when it comes again.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The sender's name for it.
    pub key: Vec<u8>,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What people call it: its file's name, else its sender's key, else its hash. It stands at its rejections and log lines.
    pub name: Arc<str>,
}

/// What a message became.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Received {
    /// Records stored.
    pub accepted: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// The first reasons.
    pub first: Vec<Violation>,
    /// For the sender.
    pub reply: Option<Reply>,
    /// The message was known; the rest says what became of it then.
    #[serde(skip)]
    pub repeated: bool,
}

/// What a poll brought.
#[derive(Debug, Clone, Copy, Default)]
pub struct Polled {
    /// Records stored.
    pub accepted: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// The source has more.
    pub more: bool,
}

impl Caller {
    /// Runs calls into this store's channels, as far as the city grants them, and records those that connectors want recorded.
    pub fn new(store: Store, channels: Channels, city: Arc<City>, recordings: Recordings) -> Self {
        Self { store, channels, city, recordings }
    }

    /// What a connector brings is its agency's writing: without a grant for each of its channels, nothing is called.
    fn granted(&self, connector: &Connector) -> Result<(), Fault> {
        let (agency, write, now) = (&connector.config.agency, Access { read: false, write: true }, clock::now());
        match connector.config.emits.values().find(|channel| !self.city.allows(agency, channel, write, now)) {
            None => Ok(()),
            Some(channel) => Err(Fault::hub(format!(
                "the grant of {agency} to write to {channel} has expired: what comes is not taken until the city's files renew it"
            ))),
        }
    }

    /// Whether what is called now could be stored.
    pub(super) fn takes_data(&self) -> Result<(), Fault> {
        self.store.takes_data().map_err(|refusal| Fault::hub(refusal.to_string()))
    }

    /// Hands a message to a receiver. A message that is known already is not handed over again: its first answer is given.
    pub async fn receive(&self, connector: &Connector, message: Message, identity: Identity) -> Result<Received, Fault> {
        self.run(connector, message, identity, None).await?.settle().await
    }

    /// The first half of [`receive`](Self::receive): the plugin has run, and what it brought is on its way to the disk. Messages
    /// of one `sequence` are stored in the order in which this returned, and none behind one that was not stored.
    pub async fn run(&self, connector: &Connector, message: Message, identity: Identity, sequence: Option<Sequence>) -> Result<Ran, Fault> {
        self.granted(connector)?;
        let scope = format!("connector:{}", connector.id);
        let known = self.store.recall(&scope, &identity.key).await.map_err(|error| Fault::hub(error.to_string()))?;
        if let Some(known) = known {
            let same = known.body_hash == identity.sha256;
            return if same { Ok(Ran::Known(repeated(&known.receipt))) } else { Err(Fault::key_reused()) };
        }
        self.takes_data()?;
        let mut pass = enter(connector)?;
        let received_at = message.received_at;
        let mut clock = RunClock::start(&connector.id, received_at);
        let intake = self.intake(connector, received_at, &identity.name);
        let (version, asked, taping) = (connector.version.running(), Asked::message(&message), Taping::begin(&self.recordings, connector));
        let reply = match version.plugin.receive(self.call(connector, &intake, taping.as_ref(), &identity.name), message).await {
            Ok((reply, used)) => {
                clock.used = used;
                pass.worked();
                reply.map(|reply| Reply { content_type: reply.content_type, body: reply.body })
            }
            Err(failed) => {
                clock.used = failed.used;
                let fault = Fault::from(failed);
                pass.failed(&fault, clock::now());
                intake.abandon().await;
                if let Some(taping) = taping.filter(|_| fault.kind != FaultKind::Hub) {
                    taping.end(connector, &version, asked, &identity.name, Ending::failed(&fault), received_at).await;
                }
                self.record(pass, clock.row(0, 0, Some(&fault))).await;
                return Err(fault);
            }
        };
        failpoint::reached("call.emitted");
        if let Some(taping) = taping {
            taping.end(connector, &version, asked, &identity.name, Ending::Received { reply: reply.clone() }, received_at).await;
        }
        let output = intake.finish().await;
        let received =
            Received { accepted: output.accepted, quarantined: output.rejected, first: output.first.clone(), reply, repeated: false };
        let note = serde_json::to_vec(&received).map_err(|error| Fault::hub(error.to_string()))?;
        let mut group = self.group(connector, received_at, output);
        group.remember = Some(Remember { scope, key: identity.key, body_hash: identity.sha256, note });
        group.run = Some(clock.row(received.accepted, received.quarantined, None));
        group.sequence = sequence;
        let commit = self.begin(group).await;
        Ok(Ran::Submitted(Box::new(Settling { caller: self.clone(), clock, pass, intake, received, commit })))
    }

    /// Asks a source for what is new since its checkpoint.
    pub async fn poll(&self, connector: &Connector) -> Result<Polled, Fault> {
        self.granted(connector)?;
        let owner = format!("connector:{}", connector.id);
        let checkpoint = self.store.checkpoint(&owner).await.map_err(|error| Fault::hub(error.to_string()))?;
        let mut pass = enter(connector)?;
        let received_at = clock::now();
        let mut clock = RunClock::start(&connector.id, received_at);
        // The version that the checkpoint gets with what this brings.
        let name = format!("poll {}", checkpoint.as_ref().map_or(0, |c| c.version) + 1).into();
        let intake = self.intake(connector, received_at, &name);
        let since = checkpoint.as_ref().map(|c| c.cursor.clone());
        let (version, taping) = (connector.version.running(), Taping::begin(&self.recordings, connector));
        let asked = Asked::Poll { now: received_at, since: since.clone(), max_records: POLL_RECORDS };
        let call = self.call(connector, &intake, taping.as_ref(), &name);
        let polled = match version.plugin.poll(call, received_at, since, POLL_RECORDS).await {
            Ok((progress, used)) => {
                clock.used = used;
                pass.worked();
                if let Some(taping) = taping {
                    let ending = Ending::Polled { next: progress.next.clone().map(Octets), more: progress.more };
                    taping.end(connector, &version, asked, &name, ending, received_at).await;
                }
                let output = intake.finish().await;
                let polled = Polled { accepted: output.accepted, quarantined: output.rejected, more: progress.more };
                let run = clock.row(polled.accepted, polled.quarantined, None);
                let mut group = self.group(connector, received_at, output);
                group.run = Some(run.clone());
                self.publish(group, polled, owner, checkpoint, progress.next).await.map(|()| (polled, run))
            }
            Err(failed) => {
                clock.used = failed.used;
                let fault = Fault::from(failed);
                pass.failed(&fault, clock::now());
                if let Some(taping) = taping.filter(|_| fault.kind != FaultKind::Hub) {
                    taping.end(connector, &version, asked, &name, Ending::failed(&fault), received_at).await;
                }
                Err(fault)
            }
        };
        match polled {
            Ok((polled, run)) => {
                pass.ran(&run);
                Ok(polled)
            }
            Err(fault) => {
                intake.abandon().await;
                self.record(pass, clock.row(0, 0, Some(&fault))).await;
                Err(fault)
            }
        }
    }

    async fn publish(
        &self,
        mut group: Group,
        polled: Polled,
        owner: String,
        checkpoint: Option<Checkpoint>,
        next: Option<Vec<u8>>,
    ) -> Result<(), Fault> {
        let nothing_new = next.is_none() || next == checkpoint.as_ref().map(|c| c.cursor.clone());
        if nothing_new && polled.accepted + polled.quarantined == 0 && group.attachments.is_empty() {
            if let Some(run) = group.run {
                self.write_down(run).await;
            }
            return Ok(());
        }
        // Also where the cursor stays: the checkpoint's version is what makes a lost answer safe to repeat.
        let cursor = next.or_else(|| checkpoint.as_ref().map(|c| c.cursor.clone())).unwrap_or_default();
        group.advance = Some(Advance { owner, expected: checkpoint.map(|c| c.version), cursor });
        let commit = self.begin(group).await;
        self.settle(commit).await.map(|_| ())
    }

    fn intake(&self, connector: &Connector, received_at: Timestamp, message_name: &Arc<str>) -> Intake {
        Intake::new(self.store.clone(), &self.channels, &connector.config.emits, origin(connector), received_at, Arc::clone(message_name))
    }

    fn call(&self, connector: &Connector, intake: &Intake, taping: Option<&Taping>, message_name: &Arc<str>) -> Call {
        Call {
            connector: connector.id.clone(),
            message_name: Arc::clone(message_name),
            settings: connector.config.settings.to_string(),
            limits: connector.config.limits,
            emit: taping.map_or_else(|| Box::new(intake.clone()) as Box<dyn Emit>, |taping| taping.emit(intake.clone())),
            door: connector.door.clone(),
            tape: taping.map(Taping::tape),
        }
    }

    fn group(&self, connector: &Connector, received_at: Timestamp, output: Output) -> Group {
        let mut group = Group::new(received_at, origin(connector));
        group.appends = output.appends;
        group.rejections = output.rejections;
        group.attachments = output.attachments;
        group.publish = output.staged;
        group
    }

    async fn begin(&self, group: Group) -> Commit {
        // Without a key nobody could tell whether it was stored already, and in a sequence others wait behind it.
        let again = (group.remember.is_some() && group.sequence.is_none()).then(|| group.clone());
        Commit { submitted: self.store.submit(group).await, again }
    }

    /// Waits for a commit, asking again while its fate is unknown. Safe because the key refuses a second one.
    async fn settle(&self, commit: Commit) -> Result<Settled, Fault> {
        let Commit { mut submitted, again } = commit;
        let mut tries = 0;
        loop {
            match submitted.outcome().await {
                Outcome::Committed(_) => return Ok(Settled::Committed),
                Outcome::Repeated(receipt) => return Ok(Settled::Repeated(receipt)),
                Outcome::Refused(Refusal::KeyReused) => return Err(Fault::key_reused()),
                Outcome::Refused(refusal) => return Err(Fault::hub(refusal.to_string())),
                Outcome::Unknown(why) => {
                    tries += 1;
                    let Some(group) = again.as_ref().filter(|_| tries < UNKNOWN_TRIES) else {
                        return Err(Fault::hub(format!("whether it was stored is not known: {why}")));
                    };
                    submitted = self.store.submit(group.clone()).await;
                }
            }
        }
    }

    /// Keeps the run of a call of which nothing counts.
    async fn record(&self, pass: Pass, run: Run) {
        pass.ran(&run);
        self.write_down(run).await;
    }

    /// Keeps a run that no group carries.
    async fn write_down(&self, run: Run) {
        let connector = run.connector.clone();
        if let Err(error) = self.store.record_run(run).await {
            tracing::warn!(%connector, %error, "the run was not recorded");
        }
    }
}

/// A message whose plugin has run.
pub enum Ran {
    /// It was known: this is what became of it.
    Known(Received),
    /// Its commit is under way.
    Submitted(Box<Settling>),
}

/// A message whose commit is under way.
pub struct Settling {
    caller: Caller,
    clock: RunClock,
    pass: Pass,
    intake: Intake,
    received: Received,
    commit: Commit,
}

impl Ran {
    /// Waits until all of it is on the disk. An error means that nothing of it counts, or that nobody knows.
    pub async fn settle(self) -> Result<Received, Fault> {
        let Settling { caller, clock, pass, intake, received, commit } = match self {
            Self::Known(received) => return Ok(received),
            Self::Submitted(settling) => *settling,
        };
        match caller.settle(commit).await {
            Ok(Settled::Committed) => {
                pass.ran(&clock.row(received.accepted, received.quarantined, None));
                Ok(received)
            }
            Ok(Settled::Repeated(receipt)) => {
                intake.abandon().await;
                Ok(repeated(&receipt))
            }
            Err(fault) => {
                intake.abandon().await;
                caller.record(pass, clock.row(0, 0, Some(&fault))).await;
                Err(fault)
            }
        }
    }
}

/// A group on its way.
struct Commit {
    submitted: Submitted,
    /// For another try where the fate of the first is unknown.
    again: Option<Group>,
}

enum Settled {
    Committed,
    Repeated(Receipt),
}

/// Measures one call for the list of runs.
pub(super) struct RunClock {
    connector: ConnectorId,
    at: Timestamp,
    started: Instant,
    /// What the call used.
    pub(super) used: Usage,
}

impl RunClock {
    pub(super) fn start(connector: &ConnectorId, at: Timestamp) -> Self {
        Self { connector: connector.clone(), at, started: Instant::now(), used: Usage::default() }
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn row(&self, records: u64, rejected: u64, fault: Option<&Fault>) -> Run {
        Run {
            id: 0,
            connector: self.connector.clone(),
            started_at: self.at,
            duration_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            outcome: if fault.is_none() { RunOutcome::Ok } else { RunOutcome::Failed },
            records,
            rejected,
            stderr_tail: fault.map(|f| f.stderr.clone()).unwrap_or_default(),
            error: fault.map(|f| RunError { kind: f.kind.as_str().into(), text: f.text.clone() }),
            cpu_us: u64::try_from(self.used.cpu.as_micros()).unwrap_or(u64::MAX),
            egress_bytes: self.used.http_sent_bytes.saturating_add(self.used.http_bytes),
        }
    }
}

/// Lets a call in, if nothing stands against it.
pub(super) fn enter(connector: &Connector) -> Result<Pass, Fault> {
    let now = clock::now();
    connector.gate.enter(now).map_err(|hold| gate::refused(hold, now))
}

fn origin(connector: &Connector) -> Origin {
    Origin { agency: connector.config.agency.clone(), connector: Some(connector.id.clone()) }
}

fn repeated(receipt: &Receipt) -> Received {
    let first: Received = serde_json::from_slice(&receipt.note).unwrap_or_default();
    Received { repeated: true, ..first }
}
