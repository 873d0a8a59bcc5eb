//! M3: one call of a plugin with 1,000 records of 352 bytes in and out: this hub's sandbox, the same code natively, Extism.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use lienthong::toolchain;
use lienthong::wasm::{Call, Engine, EngineOptions, Message, Plugin};
use lienthong_core::city::Limits;
use lienthong_core::id::ConnectorId;
use lienthong_core::ports::{Attachment, Emit, Pending, Stopped, Verdict};
use lienthong_core::time::Timestamp;
use lienthong_tests::guest;
use lienthong_tests::measure::{own_cpu, quantile};
use tempfile::TempDir;

use crate::Bench;
use crate::lineup::{About, Contender, Figures, Lineup, Run};
use crate::load::Posts;
use crate::peers::EXTISM;
use crate::report::Measure;
use crate::row::{Better, Row};
use crate::worker::Worker;

#[path = "../peers/reading.rs"]
mod reading;

const M: &str = "M3";
const RECORDS: usize = 1_000;

/// Ours against native code and Extism.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measure> {
    let calls = if bench.quick { 200 } else { 1_000 };
    let input = Posts::new(RECORDS, RECORDS, false).bodies[0].clone();
    let file = bench.scratch().join("input.ndjson");
    std::fs::write(&file, &input)?;
    let sandbox = Sandbox::new(bench.scratch())?;
    let component = std::fs::read(built(bench)?)?;
    let convert = sandbox.engine.load(component).await?;
    let echo =
        sandbox.engine.load(guest::receiver(include_str!("../../plugins/honest.wat"), "lienthong:connector/receiver-plugin")).await?;
    let sandbox = Arc::new(sandbox);
    let ours = |plugin| Ours { plugin, input: input.clone(), calls, _sandbox: sandbox.clone() };
    let extism = |function: &'static str| {
        EXTISM.python(bench.cache())?;
        let (cache, script, module) = (bench.cache().to_owned(), bench.script("extism_call.py"), extism_module(bench)?);
        anyhow::Ok(Extism {
            cache,
            script,
            module,
            input: file.clone(),
            function,
            calls,
            log: bench.scratch().join("extism.log"),
            worker: None,
        })
    };
    let work = Lineup::new(M, ours(convert))
        .against("the same code, native", Ok(Native { input: input.clone(), calls }))
        .against("Extism", extism("convert"));
    let work = work.run(bench.pairs).await?;
    let crossing = Lineup::new(M, ours(echo)).against("Extism", extism("echo")).run(bench.pairs).await?;
    let ([ours, native, extism], [ours_echo, extism_echo]) = (&work.series[..], &crossing.series[..]) else { bail!("a contender is gone") };
    let call = ("CPU-µs/call", "CPU-µs/call");
    let rows =
        vec![
            Row::new(M, "352 KB of JSON parsed, reshaped and written", call, Better::Less, ours)
                .against(call.0, native, Some(1.5))
                .against(call.0, extism, None),
            Row::new(M, "352 KB in and out, untouched", ("CPU-ns/record", "CPU-ns/record"), Better::Less, ours_echo)
                .reaching(50.0)
                .against("CPU-ns/record", extism_echo, None),
        ];
    Ok(Measure::new(M, "calls of a plugin with 1,000 records in and out, a fresh instance for each of ours", rows, [work, crossing]))
}

/// The guest as a component, built if it is not there.
pub(crate) fn built(bench: &Bench) -> anyhow::Result<PathBuf> {
    let built = toolchain::build(&bench.script("guest"), &bench.out().join("guests"), &toolchain::Options::default());
    Ok(built.context("the guest of the benchmark")?.path)
}

/// The guest as Extism wants it: a core module, as Cargo makes it.
fn extism_module(bench: &Bench) -> anyhow::Result<PathBuf> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let target = bench.out().join("guests/extism");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--locked", "--lib", "--target", TARGET, "--target-dir"]).arg(&target);
    cargo.current_dir(bench.script("guest-extism")).stdin(Stdio::null());
    for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        cargo.env_remove(inherited);
    }
    let output = cargo.output().context("cargo cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    ensure!(output.status.success(), "its guest cannot be built (`rustup target add {TARGET}` may help): {last}");
    Ok(target.join(TARGET).join("release/bench_guest_extism.wasm"))
}

struct Sandbox {
    engine: Engine,
    _folder: TempDir,
}

