//! A plugin that is ready, and the calls it answers.

use std::sync::Arc;
use std::time::Instant;

use lienthong_core::manifest::Interface;
use lienthong_core::time::Timestamp;
use wasmtime::component::{Instance, InstancePre, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

use super::bindings::exports::lienthong::connector::{receiver, sink, source, transform};
use super::call::{Batch, CURSOR_BYTES, Call, Cause, Failed, Failure, Folded, ItemStatus, Keyed, Message, Outcome, Progress, Reply, Usage};
use super::component::Facts;
use super::engine::{Shared, WASM_STACK};
use super::imports::Body;
use super::state::State;

/// What one crossing from the guest into the hub may carry, bytes; the hub holds it beside the guest's memory.
const CROSSING_BYTES: usize = 32 << 20;

/// Handles to resources that one guest may hold.
pub(super) const HANDLES: usize = 1_000;
/// How wasmtime says that it wanted more.
const TOO_MANY_HANDLES: &str = "store handle limit exceeded";

/// A component that was checked, compiled and linked. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

pub(super) struct Loaded {
    pub(super) facts: Facts,
    pub(super) pre: InstancePre<State>,
    pub(super) source: Option<source::GuestIndices>,
    pub(super) receiver: Option<receiver::GuestIndices>,
    pub(super) transform: Option<transform::GuestIndices>,
    pub(super) sink: Option<sink::GuestIndices>,
    pub(super) shared: Arc<Shared>,
}

impl Plugin {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self(Arc::new(loaded))
    }

    /// What is known of the component.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// `source.poll` at `now`: emits what is new since the cursor. Dropping the future ends the call at the guest's next tick.
    pub async fn poll(&self, call: Call, now: Timestamp, since: Option<Vec<u8>>, max_records: u32) -> Outcome<Progress> {
        self.run(call, Poll { now, since, max_records }).await
    }

    /// `receiver.receive`: one message; the reply is sent once everything emitted is durable.
    pub async fn receive(&self, call: Call, message: Message) -> Outcome<Option<Reply>> {
        let most = call.limits.message_bytes;
        if message.body.size() > most {
            return Err(failed(Cause::Message(most), String::new(), Usage::default()));
        }
        self.run(call, Receive(message)).await
    }

    /// `transform.apply`: one result a group, in the groups' order.
    pub async fn apply(&self, call: Call, now: Timestamp, groups: Vec<Keyed>) -> Outcome<Vec<Folded>> {
        self.run(call, Apply { now, groups }).await
    }

    /// `sink.deliver`: one status a record.
    pub async fn deliver(&self, call: Call, batch: Batch, idempotency_key: String) -> Outcome<Vec<ItemStatus>> {
        self.run(call, Deliver { batch, idempotency_key }).await
    }

    async fn run<J: Job>(&self, call: Call, job: J) -> Outcome<J::Answer> {
        let (connector, memory_bytes) = (call.connector.clone(), call.limits.memory_bytes);
        let (loaded, entrance) = (Arc::clone(&self.0), &self.0.shared.entrance);
        let ended = entrance.run(connector.clone(), memory_bytes, async move { loaded.call(call, job).await }).await;
        let outcome = ended.unwrap_or_else(|end| {
            let cause = if end.is_panic() { Cause::Host("it panicked; this is a defect of the hub".into()) } else { Cause::Cancelled };
            Err(failed(cause, String::new(), Usage::default()))
        });
        match &outcome {
            Ok(_) => entrance.ended_well(&connector),
            Err(failed) if failed.cause.is_the_plugins_own() => entrance.broke(&connector),
            Err(_) => {}
        }
        outcome
    }
}

impl Loaded {
    async fn call<J: Job>(&self, call: Call, job: J) -> Outcome<J::Answer> {
        let limits = call.limits;
        let mut store = self.store(call);
        let started = Instant::now();
        let ended = tokio::time::timeout(limits.time_per_call, async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            job.run(self, &instance, &mut store).await
        })
        .await;
        let state = store.data();
        let used = state.meter.usage(started.elapsed());
        let cause = match (state.meter.breach.get(), ended) {
            (Some(broken), _) => broken,
            (None, Ok(Ok(Ok(answer)))) => return Ok((answer, used)),
            // Languages with exceptions survive it and tell of a defect, where it was the limit.
            (None, Ok(Ok(Err(Cause::Plugin(Failure::Internal(why)))))) if state.meter.memory_denied => {
                state.tail.push(why.as_bytes());
                Cause::Memory(limits.memory_bytes)
            }
            (None, Ok(Ok(Err(cause)))) => cause,
            (None, Ok(Err(error))) => classify(&error, state),
            (None, Err(_)) => Cause::Time(limits.time_per_call),
        };
        Err(failed(cause, state.tail.text(), used))
    }

    fn store(&self, call: Call) -> Store<State> {
        // Honest data lies in the guest's memory, so it is no larger; lists that name the same bytes again and again are not.
        let fuel = usize::try_from(call.limits.memory_bytes).unwrap_or(usize::MAX).clamp(1 << 20, CROSSING_BYTES);
        let mut store = Store::new(&self.shared.engine, State::new(call));
        store.limiter(|state| &mut state.meter);
        store.call_hook(|mut context, hook| context.data_mut().meter.crossed(hook));
        store.set_hostcall_fuel(fuel);
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            Ok(if context.data_mut().meter.has_cpu_left() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }
}

/// What a guest is asked to do.
trait Job: Send + 'static {
    type Answer: Send + 'static;

    /// Calls the export. The outer error is a trap or the hub's own; the inner one the plugin's word, or its answer's fault.
    fn run(
        self,
        loaded: &Loaded,
        instance: &Instance,
        store: &mut Store<State>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Answer, Cause>>> + Send;
}

