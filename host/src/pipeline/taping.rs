//! Recording a run while it goes on. Whether it is kept is known at its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lienthong_core::city::Record;
use lienthong_core::id::ConnectorId;
use lienthong_core::ports::{Attachment, Blob, Emit, Pending, Stopped, Verdict};
use lienthong_core::time::Timestamp;

use super::call::Connector;
use super::intake::Intake;
use super::recording::{Emitted, Ending, Head, Input, Recording, is_recorded, items};
use super::recordings::Recordings;
use super::version::Version;
use crate::fair::Share;
use crate::wasm::{Message, Octets, Recorder, Tape};

/// Of HTTP bodies, of what is emitted, and of the message: what is larger is not recorded. A recording is whole or is none.
const MOST_BYTES: usize = 8 << 20;

/// Read of a message at a time.
const PIECE: usize = 1 << 20;

/// A run that is being recorded.
pub(super) struct Taping {
    recordings: Recordings,
    record: Record,
    recorder: Recorder,
    output: Option<Output>,
}

/// What a plugin is asked, kept for the case that it is recorded.
pub(super) enum Asked {
    Message { body: Arc<dyn Blob>, name: Option<String>, content_type: Option<String>, received_at: Timestamp },
    Poll { now: Timestamp, since: Option<Vec<u8>>, max_records: u32 },
}

impl Asked {
    pub(super) fn message(message: &Message) -> Self {
        let Message { body, name, content_type, received_at } = message;
        Self::Message { body: Arc::clone(body), name: name.clone(), content_type: content_type.clone(), received_at: *received_at }
    }

    /// With the message's bytes; none where they are too many, or cannot be read any more.
    async fn read(self) -> Option<Input> {
        match self {
            Self::Poll { now, since, max_records } => Some(Input::Poll { now, since: since.map(Octets), max_records }),
            Self::Message { body, name, content_type, received_at } => {
                let size = usize::try_from(body.size()).ok().filter(|size| *size <= MOST_BYTES)?;
                let mut bytes = Vec::with_capacity(size);
                while bytes.len() < size {
                    let piece = body.read(bytes.len() as u64, PIECE).await.ok().filter(|piece| !piece.is_empty())?;
                    bytes.extend_from_slice(&piece);
                }
                Some(Input::Message { body: Octets(bytes), name, content_type, received_at })
            }
        }
    }
}

impl Taping {
    /// Begins, where the connector wants it.
    pub(super) fn begin(recordings: &Recordings, connector: &Connector) -> Option<Self> {
        let record = connector.config.record;
        let share = || recordings.memory().share(connector.id.clone());
        let output = match record {
            Record::None => return None,
            Record::Failed => None,
            Record::All => Some(Output::within(share())),
        };
        Some(Self { recordings: recordings.clone(), record, recorder: Recorder::within(MOST_BYTES, share()), output })
    }

    pub(super) fn tape(&self) -> Tape {
        Tape::Recording(self.recorder.clone())
    }

    /// Where the run's output goes.
    pub(super) fn emit(&self, intake: Intake) -> Box<dyn Emit> {
        match &self.output {
            Some(output) => Box::new(Tee { intake, output: output.clone() }),
            None => Box::new(intake),
        }
    }

    /// The run ended: keeps it, where it is one that is kept. A recording that fails costs nobody more than a line in the log.
    pub(super) async fn end(self, connector: &Connector, version: &Version, asked: Asked, name: &str, ending: Ending, at: Timestamp) {
        if !is_recorded(self.record, ending.error().is_some()) {
            return;
        }
        let Some((senses, exchanges)) = self.recorder.whole() else { return too_large(&connector.id, "what it fetched") };
        let emitted = match self.output.map(Output::into_emitted) {
            Some(None) => return too_large(&connector.id, "what it emitted"),
            kept => kept.flatten(),
        };
        let Some(input) = asked.read().await else { return too_large(&connector.id, "its message") };
        let about = &version.plugin.facts().manifest.plugin;
        let head = Head {
            run: String::new(),
            connector: connector.id.clone(),
            plugin: about.name.clone(),
            version: about.version.clone(),
            sha256: version.hash().to_string(),
            started_at: at,
            message_name: name.to_owned(),
            error: ending.error().map(str::to_owned),
            records: emitted.as_deref().map(|emitted| items(emitted).iter().filter(|item| item.rejected.is_none()).count() as u64),
        };
        let recording = Recording { input, settings: connector.config.settings.to_string(), senses, exchanges, emitted, ending };
        let recordings = self.recordings;
        let kept = tokio::task::spawn_blocking(move || recordings.keep(head, &recording)).await.map_err(std::io::Error::other);
        match kept.flatten() {
            Ok(run) => tracing::debug!(connector = %connector.id, run, "a run was recorded"),
            Err(error) => tracing::warn!(connector = %connector.id, %error, "a run could not be recorded"),
        }
    }
}

fn too_large(connector: &ConnectorId, what: &str) {
    tracing::info!(%connector, "a run was not recorded: {what} is more than a recording holds");
}

/// What a plugin put out, as long as it is not too much. Clones share it.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<Held>>);

struct Held {
    emitted: Option<Vec<Emitted>>,
    bytes: usize,
    share: Option<Share<ConnectorId>>,
}

impl Output {
    fn within(share: Share<ConnectorId>) -> Self {
        Self(Arc::new(Mutex::new(Held { emitted: Some(Vec::new()), bytes: 0, share: Some(share) })))
    }

    /// However much it is.
    pub(super) fn all() -> Self {
        Self(Arc::new(Mutex::new(Held { emitted: Some(Vec::new()), bytes: 0, share: None })))
    }

    /// All of it; none where it was too much.
    pub(super) fn into_emitted(self) -> Option<Vec<Emitted>> {
        self.held().emitted.take()
    }

    fn keep(&self, bytes: usize, emitted: impl FnOnce() -> Emitted) {
        let mut held = self.held();
        held.bytes += bytes;
        let sum = held.bytes;
        if held.share.as_mut().is_some_and(|share| sum > MOST_BYTES || !share.try_grow(sum)) {
            held.emitted = None;
        }
        if let Some(kept) = &mut held.emitted {
            kept.push(emitted());
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets output go where it goes, and keeps it.
pub(super) struct Tee {
    pub(super) intake: Intake,
    pub(super) output: Output,
}

impl Emit for Tee {
    fn emit<'a>(&'a mut self, port: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        self.output.keep(ndjson.len(), || Emitted::Records { port: port.to_owned(), bytes: Octets(ndjson.clone()) });
        self.intake.emit(port, ndjson)
    }

    fn reject<'a>(&'a mut self, port: &'a str, bytes: Vec<u8>, reason: String, at: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        let rejected = || Emitted::Reject { port: port.to_owned(), bytes: Octets(bytes.clone()), reason: reason.clone(), at: at.clone() };
        self.output.keep(bytes.len() + reason.len(), rejected);
        self.intake.reject(port, bytes, reason, at)
    }

    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>> {
        self.intake.attach(port)
    }
}
