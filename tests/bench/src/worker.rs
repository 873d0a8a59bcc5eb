//! A peer that runs as a script of its own: it says when it is ready, does its work for each line it is sent, and answers with
//! a line of JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::lineup::Figures;

/// Such a script, ready. It ends when this is dropped.
pub(crate) struct Worker {
    _child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Worker {
    /// Starts it and waits until it is ready; what it says on the side goes to `log`.
    ///
    /// # Errors
    /// When it ends before.
    pub(crate) async fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let side = std::fs::File::create(log).with_context(|| log.display().to_string())?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(side).kill_on_drop(true).spawn()?;
        let (stdin, stdout) = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
        let mut worker = Self { _child: child, stdin, answers: BufReader::new(stdout).lines(), log: log.to_owned() };
        while worker.line().await? != "ready" {}
        Ok(worker)
    }

    /// Has it do its work once.
    ///
    /// # Errors
    /// When it ends without an answer.
    pub(crate) async fn work(&mut self, order: &str) -> anyhow::Result<Value> {
        self.stdin.write_all(format!("{order}\n").as_bytes()).await?;
        loop {
            let line = self.line().await?;
            // Libraries print what they like.
            if line.starts_with('{') {
                return serde_json::from_str(&line).with_context(|| line.clone());
            }
        }
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = self.answers.next_line().await?;
        line.with_context(|| {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            format!("it ended: {}", said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing"))
        })
    }
}

/// Rates by the seconds of an answer, once its sums fit.
///
/// # Errors
/// When it did not judge each record as it should.
pub(crate) fn rates(answer: &Value, records: u64, good: u64) -> anyhow::Result<Figures> {
    let sums = (answer["accepted"].as_u64(), answer["quarantined"].as_u64());
    ensure!(sums == (Some(good), Some(records - good)), "{good} of {records} records are valid, it answered {answer}");
    let seconds = |name: &str| answer[name].as_f64().with_context(|| format!("no {name} in {answer}"));
    Ok(Figures::from([("records/s", records as f64 / seconds("wall_s")?), ("records/CPU-s", records as f64 / seconds("cpu_s")?)]))
}
