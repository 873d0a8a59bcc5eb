//! Where a guest's output goes: each record is decoded and validated as it is emitted, and kept until the call ends.
//! Past [`STAGE_BYTES`] the output is staged in the store, invisible until the call's final transaction. Attachments are
//! files of the store that nobody sees before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::hash::ContentHash;
use lienthong_core::id::{ChannelId, Port};
use lienthong_core::log::Origin;
use lienthong_core::ports::{self, Attached, Emit, Pending, Stopped, Verdict};
use lienthong_core::record::{Envelope, ValidBatch, Violation};
use lienthong_core::time::Timestamp;
use tokio::sync::Mutex;

use super::channels::{Channel, Channels};
use crate::disk::{Draft, Drafted};
use crate::failpoint;
use crate::store::{Append, Attachment, CallId, Part, Rejection, Store};

/// Output held in memory before it is staged.
const STAGE_BYTES: usize = 4 << 20;

/// What is kept of a plugin's reason for a rejection, and of the place it names: lists of rejections show both.
const REASON_BYTES: usize = 2 << 10;

/// Refusals told to the guest for one emit, and to an operator for one call.
const FIRST: usize = 16;

/// Collects one call's output. Cloned handles share it: one goes into the sandbox, one stays outside.
#[derive(Clone)]
pub struct Intake(Arc<Mutex<State>>);

/// What a call brought.
#[derive(Debug, Default)]
pub struct Output {
    /// Batches not yet staged.
    pub appends: Vec<Append>,
    /// Rejections not yet staged.
    pub rejections: Vec<Rejection>,
    /// Finished files; none twice in a channel.
    pub attachments: Vec<Attachment>,
    /// Set when parts were staged before: the final transaction publishes them.
    pub staged: Option<CallId>,
    /// Records that fit.
    pub accepted: u64,
    /// Records and items that went to quarantine.
    pub rejected: u64,
    /// The first reasons.
    pub first: Vec<Violation>,
}

struct State {
    store: Store,
    call: CallId,
    origin: Origin,
    received_at: Timestamp,
    message_name: Arc<str>,
    ports: BTreeMap<Port, Arc<Channel>>,
    decoder: Decoder,
    batches: BTreeMap<ChannelId, ValidBatch>,
    rejections: Vec<Rejection>,
    attachments: BTreeMap<(ChannelId, ContentHash), Drafted>,
    held_bytes: usize,
    /// Beyond so many of them they are staged.
    most_held_bytes: usize,
    staged: bool,
    accepted: u64,
    rejected: u64,
    first: Vec<Violation>,
}

impl Intake {
    /// An empty intake for one call of a connector, whose ports lead to channels as `emits` has it, about the message of this name.
    pub fn new(
        store: Store,
        channels: &Channels,
        emits: &BTreeMap<Port, ChannelId>,
        origin: Origin,
        received_at: Timestamp,
        message_name: Arc<str>,
    ) -> Self {
        let ports = emits.iter().filter_map(|(port, channel)| Some((port.clone(), channels.get(channel)?.clone()))).collect();
        Self(Arc::new(Mutex::new(State {
            call: store.begin_call(),
            store,
            origin,
            received_at,
            message_name,
            ports,
            decoder: Decoder::new(DecodeLimits::default()),
            batches: BTreeMap::new(),
            rejections: Vec::new(),
            attachments: BTreeMap::new(),
            held_bytes: 0,
            most_held_bytes: STAGE_BYTES,
            staged: false,
            accepted: 0,
            rejected: 0,
            first: Vec::new(),
        })))
    }

    /// Holds all output until the call ends, however much: for a call whose output is looked at and never stored.
    #[must_use]
    pub fn holding_all(mut self) -> Self {
        if let Some(state) = Arc::get_mut(&mut self.0) {
            state.get_mut().most_held_bytes = usize::MAX;
        }
        self
    }

    /// Takes records for a channel, as [`Emit::emit`] does for a port. What a producer said of each goes with it.
    pub(super) async fn put<'r>(
        &self,
        channel: &Channel,
        records: impl Iterator<Item = (&'r [u8], Option<Envelope>)> + Send,
    ) -> Result<(), Stopped> {
        let mut state = self.0.lock().await;
        state.take(channel, records);
        state.stage_if_large().await
    }

    /// Takes one item that a channel cannot have. `place` says of what it was made, where that is not the whole message.
    pub(super) async fn put_aside(
        &self,
        channel: &Channel,
        bytes: Vec<u8>,
        mut violation: Violation,
        place: Option<Arc<str>>,
    ) -> Result<(), Stopped> {
        let mut state = self.0.lock().await;
        violation.message.truncate(violation.message.floor_char_boundary(REASON_BYTES));
        violation.pointer.truncate(violation.pointer.floor_char_boundary(REASON_BYTES));
        state.refuse(channel, bytes, violation, place);
        state.stage_if_large().await
    }

    /// The call ended well: takes what is still held.
    pub async fn finish(&self) -> Output {
        let mut state = self.0.lock().await;
        let (appends, rejections) = state.take_held();
        let attachments = std::mem::take(&mut state.attachments).into_iter();
        Output {
            appends,
            rejections,
            attachments: attachments.map(|((channel, _), file)| Attachment { channel, file }).collect(),
            staged: state.staged.then_some(state.call),
            accepted: state.accepted,
            rejected: state.rejected,
            first: std::mem::take(&mut state.first),
        }
    }

    /// The call failed or was refused: nothing it emitted counts.
    pub async fn abandon(&self) {
        let mut state = self.0.lock().await;
        state.take_held();
        state.attachments.clear();
        if std::mem::take(&mut state.staged)
            && let Err(error) = state.store.abandon(state.call).await
        {
            // The store deletes it at its next start; it can never become visible.
            tracing::warn!(%error, "staged output of a failed call was not deleted");
        }
    }
}

