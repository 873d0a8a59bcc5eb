//! `lienthong schema list | show | pages`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use comfy_table::{Table, presets::NOTHING};
use lienthong::config::{self, Lang, built_in};
use lienthong_core::id::SchemaId;
use lienthong_core::schema::page::{Among, Page, html, index, markdown};
use serde_json::Value;

use super::lang::Language;
use super::output::print;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the schemas that come with the hub
    List {
        #[command(flatten)]
        lang: Language,
    },
    /// Explain one schema: what its records are, field by field
    Show {
        /// A schema that comes with the hub (`health/patients.v1`), or a file (`schemas/planning/parcels.v1.json`)
        schema: String,
        #[command(flatten)]
        lang: Language,
        /// Print the JSON Schema itself
        #[arg(long, conflicts_with = "lang")]
        json: bool,
    },
    /// Write a page a schema and language, for a browser, with an index
    Pages {
        /// The folder; made where it is missing
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The city whose own schemas are added
        #[arg(long, value_name = "DIR")]
        city: Option<PathBuf>,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { lang } => list(lang.get())?,
        Command::Show { schema, json: true, .. } => {
            let (_, document) = find(&schema)?;
            print(format_args!("{document:#}"))?;
        }
        Command::Show { schema, lang, json: false } => {
            let (id, document) = find(&schema)?;
            print(markdown(&Page::of(&id, &document, lang.get())).trim_end())?;
        }
        Command::Pages { out, city } => pages(&out, city.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(lang: Lang) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    for (id, document) in documents() {
        let page = Page::of(&id, &document, lang);
        let personal = match (page.is_personal(), lang) {
            (false, _) => "",
            (true, Lang::En) => "personal data",
            (true, Lang::Vi) => "dữ liệu cá nhân",
        };
        table.add_row([id.to_string(), page.title, personal.to_owned()]);
    }
    print(table.trim_fmt())
}

/// The schemas that come with the hub. A test holds that each of them can be read.
fn documents() -> Vec<(SchemaId, Value)> {
    built_in().iter().filter_map(|(id, text)| Some((SchemaId::new(id).ok()?, serde_json::from_str(text).ok()?))).collect()
}

pub(super) fn find(wanted: &str) -> anyhow::Result<(SchemaId, Value)> {
    if let Some(found) = documents().into_iter().find(|(id, _)| id.to_string() == wanted) {
        return Ok(found);
    }
    let path = Path::new(wanted);
    if path.extension().is_some_and(|extension| extension == "json") {
        return read(path);
    }
    let names: Vec<_> = built_in().iter().map(|(id, _)| *id).collect();
    match config::nearest(wanted, &names) {
        Some(near) => bail!("no schema `{wanted}` comes with the hub: did you mean `{near}`? `lienthong schema list` lists them"),
        None => bail!("no schema `{wanted}` comes with the hub: `lienthong schema list` lists them; for a file, give its path"),
    }
}

/// `…/<domain>/<name>.v<N>.json`
pub(super) fn read(path: &Path) -> anyhow::Result<(SchemaId, Value)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let document = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    let domain = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let id = format!("{domain}/{}", path.file_stem().unwrap_or_default().to_string_lossy());
    let id = SchemaId::new(&id)
        .map_err(|_| anyhow::anyhow!("`{}` is no place of a schema: it lies at schemas/<domain>/<name>.v<N>.json", path.display()))?;
    Ok((id, document))
}

fn pages(out: &Path, city: Option<&Path>) -> anyhow::Result<()> {
    let mut all = documents();
    for (_, file) in city.map(config::own_schemas).unwrap_or_default() {
        all.push(read(&file)?);
    }
    all.sort_by_key(|(id, _)| id.to_string());
    let write = |path: PathBuf, text: &str| std::fs::write(&path, text).with_context(|| path.display().to_string());
    for lang in [Lang::En, Lang::Vi] {
        let pages: Vec<_> = all.iter().map(|(id, document)| Page::of(id, document, lang)).collect();
        for page in &pages {
            let path = out.join(format!("{}.{}.html", page.id, lang.code()));
            let folder = path.parent().unwrap_or(out);
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            write(path, &html(page, Among::Pages))?;
        }
        write(out.join(format!("index.{}.html", lang.code())), &index(&pages, lang))?;
    }
    print(format_args!("{} schemas in English and Vietnamese: open {}", all.len(), out.join("index.en.html").display()))
}
