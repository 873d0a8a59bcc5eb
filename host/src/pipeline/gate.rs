//! Whether a connector may be called now: an operator may have paused it, its breaker may be open, or its budget of the day be
//! used up. Every call passes its connector's gate, and tells it how it went.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lienthong_core::city::Budget;
use lienthong_core::id::ConnectorId;
use lienthong_core::time::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;

use super::breaker::Breaker;
use super::budget::{self, Used};
use super::fault::{Fault, FaultKind};
use super::scorecard::{Hours, Scorecard};
use crate::store::{Hour, Pause, Run, hour_of};

/// Whoever is sent away from a paused connector may ask again after so long: nobody knows when it goes on.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What the city, or one of its operators, wants a connector to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// To run.
    Running,
    /// Nothing, by an operator's word.
    Paused,
}

/// Why nothing is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// An operator paused it.
    Paused,
    /// It failed too often in a row.
    Tripped,
    /// Its budget of the day is used up.
    Spent,
}

/// What keeps a connector from being called.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Hold {
    /// To match on.
    pub reason: Reason,
    /// Since when; null where the budget of the day is used up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// When it goes on by itself, or tries to; null where it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// For a person: why, and what to do.
    pub text: String,
}

/// What `status` shows of it.
pub(super) struct Shown {
    pub(super) desired: Desired,
    pub(super) hold: Option<Hold>,
    pub(super) budget: Option<Used>,
    pub(super) scorecard: Scorecard,
}

/// What is known of a connector when the hub starts.
#[derive(Debug, Default)]
pub struct Past {
    /// What it did in each hour.
    pub hours: Vec<Hour>,
    /// An operator paused it.
    pub paused: Option<Pause>,
}

/// One connector's gate. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: ConnectorId,
    budget: Budget,
    fresh_within: Option<Duration>,
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Debug)]
struct State {
    paused: Option<Pause>,
    breaker: Breaker,
    hours: Hours,
    under_way: u64,
}

impl Gate {
    /// The gate of a connector with this budget and promise.
    pub fn new(connector: ConnectorId, budget: Budget, fresh_within: Option<Duration>, past: Past) -> Self {
        let state = State { paused: past.paused, breaker: Breaker::default(), hours: Hours::new(past.hours), under_way: 0 };
        Self(Arc::new(Shared { connector, budget, fresh_within, state: Mutex::new(state), opened: Notify::new() }))
    }

    /// What would keep a call away now.
    pub fn held(&self, now: Timestamp) -> Option<Hold> {
        self.0.held(&self.lock(), now)
    }

    /// Lets a call in. What it returns is held until the call's run is recorded.
    ///
    /// # Errors
    /// What stands against it.
    pub(super) fn enter(&self, now: Timestamp) -> Result<Pass, Hold> {
        let mut state = self.lock();
        if let Some(hold) = self.0.held(&state, now) {
            return Err(hold);
        }
        state.under_way += 1;
        Ok(Pass { trial: state.breaker.enter(), counted: false, gate: self.clone() })
    }

    /// An operator wants it to rest. Calls under way end as they would.
    pub fn pause(&self, pause: Pause) {
        let mut state = self.lock();
        let at = state.paused.take().map_or(pause.at, |first| first.at);
        state.paused = Some(Pause { at, ..pause });
    }

    /// An operator wants it to run: a breaker that is open is closed too, and who waits is woken.
    pub fn resume(&self) {
        let mut state = self.lock();
        state.paused = None;
        state.breaker = Breaker::default();
        drop(state);
        self.0.opened.notify_waiters();
    }

    /// Ends when an operator resumes it.
    pub(super) async fn resumed(&self) {
        self.0.opened.notified().await;
    }

