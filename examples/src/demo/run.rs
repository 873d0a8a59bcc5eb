//! The demonstration from its first step to its last.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::accounts;
use super::check;
use super::draw::{self, View};
use super::hub::{self, Hub};
use super::paint::{Line, Style, number};
use super::screen::Screen;
use super::status::Status;
use super::systems::{self, Beginning, Surroundings};
use super::traffic::Traffic;
use super::trend::Trend;
use super::{folder, hub::Options as HubOptions};
use crate::sim::ledger::Ledger;

/// Agencies that the commands to try are for.
const READERS: [&str; 1] = ["operations-center"];
/// All that a bounded run sent must have arrived so long after the last of it was sent.
const ARRIVED_WITHIN: Duration = Duration::from_secs(120);
/// The hub is asked for its sums, and the table drawn, so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// All must be found arrived so many times in a row: what is counted twice may come late.
const QUIET_LOOKS: u32 = 4;
/// Where there is no terminal, a line is printed so often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The city's folder.
    pub city: PathBuf,
    /// The data folder; it is emptied.
    pub data: PathBuf,
    /// The folder of compiled plugins; none leaves it to the city.
    pub plugins: Option<PathBuf>,
    /// The hub's program.
    pub hub: PathBuf,
    /// Where the hub listens; port 0 takes any.
    pub listen: SocketAddr,
    /// The simulated systems listen wherever there is room; works on a copy of the city.
    pub any_ports: bool,
    /// The folder of what the systems hold; none takes `data` beside the city.
    pub samples: Option<PathBuf>,
    /// A bounded run that checks its sums.
    pub once: bool,
    /// The longest a run without `once` lasts.
    pub seconds: Option<u64>,
    /// Ten times the pace.
    pub fast: bool,
    /// Fixes all that the simulators send.
    pub seed: u64,
}

/// Runs the demonstration; whether all sums held. `interrupted` is awaited beside it, and ends it in good order.
///
/// # Errors
/// When something is missing, taken or broken, in words for who started it.
pub async fn run(options: Options, interrupted: impl Future<Output = ()>) -> anyhow::Result<bool> {
    let mut screen = Screen::open();
    screen.print(&[Line::default(), Line::of(Style::Bold, "  Lienthong, and a city in small around it"), Line::default()]);
    tokio::pin!(interrupted);
    // A bounded run that was interrupted has checked nothing.
    let once = options.once;
    let stage = tokio::select! {
        stage = Stage::set(options, &mut screen) => stage?,
        () = &mut interrupted => return Ok(!once),
    };
    stage.play(screen, interrupted).await
}

/// A running hub with the simulators around it.
struct Stage {
    options: Options,
    hub: Hub,
    operator_key: String,
    traffic: Arc<Traffic>,
    commands: Vec<(String, Vec<String>)>,
}

impl Stage {
    async fn set(options: Options, screen: &mut Screen) -> anyhow::Result<Self> {
        let data = options.data.clone();
        anyhow::ensure!(options.city.is_dir(), "the city {} is not there; name it with --city", options.city.display());
        folder::prepare(&data)?;
        screen.step("data folder", &data.display().to_string());

        let beside = || options.city.parent().map(|parent| parent.join("data"));
        let samples = options
            .samples
            .clone()
            .or_else(beside)
            .context("there is no folder beside the city; name that of the samples with --samples")?;
        let ledger = Arc::new(Ledger::create(&data.join("ledger.ndjson")).context("the ledger")?);
        let beginning = Beginning { seed: options.seed, samples: &samples, ledger, any_ports: options.any_ports };
        let cast = systems::cast(&options.city, beginning).await?;
        for (name, address) in cast.addresses() {
            screen.step(name, &address);
        }

        let mut hub_options = HubOptions {
            program: options.hub.clone(),
            city: options.city.clone(),
            data: data.clone(),
            plugins: options.plugins.clone(),
            listen: options.listen,
        };
        if options.any_ports {
            hub_options.plugins = hub_options.plugins.or_else(|| Some(options.city.join("plugins")));
            hub_options.city = data.join("city");
            folder::copy_city(&options.city, &hub_options.city, &cast.moved())?;
        }
        screen.step("plugins", "made ready, the first time for a while");
        let begun = Instant::now();
        let hub = Hub::start(hub_options).await?;
        let took = begun.elapsed().as_secs_f64();
        screen.step("hub", &format!("http://{}, ready in {took:.1} s", hub.address()));
        screen.step("its log", &hub::log_path(&data).display().to_string());

        let operator_key = hub.create_key(&["--operator"]).await?;
        folder::write_key(&data, "operator", &operator_key, "*/*")?;
        let mut keys = BTreeMap::new();
        for &agency in cast.agencies() {
            let key = hub.create_key(&["--agency", agency]).await?;
            folder::write_key(&data, agency, &key, "*/*")?;
            keys.insert(agency, key);
        }
        // For people. A record a line is the easiest to read.
        for agency in READERS {
            let key = hub.create_key(&["--agency", agency]).await?;
            folder::write_key(&data, agency, &key, "application/x-ndjson")?;
        }
        let count = cast.agencies().len() + READERS.len();
        screen.step("keys", &format!("for the operator and {count} agencies, in {}", data.join("keys").display()));

        // A bounded run is over before anybody could try them.
        let commands = if options.once { Vec::new() } else { cast.commands(&data, hub.address())? };
        let traffic = cast.surround(&Surroundings { hub: hub.address(), data: &data, keys: &keys, samples: &samples })?;
        Ok(Self { options, hub, operator_key, traffic: Arc::new(traffic), commands })
    }

