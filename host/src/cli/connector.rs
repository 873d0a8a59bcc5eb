//! `lienthong connector pause | resume`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use lienthong::clock;
use lienthong::ops::connectors;
use lienthong::store::{DATABASE, Options, Store};
use lienthong_core::id::ConnectorId;
use serde_json::json;

use super::local::ask;
use super::output::tell;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Let a connector rest until it is resumed, also over restarts: files and sources wait, messages are refused with 503
    Pause {
        /// The connector: domain/name
        name: ConnectorId,
        /// Why, for whoever looks at the status
        #[arg(long, default_value = "")]
        note: String,
        /// The hub's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Let a connector go on: end its pause, and try at once one that failed too often
    Resume {
        /// The connector: domain/name
        name: ConnectorId,
        /// The hub's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    super::private_files();
    super::block_on(async {
        match command {
            Command::Pause { name, note, data } => {
                let path = format!("/v1/connectors/{name}/pause");
                if ask(&data, "POST", &path, Some(&json!({ "note": note }))).await?.is_none() {
                    let store = open(&data).await?;
                    let paused = connectors::pause(&store, None, &name, note, clock::now()).await;
                    store.close().await?;
                    paused?;
                }
                tell(format_args!("{name} is paused: `lienthong connector resume {name}` lets it go on"));
            }
            Command::Resume { name, data } => {
                if ask(&data, "POST", &format!("/v1/connectors/{name}/resume"), None).await?.is_none() {
                    let store = open(&data).await?;
                    let resumed = connectors::resume(&store, None, &name).await;
                    store.close().await?;
                    resumed?;
                }
                tell(format_args!("{name} may run"));
            }
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// While no hub runs: what is said here holds from its next start on.
async fn open(data: &Path) -> anyhow::Result<Store> {
    let known = data.join(DATABASE).try_exists().with_context(|| data.display().to_string())?;
    anyhow::ensure!(known, "{} is no hub's folder yet: `lienthong serve` makes it", data.display());
    Ok(Store::open(Options::new(data)).await?)
}
