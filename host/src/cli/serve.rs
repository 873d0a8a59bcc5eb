//! `lienthong serve`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lienthong::app;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_filter;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The city's folder: city.yaml and one file a domain
    #[arg(long, value_name = "DIR")]
    city: PathBuf,
    /// The hub's own folder: log, lake, inboxes, secrets; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Listen here instead of where the city says, for example 127.0.0.1:8700; port 0 takes a free one and writes it to DATA/hub.addr
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The folder of plugins (*.wasm); CITY/plugins unless given
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// How log lines are written to stderr; the variable LIENTHONG_LOG sets which: `debug`, or `info,lienthong::pipeline=debug`; what libraries say is left out below `warn` unless one is named
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::heaps::few();
    super::private_files();
    let filter = log_filter::from_environment().map_err(anyhow::Error::msg)?;
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr);
    match arguments.log {
        LogFormat::Text => {
            lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().with(filter).init();
        }
        LogFormat::Json => lines.json().finish().with(filter).init(),
    }
    let options = app::Options { city: arguments.city, data: arguments.data, plugins: arguments.plugins, listen: arguments.listen };
    super::block_on(app::serve(options))?;
    Ok(ExitCode::SUCCESS)
}
