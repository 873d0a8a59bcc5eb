//! `lienthong plugin rollback`

use std::path::PathBuf;

use clap::Args;
use lienthong::app;
use lienthong::ops::plugins::{Rollback, RolledBack};

use crate::cli::local::ask;
use crate::cli::output::{print, tell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// A connector (`health/lab`), or a plugin: then all connectors that run it
    name: String,
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Why; it is logged and kept
    #[arg(long, default_value = "no reason was given")]
    reason: String,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    crate::cli::private_files();
    let Arguments { name, data, reason } = arguments;
    let wanted = Rollback { name, reason };
    let back: Vec<RolledBack> = crate::cli::block_on(async {
        match ask(&data, "POST", "/v1/plugins/rollback", Some(&serde_json::to_value(&wanted)?)).await? {
            Some(answer) => Ok(serde_json::from_value(answer)?),
            None => app::roll_back(data, wanted).await,
        }
    })?;
    for RolledBack { connector, from, to, lacks } in back {
        print(format_args!("{connector}: {from} → {to}"))?;
        for lack in lacks {
            tell(format_args!("warning: {lack}"));
        }
    }
    Ok(())
}
