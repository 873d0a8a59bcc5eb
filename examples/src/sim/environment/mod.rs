//! Environment: ten automatic monitoring stations, and a board that shows the air quality.

pub mod board;
pub mod round;
pub mod stations;
pub mod tt10;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};

use self::round::{Delivery, Manner};
use self::stations::Way;
use super::door::{Door, Post};
use super::inbox::Inbox;
use super::ledger::{Entry, Ledger, Sent};
use super::system::{System, Turn};

/// What the stations' readings become.
pub const OBSERVATIONS: &str = "environment/observations";

/// All stations: eight put their files into a folder, two post them.
#[derive(Debug)]
pub struct Stations {
    /// Fixes all that is measured.
    pub seed: u64,
    /// Where most stations' files go.
    pub inbox: Inbox,
    /// Where the others post to.
    pub door: Door,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for Stations {
    /// Every station reports one step, a while after the one before it.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let deliveries = round::round(self.seed, turn.step);
            let gap = turn.spread / (deliveries.len() as u32 + 1);
            let sending = deliveries.iter().enumerate().map(|(place, delivery)| async move {
                tokio::time::sleep(gap * place as u32).await;
                self.deliver(delivery).await
            });
            try_join_all(sending).await?;
            Ok(())
        }
        .boxed()
    }

    fn turns_at_once(&self) -> usize {
        16
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        self.inbox.waiting()
    }
}

impl Stations {
    async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let Delivery { station, name, body, good, bad, manner } = delivery;
        let way = match station.way {
            Way::Inbox => "inbox",
            Way::Webhook => "webhook",
        };
        let sent = BTreeMap::from([(OBSERVATIONS, Sent { good: *good, bad: *bad })]);
        self.ledger.enter(&Entry { way, name: name.clone(), sent })?;
        match (station.way, manner) {
            (Way::Inbox, Manner::Whole) => self.inbox.put(name, body).await.with_context(|| name.clone()),
            (Way::Inbox, Manner::Halting) => self.inbox.put_halting(name, body).await.with_context(|| name.clone()),
            (Way::Inbox, Manner::Twice) => self.inbox.put_twice(name, body).await.with_context(|| name.clone()),
            (Way::Webhook, manner) => {
                let post = Post { name: name.clone(), content_type: "text/plain; charset=utf-8", named: true, body: body.clone() };
                self.door.post(&post).await?;
                if *manner == Manner::Twice {
                    self.door.post(&post).await?;
                }
                Ok(())
            }
        }
    }
}
