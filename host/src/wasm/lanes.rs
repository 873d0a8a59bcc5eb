//! Where guests run, so that what one does is not felt by the others.
//!
//! There are two lanes, each with threads of its own. Every connector has an account of quick time that refills slowly. A
//! call begins in the quick lane, on threads like the hub's own, as long as there is something on its connector's account;
//! then it goes on in the slow lane, whose threads yield the processor to everything else in the hub. So messages that are
//! read in a moment never stand behind a file that takes minutes or a loop that takes for ever, and the account of whoever
//! breaks a limit is emptied. In the slow lane a connector has only so many turns at a time: there, connectors share the
//! processor and not calls. Whoever broke last time rests most of the time, for a busy machine, or a quota of processor time,
//! gives the hub no more than its share, whatever the priority of the threads that use it up.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use lienthong_core::id::ConnectorId;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Sleep;

use crate::fair::Pool;

/// Added to the nice value of the slow lane's threads: one of the hub's own gets three times the processor of one of them. Much
/// more, and honest work in the slow lane would come to a halt on a busy machine.
const NICE: i32 = 5;
/// What a connector may save up for the quick lane.
const SAVED: Duration = Duration::from_millis(100);
/// What comes back to its account, for each second.
const REFILL: Duration = Duration::from_millis(200);
/// How far an account may be overdrawn: the slow lane, or a broken limit, costs a connector no more than so much.
const DEBT: Duration = Duration::from_secs(1);
/// Calls of one connector that take turns in the slow lane; more of them wait.
const SLOW_TURNS: usize = 2;
/// A call of a connector whose last one broke rests so many times as long as it runs.
const RESTS: u32 = 9;
/// MiB of all calls' memory together, by their limits.
const MEMORY_MIB: usize = 2 << 10;
/// Threads for what blocks: compressing output, writing attachments.
const BLOCKING: usize = 16;

/// Both lanes, and who may enter them.
pub(super) struct Lanes {
    quick: Option<Runtime>,
    slow: Option<Runtime>,
    entrance: Arc<Entrance>,
}

/// What calls need of the lanes.
pub(super) struct Entrance {
    quick: Handle,
    slow: Handle,
    calls: Pool<ConnectorId>,
    memory: Pool<ConnectorId>,
    accounts: Mutex<BTreeMap<ConnectorId, Arc<Account>>>,
}

/// One connector's.
struct Account {
    quick: Mutex<Balance>,
    slow: Semaphore,
    /// Its last call broke, or broke a limit.
    broke: AtomicBool,
}

/// Seconds of quick time, below zero when overdrawn, as they were at a moment.
struct Balance {
    seconds: f64,
    at: Instant,
}

impl Account {
    fn new() -> Self {
        Self {
            quick: Mutex::new(Balance { seconds: SAVED.as_secs_f64(), at: Instant::now() }),
            slow: Semaphore::new(SLOW_TURNS),
            broke: AtomicBool::new(false),
        }
    }

    /// Takes so much off. Answers whether anything is left.
    fn spend(&self, time: Duration) -> bool {
        let mut balance = self.quick.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let refill = now.duration_since(balance.at).as_secs_f64() * REFILL.as_secs_f64();
        balance.seconds = ((balance.seconds + refill).min(SAVED.as_secs_f64()) - time.as_secs_f64()).max(-DEBT.as_secs_f64());
        balance.at = now;
        balance.seconds > 0.0
    }
}

