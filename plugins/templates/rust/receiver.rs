//! Reads __schema__ from files of JSON lines.

mod records;

use std::io::BufRead;

use lienthong_sdk::{Call, Failure, Message, Receiver, Reply};
pub use records::__Record__;

const PORT: &str = "__port__";

/// The connector.
#[derive(Debug, Default)]
pub struct Plugin;

lienthong_sdk::export_receiver!(Plugin);

impl Receiver for Plugin {
    /// One record a line, as JSON and in its own names: put your system's format in its place.
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        for (index, line) in message.body.split(b'\n').enumerate() {
            let line = line?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<__Record__>(&line) {
                Ok(record) => call.emit(PORT, &record)?,
                Err(error) => call.reject(PORT, &line, reason(&error), Some(&format!("line {}", index + 1)))?,
            }
        }
        Ok(None)
    }
}

/// What a person is told. Never the error's own text: it may quote personal data.
fn reason(error: &serde_json::Error) -> &'static str {
    if error.is_data() { "this line is no __one__: a field is missing, unknown or of another type" } else { "this line is no JSON object" }
}
