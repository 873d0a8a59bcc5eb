//! `lienthong plugin certify`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use lienthong::clock;
use lienthong::rehearsal::certify::{Report, Signed, certify};
use lienthong::rehearsal::read_all;
use lienthong::toolchain::signing::{PublicKey, SigningKey};
use lienthong::wasm::component;

use super::subject::Subject;
use crate::cli::output::{print, tell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's folder, which is built first, or a component
    #[arg(value_name = "DIR|FILE", required_unless_present = "verify")]
    plugin: Option<PathBuf>,
    /// The folder of fixtures; `fixtures` in the plugin's folder unless given
    #[arg(long, value_name = "DIR", conflicts_with = "verify")]
    fixtures: Option<PathBuf>,
    /// Write the report here, as JSON, and beside it as text (`.txt`)
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    report: Option<PathBuf>,
    /// The vendor's key (`lienthong plugin key new`) that signs the report; with --verify the public key, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Check who signed this report; with a plugin also whether it is about that component
    #[arg(long, value_name = "REPORT", requires = "key")]
    verify: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(report) = &arguments.verify {
        return verify(report, arguments.key.as_deref().unwrap_or_default(), arguments.plugin.as_deref());
    }
    let key = arguments.key.as_ref().map(|path| SigningKey::read(Path::new(path))).transpose()?;
    let subject = Subject::read(arguments.plugin.as_deref().unwrap_or(Path::new(".")))?;
    let report = crate::cli::block_on(async {
        let rehearsal = subject.rehearse().await?;
        let folder = arguments.fixtures.unwrap_or_else(|| subject.folder.join("fixtures"));
        let fixtures = read_all(&folder, &rehearsal.facts().manifest)?;
        let found = certify(&rehearsal, &fixtures).await?;
        Ok(Report::new(rehearsal.facts(), &fixtures, found, clock::now())?)
    })?;
    print(&report)?;
    if let Some(path) = &arguments.report {
        let write = |path: &Path, text: String| std::fs::write(path, text).with_context(|| path.display().to_string());
        write(path, Signed::new(&report, key.as_ref())?.text()?)?;
        write(&path.with_extension("txt"), format!("{report}\n"))?;
        match &key {
            Some(key) => tell(format_args!("signed by {}", key.public())),
            None => tell("the report is not signed: `--key` names the key that does"),
        }
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify(path: &Path, key: &str, component: Option<&Path>) -> anyhow::Result<ExitCode> {
    let text = match std::fs::read_to_string(key) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => key.to_owned(),
    };
    let key: PublicKey = text.parse()?;
    let report = Signed::read(path).and_then(|signed| signed.verified(&key)).with_context(|| path.display().to_string())?;
    if let Some(component) = component {
        let bytes = std::fs::read(component).with_context(|| component.display().to_string())?;
        let sha256 = component::inspect(&bytes)?.sha256_hex();
        if sha256 != report.sha256 {
            bail!("the report is about the component {}, and {} is {sha256}", report.sha256, component.display());
        }
    }
    print(format_args!("{report}\nsigned by {key}"))?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
