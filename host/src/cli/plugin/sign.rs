//! `lienthong plugin sign`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use lienthong::ops::plugins::trust::{Signed, beside};
use lienthong::toolchain::signing::SigningKey;
use lienthong::wasm::component;

use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The component
    file: PathBuf,
    /// The key's file, made by `lienthong plugin key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { file, key } = arguments;
    let key = SigningKey::read(&key)?;
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    // Nobody shall sign what no hub would take.
    let facts = component::inspect(&bytes).with_context(|| file.display().to_string())?;
    let signature = beside(&file);
    std::fs::write(&signature, Signed::sign(&key, &bytes).to_string()).with_context(|| signature.display().to_string())?;
    let (about, public) = (&facts.manifest.plugin, key.public());
    print(format_args!("{}: {} {} by {}, signed with {public}", signature.display(), about.name, about.version, about.vendor))
}
