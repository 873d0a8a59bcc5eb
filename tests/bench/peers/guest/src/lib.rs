//! The hub's side of the measure of a plugin call: a connector as any vendor would write it.

use std::io::Read;

use lienthong_sdk::{Call, Failure, Message, Receiver, Reply};

#[path = "../../reading.rs"]
mod reading;

#[derive(Default)]
struct Readings;

impl Receiver for Readings {
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        let mut body = message.body;
        let mut text = String::with_capacity(usize::try_from(body.size()).unwrap_or_default());
        body.read_to_string(&mut text)?;
        for line in text.lines() {
            match reading::convert(line) {
                Ok(record) => call.emit("out", &record)?,
                Err(error) => call.reject("out", line.as_bytes(), &error.to_string(), None)?,
            }
        }
        Ok(None)
    }
}

lienthong_sdk::export_receiver!(Readings);
