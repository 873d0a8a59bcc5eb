//! One call of a connector, from its input to its commit: records, rejections and the checkpoint (or the memory of the
//! message) become durable in one transaction, or nothing of the call counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lienthong_core::city::{self, Access, City};
use lienthong_core::id::ConnectorId;
use lienthong_core::log::Origin;
use lienthong_core::record::Violation;
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::channels::Channels;
use super::intake::{Intake, Output};
use crate::clock;
use crate::net::Door;
use crate::store::{Advance, Checkpoint, Group, Outcome, Receipt, Refusal, Remember, Run, RunError, RunOutcome, Store};
use crate::wasm::{self, Call, Cause, Message, Plugin};

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
    /// Its plugin.
    pub plugin: Plugin,
    /// Its way out, where it has one.
    pub door: Option<Door>,
}

/// Runs connectors' calls.
#[derive(Clone)]
pub struct Caller {
    store: Store,
    channels: Channels,
    city: Arc<City>,
}

/// How a message is known when it comes again.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The sender's name for it.
    pub key: Vec<u8>,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
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

/// A plugin's answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
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

/// Why nothing of a call counts.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    /// To match on.
    pub kind: FaultKind,
    /// For a person.
    pub text: String,
    /// The end of the plugin's own output.
    pub stderr: String,
    /// The agency system asked to wait so long.
    pub retry_after: Option<Duration>,
}

/// Whose fault it is, and whether time heals it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The message cannot be read; another try will not help.
    Message,
    /// The plugin or its settings; another try will not help.
    Plugin,
    /// The call took too long; another try may help.
    Time,
    /// The agency system; another try may help.
    Upstream,
    /// The same key was used for another message.
    KeyReused,
    /// The hub itself; the message stays where it is.
    Hub,
}

impl FaultKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Plugin => "plugin",
            Self::Time => "time",
            Self::Upstream => "upstream",
            Self::KeyReused => "key-reused",
            Self::Hub => "hub",
        }
    }
}

impl Fault {
    fn hub(text: impl Into<String>) -> Self {
        Self { kind: FaultKind::Hub, text: text.into(), stderr: String::new(), retry_after: None }
    }
}

impl From<Box<wasm::Failed>> for Fault {
    fn from(failed: Box<wasm::Failed>) -> Self {
        use wasm::Failure;
        let kind = match &failed.cause {
            Cause::Plugin(Failure::InvalidInput(_)) | Cause::Message(_) => FaultKind::Message,
            Cause::Plugin(Failure::RateLimited(_) | Failure::Upstream(_)) => FaultKind::Upstream,
            Cause::Time(_) => FaultKind::Time,
            cause if cause.is_passing() => FaultKind::Hub,
            _ => FaultKind::Plugin,
        };
        let retry_after = match &failed.cause {
            Cause::Plugin(Failure::RateLimited(seconds)) => seconds.map(|s| Duration::from_secs(s.into())),
            _ => None,
        };
        Self { kind, text: failed.message, stderr: failed.stderr, retry_after }
    }
}

