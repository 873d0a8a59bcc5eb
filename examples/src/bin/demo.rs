//! `demo`: a hub, a city in small around it, and a table of what happens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use lienthong_examples::demo::run::{self, Options};
use tokio::signal::unix::{SignalKind, signal};

/// Starts a hub for an example city and lets simulated agency systems loose on it.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
struct Args {
    /// The city's folder
    #[arg(long, default_value = "examples/bao-loc")]
    city: PathBuf,
    /// The data folder; it is emptied at the start, if the demo made it
    #[arg(long, default_value = "target/demo")]
    data: PathBuf,
    /// The folder of compiled plugins [default: the city's]
    #[arg(long)]
    plugins: Option<PathBuf>,
    /// The hub's program [default: `lienthong` beside this one]
    #[arg(long)]
    hub: Option<PathBuf>,
    /// Where the hub listens; port 0 takes any
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Everybody else takes any port that is free, so that several demos run side by side; works on a copy of the city
    #[arg(long)]
    any_ports: bool,
    /// The folder of the timetable and the administrative units [default: data beside the city]
    #[arg(long)]
    samples: Option<PathBuf>,
    /// A bounded run: send, wait until all has landed, check every sum, and exit with 0 only if all hold
    #[arg(long)]
    once: bool,
    /// End after so many seconds
    #[arg(long, conflicts_with = "once")]
    seconds: Option<u64>,
    /// Ten times the pace
    #[arg(long)]
    fast: bool,
    /// Fixes what the simulators send
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\ndemo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<bool> {
    let hub = match args.hub {
        Some(hub) => hub,
        None => {
            std::env::current_exe().context("this program's own place is not known; name the hub's with --hub")?.with_file_name("lienthong")
        }
    };
    let options = Options {
        city: args.city,
        data: args.data,
        plugins: args.plugins,
        hub,
        listen: args.listen,
        any_ports: args.any_ports,
        samples: args.samples,
        once: args.once,
        seconds: args.seconds,
        fast: args.fast,
        seed: args.seed,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // A terminal that is closed must not leave a hub behind.
        let mut hang_up = signal(SignalKind::hangup())?;
        let interrupted = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        };
        run::run(options, interrupted).await
    })
}
