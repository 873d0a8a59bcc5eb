//! `lienthong compile`: a process of the hub's own, never a person's.

use std::process::ExitCode;

use clap::Args;
use lienthong::wasm::compile::{Limits, Target, compile};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Address space, MiB
    #[arg(long, default_value_t = Limits::default().memory_mib)]
    memory_mib: u64,
    /// Processor time, seconds
    #[arg(long, default_value_t = Limits::default().cpu_seconds)]
    cpu_seconds: u64,
    /// For memories from a pool
    #[arg(long)]
    pooled: bool,
    /// On all processors
    #[arg(long)]
    parallel: bool,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { memory_mib, cpu_seconds, pooled, parallel } = arguments;
    let limits = Limits { memory_mib, cpu_seconds, ..Limits::default() };
    compile(limits, Target { pooled, parallel }, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
