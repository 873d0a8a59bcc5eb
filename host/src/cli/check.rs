//! `lienthong check`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lienthong::app::PluginFolder;
use lienthong::config::{self, Lang};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The city's folder
    dir: PathBuf,
    /// The folder of plugins (*.wasm); DIR/plugins unless given
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// `en` or `vi`; by the locale unless given
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let lang = arguments.lang.as_deref().map_or_else(config::locale, Lang::from_locale);
    let plugins = PluginFolder::read(&arguments.plugins.unwrap_or_else(|| arguments.dir.join("plugins")))?;
    Ok(match config::load(&arguments.dir, &plugins) {
        Ok(loaded) => {
            print!("{}", config::render(&loaded.warnings, lang));
            let city = &loaded.city;
            let counts = (city.agencies.len(), city.channels.len(), city.connectors.len(), city.grants.len());
            println!("{}: ok, {} agencies, {} channels, {} connectors, {} grants", city.title, counts.0, counts.1, counts.2, counts.3);
            ExitCode::SUCCESS
        }
        Err(report) => {
            print!("{}", report.render(lang));
            ExitCode::FAILURE
        }
    })
}
