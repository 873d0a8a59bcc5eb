//! Runs each connector by its transport until the hub stops: folders are watched, sources are polled, and messages that
//! the API received are handed over. One failing connector never holds another back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lienthong_core::city::{self, Mllp, Transport};
use lienthong_core::id::ConnectorId;
use lienthong_core::retry::Backoff;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::call::{Identity, Received};
use super::fault::{Fault, FaultKind};
use super::messages::{Messages, known_by};
use super::mllp::Port;
use super::restart::keep_going;
use crate::clock;
use crate::disk::FileBlob;
use crate::transport::body::Spool;
use crate::transport::failed::FailedFolder;
use crate::transport::inbox::{Arrival, Inbox, PutBack, Settings, Shelf};
use crate::transport::mllp::Listener;
use crate::transport::name_pattern::NamePattern;
use crate::wasm::Message;

/// Between two looks at a folder, and at one that had nothing for long.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_AT_REST_EVERY: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(60);

/// Between two looks for files that need no longer be kept.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// After failures that time may heal.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(300) };

/// A file whose call takes too long is set aside after so many tries, so that it cannot block those behind it.
const TIME_TRIES: u32 = 3;

/// The running connectors.
pub struct Supervisor {
    spool: Spool,
    data_folder: PathBuf,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// Starts nothing yet. Relative inbox paths are below `data_folder`.
    pub fn new(spool: Spool, data_folder: &Path, stop: CancellationToken) -> Self {
        Self { spool, data_folder: data_folder.to_owned(), stop, tasks: JoinSet::new() }
    }

    /// Starts a connector that fetches by itself. What others send to it comes through [`Messages`] and [`listen`](Self::listen).
    pub fn start(&mut self, messages: Messages) {
        let worker = Worker { stop: self.stop.clone(), messages };
        match &worker.messages.connector().config.transport {
            Transport::Inbox(inbox) => {
                let (folder, inbox) = (self.data_folder.join(&inbox.path), inbox.clone());
                worker.messages.supervision().sets_aside(worker.id(), &Shelf::Failed.of(&folder));
                self.keep_going(&worker.clone(), move || {
                    let (worker, folder, inbox) = (worker.clone(), folder.clone(), inbox.clone());
                    async move { worker.watch(folder, &inbox).await }
                });
            }
            Transport::Poll { every } => {
                let every = *every;
                self.keep_going(&worker.clone(), move || worker.clone().poll(every));
            }
            Transport::Webhook | Transport::Mllp(_) | Transport::Deliver(_) => {}
        }
    }

