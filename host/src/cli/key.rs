//! `lienthong key create | list | revoke`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use lienthong::clock;
use lienthong::ops::keys::{self, ChannelPattern, KeyInfo, NewKey, Pepper};
use lienthong::ops::roster::Roster;
use lienthong_core::id::AgencyId;
use lienthong_core::units::parse_duration;
use serde_json::{Value, json};

use super::local::{ask, existing, open};
use super::output::{print, tell};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key and print it, once; only its hash is kept
    Create(Create),
    /// List keys, never their secrets
    List {
        /// The hub's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Revoke a key at once
    Revoke {
        /// The key's id: the part behind `lt_`
        id: String,
        /// The hub's own folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(Args)]
#[command(group(ArgGroup::new("owner").required(true).args(["operator", "agency"])))]
pub(crate) struct Create {
    /// The hub's own folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A key for operators: status, keys, metrics, and the quarantine with what was refused; no channel's stored records
    #[arg(long)]
    operator: bool,
    /// A key for this agency
    #[arg(long, value_name = "AGENCY")]
    agency: Option<AgencyId>,
    /// Bind it to reading these channels of those the agency is granted: `domain/name`, `domain/*` or `*`; may be repeated; `*` unless --read or --write is given
    #[arg(long, value_name = "CHANNELS", value_parser = ChannelPattern::new)]
    read: Vec<ChannelPattern>,
    /// Bind it to writing these channels; as --read
    #[arg(long, value_name = "CHANNELS", value_parser = ChannelPattern::new)]
    write: Vec<ChannelPattern>,
    /// It ends after so long, for example 90d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<std::time::Duration>,
    /// What it is for
    #[arg(long, default_value = "")]
    note: String,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    parse_duration(text).ok_or_else(|| format!("`{text}` is no duration: write for example 12h, 90d or 1y"))
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    super::private_files();
    super::block_on(async {
        match command {
            Command::Create(arguments) => create(arguments).await,
            Command::List { data } => list(&data).await,
            Command::Revoke { id, data } => revoke(&data, &id).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn create(arguments: Create) -> anyhow::Result<()> {
    let now = clock::now();
    let bound = !arguments.read.is_empty() || !arguments.write.is_empty();
    let expires_at = arguments.expires.map(|time| now.plus_micros(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)));
    let new = NewKey {
        agency: arguments.agency,
        read: bound.then_some(arguments.read),
        write: bound.then_some(arguments.write),
        expires_at,
        note: arguments.note,
    };
    new.check(now).map_err(anyhow::Error::msg)?;
    let (id, key, warnings) = match ask(&arguments.data, "POST", "/v1/keys", Some(&serde_json::to_value(&new)?)).await? {
        Some(made) => (text(&made, "id")?, text(&made, "key")?, serde_json::from_value(made["warnings"].clone())?),
        None => {
            let store = open(&arguments.data).await?;
            let made = match Roster::read(&arguments.data) {
                Ok(roster) => {
                    if roster.is_none() && new.agency.is_some() {
                        tell("warning: no hub has started on this folder yet, so whether the city has this agency was not checked");
                    }
                    let pepper = Pepper::open(&arguments.data)?;
                    keys::create(&store, &pepper, roster.as_ref(), new, now).await.map_err(anyhow::Error::from)
                }
                Err(error) => Err(anyhow::Error::new(error).context("the agencies of the last start")),
            };
            store.close().await?;
            let keys::Made { info, key, warnings } = made?;
            (info.id, key, warnings)
        }
    };
    for warning in warnings {
        tell(format_args!("warning: {warning}"));
    }
    tell(format_args!("key {id}: keep it safe, it is shown only now"));
    print(key)
}

async fn list(data: &Path) -> anyhow::Result<()> {
    let keys: Vec<KeyInfo> = match ask(data, "GET", "/v1/keys", None).await? {
        Some(list) => serde_json::from_value(list)?,
        None => {
            existing(data)?;
            let store = open(data).await?;
            let list = keys::list(&store).await;
            store.close().await?;
            list?
        }
    };
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["ID", "OWNER", "READ", "WRITE", "STATE", "NOTE"]);
    let now = clock::now();
    for key in keys {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(end)) if end <= now => format!("expired {end}"),
            (None, Some(end)) => format!("until {end}"),
            (None, None) => "valid".into(),
        };
        let owner = key.agency.map_or_else(|| "operator".into(), |agency| agency.to_string());
        table.add_row([key.id, owner, key.read.join(" "), key.write.join(" "), state, key.note]);
    }
    print(table)
}

async fn revoke(data: &Path, id: &str) -> anyhow::Result<()> {
    // A whole key is accepted too; only its public part goes on.
    let id = id.strip_prefix("lt_").and_then(|rest| rest.split('_').next()).unwrap_or(id);
    if !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        bail!("`{id}` is no key id: `lienthong key list` shows them");
    }
    if ask(data, "DELETE", &format!("/v1/keys/{id}"), Some(&json!({}))).await?.is_none() {
        existing(data)?;
        let store = open(data).await?;
        let revoked = keys::revoke(&store, id, clock::now()).await;
        store.close().await?;
        if !revoked? {
            bail!("there is no key {id}: `lienthong key list` shows them");
        }
    }
    tell(format_args!("key {id} is revoked"));
    Ok(())
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    value.get(field).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("the hub's answer has no `{field}`"))
}
