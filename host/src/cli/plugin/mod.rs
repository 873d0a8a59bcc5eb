//! `lienthong plugin …`: one file a command.

mod build;
mod inspect;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build plugins to components; what did not change is not built again
    Build(build::Arguments),
    /// Tell what a component is and asks for, without running it
    Inspect(inspect::Arguments),
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build(arguments) => build::run(arguments)?,
        Command::Inspect(arguments) => inspect::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
