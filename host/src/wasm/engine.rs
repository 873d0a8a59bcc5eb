//! One a hub: the compiler, the guests' own threads, and the clock that interrupts them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use lienthong_core::manifest::Interface;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings;
use super::bindings::exports::lienthong::connector::{receiver, sink, source, transform};
use super::cache::Cache;
use super::component::{self, LoadError};
use super::plugin::{Loaded, Plugin};
use super::state::State;

/// Between two looks at a running guest.
const TICK: Duration = Duration::from_millis(10);
/// What one component may consist of.
pub(super) const CORE_INSTANCES: u32 = 64;
pub(super) const MEMORIES: u32 = 8;
pub(super) const TABLES: u32 = 16;
/// Elements of one table.
const TABLE_ELEMENTS: usize = 65_536;
/// Stack of the guest's code, within the larger one that its host calls run on.
const WASM_STACK: usize = 512 << 10;
const ASYNC_STACK: usize = 2 << 20;

/// Of each slot of the pool, zeroed for the next call rather than given back and faulted in again: with it a third off an empty
/// call, and 352 KB cross in 55 µs where they took 135. At most 100 idle slots are kept.
const KEPT_MEMORY: usize = 512 << 10;
const KEPT_TABLE: usize = 64 << 10;

/// How an [`Engine`] is set up.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The folder for machine code. Made if missing; only the hub's user may write to it.
    pub cache: PathBuf,
    /// Threads that run guests.
    pub workers: usize,
    /// Calls at a time; more wait, and their clock does not run yet.
    pub concurrent_calls: u32,
    /// Compile on all processors. Right for a command that waits for it, wrong beside a running hub.
    pub compile_in_parallel: bool,
}

impl EngineOptions {
    /// Two threads, 32 calls at a time, one compiling thread.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), workers: 2, concurrent_calls: 32, compile_in_parallel: false }
    }
}

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for machine code cannot be used.
    #[error("the plugin cache {path} cannot be used: {source}")]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Threads cannot be started.
    #[error("the threads for plugins cannot be started: {0}")]
    Threads(std::io::Error),
    /// The compiler or its allocator cannot be set up.
    #[error("the sandbox cannot be set up: {0}")]
    Sandbox(String),
}

/// The sandbox. Guests run on threads of its own, so that none of them can hold the hub's.
pub struct Engine {
    shared: Arc<Shared>,
    compiling: Semaphore,
    runtime: Option<Runtime>,
    ticker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// What plugins keep of their engine.
pub(super) struct Shared {
    pub(super) engine: wasmtime::Engine,
    pub(super) handle: Handle,
    pub(super) calls: Semaphore,
    linker: Linker<State>,
    cache: Cache,
}

impl Engine {
    /// Sets the sandbox up.
    pub fn new(options: EngineOptions) -> Result<Self, Error> {
        let engine = build(&options)?;
        let cache = Cache::open(&options.cache, &engine).map_err(|source| Error::Cache { path: options.cache.clone(), source })?;
        let linker = link(&engine).map_err(|error| Error::Sandbox(format!("{error:#}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.workers.max(1))
            .thread_name("guest")
            // Spinning guests give way once a tick; timers and sockets must not wait for the default of 61 of them.
            .event_interval(2)
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        let ticker = tick(engine.clone()).map_err(Error::Threads)?;
        let calls = Semaphore::new(options.concurrent_calls.max(1) as usize);
        let shared = Shared { engine, handle: runtime.handle().clone(), calls, linker, cache };
        Ok(Self { shared: Arc::new(shared), compiling: Semaphore::new(1), runtime: Some(runtime), ticker: Some(ticker) })
    }

    /// Checks a component and makes it ready: from the cache in milliseconds, else by compiling, one component at a time.
    pub async fn load(&self, bytes: impl Into<Arc<[u8]>>) -> Result<Plugin, LoadError> {
        let bytes = bytes.into();
        let stopping = || LoadError::Host("the hub is stopping".into());
        let _turn = self.compiling.acquire().await.map_err(|_| stopping())?;
        let shared = Arc::clone(&self.shared);
        let prepared = self.shared.handle.spawn_blocking(move || prepare(&shared, &bytes)).await;
        prepared.map_err(|error| if error.is_panic() { LoadError::Compile("the compiler panicked".into()) } else { stopping() })?
    }

    /// Ends every call that still runs, as [`super::Cause::Cancelled`], and the threads. Plugins of this engine are dead then.
    pub fn shutdown(self) {}
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.calls.close();
        self.compiling.close();
        if let Some(runtime) = self.runtime.take() {
            // Guests give way at each tick, and their tasks are dropped there.
            runtime.shutdown_background();
        }
        if let Some((stop, thread)) = self.ticker.take() {
            // One more tick, so that a guest that spins gives way to its own end.
            self.shared.engine.increment_epoch();
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn config(options: &EngineOptions) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .parallel_compilation(options.compile_in_parallel);
    config
}

/// With a pool of memories if the machine has the address space, else one by one.
fn build(options: &EngineOptions) -> Result<wasmtime::Engine, Error> {
    let calls = options.concurrent_calls.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_core_instances(calls.saturating_mul(CORE_INSTANCES))
        .total_memories(calls.saturating_mul(MEMORIES))
        .total_tables(calls.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLE)
        .table_elements(TABLE_ELEMENTS);
    let mut pooled = config(options);
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match wasmtime::Engine::new(&pooled) {
        Ok(engine) => Ok(engine),
        Err(why) => {
            tracing::warn!("no address space for a pool of plugin memories ({why:#}); each call gets its own, which is slower");
            let mut on_demand = config(options);
            on_demand.memory_reservation(0).memory_guard_size(64 << 10);
            wasmtime::Engine::new(&on_demand).map_err(|error| Error::Sandbox(format!("{error:#}")))
        }
    }
}

fn link(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::Plugin::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Advances the epoch until the sender is dropped.
fn tick(engine: wasmtime::Engine) -> std::io::Result<(mpsc::Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = std::thread::Builder::new().name("guest-ticker".into()).spawn(move || {
        while stopped.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            engine.increment_epoch();
        }
    })?;
    Ok((stop, thread))
}

fn prepare(shared: &Arc<Shared>, bytes: &[u8]) -> Result<Plugin, LoadError> {
    let facts = component::inspect(bytes)?;
    let compile = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
    let component = match shared.cache.read(&shared.engine, &facts.sha256) {
        Some(component) => component,
        None => {
            let component = Component::from_binary(&shared.engine, bytes).map_err(compile)?;
            let kept = component.serialize().map_err(std::io::Error::other).and_then(|code| shared.cache.write(&facts.sha256, &code));
            if let Err(error) = kept {
                tracing::warn!(plugin = %facts.manifest.plugin.name, "its machine code is not kept, so the next start compiles again: {error}");
            }
            component
        }
    };
    let pre = shared.linker.instantiate_pre(&component).map_err(compile)?;
    let exports = |interface| facts.exports.contains(&interface);
    let source = exports(Interface::Source).then(|| source::GuestIndices::new(&pre)).transpose().map_err(compile)?;
    let receiver = exports(Interface::Receiver).then(|| receiver::GuestIndices::new(&pre)).transpose().map_err(compile)?;
    let transform = exports(Interface::Transform).then(|| transform::GuestIndices::new(&pre)).transpose().map_err(compile)?;
    let sink = exports(Interface::Sink).then(|| sink::GuestIndices::new(&pre)).transpose().map_err(compile)?;
    Ok(Plugin::new(Loaded { facts, pre, source, receiver, transform, sink, shared: Arc::clone(shared) }))
}
