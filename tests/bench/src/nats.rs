//! JetStream, the log of NATS: its server as it comes, and as much of its protocol as a fast client needs.

use std::net::SocketAddr;
use std::num::NonZeroI32;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::lineup::About;
use crate::peers::{NATS, said};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// Its publishers wait for an acknowledgement once so many messages are under way.
const WINDOW: usize = 4_000;

/// A server with JetStream on. It dies when this is dropped.
pub(crate) struct Server {
    program: PathBuf,
    folder: PathBuf,
    child: Child,
    address: SocketAddr,
}

/// When JetStream syncs.
pub(crate) const ALWAYS: &str = "always";
/// As it comes: every two minutes.
pub(crate) const SELDOM: &str = "2m";

impl Server {
    /// Starts one on an empty folder.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn start(program: &Path, folder: &Path, sync: &'static str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let config = format!("jetstream {{ store_dir: {:?}, sync_interval: {sync} }}\n", folder.join("store"));
        std::fs::write(folder.join("nats.conf"), config)?;
        let child = spawn(program, folder)?;
        let mut server = Self { program: program.to_owned(), folder: folder.to_owned(), child, address: ([127, 0, 0, 1], 0).into() };
        server.connection().await?;
        Ok(server)
    }

    /// Who it is; `how` says when it syncs.
    pub(crate) fn about(program: &Path, name: &str, how: &'static str) -> About {
        let version = said(std::process::Command::new(program).arg("--version")).unwrap_or_default();
        About { name: name.to_owned(), version: format!("{version} ({})", NATS.version()), durability: how }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> anyhow::Result<NonZeroI32> {
        let id = self.child.id().context("the server has ended")?;
        NonZeroI32::new(id.cast_signed()).context("no process id")
    }

    /// A connection, as soon as the server takes one.
    pub(crate) async fn connection(&mut self) -> anyhow::Result<Connection> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("nats-server ended with {status}: {}", log.lines().last().unwrap_or_default());
            }
            if let Ok(Some(address)) = ports(&self.folder.join(format!("nats-server_{}.ports", self.pid()?)))
                && let Ok(connection) = Connection::open(address).await
            {
                self.address = address;
                return Ok(connection);
            }
            ensure!(since.elapsed() < PATIENCE, "nats-server did not answer within {} s", PATIENCE.as_secs());
            // Looked at often: what is waited for is being measured.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Starts it again on what it left, and does not wait.
    ///
    /// # Errors
    /// When there is no such program any more.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.program, &self.folder)?;
        Ok(())
    }
}

fn spawn(program: &Path, folder: &Path) -> anyhow::Result<Child> {
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = Command::new(program);
    command.args(["--addr", "127.0.0.1", "--port", "-1", "--config"]).arg(folder.join("nats.conf")).arg("--ports_file_dir").arg(folder);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn();
    spawned.with_context(|| program.display().to_string())
}

/// The address in a file of ports, once it is whole.
fn ports(file: &Path) -> anyhow::Result<Option<SocketAddr>> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
    let Ok(ports) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    let url = ports["nats"][0].as_str().unwrap_or_default();
    Ok(url.strip_prefix("nats://").and_then(|address| address.parse().ok()))
}

/// One client: publishes, and waits for acknowledgements.
pub(crate) struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    inbox: String,
}

