//! The circus: every hostile guest in one hub, each held to its limits, and an honest agency beside them.

use std::net::SocketAddr;
use std::num::NonZeroI32;
use std::time::Duration;

use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Environment, Hub};
use lienthong_tests::{guest, ledger, measure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const RECEIVER: &str = "lienthong:connector/receiver-plugin";
const FETCH: &str = "lienthong:guests/fetch";

/// What a call may take beyond its memory before the hub's own is too much.
const BESIDE_MIB: u64 = 32;

/// One act: which guest, with which limits, what its message is about, and what its sender or the log hears.
struct Act {
    name: &'static str,
    guest: &'static str,
    limits: &'static str,
    /// What the message is called, which is the path of a guest that fetches.
    path: &'static str,
    status: u16,
    hears: &'static [&'static str],
}

const fn act(name: &'static str, guest: &'static str, limits: &'static str, status: u16, hears: &'static [&'static str]) -> Act {
    Act { name, guest, limits, path: "", status, hears }
}

const fn fetch(name: &'static str, limits: &'static str, path: &'static str, status: u16, hears: &'static [&'static str]) -> Act {
    Act { name, guest: "fetch", limits, path, status, hears }
}

/// Each limit is told with its value and the key that raises it, or as what holds for every plugin.
const ACTS: [Act; 21] = [
    act("endless", "endless", "{ cpu_per_call: 200ms }", 500, &["the limit is 200ms", "raise `limits.cpu_per_call`"]),
    act("endless-start", "endless-start", "{ cpu_per_call: 200ms }", 500, &["the limit is 200ms", "raise `limits.cpu_per_call`"]),
    act("memory", "memory", "{ memory: 4MiB }", 500, &["the limit is 4MiB", "raise `limits.memory`"]),
    act("table", "table", "{ memory: 1MiB }", 500, &["the limit is 1MiB", "raise `limits.memory`"]),
    act("huge", "huge", "{ memory: 32MiB }", 500, &["the limit is 32MiB", "raise `limits.memory`"]),
    act("stack", "stack", "{}", 500, &["call stack exhausted: the limit is 512KiB, for every plugin"]),
    act("panic", "panic", "{}", 500, &["`unreachable`", "the vendor must mend it"]),
    act("bad-text", "bad-text", "{}", 500, &["utf-8", "the vendor must mend it"]),
    act("wild-pointer", "wild-pointer", "{}", 500, &["the vendor must mend it"]),
    act("not-json", "not-json", "{}", 200, &["\"quarantined\":1"]),
    act("output", "output", "{ output: 1MiB }", 500, &["the limit is 1MiB", "raise `limits.output`"]),
    act("log-flood", "log-flood", "{ log_lines: 100 }", 200, &["the limit is 100 lines", "raise `limits.log_lines`"]),
    act("host-calls", "host-calls", "{ host_calls: 10000 }", 500, &["the limit is 10000", "raise `limits.host_calls`"]),
    act("handles", "handles", "{}", 500, &["more than 1000 handles at a time, the limit for every plugin"]),
    act("attach-open", "attach-open", "{}", 500, &["more than 16 attachments at a time"]),
    act("attach-flood", "attach-flood", "{ attachments: 1MiB }", 500, &["the limit is 1MiB", "raise `limits.attachments`"]),
    fetch("slow-http", "{ time_per_call: 300ms }", "?slow", 504, &["the limit is 300ms", "raise `limits.time_per_call`"]),
    fetch("endless-http", "{ http_bytes: 1MiB }", "?endless", 500, &["the limit is 1MiB", "raise `limits.http_bytes`"]),
    fetch("forbidden-host", "{}", "?forbidden", 200, &["egress: [\"http://127.0.0.2:"]),
    // How a name that was granted resolves to a private address is tried in `net/tests.rs`: no machine's resolver is ours to change.
    fetch("private-by-name", "{}", "?private", 200, &["localhost"]),
    fetch("private-by-redirect", "{}", "?redirect", 200, &["\"quarantined\":1"]),
];

fn source(guest: &str) -> &'static str {
    match guest {
        "endless" => include_str!("../../plugins/endless.wat"),
        "endless-start" => include_str!("../../plugins/endless-start.wat"),
        "memory" => include_str!("../../plugins/memory.wat"),
        "table" => include_str!("../../plugins/table.wat"),
        "stack" => include_str!("../../plugins/stack.wat"),
        "panic" => include_str!("../../plugins/panic.wat"),
        "bad-text" => include_str!("../../plugins/bad-text.wat"),
        "wild-pointer" => include_str!("../../plugins/wild-pointer.wat"),
        "not-json" => include_str!("../../plugins/not-json.wat"),
        "output" => include_str!("../../plugins/output.wat"),
        "log-flood" => include_str!("../../plugins/log-flood.wat"),
        "host-calls" => include_str!("../../plugins/host-calls.wat"),
        "handles" => include_str!("../../plugins/handles.wat"),
        "attach-open" => include_str!("../../plugins/attach-open.wat"),
        "attach-flood" => include_str!("../../plugins/attach-flood.wat"),
        "fetch" => include_str!("../../plugins/fetch.wat"),
        "huge" | "honest" => include_str!("../../plugins/honest.wat"),
        other => panic!("no guest {other}"),
    }
}

fn component(name: &str) -> Vec<u8> {
    let world = if matches!(name, "fetch" | "handles") { FETCH } else { RECEIVER };
    let bytes = guest::component_of(&guest::receiver_text(source(name)), world, guest::CONNECTOR);
    let bytes = if name == "huge" { guest::beside(bytes, &guest::module_of(50 << 20), 1) } else { bytes };
    let mut manifest = guest::manifest("receiver").replace("test-guest", name);
    if name == "fetch" {
        for port in ["status", "error"] {
            manifest.push_str(&format!("[ports.{port}]\nschema = \"tests/things.v1\"\n"));
        }
        manifest.push_str("[egress]\nhttp = true\nreason = \"the circus\"\n");
    }
    guest::with_manifest(bytes, &manifest)
}

fn city(server: SocketAddr) -> City {
    let mut connectors = String::from("  trial/honest: { plugin: honest, agency: honest, webhook: {}, emits: { out: trial/good } }\n");
    for Act { name, guest, limits, .. } in &ACTS {
        let ports = if *guest == "fetch" { ", status: trial/junk, error: trial/junk" } else { "" };
        let egress = if *guest == "fetch" { format!(", egress: [\"http://{server}\"]") } else { String::new() };
        connectors.push_str(&format!(
            "  trial/{name}: {{ plugin: {guest}, agency: hostile, webhook: {{}}, limits: {limits}{egress}, emits: {{ out: trial/junk{ports} }} }}\n"
        ));
    }
    let domain = format!(
        "connectors:\n{connectors}channels:\n  trial/good: {{ schema: tests/things.v1, key: [/id] }}\n  trial/junk: {{ schema: tests/things.v1, key: [/id] }}\n\
         grants:\n  - {{ agency: honest, channel: trial/good, access: [read, write], purpose: trial }}\n  \
         - {{ agency: hostile, channel: trial/junk, access: [write], purpose: trial }}\n"
    );
    let city = City::new(&[
        ("city.yaml", "title: Rạp xiếc\nagencies:\n  honest: { title: Honest }\n  hostile: { title: Hostile }\n"),
        ("trial.yaml", &domain),
        ("schemas/tests/things.v1.json", ledger::SCHEMA),
    ]);
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    let mut plugins: Vec<_> = ACTS.iter().map(|act| act.guest).chain(["honest"]).collect();
    plugins.sort_unstable();
    plugins.dedup();
    for name in plugins {
        std::fs::write(folder.join(format!("{name}.wasm")), component(name)).unwrap();
    }
    city
}

/// Answers `?slow` with the beginning of a head, `?endless` with a body that never ends, and all else with a redirect to a
/// machine's own secrets, until the test's runtime ends.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1_024];
                let size = stream.read(&mut request).await.unwrap_or_default();
                let asked = |what: &str| request[..size].windows(what.len()).any(|part| part == what.as_bytes());
                let begins: &[u8] = if asked("?slow") {
                    b"HTTP/1.1 200 OK\r\n"
                } else if asked("?endless") {
                    b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n"
                } else {
                    b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n"
                };
                let _ = stream.write_all(begins).await;
                while asked("?endless") && stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

/// The most that the hub held since this was last asked, and what it holds now, MiB.
fn peak(pid: NonZeroI32) -> (u64, u64) {
    let process = measure::process(pid).unwrap();
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    (process.peak_mib, process.resident_mib)
}

async fn honest(client: &Client, nth: usize) {
    let record = format!(r#"{{"id":"c0-0-{nth}","n":{nth},"value":1}}"#);
    client.post("/v1/connectors/trial/honest/messages", "application/json", record).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_act_ends_at_its_limit_and_says_which() {
    let server = server().await;
    // What plugins say is in the log at this level alone.
    let mut hub = Hub::start_in(city(server), Environment::from([("LIENTHONG_LOG", "info".into())])).await;
    let (honest_one, hostile) = (hub.agency("honest").await, hub.agency("hostile").await);
    let (pid, log) = (hub.pid().as_raw_nonzero(), hub.city().log());
    let log = || std::fs::read_to_string(&log).unwrap();
    honest(&honest_one, 0).await;
    for (nth, Act { name, limits, path, status, hears, .. }) in ACTS.iter().enumerate() {
        let (said, (_, before)) = (log().len(), peak(pid));
        let authority = match *name {
            "forbidden-host" => format!("127.0.0.2:{}", server.port()),
            "private-by-name" => format!("localhost:{}", server.port()),
            _ => server.to_string(),
        };
        let mut ask = hostile.post(&format!("/v1/connectors/trial/{name}/messages"), "http", authority);
        if !path.is_empty() {
            ask = ask.header("content-disposition", &format!("attachment; filename=\"{path}\""));
        }
        let answer = ask.send().await;
        let heard = answer.text() + &log()[said..];
        assert_eq!(answer.status, *status, "{name}: {}", answer.text());
        for words in *hears {
            assert!(heard.contains(words), "{name}: `{words}` is not in {heard}");
        }
        let (most, _) = peak(pid);
        let memory_mib = limits.split_once("memory: ").and_then(|(_, rest)| rest.split_once("MiB")?.0.parse().ok()).unwrap_or(64);
        assert!(most <= before + memory_mib + BESIDE_MIB, "{name}: {before} MiB before, {most} at most, and {memory_mib} are allowed");
        println!("{name:20} {before:>4} MiB before, {most:>4} at most");
        honest(&honest_one, nth + 1).await;
    }
    let flood = log().lines().filter(|line| line.contains("the guest's last words") && line.contains("trial/log-flood")).count();
    assert_eq!(flood, 100, "lines of the flood");
    assert_eq!(ledger::read_log(&honest_one, "trial/good").await.len(), ACTS.len() + 1);
    let ended = tokio::time::timeout(Duration::from_secs(60), hub.terminate()).await;
    assert!(ended.is_ok_and(|status| status.success()), "{}", hub.log());
}
