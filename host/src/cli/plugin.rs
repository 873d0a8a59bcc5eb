//! `lienthong plugin build | inspect`

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use lienthong::toolchain::{self, Options};
use lienthong::wasm::component;

use super::output::print;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build plugins to components; what did not change is not built again
    Build {
        /// The plugins' folders, each with plugin.toml and Cargo.toml, package.json or pyproject.toml
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
                let (path, kib) = (built.path.display(), built.size.div_ceil(1024));
                print(format_args!("{} {}: {how}, {path} ({kib} KiB)", built.name, built.version))?;
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
    let mut told = String::new();
    let _ = writeln!(told, "{} {}, by {} ({})", about.name, about.version, about.vendor, about.license);
    let _ = writeln!(told, "  {}", about.description);
    let _ = writeln!(told, "  size     {} KiB", bytes.len().div_ceil(1024));
    let _ = writeln!(told, "  sha256   {}", facts.sha256_hex());
    let _ = writeln!(told, "  exports  {}", about.interfaces.iter().map(|i| i.as_str()).collect::<Vec<_>>().join(", "));
    for (port, spec) in &facts.manifest.ports {
        let _ = writeln!(told, "  emits    {port} → {}  {}", spec.schema, spec.description);
    }
    for import in &facts.imports {
        let _ = writeln!(told, "  imports  {}", import.name);
    }
    let egress = &facts.manifest.egress;
    let _ = match (facts.imports_http() || egress.http, egress.reason.as_str()) {
        (false, _) => writeln!(told, "  reaches  nothing: it imports no way out"),
        (true, "") => writeln!(told, "  reaches  by HTTP, what the connector's `egress:` lists"),
        (true, reason) => writeln!(told, "  reaches  by HTTP, what the connector's `egress:` lists; it says: {reason}"),
    };
    let _ = writeln!(told, "  settings {}", facts.manifest.settings);
    print(told.trim_end())
}
