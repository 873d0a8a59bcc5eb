//! `lienthong plugin key`

use std::path::PathBuf;

use clap::Args;
use lienthong::toolchain::signing::SigningKey;

use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file that holds the key, or will: nobody but you may read it
    file: PathBuf,
    /// Only print the public key of one that is there
    #[arg(long)]
    public: bool,
}

/// Prints the public key alone, so that a script can take it.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let key = if arguments.public { SigningKey::read(file)? } else { SigningKey::create(file)? };
    print(key.public())
}
