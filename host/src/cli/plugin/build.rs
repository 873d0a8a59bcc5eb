//! `lienthong plugin build`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use lienthong::toolchain::{self, Options};

use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugins' folders, each with plugin.toml and Cargo.toml, package.json or pyproject.toml
    #[arg(required = true, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Where the components go
    #[arg(long, value_name = "DIR", default_value = "plugins")]
    out: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    for plugin in &arguments.plugins {
        let built =
            toolchain::build(plugin, &arguments.out, &Options::default()).with_context(|| format!("plugin {}", plugin.display()))?;
        let how = if built.fresh { "up to date" } else { "built" };
        let (path, kib) = (built.path.display(), built.size.div_ceil(1024));
        print(format_args!("{} {}: {how}, {path} ({kib} KiB)", built.name, built.version))?;
    }
    Ok(())
}
