//! `lienthong plugin build | inspect`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use lienthong::toolchain::{self, Options};
use lienthong::wasm::component;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build plugin crates to components; what did not change is not built again
    Build {
        /// The plugins' folders, each with Cargo.toml and plugin.toml
        #[arg(required = true, value_name = "DIR")]
        plugins: Vec<PathBuf>,
        /// Where the components go
        #[arg(long, value_name = "DIR", default_value = "plugins")]
        out: PathBuf,
    },
    /// Tell what a component is and asks for, without running it
    Inspect {
        /// The component
        file: PathBuf,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build { plugins, out } => {
            for plugin in &plugins {
                let built = toolchain::build(plugin, &out, &Options::default()).with_context(|| format!("plugin {}", plugin.display()))?;
                let how = if built.fresh { "up to date" } else { "built" };
                println!("{} {}: {how}, {} ({} KiB)", built.name, built.version, built.path.display(), built.size.div_ceil(1024));
            }
        }
        Command::Inspect { file } => inspect(&file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(file: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let facts = component::inspect(&bytes).with_context(|| file.display().to_string())?;
    let about = &facts.manifest.plugin;
    println!("{} {}, by {} ({})", about.name, about.version, about.vendor, about.license);
    println!("  {}", about.description);
    println!("  size     {} KiB", bytes.len().div_ceil(1024));
    println!("  sha256   {}", facts.sha256_hex());
    println!("  exports  {}", about.interfaces.iter().map(|i| i.as_str()).collect::<Vec<_>>().join(", "));
    for (port, spec) in &facts.manifest.ports {
        println!("  emits    {port} → {}  {}", spec.schema, spec.description);
    }
    for import in &facts.imports {
        println!("  imports  {}", import.name);
    }
    let egress = &facts.manifest.egress;
    match (facts.imports_http() || egress.http, egress.reason.as_str()) {
        (false, _) => println!("  reaches  nothing: it imports no way out"),
        (true, "") => println!("  reaches  by HTTP, what the connector's `egress:` lists"),
        (true, reason) => println!("  reaches  by HTTP, what the connector's `egress:` lists; it says: {reason}"),
    }
    println!("  settings {}", facts.manifest.settings);
    Ok(())
}
