//! Reads school rosters: OneRoster 1.1 and 1.2 CSV bundles, and the pupil sheet of Việt Nam's Ministry of Education.

mod bundle;
mod entities;
mod heading;
mod manifest;
mod metadata;
mod sheet;
mod value;

use std::io::{BufRead, Seek, SeekFrom};

use lienthong_sdk::{Call, Failure, Message, Receiver, Reply};
use serde::Deserialize;

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    source_system: Option<String>,
    school: Option<String>,
    #[serde(default)]
    allow_active_in_bulk: bool,
}

/// The connector.
#[derive(Debug, Default)]
pub struct Rosters;

lienthong_sdk::export_receiver!(Rosters);

impl Receiver for Rosters {
    fn receive(&self, call: &mut Call<'_>, mut message: Message) -> Result<Option<Reply>, Failure> {
        let settings: Settings = call.settings()?;
        let start = message.body.fill_buf()?;
        let (is_zip, is_old_workbook) = (start.starts_with(b"PK"), start.starts_with(b"\xd0\xcf\x11\xe0"));
        message.body.seek(SeekFrom::Start(0))?;
        if is_old_workbook {
            return Err(Failure::InvalidInput(sheet::WORKBOOK.to_owned()));
        }
        if is_zip {
            bundle::read(call, message.body, settings)?
        } else {
            sheet::read(call, message, settings)?
        }
        Ok(None)
    }
}
