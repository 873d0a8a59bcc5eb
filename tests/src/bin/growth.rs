//! The benchmark of growth: a curve for channels and connectors, for records of one channel, for records pending at a crash.

use clap::{Parser, Subcommand};
use lienthong_tests::growth::{channels, records, restart};

const CHANNELS: [usize; 4] = [1, 10, 100, 1_000];
const MILLIONS: [usize; 4] = [1, 2, 5, 10];
const PENDING: [usize; 3] = [10_000, 300_000, 1_000_000];
const ROUNDS: usize = 3;

/// How the hub bears growth
#[derive(Parser)]
struct Arguments {
    /// One of them; all unless given
    #[command(subcommand)]
    curve: Option<Curve>,
}

#[derive(Subcommand)]
enum Curve {
    /// Channels, each with a connector at rest (the plugin environment-tt10 is taken from LIENTHONG_PLUGINS)
    Channels {
        /// How many
        #[arg(long, value_delimiter = ',', default_values_t = CHANNELS)]
        at: Vec<usize>,
    },
    /// Records of one channel
    Records {
        /// How many millions
        #[arg(long, value_delimiter = ',', default_values_t = MILLIONS)]
        at: Vec<usize>,
    },
    /// Records pending at a kill -9
    Restart {
        /// How many
        #[arg(long, value_delimiter = ',', default_values_t = PENDING)]
        at: Vec<usize>,
        /// Rounds of each
        #[arg(long, default_value_t = ROUNDS)]
        rounds: usize,
    },
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().curve {
        Some(Curve::Channels { at }) => channels::run(&at).await,
        Some(Curve::Records { at }) => records::run(&at).await,
        Some(Curve::Restart { at, rounds }) => restart::run(&at, rounds).await,
        None => {
            channels::run(&CHANNELS).await?;
            records::run(&MILLIONS).await?;
            restart::run(&PENDING, ROUNDS).await
        }
    }
}
