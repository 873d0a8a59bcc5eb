//! Reads the text files of automatic monitoring stations (Circular 10/2021/TT-BTNMT): a line a reading, five fields.

mod line;
mod parameter;
mod place;

use std::io::{BufRead, Read};

use lienthong_sdk::{Call, Failure, Level, Message, Receiver, Reply};
use serde::{Deserialize, Serialize};

use crate::line::{Reading, Separator};
use crate::place::Place;

/// The port that readings go to.
pub const PORT: &str = "readings";

/// A line has some sixty bytes. One beyond this is rejected with its beginning, so that no file can fill the sandbox.
const MAX_LINE_BYTES: usize = 16 << 10;

/// So many bad lines without one good line: this is no station file, and quarantine is not the place to pour it into.
const HOPELESS_AFTER_LINES: u64 = 1_000;

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    station: Option<String>,
    province: Option<String>,
    facility: Option<String>,
    #[serde(default)]
    separator: Separator,
}

/// One record of `environment/observations.v1`.
#[derive(Serialize)]
struct Observation<'a> {
    #[serde(flatten)]
    place: &'a Place,
    #[serde(flatten)]
    reading: Reading<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_file: Option<&'a str>,
}

/// The connector.
#[derive(Debug, Default)]
pub struct Stations;

lienthong_sdk::export_receiver!(Stations);

impl Receiver for Stations {
    fn receive(&self, call: &mut Call<'_>, mut message: Message) -> Result<Option<Reply>, Failure> {
        let settings: Settings = call.settings()?;
        let file = message.name.as_deref().and_then(place::file_name);
        let place = Place::find(file, settings.station, settings.province, settings.facility).map_err(Failure::InvalidInput)?;

        let mut raw = Vec::new();
        let (mut number, mut good) = (0u64, 0u64);
        while next_line(&mut message.body, &mut raw)? {
            number += 1;
            if number == 1 {
                skip_byte_order_mark(&mut raw)?;
            }
            if raw.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match line::read(&raw, settings.separator, MAX_LINE_BYTES) {
                Ok(reading) => {
                    good += 1;
                    call.emit(PORT, &Observation { place: &place, reading, source_file: file })?;
                }
                Err(reason) => {
                    call.reject(PORT, &raw, &reason, Some(&format!("line {number}")))?;
                    if good == 0 && call.rejected() >= HOPELESS_AFTER_LINES {
                        return Err(Failure::InvalidInput(format!("the first {number} lines hold no reading: this is no station file")));
                    }
                }
            }
        }
        if good == 0 && call.rejected() == 0 {
            call.log(Level::Warn, "the file holds no readings");
        }
        Ok(None)
    }
}

/// The next line without its line feed; of a line that is too long, one byte more than allowed, the rest skipped.
fn next_line(body: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    body.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        return Ok(true);
    }
    if line.len() > MAX_LINE_BYTES {
        skip_to_line_feed(body)?;
    }
    Ok(!line.is_empty())
}

fn skip_to_line_feed(body: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let block = body.fill_buf()?;
        let (used, done) = match block.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (block.len(), block.is_empty()),
        };
        body.consume(used);
        if done {
            return Ok(());
        }
    }
}

fn skip_byte_order_mark(line: &mut Vec<u8>) -> Result<(), Failure> {
    if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
        return Err(Failure::InvalidInput(
            "the file is UTF-16: the circular asks for UTF-8, set the station's data logger to it".to_owned(),
        ));
    }
    if line.starts_with(b"\xef\xbb\xbf") {
        line.drain(..3);
    }
    Ok(())
}
