//! `lienthong plugin replay`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use lienthong::ops::plugins::runs::{ReplayBy, Replayed, RunFixture};
use lienthong::ops::plugins::versions::Versions;
use lienthong::rehearsal::{Fixture, Input};
use lienthong::wasm::component;

use crate::cli::local::ask;
use crate::cli::output::{print, tell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The run, as `lienthong plugin runs` names it
    run: String,
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// By this component; the version that ran then unless given
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Do not run it, but write it as a fixture for `lienthong plugin test` into this new folder: only where none of the connector's channels holds
    /// personal data
    #[arg(long, value_name = "DIR", conflicts_with = "plugin")]
    export: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    crate::cli::private_files();
    let Arguments { run, data, plugin, export } = arguments;
    if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("`{run}` names no run: `lienthong plugin runs` lists them");
    }
    crate::cli::block_on(async {
        match export {
            Some(folder) => self::export(&data, &run, &folder).await.map(|()| ExitCode::SUCCESS),
            None => replay(&data, &run, plugin.as_deref()).await,
        }
    })
}

async fn replay(data: &Path, run: &str, plugin: Option<&Path>) -> anyhow::Result<ExitCode> {
    let sha256 = plugin.map(|file| {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        let facts = component::inspect(&bytes).with_context(|| file.display().to_string())?;
        // No connector runs it: it is there to be tried, and is removed after a while.
        Versions::of(data)?.keep(&bytes, None)?;
        anyhow::Ok(facts.sha256_hex())
    });
    let by = serde_json::to_value(ReplayBy { sha256: sha256.transpose()? })?;
    let answer = ask(data, "POST", &format!("/v1/runs/{run}/replay"), Some(&by)).await?;
    let Replayed { run, version, same, differences } = serde_json::from_value(answer.with_context(|| nobody(data))?)?;
    if differences.is_empty() {
        match &run.error {
            Some(error) => print(format_args!("the same failure, by {} {version}: {error}", run.plugin))?,
            None => print(format_args!("identical: {same} records and rejected items, by {} {version}", run.plugin))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    print(format_args!("{} {version} is not {} then; {same} records and rejected items are the same:", run.plugin, run.version))?;
    differences.iter().try_for_each(|difference| print(format_args!("  {difference}")))?;
    Ok(ExitCode::FAILURE)
}

async fn export(data: &Path, run: &str, folder: &Path) -> anyhow::Result<()> {
    let answer = ask(data, "GET", &format!("/v1/runs/{run}/fixture"), None).await?.with_context(|| nobody(data))?;
    let RunFixture { run, message, name, content_type, cursor, max_records, settings, exchanges } = serde_json::from_value(answer)?;
    let input = match message {
        Some(body) => Input::Message { body: body.0, name, content_type },
        None => Input::Poll { since: cursor.map(|cursor| cursor.0), max_records: max_records.unwrap_or_default() },
    };
    let fixture = Fixture { folder: folder.to_owned(), now: run.started_at, settings, exchanges, ..Fixture::new(&run.run, input) };
    fixture.write().with_context(|| format!("the fixture {}", folder.display()))?;
    tell("look at it before anybody else does: a schema knows of personal data what its author marked");
    print(format_args!("{}: a fixture of run {} of {}, for `lienthong plugin test`", folder.display(), run.run, run.connector))
}

fn nobody(data: &Path) -> String {
    format!("no hub runs on {}: recordings are read by the hub alone", data.display())
}
