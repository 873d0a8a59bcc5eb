//! The wards' one-stop shops: they push each new dossier and each step of its processing, as they push to the national portal.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use serde_json::{Map, Value, json};

use super::dossier::{Dossier, Status, WARD_PROCEDURES, spoil};
use super::{DOSSIER_STEPS, DOSSIERS, WARDS};
use crate::sim::chance::Chance;
use crate::sim::clock;
use crate::sim::door::{Door, Post};
use crate::sim::ledger::{Entry, Ledger, Sent};
use crate::sim::people::Person;
use crate::sim::system::{System, Turn};

/// The most dossiers a ward takes in within a step.
const MOST: usize = 4;

/// All four shops.
#[derive(Debug)]
pub struct Shops {
    /// Fixes who comes.
    pub seed: u64,
    /// Where they push to.
    pub door: Door,
    /// All that was sent.
    pub ledger: Arc<Ledger>,
}

/// One message of a shop.
#[derive(Debug, Clone, PartialEq)]
struct Push {
    service: &'static str,
    /// Items, and whether each can be a record.
    items: Vec<(Map<String, Value>, bool)>,
}

/// What the hub says to a push.
#[derive(Debug, serde::Deserialize)]
struct Said {
    result: Vec<SaidOfItem>,
}

#[derive(Debug, serde::Deserialize)]
struct SaidOfItem {
    error_code: u8,
}

impl System for Shops {
    /// Every ward pushes what it took in, then what it did about what came in the turn before. The shops know of no idempotency keys,
    /// and one of them pushes twice.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            let gap = turn.spread / (WARDS.len() as u32 + 1);
            let pushing = (0..WARDS.len()).map(|ward| async move {
                tokio::time::sleep(gap * ward as u32).await;
                let twice = turn.step.rem_euclid(WARDS.len() as i64) == ward as i64;
                for push in self.pushes(ward, turn.step, turn.previous) {
                    self.push(ward, turn.step, &push, twice).await?;
                }
                anyhow::Ok(())
            });
            try_join_all(pushing).await?;
            Ok(())
        }
        .boxed()
    }

    fn turns_at_once(&self) -> usize {
        4
    }
}

impl Shops {
    fn pushes(&self, ward: usize, step: i64, previous: Option<i64>) -> Vec<Push> {
        let mut chance = Chance::new(self.seed, &[ward as u64, step as u64, 0x5409]);
        let mut new: Vec<_> = dossiers(self.seed, ward, step).iter().map(|dossier| (dossier.item(Status::Accepted), true)).collect();
        // Each step one ward, and never the one that pushes twice.
        if (step + 1).rem_euclid(WARDS.len() as i64) == ward as i64
            && let Some((item, good)) = new.last_mut()
        {
            spoil(item, &mut chance);
            *good = false;
        }
        let mut pushes = vec![Push { service: "DongBoHoSoMC", items: new }];
        if let Some(previous) = previous {
            let officer = Person::draw(&mut chance, 900_000 + ward as u32);
            let at = clock::at_step(step);
            let steps = dossiers(self.seed, ward, previous).iter().map(|dossier| (dossier.step(&officer, &at), true)).collect();
            pushes.push(Push { service: "CapNhatTienDoHoSoMC", items: steps });
        }
        pushes
    }

    async fn push(&self, ward: usize, step: i64, push: &Push, twice: bool) -> anyhow::Result<()> {
        let items: Vec<&Map<String, Value>> = push.items.iter().map(|(item, _)| item).collect();
        let body = json!({ "service": push.service, "isUpdating": "False", "data": items }).to_string().into_bytes();
        let name = format!("{}-{}-{}", push.service, WARDS[ward].host, clock::digits(&clock::at_step(step)));
        let bad = push.items.iter().filter(|(_, good)| !good).count() as u64;
        let channel = if push.service == "DongBoHoSoMC" { DOSSIERS } else { DOSSIER_STEPS };
        let sent = BTreeMap::from([(channel, Sent { good: push.items.len() as u64 - bad, bad })]);
        self.ledger.enter(&Entry { way: "webhook", name: name.clone(), sent })?;
        let post = Post { name, content_type: "application/json", named: false, body };
        let answer = self.door.post(&post).await?;
        check(push, &answer.body).with_context(|| format!("{}: the hub answered {}", post.name, answer.text()))?;
        if twice { self.door.post_again(&post, &answer).await } else { Ok(()) }
    }
}

/// A shop reads the answer to learn which of its dossiers it must mend.
fn check(push: &Push, answer: &[u8]) -> anyhow::Result<()> {
    let said: Said = serde_json::from_slice(answer)?;
    let taken: Vec<bool> = said.result.iter().map(|item| item.error_code == 0).collect();
    let expected: Vec<bool> = push.items.iter().map(|(_, good)| *good).collect();
    anyhow::ensure!(taken == expected, "of its items it took {taken:?}, and those that are right are {expected:?}");
    Ok(())
}

/// What a ward takes in within a step: always something, more in the morning.
fn dossiers(seed: u64, ward: usize, step: i64) -> Vec<Dossier> {
    let at = clock::at_step(step);
    let mut chance = Chance::new(seed, &[ward as u64, step as u64, 0xd055]);
    let count = 1 + chance.below(MOST);
    // Numbers of a day go on from step to step, and there are at most 288 steps in it.
    let step_of_day = step.rem_euclid(24 * 3600 / clock::STEP_SECONDS) as usize;
    let number = |nth: usize| (step_of_day * MOST + nth + 1) as u32;
    (0..count).map(|nth| Dossier::draw(&WARDS[ward], &WARD_PROCEDURES, at, number(nth), &mut chance)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const STEP: i64 = 5_984_673;

    fn shops() -> Shops {
        let door = Door::of_connector("127.0.0.1:1".parse().unwrap(), "egov/one-stop-shops", "key");
        Shops { seed: 4, door, ledger: Arc::new(Ledger::in_memory()) }
    }

    #[test]
    fn a_seed_and_a_step_fix_what_is_pushed() {
        let other = Shops { seed: 5, ..shops() };
        assert_eq!(shops().pushes(1, STEP + 1, Some(STEP)), shops().pushes(1, STEP + 1, Some(STEP)));
        assert_ne!(shops().pushes(1, STEP + 1, Some(STEP)), other.pushes(1, STEP + 1, Some(STEP)));
    }

    #[test]
    fn no_two_dossiers_of_two_days_have_one_code() {
        let mut codes = BTreeSet::new();
        for step in STEP..STEP + 600 {
            for ward in 0..4 {
                for dossier in dossiers(4, ward, step) {
                    assert!(codes.insert(dossier.code()), "{}", dossier.code());
                }
            }
        }
    }

    #[test]
    fn every_step_has_one_bad_dossier_and_follows_those_of_the_step_before() {
        for step in STEP + 1..STEP + 20 {
            let bad: usize =
                (0..4).map(|ward| shops().pushes(ward, step, Some(step - 1))[0].items.iter().filter(|(_, good)| !good).count()).sum();
            assert_eq!(bad, 1);
            let before: Vec<String> = dossiers(4, 2, step - 1).iter().map(Dossier::code).collect();
            let followed = &shops().pushes(2, step, Some(step - 1))[1];
            assert!(followed.items.iter().map(|(item, _)| item["MaHoSo"].as_str().unwrap()).eq(before.iter().map(String::as_str)));
        }
        assert_eq!(shops().pushes(2, STEP, None).len(), 1);
    }
}
