//! The command line.

pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod connector;
pub(crate) mod dead_letter;
mod heaps;
pub(crate) mod key;
mod lang;
mod local;
mod log_filter;
pub(crate) mod output;
pub(crate) mod plugin;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod status;

use std::future::Future;

use clap::{Parser, Subcommand};

/// A city's integration hub: sandboxed connectors, validated channels, a durable log, an open data lake.
#[derive(Parser)]
#[command(name = "lienthong", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the hub of a city
    Serve(serve::Arguments),
    /// Check a city's files: every error at once, with file, line, column and a suggestion
    Check(check::Arguments),
    /// Build and look into connector plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Let a connector rest, and let it go on
    #[command(subcommand)]
    Connector(connector::Command),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(key::Command),
    /// See deliveries that were given up, and deliver them once more
    #[command(subcommand, name = "deadletter")]
    DeadLetter(dead_letter::Command),
    /// Explain what channels' records look like, in English or Vietnamese
    #[command(subcommand)]
    Schema(schema::Command),
    /// Show channels and connectors of a hub
    Status(status::Arguments),
    /// What the hub starts for itself: a component on standard input becomes machine code on standard output
    #[command(hide = true)]
    Compile(compile::Arguments),
}

/// Runs a command that waits for the hub or the disk.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// From here on nobody but the hub's user can read the files that it makes, wherever they lie.
fn private_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}
