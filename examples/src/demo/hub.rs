//! The hub as a child process: started, asked and stopped as an operator would.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Method, header};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::status::Status;
use crate::client;

/// A first start compiles every plugin: one in JavaScript or Python takes a minute or two, on a slow machine more.
const READY_WITHIN: Duration = Duration::from_secs(900);
/// The hub drains before it ends.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// How often a door is knocked at that is not open yet.
const KNOCK: Duration = Duration::from_millis(50);

/// What a hub is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program `lienthong`.
    pub program: PathBuf,
    /// The city's folder.
    pub city: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The folder of compiled plugins; none leaves it to the city.
    pub plugins: Option<PathBuf>,
    /// Where it listens; port 0 takes any.
    pub listen: SocketAddr,
}

/// A running hub. When it is dropped, the process is killed; [`Hub::stop`] is the kind way.
#[derive(Debug)]
pub struct Hub {
    options: Options,
    child: Child,
    pid: Pid,
    address: SocketAddr,
}

impl Hub {
    /// Starts the hub and waits until it is ready.
    ///
    /// # Errors
    /// When the program is not there, the address is taken, or the hub ends or is not ready in time; then with the end of its log.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        anyhow::ensure!(
            options.program.is_file(),
            "the hub's program {} is not there; build it with `cargo build -p lienthong`, or name it with --hub",
            options.program.display()
        );
        // Asking first gives a better message than a hub that ends; the little race between the two is harmless.
        if let Err(error) = std::net::TcpListener::bind(options.listen) {
            anyhow::bail!("the hub can not listen at {}: {error}; stop what listens there, or give --listen 127.0.0.1:0", options.listen);
        }
        let log = log_path(&options.data);
        let log_file = std::fs::File::create(&log).with_context(|| log.display().to_string())?;
        let mut command = Command::new(&options.program);
        command
            .arg("serve")
            .arg("--city")
            .arg(&options.city)
            .arg("--data")
            .arg(&options.data)
            .arg("--listen")
            .arg(options.listen.to_string());
        if let Some(plugins) = &options.plugins {
            command.arg("--plugins").arg(plugins);
        }
        // A process group of its own: Ctrl-C in the terminal is for the demo, which then stops the hub in its own time.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log_file).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} can not be started", options.program.display()))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the hub ended at once")?;
        let mut hub = Self { address: options.listen, options, child, pid };
        hub.ready().await?;
        Ok(hub)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.died(status));
            }
            if let Some(address) = self.known_address()
                && let Ok(answer) = client::send(address, Method::GET, "/readyz", &[], Bytes::new()).await
                && answer.status.is_success()
            {
                self.address = address;
                return Ok(());
            }
            if Instant::now() >= deadline {
                anyhow::bail!("the hub was not ready within {} s\n{}", READY_WITHIN.as_secs(), self.log_tail());
            }
            tokio::time::sleep(KNOCK).await;
        }
    }

    fn known_address(&self) -> Option<SocketAddr> {
        if self.options.listen.port() != 0 {
            return Some(self.options.listen);
        }
        std::fs::read_to_string(self.options.data.join("hub.addr")).ok()?.trim().parse().ok()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Makes a key through the hub's own command line; `owner` is `--operator`, or `--agency` and its id, then what it may.
    ///
    /// # Errors
    /// When the command fails, with what it said.
    pub async fn create_key(&self, owner: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.options.program)
            .args(["key", "create", "--data"])
            .arg(&self.options.data)
            .args(owner)
            .args(["--expires", "30d", "--note", "demo"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        anyhow::ensure!(output.status.success(), "`lienthong key create {}` failed: {}", owner.join(" "), said());
        let key = String::from_utf8(output.stdout)?.trim().to_owned();
        anyhow::ensure!(!key.is_empty(), "`lienthong key create {}` printed no key: {}", owner.join(" "), said());
        Ok(key)
    }

    /// What the hub says of itself, to an operator.
    ///
    /// # Errors
    /// When the hub does not answer, or with something else.
    pub async fn status(&self, operator_key: &str) -> anyhow::Result<Status> {
        let headers = [(header::AUTHORIZATION, format!("Bearer {operator_key}"))];
        let answer = client::send(self.address, Method::GET, "/v1/status", &headers, Bytes::new()).await?;
        anyhow::ensure!(answer.status.is_success(), "the hub answered {} to GET /v1/status: {}", answer.status, answer.text());
        serde_json::from_slice(&answer.body).context("the hub's status can not be read")
    }

    /// Ends when the hub does, which it should not: the error says how, with the end of its log.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => self.died(status),
            Err(error) => error.into(),
        }
    }

    /// Asks the hub to end (SIGTERM) and waits until it did.
    ///
    /// # Errors
    /// When it does not end in time, and is killed, or ends with a failure; with the end of its log.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            rustix::process::kill_process(self.pid, Signal::TERM).context("the hub can not be signalled")?;
        }
        match tokio::time::timeout(STOP_WITHIN, self.child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ok(()),
                status => Err(self.died(status)),
            },
            Err(_) => {
                self.child.kill().await?;
                anyhow::bail!("the hub did not end within {} s of SIGTERM and was killed\n{}", STOP_WITHIN.as_secs(), self.log_tail())
            }
        }
    }

    fn died(&self, status: ExitStatus) -> anyhow::Error {
        anyhow::anyhow!("the hub ended with {status}\n{}", self.log_tail())
    }

    fn log_tail(&self) -> String {
        let path = log_path(&self.options.data);
        let text = std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if text.trim().is_empty() {
            return format!("its log {} is empty", path.display());
        }
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(15)..];
        format!("the end of {}:\n  {}", path.display(), tail.join("\n  "))
    }
}

/// Where the hub's log goes.
pub fn log_path(data: &Path) -> PathBuf {
    data.join("hub.log")
}
