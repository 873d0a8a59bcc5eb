//! Reads public-transport timetables in GTFS Schedule: sent as a zip archive, or fetched from where it is published.

mod feed;
mod poll;
mod tables;
mod value;

use lienthong_sdk::{Call, Failure, Message, Poll, Progress, Receiver, Reply, Source};
use serde::Deserialize;

/// The connector's settings; `plugin.toml` has their schema.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    feed: Option<String>,
    url: Option<String>,
    max_download_mib: Option<u32>,
}

/// The connector.
#[derive(Debug, Default)]
pub struct Gtfs;

lienthong_sdk::export_receiver!(Gtfs);
lienthong_sdk::export_source!(Gtfs);

impl Receiver for Gtfs {
    fn receive(&self, call: &mut Call<'_>, message: Message) -> Result<Option<Reply>, Failure> {
        let settings: Settings = call.settings()?;
        feed::read(call, message.body, settings.feed)?;
        Ok(None)
    }
}

impl Source for Gtfs {
    fn poll(&self, call: &mut Call<'_>, poll: Poll<'_>) -> Result<Progress, Failure> {
        let settings: Settings = call.settings()?;
        poll::poll(call, poll.since, settings)
    }
}
