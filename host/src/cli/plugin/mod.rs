//! `lienthong plugin …`: one file a command.

mod build;
mod certify;
mod inspect;
mod install;
mod key;
mod list;
mod new;
mod replay;
mod rollback;
mod run;
mod runs;
mod sign;
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
    /// Make a vendor's key for signatures, or show its public half
    #[command(subcommand)]
    Key(key::Command),
    /// Sign a component: FILE.sig is to travel beside FILE
    Sign(sign::Arguments),
    /// Let connectors run another version of their plugin, without a restart
    Install(install::Arguments),
    /// Let connectors run again the version before, at once
    Rollback(rollback::Arguments),
    /// List what each connector runs and ran, who signed it, and since when
    List(list::Arguments),
    /// List the runs that a hub has recorded: those that failed, unless a connector's `record` says otherwise
    Runs(runs::Arguments),
    /// Perform a recorded run again, in the hub, and tell whether it is the same to the byte; nothing of it is stored
    Replay(replay::Arguments),
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(arguments) => new::run(arguments)?,
        Command::Build(arguments) => build::run(arguments)?,
        Command::Test(arguments) => return test::run(arguments),
        Command::Run(arguments) => return run::run(arguments),
        Command::Certify(arguments) => return certify::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments)?,
        Command::Key(command) => key::run(command)?,
        Command::Sign(arguments) => sign::run(arguments)?,
        Command::Install(arguments) => install::run(arguments)?,
        Command::Rollback(arguments) => rollback::run(arguments)?,
        Command::List(arguments) => list::run(arguments)?,
        Command::Runs(arguments) => runs::run(arguments)?,
        Command::Replay(arguments) => return replay::run(arguments),
    }
    Ok(ExitCode::SUCCESS)
}
