//! A hospital: its system tells of every patient by HL7 over MLLP, and posts what the insurance is to pay.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;

use super::hl7::{Message, Writer};
use super::insurance::{Dossier, envelope};
use super::mllp::Sender;
use super::{EPISODES, ITEMS, Visitor};
use crate::sim::chance::Chance;
use crate::sim::door::{Door, Post};
use crate::sim::ledger::{Entry, Ledger, Sent};
use crate::sim::system::{System, Turn};

/// The hospital's integration engine.
#[derive(Debug)]
pub struct Hospital {
    /// Fixes who comes and with what.
    pub seed: u64,
    /// Where messages go.
    pub sender: Sender,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

/// The hospital's billing, which knows the same visitors.
#[derive(Debug)]
pub struct Billing {
    /// Fixes who comes and with what.
    pub seed: u64,
    /// Where envelopes are posted to.
    pub door: Door,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

impl System for Hospital {
    /// One is admitted and has results, who came the turn before is moved and goes home, a child is vaccinated; now and then two numbers
    /// are one patient, an admission is cancelled, a message is wrong, or the line breaks before the acknowledgement.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            for (nth, message) in self.messages(&turn).iter().enumerate() {
                self.ledger.enter(&Entry { way: "mllp", name: message.id.clone(), sent: message.sent.clone() })?;
                if nth == 0 && turn.number.is_multiple_of(3) {
                    self.sender.send_and_lose(message.text.as_bytes()).await.with_context(|| message.id.clone())?;
                }
                let acknowledgement = self.sender.send(message.text.as_bytes()).await.with_context(|| message.id.clone())?;
                check(message, &acknowledgement)?;
            }
            Ok(())
        }
        .boxed()
    }
}

impl Hospital {
    fn messages(&self, turn: &Turn) -> Vec<Message> {
        let visitor = Visitor::draw(self.seed, turn.step);
        let mut chance = Chance::new(self.seed, &[turn.step as u64, 0x417]);
        let mut writer = Writer::new(turn.at(), format!("BVBL-{}", turn.step));
        writer.admission(&visitor);
        writer.results(&visitor, 3.5 + 5.0 * chance.unit(), 90 + chance.below(300));
        if let Some(before) = turn.previous.map(|step| Visitor::draw(self.seed, step)) {
            writer.transfer(&before);
            writer.discharge(&before);
            writer.appointment(&before);
        }
        // A walk-in, who is admitted nowhere.
        let child = Visitor::draw(self.seed, turn.step - 100_000);
        writer.vaccination(&child);
        match turn.number % 3 {
            0 => {
                writer.merge(&visitor);
                writer.results_without_code(&visitor);
            }
            1 => {
                writer.impossible_birthday(&child);
                writer.charges(&visitor);
            }
            _ => writer.cancellation(&visitor),
        }
        writer.finish()
    }
}

/// The acknowledgement must name the message and say what became of it.
fn check(message: &Message, acknowledgement: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(acknowledgement);
    let expected = format!("MSA|{}|{}", message.acknowledged, message.id);
    let is_right = text
        .split(['\r', '\n'])
        .any(|segment| segment.strip_prefix(&expected).is_some_and(|rest| rest.is_empty() || rest.starts_with('|')));
    anyhow::ensure!(is_right, "the hub acknowledged {} with {:?}, where {expected} is right", message.id, text.trim());
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Said {
    accepted: u64,
    quarantined: u64,
}

impl System for Billing {
    /// One envelope with who checked in and who went home; in every fourth a sum is wrong.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let mut dossiers = vec![Dossier::check_in(&Visitor::draw(self.seed, turn.step))];
            if let Some(previous) = turn.previous {
                let good = turn.number % 4 != 1;
                dossiers.push(Dossier::episode(self.seed, &Visitor::draw(self.seed, previous), &turn.at(), good));
            }
            let episodes = dossiers.iter().map(|one| Sent { good: one.good.into(), bad: (!one.good).into() }).sum();
            let items = Sent { good: dossiers.iter().filter(|one| one.good).map(|one| one.items).sum(), bad: 0 };
            let all: Sent = [episodes, items].into_iter().sum();
            let sent = BTreeMap::from([(EPISODES, episodes), (ITEMS, items)]);
            let name = format!("bhyt-{}.xml", turn.step);
            self.ledger.enter(&Entry { way: "webhook", name: name.clone(), sent })?;
            let post = Post { name, content_type: "application/xml", named: true, body: envelope(&turn.at(), &dossiers).into_bytes() };
            let answer = self.door.post(&post).await?;
            let said: Said = serde_json::from_slice(&answer.body).with_context(|| answer.text())?;
            anyhow::ensure!(
                (said.accepted, said.quarantined) == (all.good, all.bad),
                "the hub took {} as {}, where {} records and {} bad items are right",
                post.name,
                answer.text(),
                all.good,
                all.bad
            );
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock;

    fn turns() -> Vec<Vec<Message>> {
        let sender = Sender::new("127.0.0.1:1".parse().unwrap());
        let hospital = Hospital { seed: 1, sender, ledger: Arc::new(Ledger::in_memory()) };
        let turn = |number: u64| {
            let step = clock::step_at(1_795_401_899) + number as i64;
            Turn { number, step, previous: number.checked_sub(1).map(|_| step - 1), spread: std::time::Duration::ZERO }
        };
        (0..3).map(|number| hospital.messages(&turn(number))).collect()
    }

    #[test]
    fn three_turns_show_every_kind_of_message_and_of_fault() {
        let all: Vec<Message> = turns().into_iter().flatten().collect();
        for kind in ["ADT^A01", "ADT^A02", "ADT^A03", "ADT^A08", "ADT^A11", "ADT^A40", "ORU^R01", "SIU^S12", "VXU^V04", "DFT^P03"] {
            assert!(all.iter().any(|message| message.text.contains(kind)), "{kind}");
        }
        let of = |code: &str| all.iter().filter(|message| message.acknowledged == code).count();
        assert_eq!((of("AE"), of("AR")), (2, 1));
        assert_eq!(turns().into_iter().flatten().collect::<Vec<_>>(), all);
    }

    #[test]
    fn an_acknowledgement_is_that_of_its_message() {
        let message = &turns()[0][0];
        let says = |text: String| check(message, text.as_bytes()).is_ok();
        assert!(says(format!("MSH|^~\\&|LIENTHONG\rMSA|AA|{}\r", message.id)));
        assert!(!says(format!("MSH|^~\\&|LIENTHONG\rMSA|AE|{}\r", message.id)));
        assert!(!says(format!("MSH|^~\\&|LIENTHONG\rMSA|AA|{}0\r", message.id)));
    }
}
