//! `lienthong check`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lienthong::app::PluginFolder;
use lienthong::config::{self, Lang};
use lienthong_core::city::City;

use super::lang::Language;
use super::output::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The city's folder
    dir: PathBuf,
    /// The folder of plugins (*.wasm); DIR/plugins unless given
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    #[command(flatten)]
    lang: Language,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let lang = arguments.lang.get();
    let plugins = PluginFolder::read(&arguments.plugins.unwrap_or_else(|| arguments.dir.join("plugins")))?;
    match config::load(&arguments.dir, &plugins) {
        Ok(loaded) => {
            print(format_args!("{}{}", config::render(&loaded.warnings, lang), summary(&loaded.city, lang)))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(report) => {
            print(report.render(lang).trim_end())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn summary(city: &City, lang: Lang) -> String {
    let (agencies, channels, connectors) = (city.agencies.len(), city.channels.len(), city.connectors.len());
    let (routes, grants) = (city.routes.len(), city.grants.iter().count());
    match lang {
        Lang::En => {
            let count = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
            let counts = [
                count(agencies, "agency", "agencies"),
                count(channels, "channel", "channels"),
                count(connectors, "connector", "connectors"),
                count(routes, "route", "routes"),
                count(grants, "grant", "grants"),
            ];
            format!("{}: ok, {}", city.title, counts.join(", "))
        }
        Lang::Vi => {
            format!(
                "{}: hợp lệ, {agencies} cơ quan, {channels} kênh, {connectors} bộ kết nối, {routes} tuyến, {grants} mục cấp quyền",
                city.title
            )
        }
    }
}