struct Poll {
    now: Timestamp,
    since: Option<Vec<u8>>,
    max_records: u32,
}

impl Job for Poll {
    type Answer = Progress;

    async fn run(self, loaded: &Loaded, instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Result<Progress, Cause>> {
        let Some(export) = &loaded.source else { return Ok(Err(absent(Interface::Source))) };
        let guest = export.load(&mut *store, instance)?;
        let answer = guest.call_poll(&mut *store, millis(self.now), self.since.as_ref(), self.max_records).await?;
        Ok(answer.map_err(Cause::Plugin).and_then(|progress| match &progress.next {
            Some(cursor) if cursor.len() > CURSOR_BYTES => Err(too_long("its cursor", cursor.len())),
            _ => Ok(progress),
        }))
    }
}

struct Receive(Message);

impl Job for Receive {
    type Answer = Option<Reply>;

    async fn run(self, loaded: &Loaded, instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Result<Option<Reply>, Cause>> {
        let Some(export) = &loaded.receiver else { return Ok(Err(absent(Interface::Receiver))) };
        let guest = export.load(&mut *store, instance)?;
        let Message { body, name, content_type, received_at } = self.0;
        let body = store.data_mut().table.push(Body(body))?;
        let message = receiver::Message { body, name, content_type, received_at: millis(received_at) };
        let answer = guest.call_receive(&mut *store, &message).await?;
        let size = answer.as_ref().ok().and_then(Option::as_ref).map_or(0, |reply| reply.body.len() + reply.content_type.len());
        store.data_mut().meter.put_out(size);
        Ok(answer.map_err(Cause::Plugin))
    }
}

struct Apply {
    now: Timestamp,
    groups: Vec<Keyed>,
}

impl Job for Apply {
    type Answer = Vec<Folded>;

    async fn run(self, loaded: &Loaded, instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Result<Vec<Folded>, Cause>> {
        let Some(export) = &loaded.transform else { return Ok(Err(absent(Interface::Transform))) };
        let guest = export.load(&mut *store, instance)?;
        let answer = guest.call_apply(&mut *store, millis(self.now), &self.groups).await?;
        let folded = match answer {
            Ok(folded) => folded,
            Err(failure) => return Ok(Err(Cause::Plugin(failure))),
        };
        if folded.len() != self.groups.len() || folded.iter().zip(&self.groups).any(|(result, group)| result.key != group.key) {
            return Ok(Err(Cause::Contract("apply must answer with one result a group, in the groups' order".into())));
        }
        for result in &folded {
            let outputs: usize = result.outputs.iter().map(|output| output.records.len()).sum();
            let rejects: usize = result.rejects.iter().map(|reject| reject.bytes.len() + reject.reason.len()).sum();
            let state = result.state.as_ref().map_or(0, Vec::len);
            store.data_mut().meter.put_out(outputs + rejects + state);
            if state > CURSOR_BYTES {
                return Ok(Err(too_long("the state of one key", state)));
            }
        }
        Ok(Ok(folded))
    }
}

struct Deliver {
    batch: Batch,
    idempotency_key: String,
}

impl Job for Deliver {
    type Answer = Vec<ItemStatus>;

    async fn run(self, loaded: &Loaded, instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Result<Vec<ItemStatus>, Cause>> {
        let Some(export) = &loaded.sink else { return Ok(Err(absent(Interface::Sink))) };
        let guest = export.load(&mut *store, instance)?;
        let answer = guest.call_deliver(&mut *store, &self.batch, &self.idempotency_key).await?;
        Ok(answer.map_err(Cause::Plugin).and_then(|statuses| match statuses.len() == self.batch.ids.len() {
            true => Ok(statuses),
            false => Err(Cause::Contract(format!("deliver gave {} statuses for {} records", statuses.len(), self.batch.ids.len()))),
        }))
    }
}

fn absent(interface: Interface) -> Cause {
    Cause::Contract(format!("it does not export `{}`", interface.as_str()))
}

fn too_long(what: &str, size: usize) -> Cause {
    Cause::Contract(format!("{what} has {size} bytes and may have {CURSOR_BYTES}"))
}

fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.micros() / 1_000).unwrap_or(0)
}

fn failed(cause: Cause, stderr: String, used: Usage) -> Box<Failed> {
    Box::new(Failed { message: cause.to_string(), cause, stderr, used })
}

/// Why a guest broke, where no limit that the hub counts itself was the reason.
fn classify(error: &wasmtime::Error, state: &State) -> Cause {
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(8) {
            state.tail.push(format!("  at {}\n", frame.func_name().unwrap_or("?")).as_bytes());
        }
    }
    if state.meter.memory_denied {
        return Cause::Memory(state.meter.limits.memory_bytes);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let text = trap.to_string();
        if *trap == Trap::StackOverflow {
            return Cause::Trap(format!("call stack exhausted: the limit is {}KiB, for every plugin", WASM_STACK >> 10));
        }
        return Cause::Trap(text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned());
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return Cause::Trap(format!("exit({})", exit.0));
    }
    let text = error.root_cause().to_string();
    // Neither has a type of its own: the one is of what the hub keeps for it, the other of what it may hold.
    if error.downcast_ref::<ResourceTableError>().is_some_and(|error| matches!(error, ResourceTableError::Full))
        || text.contains(TOO_MANY_HANDLES)
    {
        return Cause::Contract(format!(
            "it held more than {HANDLES} handles at a time, the limit for every plugin: drop what is done with"
        ));
    }
    if text.contains("fuel allocated for hostcalls") {
        return Cause::Contract("one crossing into the hub carried more than the call's whole memory may hold".into());
    }
    Cause::Trap(text)
}
