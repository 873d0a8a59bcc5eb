//! Hands messages to one connector, wherever they come from, and keeps its condition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lienthong_core::hash::ContentHash;
use tokio::sync::Semaphore;

use super::call::{Caller, Connector, Identity, Ran, Received};
use super::fault::{Fault, FaultKind};
use super::supervision::{Running, Supervision};
use crate::clock;
use crate::store::Sequence;
use crate::transport::body::Body;
use crate::wasm::Message;

/// Messages of one connector that are handed over at the same time.
const AT_ONCE: usize = 8;

/// A message waits so long for its turn; then the sender is asked to come back.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// A plugin that broke, or a limit of it, is given its next message after so long, times the failures in a row: what it did
/// costs everyone something, and a connector that fails again and again must not do so as fast as it can.
const REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The way into one connector. Clones share its places.
#[derive(Clone)]
pub struct Messages {
    caller: Caller,
    supervision: Supervision,
    connector: Arc<Connector>,
    places: Arc<Semaphore>,
    broken_in_a_row: Arc<AtomicU32>,
}

/// A message whose plugin has run, and that is on its way to the disk.
pub(super) struct UnderWay {
    ran: Ran,
    running: Running,
}

impl Messages {
    /// The way into this connector.
    pub fn new(caller: Caller, supervision: Supervision, connector: Arc<Connector>) -> Self {
        Self { caller, supervision, connector, places: Arc::new(Semaphore::new(AT_ONCE)), broken_in_a_row: Arc::default() }
    }

    /// The connector behind it.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn supervision(&self) -> &Supervision {
        &self.supervision
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
        let shown = name.as_deref().or(key.as_deref()).map_or_else(|| hash(&body), Arc::from);
        let identity = Identity { key: key.map_or_else(own_key, String::into_bytes), sha256: body.sha256, name: shown };
        let message = Message { body: body.blob, name, content_type, received_at: clock::now() };
        let result = self.receive(message, identity).await;
        if let Some(fault) = result.as_ref().err().filter(|fault| !fault.kind.is_wait()) {
            tracing::warn!(connector = %self.connector.id, fault = %fault.text, "a message was not taken");
            self.failed(fault.text.clone());
        }
        Some(result)
    }

    /// Hands a message over and waits for its commit. Whoever asked tells of a failure.
    pub(super) async fn receive(&self, message: Message, identity: Identity) -> Result<Received, Fault> {
        let under_way = self.run(message, identity, None).await?;
        self.settle(under_way).await
    }

    /// Runs the plugin on one of a stream's messages, once it is its turn. The next one may be run before this one is settled.
    pub(super) async fn run_next(&self, body: &Body, stream: &Sequence) -> Result<UnderWay, Fault> {
        let _place = self.places.acquire().await.map_err(|_| Fault::hub("the hub is stopping"))?;
        let identity = Identity { key: known_by("", &body.sha256), sha256: body.sha256, name: hash(body) };
        let message = Message { body: Arc::clone(&body.blob), name: None, content_type: None, received_at: clock::now() };
        self.run(message, identity, Some(stream.clone())).await
    }

    /// Waits for a message's commit.
    pub(super) async fn settle(&self, under_way: UnderWay) -> Result<Received, Fault> {
        let UnderWay { ran, running } = under_way;
        let received = ran.settle().await?;
        drop(running);
        let (records, rejected) = if received.repeated { (0, 0) } else { (received.accepted, received.quarantined) };
        self.supervision.succeeded(&self.connector.id, records, rejected, clock::now());
        Ok(received)
    }

    /// A message was not taken.
    pub(super) fn failed(&self, why: String) {
        self.supervision.failed(&self.connector.id, why, clock::now());
    }

    async fn run(&self, message: Message, identity: Identity, sequence: Option<Sequence>) -> Result<UnderWay, Fault> {
        let running = self.supervision.running(&self.connector.id);
        match self.caller.run(&self.connector, message, identity, sequence).await {
            Ok(ran) => {
                self.broken_in_a_row.store(0, Ordering::Relaxed);
                Ok(UnderWay { ran, running })
            }
            Err(fault) => {
                // Its place stays taken meanwhile, so whoever asks all the same does not ask often.
                if fault.kind.is_wait() {
                    tokio::time::sleep(LONGEST_REST).await;
                } else if fault.kind == FaultKind::Plugin {
                    let times = self.broken_in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    tokio::time::sleep(REST.saturating_mul(times).min(LONGEST_REST)).await;
                }
                Err(fault)
            }
        }
    }
}

/// What people call a message that nobody named.
fn hash(body: &Body) -> Arc<str> {
    ContentHash::new(body.sha256).to_string().into()
}

/// What a message is known by that has no key of its sender's own.
pub(super) fn known_by(name: &str, sha256: &[u8; 32]) -> Vec<u8> {
    [name.as_bytes(), b"\0", sha256].concat()
}
