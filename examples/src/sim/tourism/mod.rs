//! Tourism: an office that publishes its calendar on the web, and venues that send theirs.

pub mod calendar;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;

use self::calendar::Calendar;
use super::clock::{self, LocalTime};
use super::door::{Door, Post};
use super::inbox::Inbox;
use super::ledger::{Entry, Ledger};
use super::publisher::{About, Edition, Publisher};
use super::system::{System, Turn};

/// The channel of events.
pub const EVENTS: &str = "tourism/events";

/// The tourist office's web server.
pub const PUBLISHED: About =
    About { whose: "the tourist office's server", what: "the calendar", path: "/events.ics", content_type: "text/calendar; charset=utf-8" };

/// A version of the office's calendar, as it is published.
pub fn edition(seed: u64, number: u32, at: &LocalTime) -> Edition {
    let Calendar { text, events } = Calendar::draw(seed, "Lễ hội Đà Lạt", number.into(), at);
    Edition { number, name: format!("le-hoi-{number}"), body: text.into(), sent: BTreeMap::from([(EVENTS, events)]) }
}

/// A tourist office: another version of its calendar in each turn.
#[derive(Debug)]
pub struct TouristOffice {
    /// Fixes what happens.
    pub seed: u64,
    /// The web server, with version 1.
    pub publisher: Publisher,
}

impl System for TouristOffice {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let number = u32::try_from(turn.number + 1).context("too many versions")?;
            if number > 1 {
                self.publisher.publish(edition(self.seed, number, &clock::at_seconds(clock::now())), clock::now());
            }
            Ok(())
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.publisher.waiting().into_iter().collect())
    }
}

/// Venues: one drops its calendar into a folder, the other posts it, in turns.
#[derive(Debug)]
pub struct Venues {
    /// Fixes what happens.
    pub seed: u64,
    /// Where one drops its calendar.
    pub inbox: Inbox,
    /// Where the other posts it.
    pub door: Door,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for Venues {
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            // What the hub reads lies around the day on which it reads it.
            let at = clock::at_seconds(clock::now());
            let by_file = turn.number.is_multiple_of(2);
            let (venue, way) = if by_file { ("Nhà hát Ví Dụ", "inbox") } else { ("Vườn hoa Mẫu", "webhook") };
            let calendar = Calendar::draw(self.seed ^ 0x7e0e, venue, turn.number, &at);
            let name = format!("dia-diem-{:04}.ics", turn.number);
            self.ledger.enter(&Entry { way, name: name.clone(), sent: BTreeMap::from([(EVENTS, calendar.events)]) })?;
            let body = calendar.text.into_bytes();
            if by_file {
                return self.inbox.put_halting(&name, &body).await.context(name);
            }
            self.door.post(&Post { name, content_type: "text/calendar", named: true, body }).await?;
            Ok(())
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        self.inbox.waiting()
    }
}
