//! The binary `lienthong`.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::{Arguments, Command};

fn main() -> ExitCode {
    // Two TLS providers are linked; rustls wants to be told which one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => cli::serve::run(arguments),
        Command::Check(arguments) => cli::check::run(arguments),
        Command::Plugin(command) => cli::plugin::run(command),
        Command::Connector(command) => cli::connector::run(command),
        Command::Key(command) => cli::key::run(command),
        Command::DeadLetter(command) => cli::dead_letter::run(command),
        Command::Schema(command) => cli::schema::run(command),
        Command::Status(arguments) => cli::status::run(arguments),
        Command::Compile(arguments) => cli::compile::run(arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            cli::output::tell(format_args!("lienthong: {}", cli::output::told(&error)));
            ExitCode::FAILURE
        }
    }
}
