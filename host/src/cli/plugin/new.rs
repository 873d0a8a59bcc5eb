//! `lienthong plugin new`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lienthong::config::built_in;
use lienthong::toolchain::Language;
use lienthong::toolchain::scaffold::{self, Wish};
use lienthong_core::id::PluginName;
use lienthong_core::manifest;

use crate::cli::output::print;
use crate::cli::schema;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Its name, `domain-format`: also the folder that is made
    name: PluginName,
    /// What it is written in
    #[arg(long)]
    lang: Lang,
    /// Fetches (source), is sent messages (receiver), turns records into records (transform), delivers records (sink)
    #[arg(long)]
    interface: Interface,
    /// What its records are: a schema that comes with the hub (`lienthong schema list`), or a file
    #[arg(long, default_value = "environment/observations.v1")]
    schema: String,
    /// Where the folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Lang {
    Rust,
    Js,
    Python,
}

#[derive(Clone, Copy, ValueEnum)]
enum Interface {
    Source,
    Receiver,
    Transform,
    Sink,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let language = match arguments.lang {
        Lang::Rust => Language::Rust,
        Lang::Js => Language::JavaScript,
        Lang::Python => Language::Python,
    };
    let interface = match arguments.interface {
        Interface::Source => manifest::Interface::Source,
        Interface::Receiver => manifest::Interface::Receiver,
        Interface::Transform => manifest::Interface::Transform,
        Interface::Sink => manifest::Interface::Sink,
    };
    let (schema, document) = schema::find(&arguments.schema)?;
    let own_schema = !built_in().iter().any(|(id, _)| *id == schema.to_string());
    let folder = arguments.dir.join(arguments.name.as_str());
    let wish = Wish { name: &arguments.name, language, interface, schema: &schema, document: &document, own_schema };
    scaffold::create(&wish, &folder)?;
    print(format_args!("{}: a {} in {language} for {schema}; its README.md says how to go on", shown(&folder), interface.as_str()))?;
    print(format_args!("  lienthong plugin test {}", shown(&folder)))
}

fn shown(folder: &Path) -> impl std::fmt::Display + '_ {
    folder.strip_prefix(".").unwrap_or(folder).display()
}
