//! A city in which hostile plugins run beside an honest one, and what the honest one feels of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::city::City;
use crate::client::{Answer, Client, Connection};
use crate::guest;
use crate::hub::Hub;
use crate::ledger;

/// What each hostile plugin does with every message: never return, take memory, call the hub for ever, put out a gigabyte.
pub const HOSTILE: [(&str, &str); 4] = [
    ("endless", include_str!("../plugins/endless.wat")),
    ("memory", include_str!("../plugins/memory.wat")),
    ("host-calls", include_str!("../plugins/host-calls.wat")),
    ("output", include_str!("../plugins/output.wat")),
];
const HONEST: (&str, &str) = ("honest", include_str!("../plugins/acknowledge.wat"));

const WORLD: &str = "lienthong:connector/receiver-plugin";

/// Messages under way to each hostile connector: as many as the hub takes at a time.
const AT_ONCE: usize = 8;

/// The hub, whoever is honest, and whoever is not.
pub struct Neighbours {
    /// The hub.
    pub hub: Hub,
    honest: Client,
    hostile: Client,
    sent: Arc<AtomicU64>,
}

/// Hostile connectors at work; they come to rest when this is dropped.
pub struct Unleashed {
    senders: JoinSet<()>,
    answered: Arc<[AtomicU64; HOSTILE.len()]>,
}

/// Seconds that each of an honest agency's requests took.
#[derive(Debug, Default)]
pub struct Felt {
    /// Messages to its connector.
    pub messages: Vec<f64>,
    /// Posts to a channel.
    pub posts: Vec<f64>,
}

impl Neighbours {
    /// Starts a hub; `limits` are those of the hostile connectors, as a city writes them.
    pub async fn start(limits: &str) -> Self {
        Self::on(Hub::start(Self::city(limits)).await).await
    }

    /// On a hub that runs such a city, or more than that.
    pub async fn on(hub: Hub) -> Self {
        let (honest, hostile) = (hub.agency("honest").await, hub.agency("hostile").await);
        Self { hub, honest, hostile, sent: Arc::default() }
    }

    /// The city with its plugins.
    pub fn city(limits: &str) -> City {
        let city = city(limits);
        let folder = city.path().join("plugins");
        let put =
            |(name, source): (&str, &str)| std::fs::write(folder.join(format!("{name}.wasm")), guest::receiver_named(name, source, WORLD));
        std::fs::create_dir_all(&folder)
            .and_then(|()| HOSTILE.into_iter().chain([HONEST]).try_for_each(put))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        city
    }

    /// Sends messages to all hostile connectors, as many and as fast as they are taken; to those alone that the variable
    /// LIENTHONG_HOSTILE names, where it is set.
    pub fn unleash(&self) -> Unleashed {
        let (mut senders, answered) = (JoinSet::new(), Arc::new(<[AtomicU64; HOSTILE.len()]>::default()));
        let wanted = std::env::var("LIENTHONG_HOSTILE").ok();
        let wanted = |name: &str| wanted.as_ref().is_none_or(|names| names.split(',').any(|wanted| wanted == name));
        for (nth, (name, _)) in HOSTILE.iter().enumerate().filter(|(_, (name, _))| wanted(name)) {
            for _ in 0..AT_ONCE {
                let (client, sent, answered) = (self.hostile.clone(), self.sent.clone(), answered.clone());
                senders.spawn(async move {
                    loop {
                        let message = format!("message {}", sent.fetch_add(1, Ordering::Relaxed));
                        let ask = client.post(&format!("/v1/connectors/trial/{name}/messages"), "text/plain", message);
                        if ask.attempt().await.is_ok_and(|answer| answer.status == 500) {
                            answered[nth].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
        Unleashed { senders, answered }
    }

    /// An honest agency's messages and posts, one after the other.
    ///
    /// # Errors
    /// When one of them is not taken.
    pub async fn honest(&self, rounds: usize) -> anyhow::Result<Felt> {
        let mut connection = Connection::open(self.hub.address().get()).await?;
        let mut felt = Felt::default();
        for _ in 0..rounds {
            for (path, times) in
                [("/v1/connectors/trial/honest/messages", &mut felt.messages), ("/v1/channels/trial/one/records", &mut felt.posts)]
            {
                let nth = self.sent.fetch_add(1, Ordering::Relaxed);
                let ask = self.honest.post(path, "application/json", format!(r#"{{"id":"c0-0-{nth}","n":{nth},"value":1}}"#));
                let begun = Instant::now();
                let Answer { status, body, .. } = ask.over(&mut connection).await?;
                times.push(begun.elapsed().as_secs_f64());
                ensure!(status == 200, "{path}: {status}: {}", String::from_utf8_lossy(&body));
            }
        }
        Ok(felt)
    }

    /// Lets the hostile ones get going: their first moments are not what they do all day.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

impl Unleashed {
    /// How many messages each hostile plugin has failed at so far.
    pub fn failures(&self) -> [u64; HOSTILE.len()] {
        std::array::from_fn(|nth| self.answered[nth].load(Ordering::Relaxed))
    }

    /// How many senders there are.
    pub fn senders(&self) -> usize {
        self.senders.len()
    }
}

fn city(limits: &str) -> City {
    let connector = |agency: &str, name: &str, channel: &str, limits: &str| {
        format!("  trial/{name}: {{ plugin: {name}, agency: {agency}, webhook: {{}}, limits: {limits}, emits: {{ out: {channel} }} }}\n")
    };
    let hostile: String = HOSTILE.iter().map(|(name, _)| connector("hostile", name, "trial/junk", limits)).collect();
    let honest = connector("honest", HONEST.0, "trial/two", "{}");
    let domain = format!(
        "connectors:\n{hostile}{honest}channels:\n  trial/one: {{ schema: tests/things.v1, key: [/id] }}\n  \
         trial/two: {{ schema: tests/things.v1, key: [/id] }}\n  trial/junk: {{ schema: tests/things.v1, key: [/id] }}\ngrants:\n  \
         - {{ agency: honest, channel: trial/one, access: [read, write], purpose: trial }}\n  \
         - {{ agency: honest, channel: trial/two, access: [read, write], purpose: trial }}\n  \
         - {{ agency: hostile, channel: trial/junk, access: [write], purpose: trial }}\n"
    );
    let agencies = "title: Hàng xóm\nagencies:\n  honest: { title: Honest }\n  hostile: { title: Hostile }\n";
    City::new(&[("city.yaml", agencies), ("trial.yaml", &domain), ("schemas/tests/things.v1.json", ledger::SCHEMA)])
}