    pub(super) fn shown(&self, now: Timestamp) -> Shown {
        let (state, shared) = (self.lock(), &*self.0);
        let first_hour = budget::first_hour(hour_of(now));
        let today = state.hours.sum(first_hour, hour_of(now));
        Shown {
            desired: if state.paused.is_some() { Desired::Paused } else { Desired::Running },
            hold: shared.held(&state, now),
            budget: budget::used(&shared.budget, &today, state.under_way, budget::next_day(first_hour)),
            scorecard: state.hours.scorecard(shared.fresh_within, now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers: a panic elsewhere leaves them usable.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn held(&self, state: &State, now: Timestamp) -> Option<Hold> {
        let connector = &self.connector;
        if let Some(Pause { at, note }) = &state.paused {
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            let text = format!("an operator paused it{note}: `lienthong connector resume {connector}` lets it go on");
            return Some(Hold { reason: Reason::Paused, since: Some(*at), until: None, text });
        }
        let moment = Instant::now();
        if let Some(open) = state.breaker.stands_against(moment) {
            let wait = open.next.saturating_duration_since(moment);
            let until = now.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
            let (failures, why) = (open.failures, &open.why);
            let text = format!(
                "it failed {failures} times in a row and is called again at {until}, once; mend the cause, or try at once with \
                 `lienthong connector resume {connector}`; the last failure: {why}"
            );
            return Some(Hold { reason: Reason::Tripped, since: Some(open.since), until: Some(until), text });
        }
        if self.budget == Budget::default() {
            return None;
        }
        let first_hour = budget::first_hour(hour_of(now));
        let today = state.hours.sum(first_hour, hour_of(now));
        let (key, used) = budget::spent(&self.budget, &today, state.under_way)?;
        let until = budget::next_day(first_hour);
        let text = format!(
            "its budget of the day is used up: {used}; it goes on at {until}, or once `budget.{key}` of the connector is raised and the hub started again"
        );
        Some(Hold { reason: Reason::Spent, since: None, until: Some(until), text })
    }
}

/// A call that was let in. Dropping it without a word says nothing about the connector.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Gate,
    /// It is the one that was let through an open breaker, and has not shown anything yet.
    trial: bool,
    /// It is among the hours, and no longer under way.
    counted: bool,
}

impl Pass {
    /// Its run was recorded: it counts by that from here on.
    pub(super) fn ran(mut self, run: &Run) {
        let mut state = self.gate.lock();
        state.hours.add(run.hour(), &run.tally());
        state.under_way -= 1;
        drop(state);
        self.counted = true;
    }

    /// The plugin did what it was asked.
    pub(super) fn worked(&mut self) {
        self.trial = false;
        if self.gate.lock().breaker.worked() {
            tracing::info!(connector = %self.gate.0.connector, "the connector works again: its breaker is closed");
        }
    }

    /// It did not.
    pub(super) fn failed(&mut self, fault: &Fault, now: Timestamp) {
        // A bad message is no sign of a bad connector, nor is the hub's own trouble.
        if !matches!(fault.kind, FaultKind::Plugin | FaultKind::Time | FaultKind::Upstream) {
            return;
        }
        let trial = std::mem::take(&mut self.trial);
        let mut entropy = [0; 8];
        // Without entropy there is no jitter, which is no harm.
        let _ = getrandom::fill(&mut entropy);
        let opened = self.gate.lock().breaker.failed(trial, &fault.text, (Instant::now(), now), u64::from_ne_bytes(entropy));
        if opened {
            tracing::warn!(connector = %self.gate.0.connector, fault = %fault.text, "the connector failed too often in a row: its breaker is open");
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if !self.counted {
            state.under_way -= 1;
        }
        if self.trial {
            state.breaker.undecided();
        }
    }
}

/// What whoever brought a message hears.
pub(super) fn refused(hold: Hold, now: Timestamp) -> Fault {
    let kind = if hold.reason == Reason::Spent { FaultKind::Spent } else { FaultKind::Held };
    let wait = |until: Timestamp| Duration::from_micros(u64::try_from(until.micros() - now.micros()).unwrap_or(0));
    let retry_after = Some(hold.until.map_or(ASK_AGAIN, wait));
    Fault { kind, text: format!("the connector is not called now: {}", hold.text), stderr: String::new(), retry_after }
}

#[cfg(test)]
mod tests {
    use lienthong_core::city::Budget;

    use super::super::breaker::FAILURES;
    use super::*;
    use crate::store::{RunOutcome, Tally};

    fn noon() -> Timestamp {
        Timestamp::parse("2026-11-24T12:00:00+07:00").unwrap()
    }

    fn gate(budget: Budget, past: Past) -> Gate {
        Gate::new(ConnectorId::new("a/b").unwrap(), budget, None, past)
    }

    fn fault(kind: FaultKind) -> Fault {
        Fault { kind, text: "no answer".into(), stderr: String::new(), retry_after: None }
    }

    fn run(at: Timestamp) -> Run {
        Run {
            id: 0,
            connector: ConnectorId::new("a/b").unwrap(),
            started_at: at,
            duration_us: 1,
            outcome: RunOutcome::Ok,
            records: 1,
            rejected: 0,
            error: None,
            stderr_tail: String::new(),
            cpu_us: 400_000,
            egress_bytes: 0,
        }
    }

    #[test]
    fn a_budget_holds_from_the_first_call_beyond_it_to_midnight() {
        let yesterday = Hour { hour: hour_of(noon()) - 24, tally: Tally { calls: 50, ..Tally::default() } };
        let this_morning = Hour { hour: hour_of(noon()) - 3, tally: Tally { calls: 1, ..Tally::default() } };
        let budget = Budget { calls: Some(3), ..Budget::default() };
        let gate = gate(budget, Past { hours: vec![yesterday, this_morning], paused: None });
        let first = gate.enter(noon()).unwrap();
        let second = gate.enter(noon()).unwrap();
        let hold = gate.enter(noon()).unwrap_err();
        assert_eq!((hold.reason, hold.until), (Reason::Spent, Timestamp::parse("2026-11-25T00:00:00+07:00")));
        assert!(hold.text.contains("3 calls of 3") && hold.text.contains("`budget.calls`"), "{}", hold.text);
        // One that was recorded counts once; one that came to nothing, as a known message does, not at all.
        first.ran(&run(noon()));
        assert!(gate.held(noon()).is_some());
        drop(second);
        assert!(gate.held(noon()).is_none());
        gate.enter(noon()).unwrap().ran(&run(noon()));
        let fault = refused(gate.held(noon()).unwrap(), noon());
        assert_eq!((fault.kind, fault.retry_after), (FaultKind::Spent, Some(Duration::from_secs(12 * 3_600))));
        // Who resumes it buys it nothing; the next day does.
        gate.resume();
        assert!(gate.held(noon()).is_some());
        assert!(gate.held(noon().plus_micros(12 * 3_600_000_000)).is_none());
        let used = gate.shown(noon()).budget.unwrap();
        assert_eq!(used.calls.map(|calls| (calls.used, calls.of)), Some((3, 3)));
    }

    #[test]
    fn failures_of_the_connector_open_it_and_those_of_messages_do_not() {
        let gate = gate(Budget::default(), Past::default());
        for kind in [FaultKind::Message, FaultKind::Hub, FaultKind::KeyReused] {
            for _ in 0..2 * FAILURES {
                gate.enter(noon()).unwrap().failed(&fault(kind), noon());
            }
        }
        assert!(gate.held(noon()).is_none());
        for kind in [FaultKind::Plugin, FaultKind::Time, FaultKind::Upstream].into_iter().cycle().take(FAILURES as usize) {
            gate.enter(noon()).unwrap().failed(&fault(kind), noon());
        }
        let hold = gate.held(noon()).unwrap();
        assert_eq!((hold.reason, hold.since), (Reason::Tripped, Some(noon())));
        assert!(hold.text.starts_with("it failed 10 times in a row and is called again at 2026-11-24T05:00:0"), "{}", hold.text);
        assert!(hold.text.ends_with("`lienthong connector resume a/b`; the last failure: no answer"), "{}", hold.text);
        assert_eq!(refused(hold, noon()).kind, FaultKind::Held);
        gate.resume();
        assert!(gate.held(noon()).is_none());
    }

    #[tokio::test]
    async fn an_operators_pause_stands_until_it_is_resumed() {
        let gate = gate(Budget::default(), Past { paused: Some(Pause { at: noon(), note: "moving house".into() }), ..Past::default() });
        gate.pause(Pause { at: noon().plus_micros(1), note: String::new() });
        let hold = gate.held(noon()).unwrap();
        assert_eq!((hold.reason, hold.since, hold.until), (Reason::Paused, Some(noon()), None));
        assert_eq!(hold.text, "an operator paused it: `lienthong connector resume a/b` lets it go on");
        assert_eq!(gate.shown(noon()).desired, Desired::Paused);
        // Whoever waits is there before it is resumed.
        let resume = async {
            gate.resume();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = gate.resumed() => {}
            () = resume => {}
        }
        assert!(gate.held(noon()).is_none() && gate.shown(noon()).desired == Desired::Running);
    }
}
