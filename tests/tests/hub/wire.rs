//! P14: requests that lie about their length, never end, come packed, or come all at once.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, channel_status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::towns;

const RECORDS: &str = "/v1/channels/air/readings/records";
const GOOD: &str = r#"{"station":"a","value":1}"#;

/// What is answered to these bytes, until the hub hangs up or the sender has no more to say.
async fn raw(hub: &Hub, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(hub.address().get()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(client: &Client, length: &str) -> String {
    format!(
        "POST {RECORDS} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n{length}\r\n\r\n",
        client.key()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_lies_and_a_body_without_an_end_are_refused() {
    let hub = Hub::start(towns::air()).await;
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);

    // Ten gibibytes are refused before the first byte of them.
    let mut stream = TcpStream::connect(hub.address().get()).await.unwrap();
    stream.write_all(head(&environment, "content-length: 10737418240").as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");

    // Sent without a length, they are refused once they are too long.
    let mut stream = TcpStream::connect(hub.address().get()).await.unwrap();
    stream.write_all(head(&environment, "transfer-encoding: chunked").as_bytes()).await.unwrap();
    let (mut answers, mut sends) = stream.into_split();
    let sending = tokio::spawn(async move {
        let piece = [b"100000\r\n", vec![b' '; 1 << 20].as_slice(), b"\r\n"].concat();
        let mut sent = 0_u64;
        while sends.write_all(&piece).await.is_ok() {
            sent += 1;
            assert!(sent < 10_240, "ten gibibytes were taken");
        }
        sent
    });
    let mut answer = Vec::new();
    let _ = answers.read_to_end(&mut answer).await;
    drop(answers);
    println!("{} MiB were sent until the hub hung up", sending.await.unwrap());
    // It may hang up before the answer is read; nothing else is ever answered.
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));

    // Less than was said is nothing; more than was said is another request, and none.
    let less = raw(&hub, format!("{}{GOOD}", head(&environment, "content-length: 1000")).as_bytes()).await;
    assert!(less.is_empty() || less.starts_with("HTTP/1.1 400"), "{less}");
    let more = raw(&hub, format!("{}{GOOD}{GOOD}", head(&environment, &format!("content-length: {}", GOOD.len()))).as_bytes()).await;
    assert!(more.starts_with("HTTP/1.1 200") && more.contains("HTTP/1.1 400"), "{more}");
    let twice = raw(&hub, format!("{}{GOOD}", head(&environment, "content-length: 5\r\ncontent-length: 25")).as_bytes()).await;
    assert!(twice.starts_with("HTTP/1.1 400"), "{twice}");
    let large = raw(&hub, format!("GET /healthz HTTP/1.1\r\nhost: hub\r\nx: {}\r\n\r\n", "x".repeat(100_000)).as_bytes()).await;
    assert!(large.starts_with("HTTP/1.1 431"), "{large}");
    assert_eq!(channel_status(&operator, "air/readings").await["accepted"], 1);

    // Requests behind each other are answered in order.
    let mut stream = TcpStream::connect(hub.address().get()).await.unwrap();
    let requests = "GET /healthz HTTP/1.1\r\nhost: hub\r\n\r\n".repeat(499);
    stream.write_all(format!("{requests}GET /healthz HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut pipelined = String::new();
    stream.read_to_string(&mut pipelined).await.unwrap();
    assert_eq!(pipelined.matches("HTTP/1.1 200 OK").count(), 500);

    // Records may be so tiny that their number is what counts.
    let many = environment.post(RECORDS, "application/x-ndjson", "1\n".repeat(100_001)).send().await.problem(413, "100000 records");
    assert_eq!(many.status, 413);
    environment.post(RECORDS, "application/json", format!("[{}1]", "1,".repeat(100_000))).send().await.problem(413, "100000 records");
    assert_eq!(channel_status(&operator, "air/readings").await["accepted"], 1);
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_bodies_are_unpacked_and_a_bomb_does_not_go_off() {
    let hub = Hub::start(towns::air()).await;
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);
    let post = |body: Vec<u8>, coding: &str| {
        environment.post(RECORDS, "application/x-ndjson", body).header("content-encoding", coding).header("idempotency-key", "k")
    };
    let lines = format!("{GOOD}\n").repeat(2_000);
    let first = post(packed(lines.as_bytes()), "gzip").send().await.expect(200);
    assert_eq!(first.json()["accepted"], 2_000);
    // The same records are the same post, however they were packed.
    let again = post(lines.into_bytes(), "identity").send().await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first.json()));
    // 64 MiB of blanks in a few hundred KiB, and three times that if it is sent as several members.
    let bomb = packed(&vec![b' '; 64 << 20]).repeat(3);
    let size = bomb.len();
    post(bomb.clone(), "gzip").send().await.problem(413, "split the records");
    let peak = lienthong_tests::measure::process(hub.pid().as_raw_nonzero()).unwrap().peak_mib;
    println!("a bomb of {size} bytes, {peak} MiB at most");
    assert!(peak < 400, "{peak} MiB");
    post(bomb[..100].to_vec(), "gzip").send().await.problem(400, "gzip");
    post(b"plain".to_vec(), "gzip").send().await.problem(400, "gzip");
    let unknown = post(b"?".to_vec(), "br").send().await.problem(415, "gzip");
    assert_eq!(unknown.header("accept-encoding"), "gzip");
    assert_eq!(channel_status(&operator, "air/readings").await["accepted"], 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_by_the_thousand_and_streams_that_are_reset_at_once_change_nothing_for_others() {
    let hub = Hub::start(towns::air()).await;
    let health = hub.agency("health").await;
    let connect = async || {
        let stream = TcpStream::connect(hub.address().get()).await.unwrap();
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        (sender, tokio::spawn(connection))
    };
    let get = |path: &str| {
        let request = Request::get(format!("http://hub{path}")).header("authorization", format!("Bearer {}", health.key()));
        request.body(Empty::<bytes::Bytes>::new()).unwrap()
    };
    // Each is begun and taken back.
    let (mut resets, driver) = connect().await;
    let mut begun = 0;
    for _ in 0..20_000 {
        if resets.ready().await.is_err() {
            break;
        }
        drop(resets.send_request(get(&format!("{RECORDS}?wait=60s"))));
        begun += 1;
        if begun % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    // Each waits for news that does not come.
    let (mut waits, waiting) = connect().await;
    let mut held = Vec::new();
    for _ in 0..2_000 {
        if waits.ready().await.is_err() {
            break;
        }
        let asked = waits.send_request(get(&format!("{RECORDS}?wait=60s")));
        held.push(tokio::spawn(asked));
    }
    for _ in 0..20 {
        health.get(RECORDS).send().await.expect(200);
    }
    let process = lienthong_tests::measure::process(hub.pid().as_raw_nonzero()).unwrap();
    println!("{begun} streams reset, {} held; {process:?}", held.len());
    assert!(process.peak_mib < 400, "{process:?}");
    held.iter().for_each(tokio::task::JoinHandle::abort);
    for driver in [driver, waiting] {
        driver.abort();
    }
}