    async fn play(mut self, mut screen: Screen, interrupted: impl Future<Output = ()>) -> anyhow::Result<bool> {
        screen.print(&[Line::default()]);
        let sending = {
            let (traffic, options) = (Arc::clone(&self.traffic), self.options.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                if options.once {
                    return traffic.bounded().await;
                }
                traffic.endless(Duration::from_millis(if options.fast { 200 } else { 2000 })).await
            }))
        };
        let ended = self.watch(&mut screen, sending, interrupted).await;
        screen.close();
        match ended {
            Ok(Some(status)) if self.options.once => self.settle_accounts(&mut screen, &status).await,
            Ok(_) => {
                let (data, once) = (self.options.data.display().to_string(), self.options.once);
                self.close().await?;
                screen.print(&[Line::default()]);
                screen.step("stopped", &format!("all that was received is in {data}"));
                Ok(!once)
            }
            Err(error) => {
                // The hub may be what failed; the first error is the one to tell.
                let _ = self.close().await;
                Err(error)
            }
        }
    }

    /// Watches until the run is over: the last status, or none when it was interrupted.
    async fn watch(
        &mut self,
        screen: &mut Screen,
        sending: AbortOnDropHandle<anyhow::Result<()>>,
        interrupted: impl Future<Output = ()>,
    ) -> anyhow::Result<Option<Status>> {
        let begun = Instant::now();
        let mut trends: BTreeMap<String, Trend> = BTreeMap::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = self.options.seconds.filter(|_| !self.options.once).map(Duration::from_secs);
        let mut next_line = Duration::ZERO;
        let mut all_sent = None;
        let mut quiet = 0;
        tokio::pin!(interrupted, sending);
        loop {
            tokio::select! {
                () = &mut interrupted => return Ok(None),
                error = self.hub.ended() => return Err(error),
                result = &mut sending, if all_sent.is_none() => {
                    result.context("the simulators ended")??;
                    all_sent = Some(Instant::now());
                }
                _ = look.tick() => {
                    // Taken before the hub is asked: what is sent meanwhile is not missing.
                    let (sent, waiting) = (self.traffic.ledger.totals(), self.traffic.waiting()?);
                    let status = match self.hub.status(&self.operator_key).await {
                        Ok(status) => status,
                        Err(_) if begun.elapsed() < Duration::from_secs(5) => continue,
                        Err(error) => return Err(error),
                    };
                    let elapsed = begun.elapsed();
                    for one in &status.channels {
                        trends.entry(one.channel.clone()).or_default().see(elapsed, one.accepted);
                    }
                    for (domain, accepted) in status.accepted_by_domain() {
                        trends.entry(domain).or_default().see(elapsed, accepted);
                    }
                    let over = end.is_some_and(|end| elapsed >= end);
                    let missing = match all_sent {
                        Some(_) => missing(&status, &sent, &waiting),
                        None => vec!["the simulators are still sending".to_owned()],
                    };
                    quiet = if missing.is_empty() { quiet + 1 } else { 0 };
                    let done = over || (self.options.once && quiet >= QUIET_LOOKS);
                    let summary = self.traffic.summary();
                    let view = View { status: &status, trends: &trends, elapsed, traffic: &summary, commands: &self.commands };
                    if screen.is_terminal() {
                        let (columns, rows) = screen.size();
                        screen.draw(&draw::frame(&view, columns, rows.saturating_sub(1)));
                    } else if done {
                        screen.print(&draw::frame(&view, 100, usize::MAX));
                    } else if elapsed >= next_line {
                        next_line = elapsed + LINE_EVERY;
                        screen.print(&[line(&status, elapsed)]);
                    }
                    if done {
                        return Ok(Some(status));
                    }
                    if let Some(since) = all_sent && !missing.is_empty() && since.elapsed() > ARRIVED_WITHIN {
                        anyhow::bail!("{} s after all was sent, this is still missing:\n  {}", ARRIVED_WITHIN.as_secs(), missing.join("\n  "));
                    }
                }
            }
        }
    }

    /// Checks every sum, stops the hub, and counts the lake's rows; prints each finding.
    async fn settle_accounts(self, screen: &mut Screen, status: &Status) -> anyhow::Result<bool> {
        let sent = self.traffic.ledger.totals();
        let mut checks = check::sums(status, &sent);
        let lake = self.options.data.join("lake");
        self.close().await?;
        checks.extend(check::lake(status, &lake)?);
        let broken = checks.iter().filter(|one| !one.holds()).count();
        screen.print(&accounts::lines(status, &sent, &checks));
        Ok(broken == 0)
    }

    /// Ends the hub first: it may still ask the systems' servers, which go with the traffic.
    async fn close(self) -> anyhow::Result<()> {
        self.hub.stop().await
    }
}

fn missing(status: &Status, sent: &BTreeMap<&'static str, crate::sim::ledger::Sent>, waiting: &[String]) -> Vec<String> {
    let mut missing = check::missing(status, sent);
    missing.extend_from_slice(waiting);
    missing
}

fn line(status: &Status, elapsed: Duration) -> Line {
    let sum = |of: fn(&super::status::Channel) -> u64| number(status.channels.iter().map(of).sum());
    let failing: Vec<&str> = status.connectors.iter().filter(|one| one.state == "failing").map(|one| one.connector.as_str()).collect();
    let seconds = elapsed.as_secs();
    let text = format!(
        "  {:02}:{:02}  in {}, in quarantine {}, in the lake {}",
        seconds / 60,
        seconds % 60,
        sum(|one| one.accepted),
        sum(|one| one.quarantined),
        sum(|one| one.landed)
    );
    let line = Line::of(Style::Plain, text);
    if failing.is_empty() { line } else { line.then(Style::Bad, format!("; failing: {}", failing.join(", "))) }
}
