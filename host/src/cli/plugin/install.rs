//! `lienthong plugin install`

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use lienthong::app::{self, Installation};
use lienthong::ops::plugins::trust::Signed;
use lienthong::ops::plugins::versions::Versions;
use lienthong::ops::plugins::{Install, Installed};
use lienthong::wasm::component;
use lienthong_core::id::ConnectorId;

use crate::cli::local::ask;
use crate::cli::output::{print, tell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The component; its signature lies beside it, as FILE.sig
    file: PathBuf,
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// For this connector; may be repeated
    #[arg(long = "connector", value_name = "CONNECTOR")]
    connectors: Vec<ConnectorId>,
    /// For every connector that runs the plugin
    #[arg(long, conflicts_with = "connectors")]
    all_of_plugin: bool,
    /// First try it on the connectors' recorded runs, and tell every difference; install it where there is none
    #[arg(long)]
    shadow: bool,
    /// With --shadow: install it also where there are differences
    #[arg(long, requires = "shadow")]
    yes: bool,
    /// The city's folder: needed while no hub runs, to check the city with it
    #[arg(long, value_name = "DIR")]
    city: Option<PathBuf>,
    /// The folder of plugins that the hub is started with, while none runs; CITY/plugins unless given
    #[arg(long, value_name = "DIR", requires = "city")]
    plugins: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    crate::cli::private_files();
    let (installed, runs) = crate::cli::block_on(install(arguments))?;
    for line in &installed.changes {
        print(line)?;
    }
    let Installed { plugin, version, sha256, signed_by, connectors, .. } = installed;
    let signed = signed_by.map_or_else(|| "unsigned".to_owned(), |key| format!("signed with {key}"));
    let connectors: Vec<_> = connectors.iter().map(ToString::to_string).collect();
    print(format_args!("{plugin} {version} ({}, {signed}) {runs} {}", &sha256[..12], connectors.join(", ")))
}

async fn install(arguments: Arguments) -> anyhow::Result<(Installed, &'static str)> {
    let Arguments { file, data, connectors, all_of_plugin: all, shadow, yes, city, plugins } = arguments;
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let facts = component::inspect(&bytes).with_context(|| file.display().to_string())?;
    let signed = Signed::beside(&file, &bytes)?;
    if ask(&data, "GET", "/healthz", None).await?.is_some() {
        // Nothing names it before the hub was asked.
        Versions::of(&data)?.keep(&bytes, signed.as_ref())?;
        tell("the hub looks at it and makes it ready, which takes up to a minute or two for JavaScript and Python");
        let wanted = serde_json::to_value(Install { sha256: facts.sha256_hex(), connectors, all, shadow, yes })?;
        let answer = ask(&data, "POST", "/v1/plugins/install", Some(&wanted)).await?.context("the hub has just stopped")?;
        return Ok((serde_json::from_value(answer)?, "runs in"));
    }
    if shadow {
        bail!("no hub runs on {}: recorded runs are performed by the hub alone", data.display());
    }
    let Some(city) = city else {
        bail!("no hub runs on {}: give `--city DIR`, so that the city can be checked with the new version", data.display());
    };
    let installed = app::install(Installation { data, city, plugins, file, connectors, all }).await?;
    Ok((installed, "will run from the next start in"))
}
