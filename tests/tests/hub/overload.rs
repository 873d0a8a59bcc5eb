//! P14: too much is refused, and nothing falls over.

use std::net::SocketAddr;

use lienthong_tests::hub::Hub;
use lienthong_tests::wait::until;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::towns;

const RECORDS: &str = "/v1/channels/air/readings/records";
const SENDERS: usize = 40;
const SENT_MIB: usize = 30;
/// What the hub gives to bodies under way, and as much again for all else.
const PEAK_MIB: u64 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_that_never_end_take_no_more_memory_than_is_set_aside_for_them() {
    let hub = Hub::start(towns::air()).await;
    let (environment, health) = (hub.agency("environment").await, hub.agency("health").await);
    let mut sending = JoinSet::new();
    for _ in 0..SENDERS {
        let head = format!(
            "POST {RECORDS} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
            environment.key(),
            (SENT_MIB + 1) << 20
        );
        sending.spawn(send_all_but_the_end(hub.address().get(), head));
    }
    let senders = sending.join_all().await;
    let refused = senders.iter().filter(|sender| sender.is_none()).count();
    let peak = lienthong_tests::measure::process(hub.pid().as_raw_nonzero()).unwrap().peak_mib;
    println!("{refused} of {SENDERS} refused, {peak} MiB at most");
    assert!(refused > 0, "all were taken");
    assert!(peak < PEAK_MIB, "{peak} MiB");
    // Readers go on meanwhile, and another agency still finds room.
    health.get(RECORDS).send().await.expect(200);
    let contractor = hub.agency("contractor").await;
    let line = "{\"station\":\"a\",\"value\":1}\n";
    contractor.post(RECORDS, "application/x-ndjson", line.repeat(40_000)).send().await.expect(200);
    // Once the others are gone, posts are taken again.
    drop(senders);
    until("posts are taken again", || async {
        let answer = environment.post(RECORDS, "application/json", r#"{"station":"a","value":1}"#).send().await;
        assert!(matches!(answer.status.as_u16(), 200 | 429), "{}", answer.text());
        (answer.status == 200).then_some(())
    })
    .await;
}

/// The connection; none where the hub hung up.
async fn send_all_but_the_end(hub: SocketAddr, head: String) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(hub).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..SENT_MIB {
        stream.write_all(&piece).await.ok()?;
    }
    Some(stream)
}
