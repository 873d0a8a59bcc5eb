//! P14 over time: everything at once, for as long as one likes, and nothing grows. `make soak MINUTES=10`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status, landed};
use lienthong_tests::ledger::{self, Flag, settle};
use lienthong_tests::measure::{Process, process};
use lienthong_tests::mllp::Sender;
use lienthong_tests::neighbours::Neighbours;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Samples of a run.
const SAMPLES: u32 = 60;
const PORT: &str = "\n  trial/stream: { plugin: honest, agency: honest, mllp: { listen: 127.0.0.1:0 }, emits: { out: trial/two } }\n  \
    trial/files: { plugin: honest, agency: honest, inbox: { path: inbox, pattern: '*.json', settle: 500ms, keep: 1m }, emits: { out: trial/two } }";

#[derive(Debug, Clone, Copy)]
struct Sample {
    minutes: f64,
    process: Process,
    wal_mib: u64,
    spool: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told: make soak MINUTES=10"]
async fn memory_stays_flat_under_everything_at_once() {
    let minutes: f64 = std::env::var("LIENTHONG_SOAK_MINUTES").map_or(10.0, |text| text.parse().expect("a number of minutes"));
    let city = Neighbours::city("{ cpu_per_call: 2s, output: 64MiB }");
    let domain = std::fs::read_to_string(city.path().join("trial.yaml")).unwrap();
    city.write("trial.yaml", &domain.replacen("connectors:", &format!("connectors:{PORT}"), 1));
    let mut neighbours = Neighbours::on(Hub::start(city).await).await;
    let hub = &neighbours.hub;
    let (honest, operator) = (hub.agency("honest").await, hub.operator().await);
    let port = connector_status(&operator, "trial/stream").await["port"]["address"].as_str().unwrap().parse().unwrap();
    let (flag, mut posting, mut others) = (Arc::new(Flag::default()), JoinSet::new(), JoinSet::new());

    // Posts, one in sixty of their records invalid, each with its ledger.
    for name in 0..4 {
        posting.spawn(ledger::post_until(flag.clone(), honest.clone(), name, 11, vec!["trial/one".into()]));
    }
    // Each of these tells how many messages were acknowledged.
    others.spawn(send_messages(flag.clone(), honest.clone()));
    others.spawn(send_frames(flag.clone(), port));
    others.spawn(drop_files(flag.clone(), hub.city().data().join("inbox")));
    let mut idle = JoinSet::new();
    idle.spawn(pull(flag.clone(), honest.clone()));
    idle.spawn(dawdle(flag.clone(), hub.address().get()));
    let unleashed = neighbours.unleash();

    let (begun, length) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let mut samples = Vec::new();
    println!("minutes   RSS MiB  threads  descriptors  WAL MiB  spooled");
    while begun.elapsed() < length {
        tokio::time::sleep_until(begun + length.mul_f64((samples.len() + 1) as f64 / f64::from(SAMPLES))).await;
        let sample = sample(begun, hub.pid().as_raw_nonzero(), &hub.city().data());
        let Sample { minutes, process: Process { resident_mib, threads, descriptors, .. }, wal_mib, spool } = sample;
        println!("{minutes:>7.2}  {resident_mib:>8}  {threads:>7}  {descriptors:>11}  {wal_mib:>7}  {spool:>7}");
        samples.push(sample);
    }
    println!("failures of the hostile plugins: {:?}", unleashed.failures());
    drop(unleashed);
    flag.raise();
    let entries: Vec<_> = posting.join_all().await.into_iter().flatten().collect();
    let acknowledged: u64 = others.join_all().await.into_iter().sum();
    idle.join_all().await;

    // The sums, to the last record.
    settle(hub, &operator, &honest, &["trial/one".into()], &entries).await;
    landed(&operator, "trial/two", acknowledged).await;
    let ids: BTreeSet<_> = ledger::read_log(&honest, "trial/two").await.into_values().map(|(id, _)| id).collect();
    assert_eq!(ids.len() as u64, acknowledged, "messages lost or doubled");
    tell(&samples);
    println!("{} posts and {acknowledged} messages, every one where it belongs", entries.len());
    assert!(neighbours.hub.terminate().await.success(), "{}", neighbours.hub.log());
}

fn sample(begun: Instant, pid: std::num::NonZeroI32, data: &Path) -> Sample {
    let wal = std::fs::metadata(data.join("hub.db-wal")).map_or(0, |meta| meta.len());
    let spool = std::fs::read_dir(data.join("spool")).map_or(0, Iterator::count);
    Sample { minutes: begun.elapsed().as_secs_f64() / 60.0, process: process(pid).unwrap(), wal_mib: wal >> 20, spool }
}

/// The curve in a few words, and that it is flat: the last third is no higher than the middle one by more than what a pool may
/// still fill up.
fn tell(samples: &[Sample]) {
    let third = samples.len() / 3;
    let mean = |samples: &[Sample]| samples.iter().map(|sample| sample.process.resident_mib as f64).sum::<f64>() / samples.len() as f64;
    let [start, middle, end] = [&samples[..third], &samples[third..2 * third], &samples[2 * third..]].map(mean);
    let late = &samples[third..];
    let (x, y) = (late.iter().map(|s| s.minutes).sum::<f64>() / late.len() as f64, mean(late));
    let (mut above, mut below) = (0.0, 0.0);
    for sample in late {
        above += (sample.minutes - x) * (sample.process.resident_mib as f64 - y);
        below += (sample.minutes - x).powi(2);
    }
    let most = |get: fn(&Sample) -> u64| samples.iter().map(get).max().unwrap_or_default();
    println!(
        "RSS: {start:.0} MiB in the first third, {middle:.0} in the second, {end:.0} in the last; {:+.2} MiB a minute after the first; at most {} MiB, {} threads, {} descriptors, {} MiB of WAL",
        above / below,
        most(|s| s.process.resident_mib),
        most(|s| s.process.threads),
        most(|s| s.process.descriptors),
        most(|s| s.wal_mib),
    );
    assert!(end < middle * 1.25 + 32.0, "memory grows");
}

fn record(kind: u32, nth: u64) -> String {
    format!(r#"{{"id":"c{kind}-{nth}-0","n":{nth},"value":1,"note":"{}"}}"#, "trạm ".repeat((nth % 50) as usize))
}

/// Messages to the webhook, each until it is answered.
async fn send_messages(flag: Arc<Flag>, client: Client) -> u64 {
    let mut nth = 0;
    while !flag.raised() {
        let ask = client.post("/v1/connectors/trial/honest/messages", "application/json", record(91, nth));
        match ask.attempt().await {
            Ok(answer) if answer.status == 200 => nth += 1,
            Ok(answer) => assert!(matches!(answer.status.as_u16(), 429 | 503), "{}: {}", answer.status, answer.text()),
            Err(_) => {}
        }
    }
    nth
}

/// Messages over MLLP, each until it is answered.
async fn send_frames(flag: Arc<Flag>, port: std::net::SocketAddr) -> u64 {
    let mut nth = 0;
    while !flag.raised() {
        let Ok(mut sender) = Sender::connect(port).await else { continue };
        while !flag.raised() {
            match sender.ask(record(92, nth).as_bytes()).await {
                Ok(Some(_)) => nth += 1,
                Ok(None) | Err(_) => break,
            }
        }
    }
    nth
}

/// Files, a few at a time; those that were taken are gone from the folder.
async fn drop_files(flag: Arc<Flag>, folder: std::path::PathBuf) -> u64 {
    let mut nth = 0;
    let path = |nth: u64| folder.join(format!("{nth}.json"));
    while !flag.raised() {
        for _ in 0..5 {
            let part = path(nth).with_extension("part");
            std::fs::write(&part, record(93, nth)).unwrap();
            std::fs::rename(part, path(nth)).unwrap();
            nth += 1;
        }
        lienthong_tests::wait::until("the files are taken", || async { (nth - 5..nth).all(|nth| !path(nth).exists()).then_some(()) }).await;
    }
    nth
}

/// Reads everything again and again, and waits for news.
async fn pull(flag: Arc<Flag>, client: Client) {
    let mut after = String::new();
    while !flag.raised() {
        let path = format!("/v1/channels/trial/one/records?limit=10000&wait=2s{after}");
        let Ok(page) = client.get(&path).attempt().await else { continue };
        after = match page.status.as_u16() {
            200 if page.body.len() > 2 => format!("&after={}", page.header("lienthong-cursor")),
            200 => String::new(),
            429 | 503 => after,
            other => panic!("{other}: {}", page.text()),
        };
    }
}

/// Opens connections that never say what they want.
async fn dawdle(flag: Arc<Flag>, hub: std::net::SocketAddr) {
    let mut slow = std::collections::VecDeque::new();
    while !flag.raised() {
        if let Ok(mut stream) = TcpStream::connect(hub).await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nx: ").await;
            slow.push_back(stream);
        }
        if slow.len() > 200 {
            slow.pop_front();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
