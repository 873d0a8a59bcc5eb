//! Runs each connector by its transport until the hub stops: folders are watched, sources are polled, and messages that
//! the API received are handed over. One failing connector never holds another back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lienthong_core::city::Transport;
use lienthong_core::retry::Backoff;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::call::{Caller, Connector, Fault, FaultKind, Identity, Received};
use super::supervision::Supervision;
use crate::clock;
use crate::transport::body::{Body, FileBlob};
use crate::transport::inbox::{Arrival, Inbox, Settings, Shelf};
use crate::transport::name_pattern::NamePattern;
use crate::wasm::Message;

/// Between two looks at a folder.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A file must have been left alone for so long.
const SETTLE: Duration = Duration::from_secs(1);

/// After failures that time may heal.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(300) };

/// A file whose call takes too long is set aside after so many tries, so that it cannot block those behind it.
const TIME_TRIES: u32 = 3;

/// Messages of one connector that are handed over at the same time.
const MESSAGES_AT_ONCE: usize = 8;

/// A message waits so long for its turn; then the sender is asked to come back.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// The running connectors.
pub struct Supervisor {
    caller: Caller,
    supervision: Supervision,
    data_folder: PathBuf,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// Starts nothing yet. Relative inbox paths are below `data_folder`.
    pub fn new(caller: Caller, supervision: Supervision, data_folder: &Path, stop: CancellationToken) -> Self {
        Self { caller, supervision, data_folder: data_folder.to_owned(), stop, tasks: JoinSet::new() }
    }

    /// Starts a connector.
    pub fn start(&mut self, connector: Arc<Connector>) {
        let worker = Worker {
            caller: self.caller.clone(),
            supervision: self.supervision.clone(),
            connector: connector.clone(),
            stop: self.stop.clone(),
        };
        match &connector.config.transport {
            Transport::Inbox { path, pattern } => {
                let (folder, pattern) = (self.data_folder.join(path), pattern.clone());
                self.tasks.spawn(async move { worker.watch(folder, &pattern).await });
            }
            Transport::Poll { every } => {
                let every = *every;
                self.tasks.spawn(async move { worker.poll(every).await });
            }
            // Messages come through `Messages`.
            Transport::Webhook => {}
        }
    }

    /// Waits until every connector has come to rest after the stop was called.
    pub async fn stopped(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a connector's task ended badly");
            }
        }
    }
}

struct Worker {
    caller: Caller,
    supervision: Supervision,
    connector: Arc<Connector>,
    stop: CancellationToken,
}

impl Worker {
    async fn watch(self, folder: PathBuf, pattern: &str) {
        let Some(pattern) = NamePattern::new(pattern) else { return };
        let mut failures = 0;
        let mut inbox = loop {
            let settings = Settings { folder: folder.clone(), pattern: pattern.clone(), settle: SETTLE };
            match Inbox::open(settings).await {
                Ok(inbox) => break inbox,
                Err(error) => {
                    failures += 1;
                    self.failed(&format!("inbox {}: {error}", folder.display()));
                    if self.pause(BACKOFF.delay(failures, entropy())).await.is_break() {
                        return;
                    }
                }
            }
        };
        let mut failures = 0;
        loop {
            let pause = match self.look(&mut inbox, failures).await {
                Ok(()) => {
                    failures = 0;
                    LOOK_EVERY
                }
                Err(retry_after) => {
                    failures += 1;
                    retry_after.unwrap_or_else(|| BACKOFF.delay(failures, entropy()))
                }
            };
            if self.pause(pause).await.is_break() {
                return;
            }
        }
    }

    /// Consumes what is ready. An error means: come back later, after so long if the agency system said so.
    async fn look(&self, inbox: &mut Inbox, failures: u32) -> Result<(), Option<Duration>> {
        let scan = inbox.scan(SystemTime::now()).await.map_err(|error| {
            self.failed(&format!("inbox {}: {error}", inbox.folder().display()));
            None
        })?;
        let mut waiting = (scan.ready.len() + scan.unsettled) as u64;
        self.supervision.waiting(&self.connector.id, waiting);
        for arrival in scan.ready {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let (shelf, reason) = match self.consume(&arrival).await {
                Ok(_) => (Shelf::Done, None),
                Err(fault) => {
                    tracing::warn!(connector = %self.connector.id, file = arrival.name, fault = %fault.text, "a file was not taken");
                    self.failed(&format!("{}: {}", arrival.name, fault.text));
                    match fault.kind {
                        FaultKind::Upstream | FaultKind::Hub => return Err(fault.retry_after),
                        FaultKind::Time if failures + 1 < TIME_TRIES => return Err(None),
                        FaultKind::Time | FaultKind::Message | FaultKind::Plugin | FaultKind::KeyReused => {
                            (Shelf::Failed, Some(reason_text(&fault)))
                        }
                    }
                }
            };
            inbox.shelve(&arrival, shelf, reason.as_deref()).await.map_err(|error| {
                self.failed(&format!("{} could not be moved to {shelf:?}: {error}", arrival.path.display()));
                None
            })?;
            waiting = waiting.saturating_sub(1);
            self.supervision.waiting(&self.connector.id, waiting);
        }
        Ok(())
    }

