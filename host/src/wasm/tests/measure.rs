//! What a call costs. Prints figures and asserts none: `cargo test -p lienthong --lib measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::*;
use crate::wasm::{Cause, Keyed};

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_nanos() / 100;
    let us = |tenths: u128| format!("{}.{}", tenths / 10, tenths % 10);
    println!("{what:40} median {:>8} µs   p99 {:>8} µs", us(at(50)), us(at(99)));
}

#[tokio::test]
#[ignore = "prints figures, for a quiet machine"]
async fn measure() {
    let sandbox = Sandbox::new();
    let echo = sandbox.engine.load(guests::whole("echo", "transform")).await.unwrap();
    let honest = sandbox.receiver("honest").await;
    for (what, size) in [("apply, nothing in or out", 0), ("apply, 352 KB in and out", 352_000), ("apply, 3.5 MB in and out", 3_520_000)] {
        let (mut whole, mut inside) = (Vec::new(), Vec::new());
        for _ in 0..1_000 {
            let group = Keyed { key: "k".into(), state: None, records: vec![b'x'; size] };
            let call = call(Kept::default(), Limits::default());
            let started = Instant::now();
            let (_, used) = echo.apply(call, Timestamp::default(), vec![group]).await.unwrap();
            whole.push(started.elapsed());
            inside.push(used.wall);
        }
        report(what, whole);
        report("  of which instance and call", inside);
    }
    let mut whole = Vec::new();
    for _ in 0..1_000 {
        let call = call(Kept::default(), Limits::default());
        let message = message(vec![b'x'; 352_000]);
        let started = Instant::now();
        honest.receive(call, message).await.unwrap();
        whole.push(started.elapsed());
    }
    report("receive, 352 KB read and emitted", whole);
    let calls = sandbox.receiver("host-calls").await;
    let mut limits = Limits { host_calls: 1_000_000, ..Limits::default() };
    limits.cpu_per_call = Duration::from_secs(60);
    let failed = calls.receive(call(Kept::default(), limits), message("x")).await.unwrap_err();
    println!("{:40} {} ns", "one call of the guest into the hub", failed.used.wall.as_nanos() / 1_000_000);
}

/// How far beyond its limit a call goes before it has ended.
#[tokio::test]
#[ignore = "prints figures, for a quiet machine"]
async fn measure_what_a_limit_of_time_is_exceeded_by() {
    const LIMIT: Duration = Duration::from_millis(100);
    let sandbox = Sandbox::new();
    let (endless, waits) = (sandbox.receiver("endless").await, sandbox.receiver("wait").await);
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let limits = Limits { cpu_per_call: LIMIT, ..Limits::default() };
        let failed = endless.receive(call(Kept::default(), limits), message("x")).await.unwrap_err();
        assert!(matches!(failed.cause, Cause::Cpu(_)));
        cpu.push(failed.used.cpu - LIMIT);
        let limits = Limits { time_per_call: LIMIT, ..Limits::default() };
        let (_dropped, _) = tokio::sync::oneshot::channel();
        let failed = waits.receive(call(Silent { called: None, _dropped }, limits), message("x")).await.unwrap_err();
        assert!(matches!(failed.cause, Cause::Time(_)));
        wall.push(failed.used.wall - LIMIT);
    }
    for (what, times) in [("processor time beyond its limit", cpu), ("time beyond its limit", wall)] {
        let most = times.iter().max().copied().unwrap_or_default();
        report(what, times);
        println!("{what:40} at most {most:?}");
    }
}
