//! `lienthong plugin run`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use lienthong::clock;
use lienthong::net::Door;
use lienthong::rehearsal::{Fixture, Input, World};
use lienthong::wasm::Recorder;
use lienthong_core::manifest::Interface;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::subject::Subject;
use super::test::mib;
use crate::cli::output::{print, tell};

/// Records that a source is asked for, as the hub does.
const POLL_RECORDS: u32 = 10_000;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's folder, which is built first, or a component
    #[arg(value_name = "DIR|FILE")]
    plugin: PathBuf,
    /// The connector's settings, as JSON
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Where it may send HTTP requests, as a connector's `egress:` says it; may be repeated
    #[arg(long, value_name = "URL")]
    egress: Vec<String>,
    /// The message that a receiver is given
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cursor", "records"])]
    message: Option<PathBuf>,
    /// Where a source resumes; without it a source begins
    #[arg(long, value_name = "TEXT", conflicts_with = "records")]
    cursor: Option<String>,
    /// The records that a sink delivers, one a line
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Keep the call as a fixture: a new folder, for example fixtures/first
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let own = Targets::new().with_target("plugin", LevelFilter::DEBUG).with_target("lienthong", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr).without_time();
    lines.with_ansi(false).finish().with(own).init();
    let subject = Subject::read(&arguments.plugin)?;
    let door = Door::new(&arguments.egress)?;
    crate::cli::block_on(async {
        let rehearsal = subject.rehearse().await?;
        let input = input(&arguments, &rehearsal.facts().manifest.plugin.interfaces)?;
        let folder = arguments.record.clone().unwrap_or_default();
        let name = folder.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned());
        let mut fixture = Fixture { folder, now: clock::now(), ..Fixture::new(&name, input) };
        if let Some(path) = &arguments.settings {
            fixture.settings = serde_json::from_slice(&read(path)?).with_context(|| path.display().to_string())?;
        }
        let recorder = Recorder::default();
        let ran = rehearsal.run(&fixture, World::Live(door, recorder.clone())).await?;
        for line in &ran.lines {
            match line.get("record") {
                Some(record) => print(record)?,
                None => tell(line),
            }
        }
        let (ms, memory, requests) = (ran.used.cpu.as_millis(), mib(ran.used.memory_peak), ran.used.http_requests);
        tell(format_args!("{} records; {ms} ms of processor, {memory}, {requests} HTTP requests", ran.records));
        if ran.cause.is_some() && !ran.said.is_empty() {
            tell(format_args!("its last words:\n{}", ran.said));
        }
        if arguments.record.is_some() {
            fixture.exchanges = recorder.exchanges();
            fixture.expected = Some(ran.lines);
            fixture.write().with_context(|| format!("the fixture {}", fixture.folder.display()))?;
            tell(format_args!("kept as {}: take out what is personal before anybody else sees it", fixture.folder.display()));
        }
        Ok(if ran.cause.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn input(arguments: &Arguments, interfaces: &[Interface]) -> anyhow::Result<Input> {
    if let Some(path) = &arguments.message {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        return Ok(Input::Message { body: read(path)?, name, content_type: None });
    }
    if let Some(path) = &arguments.records {
        return Ok(Input::batch("rehearsal/records".into(), read(path)?, format!("run-{}", clock::now().micros())));
    }
    if interfaces.contains(&Interface::Source) {
        let since = arguments.cursor.as_ref().map(|cursor| cursor.clone().into_bytes());
        return Ok(Input::Poll { since, max_records: POLL_RECORDS });
    }
    bail!("a receiver needs `--message FILE` and a sink `--records FILE`; a transform reaches nothing, so `plugin test` is all it needs")
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}
