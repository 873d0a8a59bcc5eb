//! All simulators together: rounds of the stations, and the operator's timetable over each way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;

use super::paint::number;
use crate::sim::OBSERVATIONS;
use crate::sim::clock;
use crate::sim::feed::Feed;
use crate::sim::inbox::Inbox;
use crate::sim::ledger::{Entry, Ledger, Sent};
use crate::sim::operator::Operator;
use crate::sim::round::{self, Delivery};
use crate::sim::stations::Way;
use crate::sim::webhook::Webhook;

/// So many rounds may be under way, before the stations wait for the hub.
const ROUNDS_AT_ONCE: usize = 16;

/// How fast the city lives.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From one round of the stations to the next.
    pub round: Duration,
    /// From one version of the timetable to the next.
    pub version: Duration,
}

/// The simulators, and what they have done.
#[derive(Debug)]
pub struct Traffic {
    /// Fixes all that is sent.
    pub seed: u64,
    /// The first step that is reported, as [`crate::sim::clock`] counts them.
    pub first_step: i64,
    /// Where most stations' files go.
    pub air: Inbox,
    /// Where the operator drops a feed.
    pub gtfs: Inbox,
    /// Where two stations post to.
    pub webhook: Webhook,
    /// The feed as it was before any version.
    pub feed: Feed,
    /// The operator's web server.
    pub operator: Operator,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
    /// Rounds that were begun.
    pub rounds: AtomicU64,
}

impl Traffic {
    /// So many rounds of all stations, and one feed into the inbox; the operator's server hands out the other.
    ///
    /// # Errors
    /// When something could not be sent.
    pub async fn bounded(&self, rounds: u64) -> anyhow::Result<()> {
        self.drop_feed().await?;
        for _ in 0..rounds {
            self.round(Duration::ZERO).await?;
        }
        Ok(())
    }

    /// Rounds and versions without end; to be dropped.
    ///
    /// # Errors
    /// When something could not be sent.
    pub async fn endless(&self, pace: Pace) -> anyhow::Result<()> {
        let rounds = async {
            let mut tick = tokio::time::interval(pace.round);
            let mut under_way = FuturesUnordered::new();
            loop {
                // A round in which a file halts, or is sent again, must not hold up the next one.
                tokio::select! {
                    _ = tick.tick(), if under_way.len() < ROUNDS_AT_ONCE => {
                        // Who has caught up with the clock reports as it goes.
                        if self.next_step() <= clock::step_at(now()) {
                            under_way.push(self.round(pace.round));
                        }
                    }
                    Some(result) = under_way.next(), if !under_way.is_empty() => result?,
                }
            }
        };
        let versions = async {
            tokio::time::sleep(pace.version / 2).await;
            self.drop_feed().await?;
            for version in 2.. {
                tokio::time::sleep(pace.version).await;
                self.operator.publish(version, now())?;
            }
            Ok(())
        };
        tokio::select! {
            result = rounds => result,
            result = versions => result,
        }
    }

    /// What was done so far, in a line.
    pub fn summary(&self) -> String {
        let sent = self.ledger.totals().values().fold(Sent::default(), |a, b| Sent { good: a.good + b.good, bad: a.bad + b.bad });
        let answered = self.operator.answered();
        format!(
            "sent: {} files, {} posts, feed {} ({}× whole, {}× 304); {} bad of {} items",
            number(self.ledger.entries("inbox")),
            number(self.ledger.entries("webhook")),
            answered.version,
            answered.whole,
            answered.unchanged,
            number(sent.bad),
            number(sent.all()),
        )
    }

    /// Files that the hub has not taken yet, unfinished ones included.
    ///
    /// # Errors
    /// When an inbox can not be read.
    pub fn waiting(&self) -> std::io::Result<Vec<String>> {
        let mut waiting = self.air.waiting()?;
        waiting.extend(self.gtfs.waiting()?);
        Ok(waiting)
    }

    fn next_step(&self) -> i64 {
        self.first_step.saturating_add_unsigned(self.rounds.load(Ordering::Relaxed))
    }

    /// One round: every station reports the next step, a tenth of `spread` after the one before it.
    async fn round(&self, spread: Duration) -> anyhow::Result<()> {
        let step = self.next_step();
        self.rounds.fetch_add(1, Ordering::Relaxed);
        let deliveries = round::round(self.seed, step);
        let gap = spread / (deliveries.len() as u32 + 1);
        let sending = deliveries.iter().enumerate().map(|(place, delivery)| async move {
            tokio::time::sleep(gap * place as u32).await;
            self.deliver(delivery).await
        });
        try_join_all(sending).await?;
        Ok(())
    }

    async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let way = match delivery.station.way {
            Way::Inbox => "inbox",
            Way::Webhook => "webhook",
        };
        let sent = BTreeMap::from([(OBSERVATIONS, Sent { good: delivery.good, bad: delivery.bad })]);
        self.ledger.enter(&Entry { way, name: delivery.name.clone(), sent })?;
        match delivery.station.way {
            Way::Inbox => self.air.deliver(delivery).await.with_context(|| delivery.name.clone()),
            Way::Webhook => self.webhook.deliver(delivery).await,
        }
    }

    /// The operator's file transfer of old: the feed as a zip in a folder.
    async fn drop_feed(&self) -> anyhow::Result<()> {
        let feed = self.feed.version(0);
        let name = "bao-loc-0.zip";
        self.ledger.enter(&Entry { way: "inbox", name: name.to_owned(), sent: feed.rows() })?;
        self.gtfs.put(name, &feed.zip()?).await.context(name)
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}