impl State {
    fn channel(&self, port: &str) -> Result<Arc<Channel>, Stopped> {
        let known = ports::port(port)?;
        self.ports.get(&known).cloned().ok_or_else(|| Stopped::UnknownPort(port.to_owned()))
    }

    fn refuse(&mut self, channel: &Channel, bytes: Vec<u8>, violation: Violation, place: Option<Arc<str>>) {
        self.rejected += 1;
        self.held_bytes += bytes.len() + 256;
        if self.first.len() < FIRST {
            self.first.push(violation.clone());
        }
        let (channel, schema) = (channel.id.clone(), channel.schema.id().clone());
        let message_name = Some(place.unwrap_or_else(|| Arc::clone(&self.message_name)));
        self.rejections.push(Rejection { channel, schema, bytes, violation, message_name });
    }

    fn take<'r>(&mut self, channel: &Channel, records: impl Iterator<Item = (&'r [u8], Option<Envelope>)>) -> Verdict {
        let mut verdict = Verdict::default();
        let mut batch = self.batches.remove(&channel.id).unwrap_or_else(|| ValidBatch::new(channel.schema.id().clone()));
        for (index, (line, envelope)) in records.enumerate() {
            match channel.schema.validate(&mut self.decoder, line) {
                Ok(record) => {
                    self.held_bytes += record.bytes().len() + 1;
                    batch.push(record, envelope);
                    verdict.accepted += 1;
                }
                Err(violation) => {
                    verdict.refused += 1;
                    if verdict.first.len() < FIRST {
                        verdict.first.push((u32::try_from(index).unwrap_or(u32::MAX), violation.clone()));
                    }
                    self.refuse(channel, line.to_vec(), violation, None);
                }
            }
        }
        self.accepted += u64::from(verdict.accepted);
        self.batches.insert(channel.id.clone(), batch);
        verdict
    }

    fn take_held(&mut self) -> (Vec<Append>, Vec<Rejection>) {
        self.held_bytes = 0;
        let batches = std::mem::take(&mut self.batches);
        let appends = batches.into_iter().filter(|(_, batch)| !batch.is_empty());
        (appends.map(|(channel, batch)| Append { channel, batch }).collect(), std::mem::take(&mut self.rejections))
    }

    /// A file goes to the disk before any transaction, so it is refused here where there is no space.
    fn takes_data(&self) -> Result<(), Stopped> {
        self.store.takes_data().map_err(not_kept)
    }

    async fn stage_if_large(&mut self) -> Result<(), Stopped> {
        if self.held_bytes < self.most_held_bytes {
            return Ok(());
        }
        let (appends, rejections) = self.take_held();
        // Set before the write: a part that may or may not have been staged must be abandoned too.
        self.staged = true;
        let part = Part { received_at: self.received_at, origin: self.origin.clone(), appends, rejections };
        self.store.stage(self.call, part).await.map_err(|error| Stopped::Cancelled(format!("output could not be staged: {error}")))?;
        failpoint::reached("call.staged");
        Ok(())
    }
}

impl Emit for Intake {
    fn emit<'a>(&'a mut self, port: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        Box::pin(async move {
            let mut state = self.0.lock().await;
            let channel = state.channel(port)?;
            let verdict = state.take(&channel, lines(&ndjson).map(|line| (line, None)));
            state.stage_if_large().await?;
            Ok(verdict)
        })
    }

    fn reject<'a>(&'a mut self, port: &'a str, bytes: Vec<u8>, reason: String, at: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        Box::pin(async move {
            let channel = self.0.lock().await.channel(port)?;
            self.put_aside(&channel, bytes, rejected(reason, at), None).await
        })
    }

    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn ports::Attachment>, Stopped>> {
        Box::pin(async move {
            let state = self.0.lock().await;
            state.takes_data()?;
            let (channel, draft) = (state.channel(port)?.id.clone(), state.store.draft());
            Ok(Box::new(Writing { intake: self.clone(), store: state.store.clone(), channel, draft }) as Box<dyn ports::Attachment>)
        })
    }
}

/// What a plugin says of an item that is no record.
pub(super) fn rejected(reason: String, at: Option<String>) -> Violation {
    Violation { pointer: at.unwrap_or_default(), keyword: "plugin".into(), message: reason }
}

/// An attachment that the guest is writing.
struct Writing {
    intake: Intake,
    store: Store,
    channel: ChannelId,
    draft: Draft,
}

impl ports::Attachment for Writing {
    fn write(&mut self, bytes: Vec<u8>) -> Pending<'_, Result<(), Stopped>> {
        Box::pin(async move {
            self.store.takes_data().map_err(not_kept)?;
            self.draft.write(&bytes).await.map_err(not_kept)
        })
    }

    fn finish(self: Box<Self>) -> Pending<'static, Result<Attached, Stopped>> {
        Box::pin(async move {
            let Self { intake, channel, draft, .. } = *self;
            let file = draft.finish().await.map_err(not_kept)?;
            let attached = Attached { hash: file.hash, size_bytes: file.size_bytes };
            intake.0.lock().await.attachments.insert((channel, file.hash), file);
            Ok(attached)
        })
    }
}

fn not_kept(error: impl std::fmt::Display) -> Stopped {
    Stopped::Cancelled(format!("an attachment could not be kept: {error}"))
}

/// The lines of newline-delimited JSON that hold anything.
pub fn lines(ndjson: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = ndjson;
    let next = move || {
        let (line, behind) = match memchr::memchr(b'\n', rest) {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None if rest.is_empty() => return None,
            None => (rest, &rest[rest.len()..]),
        };
        rest = behind;
        Some(line)
    };
    std::iter::from_fn(next).filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace()))
}