impl Lanes {
    /// Starts the threads: so many for the quick lane and half as many for the slow one; and so many calls at a time in both.
    pub(super) fn start(threads: usize, calls: usize) -> std::io::Result<Self> {
        let lane = |name: &'static str, threads: usize| {
            let mut lane = tokio::runtime::Builder::new_multi_thread();
            // Spinning guests give way once a tick; timers and sockets must not wait for the default of 61 of them.
            lane.worker_threads(threads.max(1)).max_blocking_threads(BLOCKING).event_interval(2).thread_name(name).enable_all();
            lane
        };
        let quick = lane("guest", threads).build()?;
        let slow = lane("guest-slow", threads / 2).on_thread_start(yield_to_others).build()?;
        let entrance = Entrance {
            quick: quick.handle().clone(),
            slow: slow.handle().clone(),
            calls: Pool::new(calls.max(1)),
            memory: Pool::new(MEMORY_MIB),
            accounts: Mutex::default(),
        };
        Ok(Self { quick: Some(quick), slow: Some(slow), entrance: Arc::new(entrance) })
    }

    pub(super) fn entrance(&self) -> Arc<Entrance> {
        Arc::clone(&self.entrance)
    }
}

impl Drop for Lanes {
    /// Guests give way at each tick, and their tasks are dropped there.
    fn drop(&mut self) {
        for lane in [self.quick.take(), self.slow.take()].into_iter().flatten() {
            lane.shutdown_background();
        }
    }
}

/// This thread alone; Linux knows a thread as a process here.
fn yield_to_others() {
    let nice = rustix::process::getpriority_process(None).unwrap_or(0) + NICE;
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::warn!(%error, "slow guests run at the hub's own priority");
    }
}

impl Entrance {
    /// Runs a call of a connector to its end, in whichever lane. Dropping the future ends the call at the guest's next tick.
    pub(super) async fn run<F>(&self, connector: ConnectorId, memory_bytes: u64, call: F) -> Result<F::Output, JoinError>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let place = self.calls.take(connector.clone(), 1).await;
        let memory_mib = usize::try_from(memory_bytes.div_ceil(1 << 20)).unwrap_or(MEMORY_MIB).clamp(1, MEMORY_MIB);
        let memory = self.memory.take(connector.clone(), memory_mib).await;
        let account = self.account(&connector);
        // Straight into its lane: each hop from thread to thread costs as much as a hundred records.
        let quick = account.spend(Duration::ZERO);
        let (lane, slow) = (if quick { &self.quick } else { &self.slow }, self.slow.clone());
        let call = Box::pin(call);
        Running(lane.spawn(async move {
            let _held = (place, memory);
            if !quick {
                return Ok(slowly(&account, call).await);
            }
            match quickly(&account, call).await {
                Ok(ended) => Ok(ended),
                Err(call) => Running(slow.spawn(async move { slowly(&account, call).await })).await,
            }
        }))
        .await?
    }

    /// A call of this connector broke, or broke a limit: its next ones begin in the slow lane for a while, and they and those
    /// under way rest, until one ends well.
    pub(super) fn broke(&self, connector: &ConnectorId) {
        let account = self.account(connector);
        account.broke.store(true, Ordering::Relaxed);
        account.spend(DEBT);
    }

    /// A call of this connector ended well.
    pub(super) fn ended_well(&self, connector: &ConnectorId) {
        self.account(connector).broke.store(false, Ordering::Relaxed);
    }

    fn account(&self, connector: &ConnectorId) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(connector.clone()).or_insert_with(|| Arc::new(Account::new())))
    }
}

/// Polls a call until it ends, or gives it back once its account is empty.
async fn quickly<F: Future>(account: &Account, call: Pin<Box<F>>) -> Result<F::Output, Pin<Box<F>>> {
    let mut call = Some(call);
    poll_fn(|context| {
        let Some(polling) = &mut call else { return Poll::Pending };
        let begun = Instant::now();
        let polled = polling.as_mut().poll(context);
        match (polled, account.spend(begun.elapsed())) {
            (Poll::Ready(ended), _) => Poll::Ready(Ok(ended)),
            (Poll::Pending, true) => Poll::Pending,
            (Poll::Pending, false) => call.take().map_or(Poll::Pending, |call| Poll::Ready(Err(call))),
        }
    })
    .await
}

