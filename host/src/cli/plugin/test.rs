//! `lienthong plugin test`

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use lienthong::rehearsal::{Fixture, Ran, World, difference, read_all};

use super::subject::Subject;
use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's folder, which is built first, or a component
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    plugin: PathBuf,
    /// The folder of fixtures; `fixtures` in the plugin's folder unless given
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    /// Only fixtures with this in their name; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Write what came as what is expected; look at it with `git diff`
    #[arg(long)]
    update: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let subject = Subject::read(&arguments.plugin)?;
    crate::cli::block_on(async {
        let rehearsal = subject.rehearse().await?;
        let folder = arguments.fixtures.unwrap_or_else(|| subject.folder.join("fixtures"));
        let mut fixtures = read_all(&folder, &rehearsal.facts().manifest)?;
        fixtures.retain(|fixture| arguments.only.is_empty() || arguments.only.iter().any(|part| fixture.name.contains(part.as_str())));
        let mut cost = Cost::default();
        let mut failed = 0;
        for fixture in &fixtures {
            let replay = fixture.replay();
            let ran = rehearsal.run(fixture, World::Recorded(replay.clone())).await.map_err(|e| e.context(fixture.name.clone()))?;
            let mut wrong: Vec<_> =
                replay.unexpected().iter().map(|request| format!("  no exchange is left that answers {request}")).collect();
            wrong.extend(replay.unused().iter().map(|exchange| format!("  nobody asked for {} {}", exchange.method, exchange.url)));
            match &fixture.expected {
                _ if arguments.update => fixture.expect(&ran.lines)?,
                Some(expected) => wrong.extend(difference(expected, &ran.lines)),
                None => wrong.push("  it has no expect.ndjson yet: `--update` writes what came".into()),
            }
            if !wrong.is_empty() && !ran.said.is_empty() {
                wrong.push(format!("  its last words:\n{}", indented(&ran.said)));
            }
            cost.add(&ran);
            failed += usize::from(!wrong.is_empty());
            print(told(fixture, &ran, &wrong).trim_end())?;
        }
        let ok = fixtures.len() - failed;
        print(format_args!("{ok} ok, {failed} failed{cost}"))?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn told(fixture: &Fixture, ran: &Ran, wrong: &[String]) -> String {
    let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
    let came = match &ran.cause {
        Some(cause) => cause.word().to_owned(),
        None => format!("{} records, {} lines", ran.records, ran.lines.len()),
    };
    let mut text = format!("{:<32} {verdict:<6}  {came}, {}\n", fixture.name, mib(ran.used.memory_peak));
    for line in wrong {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

pub(super) fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// What all of it took.
#[derive(Default)]
struct Cost {
    cpu: Duration,
    records: u64,
    memory_peak: u64,
}

impl Cost {
    fn add(&mut self, ran: &Ran) {
        self.cpu += ran.used.cpu;
        self.records += ran.records;
        self.memory_peak = self.memory_peak.max(ran.used.memory_peak);
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (us, memory) = (u64::try_from(self.cpu.as_micros()).unwrap_or(u64::MAX), mib(self.memory_peak));
        write!(f, "; {}.{:02} ms of the processor, at most {memory}", us / 1_000, us % 1_000 / 10)?;
        // Of a few records it would tell what a call costs, and not what they do.
        if self.records >= 100 {
            let us = us.saturating_mul(1_000) / self.records;
            write!(f, "; {}.{:02} ms a 1,000 records", us / 1_000, us % 1_000 / 10)?;
        }
        Ok(())
    }
}
