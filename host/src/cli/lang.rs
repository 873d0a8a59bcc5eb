//! `--lang`

use clap::Args;
use lienthong::config::{self, Lang};

#[derive(Args)]
pub(crate) struct Language {
    /// `en` or `vi`; by the locale unless given
    #[arg(long, value_name = "LANG", value_parser = parse)]
    lang: Option<Lang>,
}

impl Language {
    /// The one asked for, else the locale's.
    pub(crate) fn get(&self) -> Lang {
        self.lang.unwrap_or_else(config::locale)
    }
}

fn parse(text: &str) -> Result<Lang, String> {
    match text {
        "en" => Ok(Lang::En),
        "vi" => Ok(Lang::Vi),
        _ => Err("write `en` or `vi`: no other language is spoken here".into()),
    }
}