    async fn consume(&self, arrival: &Arrival) -> Result<Received, Fault> {
        let path = arrival.path.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let blob = FileBlob::open(&path)?;
            let sha256 = blob.sha256()?;
            std::io::Result::Ok((blob, sha256))
        });
        let hub = |text: String| Fault { kind: FaultKind::Hub, text, stderr: String::new(), retry_after: None };
        let (blob, sha256) =
            opened.await.map_err(|error| hub(error.to_string()))?.map_err(|error| hub(format!("{}: {error}", arrival.name)))?;
        // A file is known by its name and its hash: the same name with other content is another message.
        let key = known_by(&arrival.name, &sha256);
        let message = Message { body: Arc::new(blob), name: Some(arrival.name.clone()), content_type: None, received_at: clock::now() };
        hand_over(&self.caller, &self.supervision, &self.connector, message, Identity { key, sha256 }).await
    }

    async fn poll(self, every: Duration) {
        let mut failures = 0;
        loop {
            let running = self.supervision.running(&self.connector.id);
            let polled = self.caller.poll(&self.connector).await;
            drop(running);
            let pause = match polled {
                Ok(polled) => {
                    failures = 0;
                    self.supervision.succeeded(&self.connector.id, polled.accepted, polled.quarantined, clock::now());
                    if polled.more { Duration::ZERO } else { every }
                }
                Err(fault) => {
                    failures += 1;
                    let last_words = Some(fault.stderr.trim()).filter(|words| !words.is_empty());
                    tracing::warn!(connector = %self.connector.id, fault = %fault.text, last_words, "a poll failed");
                    self.failed(&fault.text);
                    fault.retry_after.unwrap_or_else(|| BACKOFF.delay(failures, entropy()))
                }
            };
            if self.pause(pause).await.is_break() {
                return;
            }
        }
    }

    fn failed(&self, text: &str) {
        self.supervision.failed(&self.connector.id, text.to_owned(), clock::now());
    }

    async fn pause(&self, time: Duration) -> std::ops::ControlFlow<()> {
        tokio::select! {
            () = self.stop.cancelled() => std::ops::ControlFlow::Break(()),
            () = tokio::time::sleep(time) => std::ops::ControlFlow::Continue(()),
        }
    }
}

/// Hands messages that the API received to a connector.
#[derive(Clone)]
pub struct Messages {
    caller: Caller,
    supervision: Supervision,
    connector: Arc<Connector>,
    places: Arc<Semaphore>,
}

impl Messages {
    /// The door to one webhook connector.
    pub fn new(caller: Caller, supervision: Supervision, connector: Arc<Connector>) -> Self {
        Self { caller, supervision, connector, places: Arc::new(Semaphore::new(MESSAGES_AT_ONCE)) }
    }

    /// The connector behind it.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Hands a message over; none when too many are under way already. Without a key of the sender's own, the message's name
    /// and its bytes are the key, as they are of a file.
    pub async fn hand_over(
        &self,
        body: Body,
        name: Option<String>,
        content_type: Option<String>,
        key: Option<String>,
    ) -> Option<Result<Received, Fault>> {
        let _place = tokio::time::timeout(PLACE_WAIT, self.places.acquire()).await.ok()?.ok()?;
        let own_key = || known_by(name.as_deref().unwrap_or_default(), &body.sha256);
        let identity = Identity { key: key.map_or_else(own_key, String::into_bytes), sha256: body.sha256 };
        let message = Message { body: body.blob, name, content_type, received_at: clock::now() };
        let result = hand_over(&self.caller, &self.supervision, &self.connector, message, identity).await;
        if let Err(fault) = &result {
            tracing::warn!(connector = %self.connector.id, fault = %fault.text, "a message was not taken");
            self.supervision.failed(&self.connector.id, fault.text.clone(), clock::now());
        }
        Some(result)
    }
}

async fn hand_over(
    caller: &Caller,
    supervision: &Supervision,
    connector: &Connector,
    message: Message,
    identity: Identity,
) -> Result<Received, Fault> {
    let _running = supervision.running(&connector.id);
    let received = caller.receive(connector, message, identity).await?;
    let (records, rejected) = if received.repeated { (0, 0) } else { (received.accepted, received.quarantined) };
    supervision.succeeded(&connector.id, records, rejected, clock::now());
    Ok(received)
}

/// What a message is known by that has no key of its sender's own.
fn known_by(name: &str, sha256: &[u8; 32]) -> Vec<u8> {
    [name.as_bytes(), b"\0", sha256].concat()
}

fn reason_text(fault: &Fault) -> String {
    let stderr = if fault.stderr.is_empty() { String::new() } else { format!("\n\nthe plugin's last words:\n{}\n", fault.stderr) };
    format!("{}{stderr}\n", fault.text)
}

fn entropy() -> u64 {
    let mut bytes = [0; 8];
    // Without entropy there is no jitter, which is no harm.
    let _ = getrandom::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
