//! `lienthong deadletter list | redrive`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{ArgGroup, Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use lienthong::ops::dead_letters::{self, LetterPage, WantedLetters};
use lienthong_core::id::RouteId;
use serde_json::Value;

use super::local::{ask, existing, open};
use super::output::{print, tell};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List deliveries that were given up, newest first, each with its reason
    List {
        /// Of this route only
        #[arg(long, value_name = "ROUTE")]
        route: Option<RouteId>,
        /// Those before this id: the next page
        #[arg(long, value_name = "ID")]
        before: Option<u64>,
        /// The hub's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Deliver dead letters once more
    Redrive(Redrive),
}

#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "route", "all"])))]
pub(crate) struct Redrive {
    /// This one: an id of the list
    id: Option<u64>,
    /// All of this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<RouteId>,
    /// All there are
    #[arg(long)]
    all: bool,
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Letters of one list.
const LIMIT: u32 = 100;

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    super::private_files();
    super::block_on(async {
        match command {
            Command::List { route, before, data } => list(&data, route, before).await,
            Command::Redrive(Redrive { id, route, all, data }) => redrive(&data, WantedLetters { id, route, all }).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list(data: &Path, route: Option<RouteId>, before: Option<u64>) -> anyhow::Result<()> {
    let mut path = format!("/v1/dead-letters?limit={LIMIT}");
    for (name, value) in [("route", route.as_ref().map(ToString::to_string)), ("before", before.map(|id| id.to_string()))] {
        // Neither needs escaping: ids are safe in a URL.
        path.extend(value.map(|value| format!("&{name}={value}")));
    }
    let page: LetterPage = match ask(data, "GET", &path, None).await? {
        Some(page) => serde_json::from_value(page)?,
        None => {
            existing(data)?;
            let store = open(data).await?;
            let page = dead_letters::list(&store, route, None, before, LIMIT).await;
            store.close().await?;
            page?
        }
    };
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["ID", "ROUTE", "SINK", "RECORD", "ATTEMPTS", "DIED", "STATE", "REASON"]);
    for letter in page.letters {
        let state = if letter.redrive { "redriven soon" } else { "dead" };
        let (id, attempts, died) = (letter.id.to_string(), letter.attempts.to_string(), letter.died_at.to_string());
        table.add_row([id, letter.route, letter.sink, letter.record, attempts, died, state.to_owned(), letter.reason]);
    }
    print(table)?;
    if let Some(before) = page.before {
        tell(format_args!("there are more: give `--before {before}`"));
    }
    Ok(())
}

async fn redrive(data: &Path, wanted: WantedLetters) -> anyhow::Result<()> {
    let body = serde_json::to_value(&wanted)?;
    let redriven = match ask(data, "POST", "/v1/dead-letters/redrive", Some(&body)).await? {
        Some(answer) => answer.get("redriven").and_then(Value::as_u64).unwrap_or(0),
        None => {
            existing(data)?;
            let which = wanted.which().map_err(anyhow::Error::msg)?;
            let store = open(data).await?;
            let redriven = dead_letters::redrive(&store, which).await;
            store.close().await?;
            redriven?
        }
    };
    if redriven == 0 {
        bail!("there is no such dead letter: `lienthong deadletter list` shows them");
    }
    tell(format_args!("{redriven} will be delivered once more, each as soon as its route comes to it"));
    Ok(())
}