/// Polls a call to its end, one of its connector's turns at a time, with rests if the connector broke.
async fn slowly<F: Future>(account: &Account, mut call: Pin<Box<F>>) -> F::Output {
    let _turn = account.slow.acquire().await;
    let mut rest: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|context| {
        if let Some(resting) = &mut rest {
            ready!(resting.as_mut().poll(context));
            rest = None;
        }
        let begun = Instant::now();
        let polled = call.as_mut().poll(context);
        let ran = begun.elapsed();
        account.spend(ran);
        if polled.is_pending() && account.broke.load(Ordering::Relaxed) {
            let resting = rest.insert(Box::pin(tokio::time::sleep(ran * RESTS)));
            if resting.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
        polled
    })
    .await
}

/// A task that ends with whoever waits for it.
struct Running<T>(JoinHandle<T>);

impl<T> Future for Running<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(name: &str) -> ConnectorId {
        ConnectorId::new(&format!("tests/{name}")).unwrap()
    }

    fn lane() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    /// Works for so long, giving way every millisecond, and tells where it ended.
    async fn work(time: Duration) -> String {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let piece = Instant::now();
            while piece.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
        lane()
    }

    #[tokio::test]
    async fn a_short_call_ends_in_the_quick_lane_and_a_long_one_in_the_slow() {
        let lanes = Lanes::start(2, 8).unwrap();
        let entrance = lanes.entrance();
        assert_eq!(entrance.run(connector("a"), 1, work(Duration::ZERO)).await.unwrap(), "guest");
        assert_eq!(entrance.run(connector("a"), 1, work(SAVED + DEBT)).await.unwrap(), "guest-slow");
        // Its account is overdrawn, for seconds; another's is not.
        assert_eq!(entrance.run(connector("a"), 1, work(Duration::ZERO)).await.unwrap(), "guest-slow");
        assert_eq!(entrance.run(connector("b"), 1, work(Duration::ZERO)).await.unwrap(), "guest");
        entrance.broke(&connector("b"));
        assert_eq!(entrance.run(connector("b"), 1, work(Duration::ZERO)).await.unwrap(), "guest-slow");
        let nice = entrance.run(connector("b"), 1, async { rustix::process::getpriority_process(None).unwrap() }).await.unwrap();
        assert_eq!(nice, rustix::process::getpriority_process(None).unwrap() + NICE);
    }

    #[tokio::test]
    async fn an_account_refills_and_is_never_overdrawn_by_more_than_its_bound() {
        let account = Account::new();
        assert!(account.spend(SAVED / 2));
        assert!(!account.spend(DEBT * 100));
        let mut balance = account.quick.lock().unwrap();
        assert!((balance.seconds + DEBT.as_secs_f64()).abs() < 1e-9);
        balance.at -= Duration::from_secs(6);
        drop(balance);
        assert!(account.spend(SAVED / 2), "after six seconds there is something again");
        assert!(!account.spend(SAVED), "but not more than may be saved up");
    }

    #[tokio::test]
    async fn one_connector_leaves_places_to_others_and_whoever_gives_up_ends_its_call() {
        let lanes = Lanes::start(1, 4).unwrap();
        let entrance = lanes.entrance();
        let (dropped, was_dropped) = tokio::sync::oneshot::channel::<()>();
        let waiting = tokio::spawn({
            let entrance = entrance.clone();
            async move { entrance.run(connector("greedy"), 64 << 20, async move { (std::future::pending::<()>().await, drop(dropped)) }).await }
        });
        let more: Vec<_> = (0..5)
            .map(|_| {
                let entrance = entrance.clone();
                tokio::spawn(async move { entrance.run(connector("greedy"), 1 << 40, std::future::pending::<()>()).await })
            })
            .collect();
        assert_eq!(entrance.run(connector("other"), 1, async { 7 }).await.unwrap(), 7);
        waiting.abort();
        assert!(was_dropped.await.is_err());
        more.iter().for_each(JoinHandle::abort);
    }
}
