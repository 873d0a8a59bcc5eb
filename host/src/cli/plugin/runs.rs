//! `lienthong plugin runs`

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use lienthong::pipeline::recording::Head;
use lienthong_core::id::ConnectorId;

use crate::cli::local::ask;
use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Of this connector
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<ConnectorId>,
    /// So many, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { data, connector, limit } = arguments;
    let of = connector.map_or_else(String::new, |connector| format!("&connector={connector}"));
    let Some(answer) = crate::cli::block_on(ask(&data, "GET", &format!("/v1/runs?limit={limit}{of}"), None))? else {
        bail!("no hub runs on {}: recordings are read by the hub alone", data.display());
    };
    let runs: Vec<Head> = serde_json::from_value(answer)?;
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["RUN", "CONNECTOR", "PLUGIN", "STARTED", "MESSAGE", "RECORDS", "ERROR"]);
    for run in runs {
        table.add_row([
            run.run,
            run.connector.to_string(),
            format!("{} {}", run.plugin, run.version),
            run.started_at.to_string(),
            run.message_name,
            run.records.map_or_else(|| "-".to_owned(), |records| records.to_string()),
            run.error.unwrap_or_default(),
        ]);
    }
    print(table.trim_fmt())
}
