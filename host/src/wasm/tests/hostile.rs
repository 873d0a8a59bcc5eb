//! What a bad guest does, and how its call ends.

use lienthong_core::hash::ContentHash;
use lienthong_core::ports::Stopped;
use sha2::{Digest, Sha256};

use super::*;
use crate::wasm::{Cause, Failed, Failure, Keyed};

/// Small enough to be reached at once, large enough for the honest guest.
fn tight() -> Limits {
    Limits {
        memory_bytes: 2 << 20,
        time_per_call: Duration::from_secs(60),
        cpu_per_call: Duration::from_millis(100),
        output_bytes: 1 << 20,
        host_calls: 10_000,
        log_lines: 10,
        ..Limits::default()
    }
}

async fn failure(sandbox: &Sandbox, guest: &str, limits: Limits) -> Box<Failed> {
    let plugin = sandbox.receiver(guest).await;
    let failed = plugin.receive(call(Kept::default(), limits), message("x")).await.expect_err(guest);
    // Whatever happened, the next call knows nothing of it.
    let honest = sandbox.receiver("honest").await;
    let kept = Kept::default();
    honest.receive(call(kept.clone(), limits), message("still here")).await.unwrap();
    assert_eq!(kept.all("out"), b"still here");
    failed
}

#[tokio::test]
async fn each_hostile_guest_ends_with_its_cause() {
    let sandbox = Sandbox::new();
    type Fits = fn(&Cause) -> bool;
    let cases: [(&str, Fits); 14] = [
        ("endless", |c| matches!(c, Cause::Cpu(_))),
        ("endless-start", |c| matches!(c, Cause::Cpu(_))),
        ("memory", |c| matches!(c, Cause::Memory(limit) if *limit == 2 << 20)),
        ("stack", |c| matches!(c, Cause::Trap(kind) if kind == "call stack exhausted: the limit is 512KiB, for every plugin")),
        ("panic", |c| matches!(c, Cause::Trap(kind) if kind == "wasm `unreachable` instruction executed")),
        ("host-calls", |c| matches!(c, Cause::HostCalls(10_000))),
        ("output", |c| matches!(c, Cause::Output(limit) if *limit == 1 << 20)),
        ("deaf", |c| matches!(c, Cause::Stopped(Stopped::UnknownPort(port)) if port == "no-such-port")),
        ("bad-text", |c| matches!(c, Cause::Trap(kind) if kind.contains("utf-8"))),
        ("wild-pointer", |c| matches!(c, Cause::Trap(_))),
        ("wild-answer", |c| matches!(c, Cause::Trap(_))),
        ("refuses", |c| matches!(c, Cause::Plugin(Failure::InvalidInput(why)) if why == "the guest's last words")),
        ("handles", |c| matches!(c, Cause::Contract(why) if why.contains("more than 1000 handles at a time, the limit"))),
        ("table", |c| matches!(c, Cause::Memory(_))),
    ];
    for (guest, fits) in cases {
        let mut limits = tight();
        if guest == "table" {
            limits.memory_bytes = 1 << 20;
        }
        let failed = failure(&sandbox, guest, limits).await;
        assert!(fits(&failed.cause), "{guest}: {:?}", failed.cause);
        assert_eq!(failed.message, failed.cause.to_string());
    }
}

#[tokio::test]
async fn a_panic_brings_its_last_words_and_where_it_was() {
    let sandbox = Sandbox::new();
    let failed = failure(&sandbox, "panic", Limits::default()).await;
    assert!(failed.stderr.starts_with("the guest's last words\n  at "), "{}", failed.stderr);
    assert!(failed.stderr.contains("at break\n"), "{}", failed.stderr);
}

#[tokio::test]
async fn a_log_flood_is_counted_and_cut_but_no_failure() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("log-flood").await;
    let (_, used) = plugin.receive(call(Kept::default(), tight()), message("x")).await.unwrap();
    assert_eq!(used.log_lines, 5_000);
    assert!(used.host_calls >= 5_000);
}

