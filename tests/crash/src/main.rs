//! The crash laboratory. Each trial starts a hub of its own, breaks it in one way, and holds it to all that it had
//! acknowledged: nothing lost, nothing doubled. A trial that fails says by which seed it is repeated.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;
mod clock;
mod disk;
mod interposer;
mod journal;
mod kills;
mod oracle;
mod pending;
mod power;
mod second;
mod senders;
mod space;
mod stored;
mod tally;
mod town;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use lienthong_tests::chance::Chance;

use tally::Tally;

/// Kills in one trial; each holds the hub to account at its end.
const KILLS_A_TRIAL: u32 = 50;
/// Cuts in one trial, all of one journal.
const CUTS_A_TRIAL: u32 = 250;

/// Breaks hubs and looks at what is left of what they had acknowledged
#[derive(Parser)]
struct Arguments {
    /// The kinds of trials to make, all of them unless named
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// How often hubs are killed in all
    #[arg(long, default_value_t = 500)]
    kills: u32,
    /// How often their power is cut in all
    #[arg(long, default_value_t = 2_000)]
    cuts: u32,
    /// How often there are trials of the other kinds
    #[arg(long, default_value_t = 3)]
    others: u32,
    /// Records that have not landed when a hub is killed
    #[arg(long, default_value_t = 1_000_000)]
    pending: u32,
    /// Begin no trial after so many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// Repeat: a whole run by its number, or one trial as its failure told it, like `kills:71`
    #[arg(long)]
    seed: Option<Seed>,
}

/// One way to break a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// kill -9 at moments and at named places
    Kills,
    /// Power cuts at any change of the disk, with lost and torn writes; syncs that fail
    Power,
    /// Disks that are full for a while, and slow
    Space,
    /// Clocks that jump back by a day and forward by ten
    Clock,
    /// A second hub on the same data
    Second,
    /// Ready again with a million records that have not landed
    Pending,
}

#[derive(Debug, Clone, Copy)]
enum Seed {
    Run(u64),
    Trial(Kind, u64),
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no whole number"));
        match text.split_once(':') {
            None => number(text).map(Self::Run),
            Some((kind, seed)) => Ok(Self::Trial(Kind::from_str(kind, false)?, number(seed)?)),
        }
    }
}

/// One trial to make.
#[derive(Debug, Clone, Copy)]
struct Plan {
    kind: Kind,
    seed: u64,
    /// Of what it does again and again, so many.
    size: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("no runtime").block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let mut whole = Tally::default();
    let plans = plans(arguments);
    for (nth, plan) in plans.iter().enumerate() {
        if arguments.minutes.is_some_and(|minutes| started.elapsed() >= Duration::from_secs(minutes * 60)) {
            println!("{} of {} trials are left out, for the time is over", plans.len() - nth, plans.len());
            break;
        }
        let begun = Instant::now();
        // A task of its own, so that a failed assertion ends the trial and not the laboratory's words about it.
        match tokio::spawn(trial(*plan)).await {
            Ok(tally) => {
                println!("{:>3}/{} {}", nth + 1, plans.len(), told(*plan, &tally, begun.elapsed()));
                whole.merge(tally);
            }
            Err(_) => {
                println!("FAILED: {}", repeated(*plan));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("\n{} s in all", started.elapsed().as_secs());
    whole.lines().for_each(|line| println!("{line}"));
    let tried_all = plans.iter().filter(|plan| plan.kind == Kind::Kills).map(|plan| plan.size).sum::<u32>() >= 100;
    let never = kills::never_reached(&whole);
    if tried_all && arguments.minutes.is_none() && !never.is_empty() {
        println!("FAILED: no kill came to {}: these places prove nothing", never.join(", "));
        return ExitCode::FAILURE;
    }
    println!("nothing lost, nothing doubled");
    ExitCode::SUCCESS
}

fn plans(arguments: &Arguments) -> Vec<Plan> {
    let base = match arguments.seed {
        Some(Seed::Trial(kind, seed)) => return vec![Plan { kind, seed, size: size(kind, arguments) }],
        Some(Seed::Run(base)) => base,
        None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64 % 1_000_000_000),
    };
    println!("the whole run again: make crash SEED={base}");
    let mut chance = Chance::new(base);
    let kinds = if arguments.kinds.is_empty() { Kind::value_variants() } else { &arguments.kinds };
    let mut plans = Vec::new();
    for kind in kinds.iter().copied() {
        let size = size(kind, arguments);
        let trials = match kind {
            Kind::Kills => arguments.kills.div_ceil(size.max(1)),
            Kind::Power => arguments.cuts.div_ceil(size.max(1)),
            Kind::Space | Kind::Clock => arguments.others,
            Kind::Second | Kind::Pending => arguments.others.min(1),
        };
        plans.extend((0..trials).map(|_| Plan { kind, seed: chance.below(1_000_000), size }));
    }
    plans
}

fn size(kind: Kind, arguments: &Arguments) -> u32 {
    match kind {
        Kind::Kills => arguments.kills.min(KILLS_A_TRIAL),
        Kind::Power => arguments.cuts.min(CUTS_A_TRIAL),
        Kind::Pending => arguments.pending,
        Kind::Space | Kind::Clock | Kind::Second => 1,
    }
}

async fn trial(plan: Plan) -> Tally {
    match plan.kind {
        Kind::Kills => kills::trial(plan.seed, plan.size).await,
        Kind::Power => power::trial(plan.seed, plan.size).await,
        Kind::Space => space::trial(plan.seed).await,
        Kind::Clock => clock::trial(plan.seed).await,
        Kind::Second => second::trial(plan.seed).await,
        Kind::Pending => pending::trial(plan.size.into()).await,
    }
}

fn name(kind: Kind) -> String {
    kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn told(plan: Plan, tally: &Tally, took: Duration) -> String {
    let figures = match plan.kind {
        Kind::Kills => tally.short(&["kills in all", "records, each once in log and lake", "tries without an answer"]),
        Kind::Power => tally.short(&["power cuts in all", "writes torn by them", "of acknowledged posts, looked for after a cut"]),
        Kind::Space => tally.short(&["times the disk was full", "of them, times it went on by itself", "posts acknowledged"]),
        Kind::Clock => tally.short(&["jumps of the clock", "keys known after a jump", "posts acknowledged"]),
        Kind::Second => tally.short(&["second hubs refused", "posts acknowledged"]),
        Kind::Pending => tally.short(&["records pending at kills", "most milliseconds from start to ready"]),
    };
    format!("{}:{} {} s: {figures}", name(plan.kind), plan.seed, took.as_secs())
}

fn repeated(plan: Plan) -> String {
    let size = match plan.kind {
        Kind::Kills => format!(" KILLS={}", plan.size),
        Kind::Power => format!(" CUTS={}", plan.size),
        Kind::Pending => format!(" PENDING={}", plan.size),
        Kind::Space | Kind::Clock | Kind::Second => String::new(),
    };
    format!("make crash SEED={}:{}{size}", name(plan.kind), plan.seed)
}