    fn keep_going<F: Future<Output = ()> + Send + 'static>(&mut self, worker: &Worker, begin: impl Fn() -> F + Send + Sync + 'static) {
        let messages = worker.messages.clone();
        let broke = move |why: String| {
            tracing::error!(connector = %messages.connector().id, "{why}");
            messages.failed(why);
        };
        self.tasks.spawn(keep_going(BACKOFF, self.stop.clone(), begin, broke));
    }

    /// Lets senders in at a connector's own port.
    pub fn listen(&mut self, messages: Messages, settings: Mllp, listener: Listener) {
        let id = &messages.connector().id;
        messages.supervision().listens(id, listener.address);
        let failed = Arc::new(FailedFolder::new(self.data_folder.join("failed").join(id.as_str())));
        messages.supervision().sets_aside(id, failed.path());
        let port = Port { failed, settings: Arc::new(settings), spool: self.spool.clone(), stop: self.stop.clone(), messages };
        self.tasks.spawn(port.serve(listener));
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

#[derive(Clone)]
struct Worker {
    messages: Messages,
    stop: CancellationToken,
}

impl Worker {
    fn id(&self) -> &ConnectorId {
        &self.messages.connector().id
    }

    async fn watch(self, folder: PathBuf, configured: &city::Inbox) {
        let Some(pattern) = NamePattern::new(&configured.pattern) else { return };
        let mut failures = 0;
        let mut inbox = loop {
            let settings = Settings { folder: folder.clone(), pattern: pattern.clone(), settle: configured.settle };
            match Inbox::open(settings).await {
                Ok(inbox) => break inbox,
                Err(error) => {
                    failures += 1;
                    self.messages.failed(format!("inbox {}: {error}", folder.display()));
                    if self.pause(BACKOFF.delay(failures, entropy())).await.is_break() {
                        return;
                    }
                }
            }
        };
        let (mut failures, mut next_forget, mut last_busy) = (0, Instant::now(), Instant::now());
        loop {
            if let Some(keep) = configured.keep.filter(|_| next_forget <= Instant::now()) {
                next_forget = Instant::now() + FORGET_EVERY;
                self.forget_done(&inbox, keep).await;
            }
            let pause = match self.look(&mut inbox, failures).await {
                Ok(busy) => {
                    failures = 0;
                    if busy {
                        last_busy = Instant::now();
                    }
                    if last_busy.elapsed() < LONG { LOOK_EVERY } else { LOOK_AT_REST_EVERY }
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

    async fn forget_done(&self, inbox: &Inbox, keep: Duration) {
        match inbox.forget_done(keep, SystemTime::now()).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(connector = %self.id(), files, "files that were taken long ago were removed"),
            Err(error) => tracing::warn!(connector = %self.id(), %error, "files that were taken long ago could not be removed"),
        }
    }

    /// Consumes what is ready; true where there is something to take or to wait for. An error means: come back later, after so
    /// long if the agency system said so.
    async fn look(&self, inbox: &mut Inbox, failures: u32) -> Result<bool, Option<Duration>> {
        for PutBack { name: file, outcome } in inbox.put_back().await {
            match outcome {
                Ok(()) => {
                    tracing::warn!(connector = %self.id(), file, "a file was written to after it was taken: it is put back and read again")
                }
                Err(error) => {
                    tracing::error!(connector = %self.id(), file, %error, "a file was written to after it was taken, and could not be put back");
                    self.messages
                        .failed(format!("{file} was written to after it was taken; move it from `done` back into the inbox: {error}"));
                }
            }
        }
        let scan = inbox.scan(SystemTime::now()).await.map_err(|error| {
            self.messages.failed(format!("inbox {}: {error}", inbox.folder().display()));
            None
        })?;
        let mut waiting = (scan.ready.len() + scan.unsettled) as u64;
        let busy = waiting > 0;
        self.messages.supervision().waiting(self.id(), waiting);
        let more = self.messages.supervision().passed_over(self.id(), scan.passed_over.clone());
        if let Some(passed) = scan.passed_over.filter(|_| more) {
            let (count, file) = (passed.count, passed.example);
            tracing::warn!(connector = %self.id(), count, file, "files of the inbox are passed over: {}", passed.reason);
        }
        for arrival in scan.ready {
            // A file waits where it lies until there is space again, and until the connector may be called.
            if self.stop.is_cancelled() || !self.may_call() {
                return Ok(busy);
            }
            // It may have changed while those before it were read; a later look finds it again.
            if !arrival.is_unchanged().await.unwrap_or(false) {
                continue;
            }
            let (shelf, reason) = match self.consume(&arrival).await {
                Ok(_) => (Shelf::Done, None),
                Err(fault) if fault.kind.is_wait() => return Ok(busy),
                Err(fault) => {
                    tracing::warn!(connector = %self.id(), file = arrival.name, fault = %fault.text, "a file was not taken");
                    self.messages.failed(format!("{}: {}", arrival.name, fault.text));
                    match fault.kind {
                        FaultKind::Upstream | FaultKind::Hub | FaultKind::Held | FaultKind::Spent => return Err(fault.retry_after),
                        FaultKind::Time if failures + 1 < TIME_TRIES => return Err(None),
                        FaultKind::Time | FaultKind::Message | FaultKind::Plugin | FaultKind::KeyReused => {
                            (Shelf::Failed, Some(fault.reason()))
                        }
                    }
                }
            };
            let shelved = inbox.shelve(&arrival, shelf, reason.as_deref()).await.map_err(|error| {
                self.messages.failed(format!("{} could not be moved to {shelf:?}: {error}", arrival.path.display()));
                None
            })?;
            if shelved.is_none() {
                tracing::warn!(connector = %self.id(), file = arrival.name, "a file was written to while it was read: it is read again");
                continue;
            }
            waiting = waiting.saturating_sub(1);
            self.messages.supervision().waiting(self.id(), waiting);
        }
        Ok(busy)
    }

    async fn consume(&self, arrival: &Arrival) -> Result<Received, Fault> {
        let path = arrival.path.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let blob = FileBlob::open(&path)?;
            let sha256 = blob.sha256()?;
            std::io::Result::Ok((blob, sha256))
        });
        let (blob, sha256) = opened
            .await
            .map_err(|error| Fault::hub(error.to_string()))?
            .map_err(|error| Fault::hub(format!("{}: {error}", arrival.name)))?;
        // A file is known by its name and its hash: the same name with other content is another message.
        let key = known_by(&arrival.name, &sha256);
        let message = Message { body: Arc::new(blob), name: Some(arrival.name.clone()), content_type: None, received_at: clock::now() };
        self.messages.receive(message, Identity { key, sha256, name: arrival.name.as_str().into() }).await
    }

    async fn poll(self, every: Duration) {
        let mut failures = 0;
        loop {
            if !self.may_call() {
                if self.pause(LOOK_EVERY).await.is_break() {
                    return;
                }
                continue;
            }
            let running = self.messages.supervision().running(self.id());
            let polled = self.messages.caller().poll(self.messages.connector()).await;
            drop(running);
            let pause = match polled {
                Ok(polled) => {
                    failures = 0;
                    self.messages.supervision().succeeded(self.id(), polled.accepted, polled.quarantined, clock::now());
                    if polled.more { Duration::ZERO } else { every }
                }
                Err(fault) if fault.kind.is_wait() => LOOK_EVERY,
                Err(fault) => {
                    failures += 1;
                    let last_words = Some(fault.stderr.trim()).filter(|words| !words.is_empty());
                    tracing::warn!(connector = %self.id(), fault = %fault.text, last_words, "a poll failed");
                    self.messages.failed(fault.text.clone());
                    fault.retry_after.unwrap_or_else(|| BACKOFF.delay(failures, entropy()))
                }
            };
            if self.pause(pause).await.is_break() {
                return;
            }
        }
    }

    /// Whether what is called now could be stored, and nothing else stands against a call.
    fn may_call(&self) -> bool {
        self.messages.caller().takes_data().is_ok() && self.messages.connector().gate.held(clock::now()).is_none()
    }

    async fn pause(&self, time: Duration) -> std::ops::ControlFlow<()> {
        tokio::select! {
            () = self.stop.cancelled() => std::ops::ControlFlow::Break(()),
            () = self.messages.connector().gate.resumed() => std::ops::ControlFlow::Continue(()),
            () = tokio::time::sleep(time) => std::ops::ControlFlow::Continue(()),
        }
    }
}

pub(super) fn entropy() -> u64 {
    let mut bytes = [0; 8];
    // Without entropy there is no jitter, which is no harm.
    let _ = getrandom::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