#[tokio::test]
async fn waiting_on_the_hub_ends_with_the_clock_and_costs_no_processor_time() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("wait").await;
    let (_dropped, _) = tokio::sync::oneshot::channel();
    let limits = Limits { time_per_call: Duration::from_millis(300), cpu_per_call: Duration::from_millis(200), ..Limits::default() };
    let failed = plugin.receive(call(Silent { called: None, _dropped }, limits), message("x")).await.unwrap_err();
    assert!(matches!(failed.cause, Cause::Time(limit) if limit == Duration::from_millis(300)), "{:?}", failed.cause);
    assert!(failed.used.wall >= Duration::from_millis(300));
    assert!(failed.used.cpu < Duration::from_millis(200), "{:?}", failed.used);
}

#[tokio::test]
async fn a_caller_that_gives_up_ends_the_call() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("wait").await;
    let (called, was_called) = tokio::sync::oneshot::channel();
    let (_dropped, was_dropped) = tokio::sync::oneshot::channel();
    let emit = Silent { called: Some(called), _dropped };
    let running = tokio::spawn(async move { plugin.receive(call(emit, Limits::default()), message("x")).await.map(|_| ()) });
    was_called.await.unwrap();
    running.abort();
    assert!(was_dropped.await.is_err(), "the guest's store, and its port in it, are dropped");
}

#[tokio::test]
async fn stopping_the_hub_cancels_what_runs() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("wait").await;
    let (called, was_called) = tokio::sync::oneshot::channel();
    let (_dropped, _) = tokio::sync::oneshot::channel();
    let emit = Silent { called: Some(called), _dropped };
    let running = tokio::spawn(async move { plugin.receive(call(emit, Limits::default()), message("x")).await.map(|_| ()) });
    was_called.await.unwrap();
    sandbox.engine.shutdown();
    let failed = running.await.unwrap().unwrap_err();
    assert!(matches!(failed.cause, Cause::Cancelled), "{:?}", failed.cause);
}

#[tokio::test]
async fn spinning_guests_do_not_hold_up_an_honest_one() {
    let sandbox = Sandbox::new();
    let (endless, honest) = (sandbox.receiver("endless").await, sandbox.receiver("honest").await);
    let forever = Limits { cpu_per_call: Duration::from_secs(600), time_per_call: Duration::from_secs(600), ..Limits::default() };
    let spinning: Vec<_> = (0..6)
        .map(|_| {
            let endless = endless.clone();
            tokio::spawn(async move { endless.receive(call(Kept::default(), forever), message("x")).await.map(|_| ()) })
        })
        .collect();
    for _ in 0..20 {
        let kept = Kept::default();
        // Of another connector: one that spins holds up its own calls.
        let neighbour = Call { connector: ConnectorId::new("tests/neighbour").unwrap(), ..call(kept.clone(), Limits::default()) };
        honest.receive(neighbour, message("through")).await.unwrap();
        assert_eq!(kept.all("out"), b"through");
    }
    assert!(spinning.iter().all(|task| !task.is_finished()), "they still spin");
    spinning.iter().for_each(tokio::task::JoinHandle::abort);
}

/// The honest component with `count` more memories of `pages` pages each, which its own memory limit knows nothing of.
fn with_memories(count: u32, pages: u32) -> Vec<u8> {
    guests::beside(guests::receiver("honest"), &wat::parse_str(format!("(module (memory {pages}))")).unwrap(), count)
}

#[tokio::test]
async fn all_memories_of_a_call_count_together() {
    let sandbox = Sandbox::new();
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    for (count, fits) in [(2, true), (5, false)] {
        let plugin = sandbox.engine.load(with_memories(count, 16)).await.unwrap();
        let ended = plugin.receive(call(Kept::default(), limits), message("x")).await;
        match ended {
            Ok((_, used)) => assert!(fits && used.memory_peak >= u64::from(count) << 20, "{used:?}"),
            Err(failed) => assert!(!fits && matches!(failed.cause, Cause::Memory(_)), "{:?}", failed.cause),
        }
    }
}

