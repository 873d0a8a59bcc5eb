//! Reads HL7 v2 messages of hospital systems (2.3 to 2.8, ER7 encoding) into records in FHIR R4's words, and acknowledges them.
//!
//! The encoding (`er7`, `escape`, `charset`, `batch`) knows no meaning; `datatype` and a file for each resource give it; `ack` answers.

mod ack;
mod appointment;
mod batch;
mod charset;
mod datatype;
mod encounter;
mod er7;
mod escape;
mod event;
mod immunization;
mod message;
mod moment;
mod observation;
mod observed_value;
mod patient;
mod record;
mod reply;
mod scope;
mod sink;

use lienthong_sdk::{Call, Failure, Message, Receiver, Reply};
use serde::Deserialize;

use crate::ack::Header;
use crate::batch::{Piece, Pieces};
use crate::moment::Offset;
use crate::reply::Replies;

/// The port of patients.
pub const PATIENTS: &str = "patients";
/// The port of visits.
pub const ENCOUNTERS: &str = "encounters";
/// The port of results and orders.
pub const OBSERVATIONS: &str = "observations";
/// The port of appointments.
pub const APPOINTMENTS: &str = "appointments";
/// The port of vaccinations.
pub const IMMUNIZATIONS: &str = "immunizations";

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default = "viet_nam")]
    time_zone_offset: String,
    #[serde(default = "all_processing_ids")]
    processing_ids: Vec<String>,
}

fn viet_nam() -> String {
    "+07:00".to_owned()
}

fn all_processing_ids() -> Vec<String> {
    ["P", "T", "D"].map(str::to_owned).to_vec()
}

struct Settings {
    offset: Offset,
    processing_ids: Vec<String>,
}

impl Settings {
    fn read(call: &Call<'_>) -> Result<Self, Failure> {
        let given: Given = call.settings()?;
        let offset = Offset::read(&given.time_zone_offset)
            .ok_or_else(|| Failure::Config("`time_zone_offset` must be of the form +07:00".to_owned()))?;
        Ok(Self { offset, processing_ids: given.processing_ids })
    }
}

/// The connector.
#[derive(Debug, Default)]
pub struct Hl7v2;

lienthong_sdk::export_receiver!(Hl7v2);

impl Receiver for Hl7v2 {
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        let settings = Settings::read(call)?;
        let mut pieces = Pieces::new(message.body);
        let mut replies = Replies::new(message.received_at_ms, settings.offset);
        let mut port = PATIENTS;
        while let Some(piece) = pieces.next()? {
            match piece {
                Piece::Message { bytes, cut } => {
                    let when = replies.next_moment();
                    let answer = message::take(call, &settings, &bytes, cut, when)?;
                    port = event::Kind::of(&Header::read(&bytes).component(9)).map_or(PATIENTS, event::Kind::port);
                    replies.add(&bytes, answer);
                }
                Piece::FileHeader(line) => replies.open_file(line),
                Piece::BatchHeader(line) => replies.open_batch(line),
                Piece::BatchTrailer(line) => {
                    if let Some(why) = replies.close_batch(&line) {
                        call.reject(port, &line, &why, Some("BTS-1"))?;
                    }
                }
                Piece::FileTrailer(_) => replies.close_file(),
                Piece::Stray(line) if replies.is_empty() => return Err(no_header(&line)),
                Piece::Stray(line) => call.reject(port, &line, "the line belongs to no message: a message begins with MSH", None)?,
            }
        }
        if replies.is_empty() {
            return Err(Failure::InvalidInput("there is no MSH segment: the body holds no message".to_owned()));
        }
        Ok(replies.finish())
    }
}

fn no_header(line: &[u8]) -> Failure {
    let wide = line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") || line.iter().take(8).any(|b| *b == 0);
    Failure::InvalidInput(match line.first() {
        _ if wide => "the message is UTF-16: send it in UTF-8, or in another character set that MSH-18 declares".to_owned(),
        Some(b'<' | b'{' | b'[') => "the message is XML or JSON: send it in ER7, beginning with MSH|^~\\&".to_owned(),
        _ => "the message does not begin with MSH, BHS or FHS: it is no HL7 v2 message in ER7".to_owned(),
    })
}
