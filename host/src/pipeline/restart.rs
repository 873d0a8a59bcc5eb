//! Keeps a connector's task going: one that broke, by a defect of the hub, is begun again after a while that grows.

use std::future::Future;

use lienthong_core::retry::Backoff;
use tokio_util::sync::CancellationToken;

/// Runs a task until it ends by itself, or the hub stops. Each time that it panics, `broke` is told why, and it is begun again
/// after a pause.
pub(super) async fn keep_going<F>(pauses: Backoff, stop: CancellationToken, begin: impl Fn() -> F, broke: impl Fn(String))
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut times = 0;
    loop {
        let Err(error) = tokio::spawn(begin()).await else { return };
        times += 1;
        let pause = pauses.delay(times, 0);
        broke(format!("its task broke and is begun again in {pause:?}; this is a defect of the hub: {error}"));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    const PAUSES: Backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(5) };

    #[tokio::test]
    async fn a_task_that_broke_is_begun_again_later_and_later() {
        let (begun, told) = (Arc::new(AtomicU32::new(0)), Mutex::new(Vec::new()));
        let begin = || {
            let nth = begun.fetch_add(1, Ordering::Relaxed);
            async move { assert!(nth == 3, "defect {nth}") }
        };
        keep_going(PAUSES, CancellationToken::new(), begin, |why| told.lock().unwrap().push(why)).await;
        let told = told.into_inner().unwrap();
        assert_eq!(told.len(), 3);
        assert!(told[0].contains("again in 1ms; ") && told[2].contains("again in 4ms; ") && told[2].contains("defect 2"), "{told:?}");
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait() {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let forever = Backoff { first: Duration::from_secs(3_600), longest: Duration::from_secs(3_600) };
        keep_going(forever, stop, || async { panic!("always") }, move |_| stopping.cancel()).await;
    }
}