#[tokio::test]
async fn ten_thousand_memories_are_told_before_they_are_compiled_and_nine_after() {
    let sandbox = Sandbox::new();
    let error = async |bytes: Vec<u8>| sandbox.engine.load(bytes).await.err().unwrap().to_string();
    let far_too_many = error(with_memories(10_000, 1)).await;
    assert!(far_too_many.contains("instances count exceeds limit of 1000"), "{far_too_many}");
    let many = error(with_memories(900, 1)).await;
    assert!(many.starts_with("the component consists of 90") && many.contains(" core instances and may have 64: "), "{many}");
    let nine = error(with_memories(9, 1)).await;
    assert!(nine.contains("10 Wasm linear memories, which exceeds the configured maximum of 8"), "{nine}");
}

#[tokio::test]
async fn fifty_megabytes_are_made_ready_and_count_where_they_come_to_lie() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.engine.load(guests::beside(guests::receiver("honest"), &guests::module_of(50 << 20), 1)).await.unwrap();
    assert!(plugin.facts().size > 50 << 20);
    let receive = |memory_bytes| plugin.receive(call(Kept::default(), Limits { memory_bytes, ..Limits::default() }), message("x"));
    let (_, used) = receive(64 << 20).await.unwrap();
    assert!(used.memory_peak > 50 << 20, "{used:?}");
    let failed = receive(32 << 20).await.unwrap_err();
    assert!(matches!(failed.cause, Cause::Memory(limit) if limit == 32 << 20), "{:?}", failed.cause);
    let too_large = guests::beside(guests::receiver("honest"), &guests::module_of(64 << 20), 1);
    let error = sandbox.engine.load(too_large).await.err().unwrap().to_string();
    assert!(error.ends_with("bytes and may have 67108864: build it optimised and without debug information"), "{error}");
}

#[tokio::test]
async fn input_larger_than_the_guest_passes_through_in_pieces() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("honest").await;
    let body: Vec<u8> = (0..10_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let kept = Kept::default();
    let (reply, used) = plugin.receive(call(kept.clone(), limits), message(body.clone())).await.unwrap();
    assert!(reply.is_none());
    assert_eq!(kept.all("out"), body);
    assert_eq!(used.output_bytes, 10_000_000);
    let small = Limits { message_bytes: 9_999_999, ..limits };
    let failed = plugin.receive(call(Kept::default(), small), message(body)).await.unwrap_err();
    assert!(matches!(failed.cause, Cause::Message(9_999_999)));
}

#[tokio::test]
async fn a_transform_gets_and_gives_groups() {
    let sandbox = Sandbox::new();
    let echo = sandbox.engine.load(guests::whole("echo", "transform")).await.unwrap();
    let group = Keyed { key: "TX-1".into(), state: Some(b"before".to_vec()), records: b"{}\n".to_vec() };
    let (folded, used) = echo.apply(call(Kept::default(), Limits::default()), Timestamp::default(), vec![group.clone()]).await.unwrap();
    assert_eq!((folded[0].key.as_str(), folded[0].state.as_deref()), ("TX-1", Some(&b"before"[..])));
    assert_eq!((folded[0].outputs[0].port.as_str(), folded[0].outputs[0].records.as_slice()), ("out", &b"{}\n"[..]));
    assert_eq!(used.output_bytes, 9);
    // It knows one group only, and answers for the second with whatever lies there.
    let failed = echo.apply(call(Kept::default(), Limits::default()), Timestamp::default(), vec![group.clone(), group]).await.unwrap_err();
    assert!(matches!(failed.cause, Cause::Contract(_) | Cause::Trap(_)), "{:?}", failed.cause);
    let failed = echo.receive(call(Kept::default(), Limits::default()), message("x")).await.unwrap_err();
    assert!(matches!(&failed.cause, Cause::Contract(why) if why == "it does not export `receiver`"));
}

#[tokio::test]
async fn a_transform_keeps_no_more_than_it_may() {
    let sandbox = Sandbox::new();
    let hoarder = sandbox.engine.load(guests::whole("hoarder", "transform")).await.unwrap();
    let group = Keyed { key: "k".into(), state: None, records: b"{}\n".to_vec() };
    let failed = hoarder.apply(call(Kept::default(), Limits::default()), Timestamp::default(), vec![group]).await.unwrap_err();
    let words = "the plugin broke its interface: the state of one key has 65537 bytes and may have 65536";
    assert_eq!(failed.message, words);
}