impl Caller {
    /// Runs calls into this store's channels, as far as the city grants them.
    pub fn new(store: Store, channels: Channels, city: Arc<City>) -> Self {
        Self { store, channels, city }
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

    /// Hands a message to a receiver. A message that is known already is not handed over again: its first answer is given.
    pub async fn receive(&self, connector: &Connector, message: Message, identity: Identity) -> Result<Received, Fault> {
        self.granted(connector)?;
        let scope = format!("connector:{}", connector.id);
        let known = self.store.recall(&scope, &identity.key).await.map_err(|error| Fault::hub(error.to_string()))?;
        if let Some(known) = known {
            return if known.body_hash == identity.sha256 { Ok(repeated(&known.receipt)) } else { Err(key_reused()) };
        }
        let received_at = message.received_at;
        let run = RunClock::start(received_at);
        let intake = self.intake(connector, received_at);
        let result = connector.plugin.receive(self.call(connector, &intake), message).await;
        let stored = match result {
            Ok((reply, _)) => {
                let output = intake.finish().await;
                let mut received = Received {
                    accepted: output.accepted,
                    quarantined: output.rejected,
                    first: output.first.clone(),
                    reply: reply.map(|reply| Reply { content_type: reply.content_type, body: reply.body }),
                    repeated: false,
                };
                let note = serde_json::to_vec(&received).map_err(|error| Fault::hub(error.to_string()))?;
                let mut group = self.group(connector, received_at, output);
                group.remember = Some(Remember { scope, key: identity.key, body_hash: identity.sha256, note });
                self.settle(group).await.map(|settled| {
                    if let Settled::Repeated(receipt) = settled {
                        received = repeated(&receipt);
                    }
                    received
                })
            }
            Err(failed) => Err(Fault::from(failed)),
        };
        if !matches!(&stored, Ok(received) if !received.repeated) {
            intake.abandon().await;
        }
        self.record(connector, run, stored.as_ref().map(|r| (r.accepted, r.quarantined)).map_err(Clone::clone)).await;
        stored
    }

    /// Asks a source for what is new since its checkpoint.
    pub async fn poll(&self, connector: &Connector) -> Result<Polled, Fault> {
        self.granted(connector)?;
        let owner = format!("connector:{}", connector.id);
        let checkpoint = self.store.checkpoint(&owner).await.map_err(|error| Fault::hub(error.to_string()))?;
        let received_at = clock::now();
        let run = RunClock::start(received_at);
        let intake = self.intake(connector, received_at);
        let since = checkpoint.as_ref().map(|c| c.cursor.clone());
        let polled = match connector.plugin.poll(self.call(connector, &intake), since, POLL_RECORDS).await {
            Ok((progress, _)) => {
                let output = intake.finish().await;
                let polled = Polled { accepted: output.accepted, quarantined: output.rejected, more: progress.more };
                self.publish(connector, owner, received_at, checkpoint, progress.next, output).await.map(|()| polled)
            }
            Err(failed) => Err(Fault::from(failed)),
        };
        if polled.is_err() {
            intake.abandon().await;
        }
        self.record(connector, run, polled.as_ref().map(|p| (p.accepted, p.quarantined)).map_err(Clone::clone)).await;
        polled
    }

    async fn publish(
        &self,
        connector: &Connector,
        owner: String,
        received_at: Timestamp,
        checkpoint: Option<Checkpoint>,
        next: Option<Vec<u8>>,
        output: Output,
    ) -> Result<(), Fault> {
        let nothing_new = next.is_none() || next == checkpoint.as_ref().map(|c| c.cursor.clone());
        if nothing_new && output.accepted + output.rejected == 0 {
            return Ok(());
        }
        let mut group = self.group(connector, received_at, output);
        // Also where the cursor stays: the checkpoint's version is what makes a lost answer safe to repeat.
        let cursor = next.or_else(|| checkpoint.as_ref().map(|c| c.cursor.clone())).unwrap_or_default();
        group.advance = Some(Advance { owner, expected: checkpoint.map(|c| c.version), cursor });
        self.settle(group).await.map(|_| ())
    }

    fn intake(&self, connector: &Connector, received_at: Timestamp) -> Intake {
        Intake::new(self.store.clone(), &self.channels, &connector.config, origin(connector), received_at)
    }

    fn call(&self, connector: &Connector, intake: &Intake) -> Call {
        Call {
            connector: connector.id.clone(),
            settings: connector.config.settings.to_string(),
            limits: connector.config.limits,
            emit: Box::new(intake.clone()),
            door: connector.door.clone(),
        }
    }

    fn group(&self, connector: &Connector, received_at: Timestamp, output: Output) -> Group {
        let mut group = Group::new(received_at, origin(connector));
        group.appends = output.appends;
        group.rejections = output.rejections;
        group.publish = output.staged;
        group
    }

    /// Commits a group, asking again while its fate is unknown. Safe because the key or the checkpoint refuses a second one.
    async fn settle(&self, group: Group) -> Result<Settled, Fault> {
        let mut tries = 0;
        loop {
            match self.store.commit(group.clone()).await {
                Outcome::Committed(_) => return Ok(Settled::Committed),
                Outcome::Repeated(receipt) => return Ok(Settled::Repeated(receipt)),
                Outcome::Refused(Refusal::KeyReused) => return Err(key_reused()),
                Outcome::Refused(refusal) => return Err(Fault::hub(refusal.to_string())),
                Outcome::Unknown(why) => {
                    tries += 1;
                    if tries == UNKNOWN_TRIES || group.remember.is_none() {
                        return Err(Fault::hub(format!("whether it was stored is not known: {why}")));
                    }
                }
            }
        }
    }

    async fn record(&self, connector: &Connector, run: RunClock, result: Result<(u64, u64), Fault>) {
        let (records, rejected) = *result.as_ref().unwrap_or(&(0, 0));
        let fault = result.err();
        let row = Run {
            id: 0,
            connector: connector.id.clone(),
            started_at: run.at,
            duration_us: u64::try_from(run.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            outcome: if fault.is_none() { RunOutcome::Ok } else { RunOutcome::Failed },
            records,
            rejected,
            stderr_tail: fault.as_ref().map(|f| f.stderr.clone()).unwrap_or_default(),
            error: fault.map(|f| RunError { kind: f.kind.as_str().into(), text: f.text }),
        };
        if let Err(error) = self.store.record_run(row).await {
            tracing::warn!(connector = %connector.id, %error, "the run was not recorded");
        }
    }
}

enum Settled {
    Committed,
    Repeated(Receipt),
}

struct RunClock {
    at: Timestamp,
    started: Instant,
}

impl RunClock {
    fn start(at: Timestamp) -> Self {
        Self { at, started: Instant::now() }
    }
}

fn origin(connector: &Connector) -> Origin {
    Origin { agency: connector.config.agency.clone(), connector: Some(connector.id.clone()) }
}

fn repeated(receipt: &Receipt) -> Received {
    let first: Received = serde_json::from_slice(&receipt.note).unwrap_or_default();
    Received { repeated: true, ..first }
}

fn key_reused() -> Fault {
    let text = "the idempotency key was used for another message: use a new key for new bytes".to_owned();
    Fault { kind: FaultKind::KeyReused, text, stderr: String::new(), retry_after: None }
}
