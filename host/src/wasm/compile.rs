//! Compiling, in a process of its own: Cranelift is made for code that means well, and a component can be written so that it
//! takes gigabytes or hours. A thread cannot be stopped there, and its memory cannot be capped; a process can.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::component::{LoadError, MAX_SIZE};

/// What one compilation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space of the process, MiB.
    pub memory_mib: u64,
    /// Processor time, seconds. Components of JavaScript and Python take a minute.
    pub cpu_seconds: u64,
    /// Until it is given up, seconds: other work goes first.
    pub wall_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mib: 2 << 10, cpu_seconds: 180, wall_seconds: 1_200 }
    }
}

/// How machine code must be made to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// For memories from a pool, with large guards.
    pub pooled: bool,
    /// On all processors.
    pub parallel: bool,
}

/// Machine code of one component, bytes.
const CODE_BYTES: u64 = 512 << 20;
/// Of what the compiler says when it breaks, bytes.
const WORDS_BYTES: u64 = 4 << 10;
/// Other work goes first.
const NICE: i32 = 10;

/// Starts the process that compiles.
#[derive(Debug, Clone)]
pub(super) struct Compiler {
    /// The program, which knows the command `compile`.
    pub(super) program: PathBuf,
    pub(super) limits: Limits,
    pub(super) target: Target,
}

impl Compiler {
    /// The machine code of a component.
    pub(super) async fn compile(&self, component: Arc<[u8]>) -> Result<Vec<u8>, LoadError> {
        let Limits { memory_mib, cpu_seconds, wall_seconds } = self.limits;
        let mut command = Command::new(&self.program);
        command.arg("compile").args(["--memory-mib", &memory_mib.to_string(), "--cpu-seconds", &cpu_seconds.to_string()]);
        command.args(self.target.pooled.then_some("--pooled")).args(self.target.parallel.then_some("--parallel"));
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let host = |error: std::io::Error| LoadError::Host(format!("the compiler cannot be run: {error}"));
        let mut child = command.spawn().map_err(host)?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(LoadError::Host("the compiler has no standard streams".into()));
        };
        let (mut code, mut words) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) = (stdout.take(CODE_BYTES + 1), stderr.take(WORDS_BYTES));
        let whole = async {
            let send = async move {
                // Whoever does not read to the end says why.
                let _ = stdin.write_all(&component).await;
            };
            let (_, read, said) = tokio::join!(send, stdout.read_to_end(&mut code), stderr.read_to_end(&mut words));
            read.and(said).map_err(host)?;
            if code.len() as u64 > CODE_BYTES {
                return Err(refused(&format!("its machine code is larger than {} MiB", CODE_BYTES >> 20)));
            }
            child.wait().await.map_err(host)
        };
        let ended = tokio::time::timeout(Duration::from_secs(wall_seconds), whole).await;
        let status = ended.map_err(|_| refused(&format!("compiling it takes longer than {wall_seconds} s")))??;
        if status.success() { Ok(code) } else { Err(self.why(status, &String::from_utf8_lossy(&words))) }
    }

    fn why(&self, status: ExitStatus, words: &str) -> LoadError {
        // Of the allocator, and of wasmtime where it is asked.
        const OUT_OF_MEMORY: [&str; 2] = ["memory allocation", "out of memory"];
        let Limits { memory_mib, cpu_seconds, .. } = self.limits;
        match status.signal().and_then(Signal::from_named_raw) {
            Some(Signal::XCPU | Signal::KILL) => refused(&format!("compiling it takes more than {cpu_seconds} s of processor time")),
            _ if OUT_OF_MEMORY.iter().any(|known| words.contains(known)) => {
                refused(&format!("compiling it takes more than {memory_mib} MiB of memory"))
            }
            Some(signal) => refused(&format!("the compiler broke (signal {})", signal.as_raw())),
            // Its own words, without what this process says before them anyway.
            None => LoadError::Compile(words.rsplit_once("cannot be made ready: ").map_or(words, |(_, why)| why).trim().to_owned()),
        }
    }
}

fn refused(why: &str) -> LoadError {
    LoadError::Compile(format!("{why}: split its largest functions, or build it with less inlining"))
}

/// What the process does: a component on `input` becomes machine code on `output`, within its limits.
///
/// # Errors
/// [`LoadError::Compile`] and [`LoadError::Host`]. Past a limit the process is ended by the system, or aborts.
pub fn compile(limits: Limits, target: Target, input: impl Read, mut output: impl Write) -> Result<(), LoadError> {
    let host = |error: std::io::Error| LoadError::Host(error.to_string());
    let limit =
        |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) }).map_err(|error| host(error.into()));
    limit(Resource::As, limits.memory_mib << 20)?;
    limit(Resource::Core, 0)?;
    // The soft limit ends it with SIGXCPU, which says why.
    let cpu = Rlimit { current: Some(limits.cpu_seconds), maximum: Some(limits.cpu_seconds + 5) };
    setrlimit(Resource::Cpu, cpu).map_err(|error| host(error.into()))?;
    let _ = rustix::process::setpriority_process(None, rustix::process::getpriority_process(None).unwrap_or(0) + NICE);
    let mut component = Vec::new();
    input.take(MAX_SIZE + 1).read_to_end(&mut component).map_err(host)?;
    let failed = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
    let engine = wasmtime::Engine::new(&super::engine::config(target)).map_err(failed)?;
    let code = engine.precompile_component(&component).map_err(failed)?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(host)
}
