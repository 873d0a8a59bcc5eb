//! `lienthong plugin key new | show`

use std::path::PathBuf;

use clap::Subcommand;
use lienthong::toolchain::signing::SigningKey;

use crate::cli::output::{print, tell};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key in a new file that nobody else may read, and print its public half
    New {
        /// The new file
        file: PathBuf,
    },
    /// Print the public half, for the cities that are to trust it
    Show {
        /// The key's file
        file: PathBuf,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    let key = match command {
        Command::New { file } => {
            let key = SigningKey::create(&file)?;
            tell(format_args!("{} is the key: keep it safe, whoever has it can sign for you. This is its public half:", file.display()));
            key
        }
        Command::Show { file } => SigningKey::read(&file)?,
    };
    print(key.public())
}
