//! All simulators together, each with its pace.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::FuturesUnordered;

use super::paint::number;
use crate::sim::clock;
use crate::sim::ledger::{Ledger, Sent};
use crate::sim::system::{System, Turn};

/// A system and how often it has a turn.
pub struct Player {
    /// The system.
    pub system: Box<dyn System>,
    /// It has a turn once in so many rounds.
    pub every: u32,
    /// Turns in a bounded run.
    pub turns: u64,
}

/// The simulators, and what they have done.
pub struct Traffic {
    /// The step of the first turn, as [`crate::sim::clock`] counts them.
    pub first_step: i64,
    /// All of them.
    pub players: Vec<Player>,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl Traffic {
    /// Some turns of every system.
    ///
    /// # Errors
    /// When something could not be sent.
    pub async fn bounded(&self) -> anyhow::Result<()> {
        let all = self.players.iter().map(|player| async move {
            for number in 0..player.turns {
                player.system.turn(self.turn(player, number, Duration::ZERO)).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(all).await?;
        Ok(())
    }

    /// Turns without end; to be dropped. A round lasts `round`.
    ///
    /// # Errors
    /// When something could not be sent.
    pub async fn endless(&self, round: Duration) -> anyhow::Result<()> {
        try_join_all(self.players.iter().map(|player| self.play(player, round * player.every))).await?;
        Ok(())
    }

    async fn play(&self, player: &Player, pause: Duration) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(pause);
        let mut under_way = FuturesUnordered::new();
        let mut number = 0;
        loop {
            tokio::select! {
                _ = tick.tick(), if under_way.len() < player.system.turns_at_once() => {
                    let turn = self.turn(player, number, pause);
                    // Who has caught up with the clock goes with it.
                    if turn.step <= clock::step_at(clock::now()) {
                        number += 1;
                        under_way.push(player.system.turn(turn));
                    }
                }
                Some(result) = under_way.next(), if !under_way.is_empty() => result?,
            }
        }
    }

    /// What was done so far, in a line.
    pub fn summary(&self) -> String {
        let sent: Sent = self.ledger.totals().into_values().sum();
        format!(
            "sent: {} files, {} posts, {} by MLLP, {} to polls; {} bad of {} items",
            number(self.ledger.entries("inbox")),
            number(self.ledger.entries("webhook") + self.ledger.entries("api")),
            number(self.ledger.entries("mllp")),
            number(self.ledger.entries("poll")),
            number(sent.bad),
            number(sent.all()),
        )
    }

    /// What the hub has neither taken nor asked for yet, in words.
    ///
    /// # Errors
    /// When that can not be seen.
    pub fn waiting(&self) -> anyhow::Result<Vec<String>> {
        let mut waiting = Vec::new();
        for player in &self.players {
            waiting.extend(player.system.waiting()?);
        }
        Ok(waiting)
    }

    fn turn(&self, player: &Player, number: u64, spread: Duration) -> Turn {
        let step = |number: u64| self.first_step.saturating_add_unsigned(number * u64::from(player.every));
        Turn { number, step: step(number), previous: number.checked_sub(1).map(step), spread }
    }
}