#[tokio::test]
async fn one_megabyte_named_a_thousand_times_does_not_become_a_gigabyte() {
    let sandbox = Sandbox::new();
    let alias = sandbox.engine.load(guests::whole("alias", "transform")).await.unwrap();
    let failed = alias.apply(call(Kept::default(), Limits::default()), Timestamp::default(), vec![]).await.unwrap_err();
    assert!(matches!(&failed.cause, Cause::Contract(why) if why.contains("one crossing")), "{:?}", failed.cause);
}

#[tokio::test]
async fn each_guest_that_attaches_too_much_ends_with_its_cause_and_leaves_no_file() {
    let sandbox = Sandbox::new();
    type Fits = fn(&Cause) -> bool;
    let cases: [(&str, Fits); 4] = [
        ("attach-open", |c| matches!(c, Cause::Contract(why) if why == "it opened more than 16 attachments at a time")),
        ("attach-many", |c| matches!(c, Cause::Attachments(limit) if *limit == 1 << 20)),
        ("attach-flood", |c| matches!(c, Cause::Attachments(limit) if *limit == 1 << 20)),
        ("attach-hold", |c| matches!(c, Cause::Cpu(_))),
    ];
    for (guest, fits) in cases {
        let plugin = sandbox.receiver(guest).await;
        let kept = Kept::with_files();
        let files = kept.files.clone().unwrap();
        let limits = Limits { attachment_bytes: 1 << 20, ..tight() };
        let failed = plugin.receive(call(kept, limits), message("x")).await.expect_err(guest);
        assert!(fits(&failed.cause), "{guest}: {:?}", failed.cause);
        assert!(failed.used.attachment_bytes <= (1 << 20) + (64 << 10), "{guest}: {:?}", failed.used);
        // Whoever takes finished files in drops them with the failed call's output.
        files.finished.lock().unwrap().clear();
        assert_eq!(files.disk.staged(), 0, "{guest}");
    }
}

#[tokio::test]
async fn an_attachment_may_be_larger_than_the_guest_and_one_left_unfinished_is_forgotten() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.receiver("attach").await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let kept = Kept::with_files();
    let files = kept.files.clone().unwrap();
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let (_, used) = plugin.receive(call(kept.clone(), limits), message(body.clone())).await.unwrap();
    let hash = ContentHash::new(Sha256::digest(&body).into());
    assert_eq!(kept.all("out"), format!("{{\"sha256\":\"{hash}\"}}\n").into_bytes());
    let finished = std::mem::take(&mut *files.finished.lock().unwrap());
    assert_eq!(finished.iter().map(|file| (file.hash, file.size_bytes)).collect::<Vec<_>>(), [(hash, 3_000_000)]);
    assert_eq!(used.attachment_bytes, 3_000_000 + 2 * 65_536);
    assert_eq!(files.disk.staged(), 1);
    drop(finished);
    assert_eq!(files.disk.staged(), 0);

    // A port that nobody mapped, and a disk that takes nothing more.
    let failed = plugin.receive(call(Kept::default(), limits), message(body.clone())).await.unwrap_err();
    assert!(matches!(&failed.cause, Cause::Stopped(Stopped::UnknownPort(port)) if port == "out"), "{:?}", failed.cause);
    std::fs::remove_dir_all(files.disk.root()).unwrap();
    let failed = plugin.receive(call(kept, limits), message(body)).await.unwrap_err();
    assert!(matches!(&failed.cause, Cause::Stopped(Stopped::Cancelled(_))) && failed.cause.is_passing(), "{:?}", failed.cause);
}

#[tokio::test]
async fn a_cursor_has_its_size() {
    let sandbox = Sandbox::new();
    let source = sandbox.engine.load(guests::whole("cursor", "source")).await.unwrap();
    let (progress, _) = source.poll(call(Kept::default(), Limits::default()), Timestamp::default(), None, 65_536).await.unwrap();
    assert_eq!(progress.next.map(|cursor| cursor.len()), Some(65_536));
    let failed = source.poll(call(Kept::default(), Limits::default()), Timestamp::default(), Some(vec![1]), 65_537).await.unwrap_err();
    assert!(matches!(&failed.cause, Cause::Contract(why) if why == "its cursor has 65537 bytes and may have 65536"), "{:?}", failed.cause);
}
