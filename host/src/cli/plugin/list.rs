//! `lienthong plugin list`

use std::path::PathBuf;

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use lienthong::ops::plugins::ConnectorVersions;
use lienthong::ops::plugins::versions::Versions;

use crate::cli::local::ask;
use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let all: Vec<ConnectorVersions> = crate::cli::block_on(async {
        match ask(&arguments.data, "GET", "/v1/plugins", None).await? {
            Some(answer) => Ok(serde_json::from_value(answer)?),
            None => {
                let choices = Versions::of(&arguments.data)?.choices()?;
                let of =
                    |(connector, versions): (_, &[_])| ConnectorVersions { connector, versions: versions.iter().rev().cloned().collect() };
                Ok(choices.iter().map(|(connector, versions)| of((connector.clone(), versions))).collect())
            }
        }
    })?;
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["CONNECTOR", "PLUGIN", "", "SHA-256", "SIGNED BY", "SINCE", "BY", "WHY"]);
    for ConnectorVersions { connector, versions } in all {
        for (nth, version) in versions.into_iter().enumerate() {
            let state = if nth == 0 { "runs" } else { "before" };
            table.add_row([
                if nth == 0 { connector.to_string() } else { String::new() },
                format!("{} {}", version.plugin, version.version),
                state.to_owned(),
                version.sha256.chars().take(12).collect(),
                version.signed_by.unwrap_or_else(|| "nobody".to_owned()),
                version.since.map_or_else(|| "-".to_owned(), |since| since.to_string()),
                version.by,
                version.why,
            ]);
        }
    }
    print(table.trim_fmt())
}
