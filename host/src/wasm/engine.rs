//! One a hub: the compiler, the guests' own threads, and the clock that interrupts them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use lienthong_core::manifest::Interface;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings;
use super::bindings::exports::lienthong::connector::{receiver, sink, source, transform};
use super::cache::{self, Cache};
use super::compile::{self, Compiler, Target};
use super::component::{self, Facts, LoadError, Surface};
use super::lanes::{Entrance, Lanes};
use super::plugin::{Loaded, Plugin};
use super::state::State;

/// Between two looks at a running guest.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// What one component may consist of.
pub(super) const CORE_INSTANCES: u32 = 64;
pub(super) const MEMORIES: u32 = 8;
pub(super) const TABLES: u32 = 16;
/// Elements of one table.
const TABLE_ELEMENTS: usize = 65_536;
/// Stack of the guest's code, within the larger one that its host calls run on.
pub(super) const WASM_STACK: usize = 512 << 10;
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
    /// Threads of the quick lane that guests run in; the slow one has half as many.
    pub threads: usize,
    /// Calls at a time; more wait, and their clock does not run yet.
    pub concurrent_calls: u32,
    /// Compile on all processors. Right for a command that waits for it, wrong beside a running hub.
    pub compile_in_parallel: bool,
    /// The program whose command `compile` compiles, in a process of its own; without one it is done in this process, where
    /// nothing limits it.
    pub compiler: Option<PathBuf>,
    /// What that process may use.
    pub compile_limits: compile::Limits,
}

impl EngineOptions {
    /// A thread for each processor in the quick lane, two at least; 32 calls at a time; one compiling thread, in this process.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        let compile_limits = compile::Limits::default();
        Self { cache: cache.into(), threads, concurrent_calls: 32, compile_in_parallel: false, compiler: None, compile_limits }
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
    compiler: Option<Compiler>,
    lanes: Option<Lanes>,
    ticker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// What plugins keep of their engine.
pub(super) struct Shared {
    pub(super) engine: wasmtime::Engine,
    pub(super) entrance: Arc<Entrance>,
    linker: Linker<State>,
    cache: Cache,
}

impl Engine {
    /// Sets the sandbox up.
    pub fn new(options: EngineOptions) -> Result<Self, Error> {
        let (engine, target) = build(&options)?;
        let cache = Cache::open(&options.cache, &engine).map_err(|source| Error::Cache { path: options.cache.clone(), source })?;
        let linker = link(&engine).map_err(|error| Error::Sandbox(format!("{error:#}")))?;
        let lanes = Lanes::start(options.threads, options.concurrent_calls as usize).map_err(Error::Threads)?;
        let ticker = tick(engine.clone()).map_err(Error::Threads)?;
        let compiler = options.compiler.map(|program| Compiler { program, limits: options.compile_limits, target });
        let shared = Arc::new(Shared { engine, entrance: lanes.entrance(), linker, cache });
        Ok(Self { shared, compiling: Semaphore::new(1), compiler, lanes: Some(lanes), ticker: Some(ticker) })
    }

    /// Checks a component and makes it ready: from the cache in milliseconds, else by compiling, one component at a time.
    pub async fn load(&self, bytes: impl Into<Arc<[u8]>>) -> Result<Plugin, LoadError> {
        let bytes = bytes.into();
        let _turn = self.compiling.acquire().await.map_err(|_| LoadError::Host("the hub is stopping".into()))?;
        let (shared, component) = (Arc::clone(&self.shared), bytes.clone());
        let known = beside(move || {
            let sha256 = component::digest(&component)?;
            match shared.cache.read(&shared.engine, &sha256) {
                Some((surface, code)) => shared.link(surface.check(sha256, component.len() as u64)?, &code).map(Ok),
                None => {
                    let surface = Surface::read(&component)?;
                    let facts = surface.check(sha256, component.len() as u64)?;
                    Ok(Err((surface, facts)))
                }
            }
        })
        .await?;
        let (surface, facts) = match known {
            Ok(plugin) => return Ok(plugin),
            Err(unknown) => unknown,
        };
        let shared = Arc::clone(&self.shared);
        let code = match &self.compiler {
            Some(compiler) => compiler.compile(bytes).await?,
            None => {
                let engine = self.shared.engine.clone();
                beside(move || engine.precompile_component(&bytes).map_err(compiled)).await?
            }
        };
        beside(move || {
            if let Err(error) = shared.cache.write(&facts.sha256, surface, &code) {
                tracing::warn!(plugin = %facts.manifest.plugin.name, "its machine code is not kept, so the next start compiles again: {error}");
            }
            let component = cache::deserialize(&shared.engine, &code).map_err(compiled)?;
            shared.link(facts, &component)
        })
        .await
    }

    /// Ends every call that still runs, as [`super::Cause::Cancelled`], and the threads. Plugins of this engine are dead then.
    pub fn shutdown(self) {}
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.compiling.close();
        self.lanes = None;
        if let Some((stop, thread)) = self.ticker.take() {
            // One more tick, so that a guest that spins gives way to its own end.
            self.shared.engine.increment_epoch();
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Away from the threads that serve everyone.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, LoadError> + Send + 'static) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| LoadError::Compile(format!("making it ready failed: {error}")))?
}

fn compiled(error: wasmtime::Error) -> LoadError {
    LoadError::Compile(format!("{error:#}"))
}

/// What machine code depends on, and with it the whole engine but for where its memories come from.
pub(super) fn config(target: Target) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .parallel_compilation(target.parallel);
    if !target.pooled {
        config.memory_reservation(0).memory_guard_size(64 << 10);
    }
    config
}

/// With a pool of memories if the machine has the address space, else one by one.
fn build(options: &EngineOptions) -> Result<(wasmtime::Engine, Target), Error> {
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
    let target = Target { pooled: true, parallel: options.compile_in_parallel };
    let mut pooled = config(target);
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match wasmtime::Engine::new(&pooled) {
        Ok(engine) => Ok((engine, target)),
        Err(why) => {
            tracing::warn!("no address space for a pool of plugin memories ({why:#}); each call gets its own, which is slower");
            let target = Target { pooled: false, ..target };
            let engine = wasmtime::Engine::new(&config(target)).map_err(|error| Error::Sandbox(format!("{error:#}")))?;
            Ok((engine, target))
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

impl Shared {
    fn link(self: &Arc<Self>, facts: Facts, component: &Component) -> Result<Plugin, LoadError> {
        let unfit = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(component).map_err(unfit)?;
        let exports = |interface| facts.exports.contains(&interface);
        let source = exports(Interface::Source).then(|| source::GuestIndices::new(&pre)).transpose().map_err(unfit)?;
        let receiver = exports(Interface::Receiver).then(|| receiver::GuestIndices::new(&pre)).transpose().map_err(unfit)?;
        let transform = exports(Interface::Transform).then(|| transform::GuestIndices::new(&pre)).transpose().map_err(unfit)?;
        let sink = exports(Interface::Sink).then(|| sink::GuestIndices::new(&pre)).transpose().map_err(unfit)?;
        Ok(Plugin::new(Loaded { facts, pre, source, receiver, transform, sink, shared: Arc::clone(self) }))
    }
}