impl Sandbox {
    fn new(scratch: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(scratch)?;
        Ok(Self {
            engine: Engine::new(EngineOptions { compile_in_parallel: true, ..EngineOptions::new(folder.path().join("cache")) })?,
            _folder: folder,
        })
    }
}

/// Takes what a guest emits, and counts it.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<usize>>);

impl Emit for Taken {
    fn emit<'a>(&'a mut self, _: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += ndjson.len();
        Box::pin(async { Ok(Verdict::default()) })
    }

    fn reject<'a>(&'a mut self, _: &'a str, _: Vec<u8>, reason: String, _: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        Box::pin(async { Err(Stopped::Cancelled(reason)) })
    }

    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>> {
        Box::pin(async { Err(Stopped::UnknownPort(port.to_owned())) })
    }
}

/// Calls a receiver with a message; tells how many bytes it emitted.
pub(crate) async fn call(plugin: &Plugin, body: &Bytes) -> anyhow::Result<usize> {
    let taken = Taken::default();
    let call = Call {
        connector: ConnectorId::new("bench/guest").context("no id")?,
        message_name: "readings".into(),
        settings: "{}".into(),
        limits: Limits::default(),
        emit: Box::new(taken.clone()),
        door: None,
        tape: None,
    };
    // The hub's copy, as a transport would have made it.
    let body = Arc::new(body.to_vec());
    plugin.receive(call, Message { body, name: None, content_type: None, received_at: Timestamp::default() }).await?;
    let bytes = *taken.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(bytes)
}

fn figures(cpu_s: f64, wall_s: f64) -> Figures {
    Figures::from([("CPU-µs/call", cpu_s * 1e6), ("wall µs/call", wall_s * 1e6), ("CPU-ns/record", cpu_s * 1e9 / RECORDS as f64)])
}

struct Ours {
    plugin: Plugin,
    input: Bytes,
    calls: usize,
    _sandbox: Arc<Sandbox>,
}

impl Contender for Ours {
    fn about(&self) -> About {
        About { name: "lienthong".into(), version: crate::hub_version(), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            call(&self.plugin, &self.input).await?;
            let (mut walls, before) = (Vec::with_capacity(self.calls), own_cpu());
            for _ in 0..self.calls {
                let started = Instant::now();
                let bytes = call(&self.plugin, &self.input).await?;
                walls.push(started.elapsed().as_secs_f64());
                ensure!(bytes > self.input.len() * 9 / 10, "{bytes} bytes came out");
            }
            Ok(figures((own_cpu() - before) / self.calls as f64, quantile(&walls, 0.5)))
        })
    }
}

struct Native {
    input: Bytes,
    calls: usize,
}

impl Contender for Native {
    fn about(&self) -> About {
        About { name: "the same code, native".into(), version: "serde_json, one thread, no sandbox".into(), durability: "none asked" }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            let (mut walls, before) = (Vec::with_capacity(self.calls), own_cpu());
            for _ in 0..self.calls {
                let started = Instant::now();
                let out = converted(black_box(&self.input))?;
                walls.push(started.elapsed().as_secs_f64());
                ensure!(out.len() > self.input.len() * 9 / 10, "{} bytes came out", out.len());
            }
            Ok(figures((own_cpu() - before) / self.calls as f64, quantile(&walls, 0.5)))
        })
    }
}

fn converted(input: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    for line in str::from_utf8(input)?.lines() {
        serde_json::to_writer(&mut out, &reading::convert(line)?)?;
        out.push(b'\n');
    }
    Ok(out)
}

struct Extism {
    cache: PathBuf,
    script: PathBuf,
    module: PathBuf,
    input: PathBuf,
    function: &'static str,
    calls: usize,
    log: PathBuf,
    worker: Option<Worker>,
}

impl Contender for Extism {
    fn about(&self) -> About {
        About {
            name: "Extism".into(),
            version: format!("{}, one instance for all calls, its Python host", EXTISM.version()),
            durability: "none asked",
        }
    }

    fn run(&mut self) -> Run<'_> {
        Box::pin(async {
            if self.worker.is_none() {
                let mut python = EXTISM.python(&self.cache)?;
                python.arg(&self.script).arg(&self.module).arg(&self.input).arg(self.calls.to_string());
                self.worker = Some(Worker::start(python, &self.log).await?);
            }
            let worker = self.worker.as_mut().context("no worker")?;
            let answer = worker.work(self.function).await?;
            let seconds = |name: &str| answer[name].as_f64().with_context(|| answer.to_string());
            Ok(figures(seconds("cpu_s")?, seconds("wall_s")?))
        })
    }
}
