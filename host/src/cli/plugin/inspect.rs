//! `lienthong plugin inspect`

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use lienthong::wasm::component;

use crate::cli::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The component
    file: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
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
