//! PostgreSQL on a folder of its own, spoken to by its own tools: `psql` for COPY, `pgbench` for single inserts.

use std::num::NonZeroI32;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::lineup::About;
use crate::peers::said;

const PATIENCE: Duration = Duration::from_secs(60);
/// What its handbook advises for loading: room for the log between checkpoints. Everything durable stays on, as it comes.
const SETTINGS: &str = "listen_addresses = ''\nunix_socket_directories = '.'\nshared_buffers = 512MB\nmax_wal_size = 8GB\n\
    checkpoint_timeout = 30min\nwal_compression = on\nfsync = on\nsynchronous_commit = on\nfull_page_writes = on\nmax_connections = 100\n";

/// A cluster and its server. Stops when this is dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster in `folder` and starts its server. Root hands the folder to the user `postgres`, for the server refuses root.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn start(programs: &Path, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let user = if rustix::process::geteuid().is_root() { Some(postgres_user()?) } else { None };
        if let Some((uid, gid)) = user {
            chown(folder, Some(uid), Some(gid))?;
        }
        let mut cluster = Self { programs: programs.to_owned(), folder: folder.to_owned(), user, server: None };
        let data = folder.join("data");
        cluster
            .run(cluster.program("initdb").arg("-D").arg(&data).args(["--auth=trust", "--username=bench", "--locale=C", "--encoding=UTF8"]))
            .await?;
        std::fs::write(data.join("postgresql.auto.conf"), SETTINGS)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut server = cluster.program("postgres");
        server.arg("-D").arg(&data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        cluster.server = Some(server.spawn()?);
        let since = Instant::now();
        while cluster.sql("select 1").await.is_err() {
            ensure!(since.elapsed() < PATIENCE, "PostgreSQL did not answer within {} s", PATIENCE.as_secs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cluster.sql("create table readings (id bigint generated always as identity primary key, record jsonb not null)").await?;
        Ok(cluster)
    }

    /// Who it is.
    pub(crate) fn about(programs: &Path, name: &str) -> About {
        let version = said(std::process::Command::new(programs.join("postgres")).arg("--version")).unwrap_or_default();
        About {
            name: name.to_owned(),
            version,
            durability: "each COPY or INSERT is a transaction, synchronous_commit on; jsonb, no schema",
        }
    }

    /// Its first process.
    pub(crate) fn pid(&self) -> anyhow::Result<NonZeroI32> {
        let id = self.server.as_ref().and_then(Child::id).context("PostgreSQL has ended")?;
        NonZeroI32::new(id.cast_signed()).context("no process id")
    }

    /// What a statement gives, as text.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn sql(&self, statement: &str) -> anyhow::Result<String> {
        self.run(self.psql().args(["-Atc", statement])).await
    }

    /// Runs a file of statements, each a transaction of its own unless it says otherwise.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn script(&self, file: &Path) -> anyhow::Result<()> {
        self.run(self.psql().arg("-qf").arg(file)).await.map(|_| ())
    }

    /// Runs a script of pgbench with `clients` for so long; tells how many transactions were done.
    ///
    /// # Errors
    /// When one failed.
    pub(crate) async fn pgbench(&self, script: &Path, clients: usize, seconds: u64) -> anyhow::Result<u64> {
        let mut pgbench = self.program("pgbench");
        self.connect(&mut pgbench);
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
        pgbench.args([format!("--client={clients}"), format!("--time={seconds}")]).arg("--file").arg(script).arg("postgres");
        let said = self.run(&mut pgbench).await?;
        ensure!(said.contains("number of failed transactions: 0 "), "pgbench says {said}");
        let line = said.lines().find_map(|line| line.strip_prefix("number of transactions actually processed: "));
        line.and_then(|count| count.trim().parse().ok()).with_context(|| format!("pgbench says {said}"))
    }

    fn psql(&self) -> Command {
        let mut psql = self.program("psql");
        self.connect(&mut psql);
        psql.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]);
        psql
    }

    fn connect(&self, command: &mut Command) {
        command.arg("-h").arg(self.folder.join("data")).args(["-U", "bench"]);
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn run(&self, command: &mut Command) -> anyhow::Result<String> {
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.lines().next().unwrap_or_default());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn postgres_user() -> anyhow::Result<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    let line =
        users.lines().find(|line| line.starts_with("postgres:")).context("there is no user `postgres`, and its server refuses root")?;
    let mut ids = line.split(':').skip(2);
    let mut next = || ids.next().and_then(|id| id.parse().ok()).with_context(|| line.to_owned());
    Ok((next()?, next()?))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGKILL to the first process would leave its children for a while; SIGQUIT ends them with it.
        if let Some(pid) = self.server.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, Signal::QUIT);
        }
    }
}
