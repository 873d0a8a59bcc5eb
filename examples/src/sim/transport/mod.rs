//! Transport: a bus operator's timetable, put into a folder and published on the web.

pub mod feed;

use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;

use self::feed::Feed;
use super::clock;
use super::inbox::Inbox;
use super::ledger::{Entry, Ledger};
use super::publisher::{About, Edition, Publisher};
use super::system::{System, Turn};

/// The four channels a GTFS feed fills, each with the feed's file it comes from.
pub const GTFS_CHANNELS: [(&str, &str); 4] = [
    ("transport/routes", "routes.txt"),
    ("transport/stop-times", "stop_times.txt"),
    ("transport/stops", "stops.txt"),
    ("transport/trips", "trips.txt"),
];

/// The operator's web server.
pub const PUBLISHED: About =
    About { whose: "the bus operator's server", what: "the timetable", path: "/gtfs.zip", content_type: "application/zip" };

/// A version of the feed, as it is published.
///
/// # Errors
/// When it can not be packed.
pub fn edition(feed: &Feed, number: u32) -> anyhow::Result<Edition> {
    let feed = feed.version(number);
    Ok(Edition { number, name: format!("bao-loc-{number}"), body: feed.zip()?.into(), sent: feed.rows() })
}

/// A bus operator: drops its feed into a folder first, and publishes a new version on its web server in each later turn.
#[derive(Debug)]
pub struct BusOperator {
    /// The feed as it was before any version.
    pub feed: Feed,
    /// Where a feed is dropped.
    pub inbox: Inbox,
    /// The web server.
    pub publisher: Publisher,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for BusOperator {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            if turn.number == 0 {
                return self.drop_feed().await;
            }
            let version = u32::try_from(turn.number + 1).context("too many versions")?;
            self.publisher.publish(edition(&self.feed, version)?, clock::now());
            Ok(())
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        let mut waiting = self.inbox.waiting()?;
        waiting.extend(self.publisher.waiting());
        Ok(waiting)
    }
}

impl BusOperator {
    /// The operator's file transfer of old: the feed as a zip.
    async fn drop_feed(&self) -> anyhow::Result<()> {
        let feed = self.feed.version(0);
        let name = "bao-loc-0.zip";
        self.ledger.enter(&Entry { way: "inbox", name: name.to_owned(), sent: feed.rows() })?;
        self.inbox.put(name, &feed.zip()?).await.context(name)
    }
}
