//! P14: thousands who are slow, beside one who is not.

use std::net::SocketAddr;
use std::time::Duration;

use lienthong_tests::hub::Hub;
use lienthong_tests::measure::process;
use lienthong_tests::wait::until;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::towns;

const RECORDS: &str = "/v1/channels/air/readings/records";
/// Slow ones altogether, where the system gives so many file descriptors.
const SLOW: u64 = 5_000;
const PEAK_MIB: u64 = 900;

/// A connection from an address of this machine's own network.
async fn connect(from: [u8; 4], hub: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(hub).await
}

/// As many descriptors as the system allows; says how many.
fn descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_who_are_slow_keep_nobody_else_from_being_served() {
    let slow = SLOW.min(descriptors().saturating_sub(500));
    let hub = Hub::start(towns::air()).await;
    let (environment, health) = (hub.agency("environment").await, hub.agency("health").await);
    let address = hub.address().get();
    // Something to read that no socket's buffer holds.
    let line = format!("{{\"station\":\"{}\",\"value\":1}}\n", "s".repeat(1_000));
    for _ in 0..3 {
        environment.post(RECORDS, "application/x-ndjson", line.repeat(9_000)).send().await.expect(200);
    }

    // Slow headers, bodies that hardly come, and answers that nobody reads; each kind from an address of its own.
    let heads = [
        "GET /v1/channels HTTP/1.1\r\nhost: hub\r\nx: ".to_owned(),
        format!(
            "POST {RECORDS} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{",
            environment.key()
        ),
        format!(
            "GET {RECORDS}?limit=10000 HTTP/1.1\r\nhost: hub\r\naccept: application/x-ndjson\r\nauthorization: Bearer {}\r\n\r\n",
            health.key()
        ),
    ];
    let mut opening = JoinSet::new();
    for nth in 0..slow {
        let kind = [0, 0, 0, 1, 1, 2][(nth % 6) as usize];
        let head = heads[kind].clone();
        opening.spawn(async move {
            let mut stream = connect([127, 0, 0, 2 + kind as u8], address).await.ok()?;
            stream.write_all(head.as_bytes()).await.ok()?;
            Some(stream)
        });
    }
    let open: Vec<_> = opening.join_all().await.into_iter().flatten().collect();
    let held = process(hub.pid().as_raw_nonzero()).unwrap();
    println!("{} of {slow} slow connections, {held:?}", open.len());
    assert!(open.len() as u64 > slow * 9 / 10, "{} were opened", open.len());

    // Whoever is honest is served, again and again, on new connections.
    for _ in 0..30 {
        environment.post(RECORDS, "application/json", r#"{"station":"a","value":1}"#).send().await.expect(200);
        health.get(&format!("{RECORDS}?limit=10")).send().await.expect(200);
    }
    let held = process(hub.pid().as_raw_nonzero()).unwrap();
    println!("after the honest ones: {held:?}");
    assert!(held.peak_mib < PEAK_MIB, "{held:?}");

    // The slow ones are cut off, each by its own rule, while they still hold on.
    until("those who are slow are cut off", || async {
        (process(hub.pid().as_raw_nonzero()).unwrap().descriptors < slow / 10).then_some(())
    })
    .await;
    drop(open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_leaves_connections_to_others_and_who_finds_none_is_told() {
    // Half of the hub's descriptors are for connections, and one address gets half of those.
    let limit = getrlimit(Resource::Nofile);
    let hub = Hub::start(towns::air()).await;
    let few = 400;
    let pid = Some(hub.pid());
    rustix::process::prlimit(pid, Resource::Nofile, Rlimit { current: Some(few), maximum: limit.maximum }).unwrap();
    let mut greedy = Vec::new();
    let mut told = None;
    for _ in 0..few {
        let Ok(mut stream) = connect([127, 0, 0, 9], hub.address().get()).await else { break };
        let mut answer = Vec::new();
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(5), stream.read_to_end(&mut answer)).await {
            told = Some(String::from_utf8(answer).unwrap());
            break;
        }
        greedy.push(stream);
    }
    println!("{} connections, then {told:?}", greedy.len());
    // The bound was set when the hub started, with all descriptors there were; the system's own is met here, and is no end.
    if let Some(told) = told {
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: 1"), "{told}");
    }
    drop(greedy);
    until("others are served", || async { hub.nobody().get("/healthz").attempt().await.ok().filter(|answer| answer.status == 200) }).await;
}