static INBOXES: AtomicUsize = AtomicUsize::new(0);

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nothing listens there.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        // Its own, or each client would be told what the others published.
        let inbox = format!("_INBOX.{}", INBOXES.fetch_add(1, Ordering::Relaxed));
        let options = r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;
        writer.write_all(format!("CONNECT {options}\r\nSUB {inbox} 1\r\nPING\r\n").as_bytes()).await?;
        let mut connection = Self { reader: BufReader::with_capacity(1 << 16, reader), writer, inbox };
        while connection.line().await? != "PONG" {}
        Ok(connection)
    }

    /// One request of the API and its answer.
    ///
    /// # Errors
    /// When the server answers with an error, or not at all.
    pub(crate) async fn ask(&mut self, subject: &str, body: &Value) -> anyhow::Result<Value> {
        self.put(&[(subject, body.to_string().as_bytes())]).await?;
        self.acknowledged().await
    }

    /// Makes a stream of one subject of the same name, in files.
    ///
    /// # Errors
    /// When it is not made.
    pub(crate) async fn make_stream(&mut self, name: &str) -> anyhow::Result<()> {
        let config =
            json!({ "name": name, "subjects": [name], "storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1 });
        self.ask(&format!("$JS.API.STREAM.CREATE.{name}"), &config).await.map(|_| ())
    }

    /// How many messages a stream holds.
    ///
    /// # Errors
    /// When there is no such stream.
    pub(crate) async fn messages(&mut self, name: &str) -> anyhow::Result<u64> {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{name}"), &json!({})).await?;
        info["state"]["messages"].as_u64().with_context(|| info.to_string())
    }

    /// Publishes one message and waits until it is stored.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) async fn publish(&mut self, subject: &str, body: &[u8]) -> anyhow::Result<()> {
        self.put(&[(subject, body)]).await?;
        self.acknowledged().await.map(|_| ())
    }

    /// Publishes many and waits for all, thousands under way at a time.
    ///
    /// # Errors
    /// When one is not stored.
    pub(crate) async fn publish_all(&mut self, subject: &str, bodies: &[&[u8]]) -> anyhow::Result<()> {
        let mut waiting = 0;
        for chunk in bodies.chunks(WINDOW / 8) {
            while waiting + chunk.len() > WINDOW {
                self.acknowledged().await?;
                waiting -= 1;
            }
            let messages: Vec<_> = chunk.iter().map(|body| (subject, *body)).collect();
            self.put(&messages).await?;
            waiting += chunk.len();
        }
        for _ in 0..waiting {
            self.acknowledged().await?;
        }
        Ok(())
    }

    async fn put(&mut self, messages: &[(&str, &[u8])]) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity(messages.iter().map(|(_, body)| body.len() + 64).sum());
        for (subject, body) in messages {
            bytes.extend_from_slice(format!("PUB {subject} {} {}\r\n", self.inbox, body.len()).as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\r\n");
        }
        Ok(self.writer.write_all(&bytes).await?)
    }

    /// The next answer that is no error.
    async fn acknowledged(&mut self) -> anyhow::Result<Value> {
        loop {
            let line = self.line().await?;
            let mut words = line.split(' ');
            match words.next() {
                Some("MSG") => {
                    let length: usize = words.next_back().context("no length")?.parse()?;
                    let mut body = vec![0; length + 2];
                    self.reader.read_exact(&mut body).await?;
                    let answer: Value = serde_json::from_slice(&body[..length])?;
                    ensure!(answer["error"].is_null(), "JetStream refuses: {answer}");
                    return Ok(answer);
                }
                Some("HMSG") => bail!("nobody answers: JetStream is not there yet"),
                Some("PING") => self.writer.write_all(b"PONG\r\n").await?,
                Some("-ERR") => bail!("nats-server says {line}"),
                _ => {}
            }
        }
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.reader.read_line(&mut line).await? > 0, "nats-server hung up");
        Ok(line.trim_end().to_owned())
    }
}

/// Publishes every body once over so many connections, each with one under way, the nth on `subject(n)`.
///
/// # Errors
/// When one is not stored.
pub(crate) async fn publish_each(
    address: SocketAddr,
    clients: usize,
    bodies: Arc<[Bytes]>,
    subject: impl Fn(usize) -> String + Clone + Send + 'static,
) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut publishers = JoinSet::new();
    for _ in 0..clients {
        let (bodies, next, subject) = (bodies.clone(), next.clone(), subject.clone());
        publishers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(nth) else { return anyhow::Ok(()) };
                connection.publish(&subject(nth), body).await?;
            }
        });
    }
    while let Some(done) = publishers.join_next().await {
        done??;
    }
    Ok(())
}
