//! `lienthong plugin …`: one file a command.

mod build;
mod certify;
mod inspect;
mod key;
mod new;
mod run;
mod subject;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a new plugin's project, which builds and passes its tests at once
    New(new::Arguments),
    /// Build plugins to components; what did not change is not built again
    Build(build::Arguments),
    /// Hold a plugin against its fixtures, in the hub's own sandbox with its limits and schemas
    Test(test::Arguments),
    /// Make one call in the real world, print what comes and keep nothing
    Run(run::Arguments),
    /// Try what a city may ask of a plugin, and write a signed report; or check one
    Certify(certify::Arguments),
    /// Tell what a component is and asks for, without running it
    Inspect(inspect::Arguments),
    /// Make a vendor's key for signatures, and print its public half
    Key(key::Arguments),
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(arguments) => new::run(arguments)?,
        Command::Build(arguments) => build::run(arguments)?,
        Command::Test(arguments) => return test::run(arguments),
        Command::Run(arguments) => return run::run(arguments),
        Command::Certify(arguments) => return certify::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments)?,
        Command::Key(arguments) => key::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
