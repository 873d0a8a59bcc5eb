//! A connector with an MLLP port, and senders of all kinds at it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lienthong_tests::chance::Chance;
use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status, landed};
use lienthong_tests::ledger::read_log;
use lienthong_tests::mllp::{Sender, write_acknowledge};
use lienthong_tests::program::{argument, run};
use lienthong_tests::wait::until;
use serde_json::json;

use crate::towns;

const STREAM: &str = "trial/stream";
const CHANNEL: &str = "trial/one";
const LOOPBACK: &str = "{ listen: 127.0.0.1:0, connections: 3 }";

struct Town {
    hub: Hub,
    operator: Client,
    reader: Client,
}

impl Town {
    async fn start(port: &str) -> Self {
        Self::start_in(towns::stream(port)).await
    }

    async fn start_in(city: City) -> Self {
        write_acknowledge(&city);
        let hub = Hub::start(city).await;
        let (operator, reader) = (hub.operator().await, hub.agency("reader").await);
        Self { hub, operator, reader }
    }

    async fn address(&self) -> SocketAddr {
        connector_status(&self.operator, STREAM).await["port"]["address"].as_str().unwrap().parse().unwrap()
    }

    async fn connect(&self) -> Sender {
        Sender::connect(self.address().await).await.unwrap()
    }

    /// The ids of all stored records, in order.
    async fn ids(&self) -> Vec<String> {
        read_log(&self.reader, CHANNEL).await.into_values().map(|(id, _)| id).collect()
    }

    async fn open_connections(&self, number: u64) {
        until(&format!("{number} connections are open"), || async {
            (connector_status(&self.operator, STREAM).await["port"]["connections"] == number).then_some(())
        })
        .await;
    }

    async fn last_error(&self, words: &str) {
        until(&format!("the connector's last error says `{words}`"), || async {
            let status = connector_status(&self.operator, STREAM).await;
            status["last_error"].as_str().is_some_and(|error| error.contains(words)).then_some(())
        })
        .await;
    }
}

fn id(number: usize) -> String {
    format!("c0-0-{number}")
}

fn message(number: usize) -> Vec<u8> {
    format!(r#"{{"id":"{}","n":{number},"value":1}}"#, id(number)).into_bytes()
}

/// Fails unless this is the reply to that message.
fn acknowledges(reply: &[u8], number: usize) {
    let (moment, echo) = reply.split_at(17);
    assert!(moment.iter().take(16).all(u8::is_ascii_hexdigit) && echo == message(number), "{}", String::from_utf8_lossy(reply));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_answered_in_order_and_a_repeated_one_gets_its_first_answer() {
    let mut town = Town::start(LOOPBACK).await;
    let mut sender = town.connect().await;
    let first = sender.ask(&message(0)).await.unwrap().unwrap();
    acknowledges(&first, 0);
    // It was stored when it was answered.
    assert_eq!(town.ids().await, [id(0)]);

    // Three hundred before the first reply is read, one of them known already, and one twice.
    let numbers: Vec<usize> = (1..200).chain([0]).chain(200..300).chain([299]).collect();
    for number in &numbers {
        sender.out.send(&message(*number)).await.unwrap();
    }
    let mut replies = BTreeMap::new();
    for number in numbers {
        let reply = sender.replies.next().await.unwrap().unwrap();
        acknowledges(&reply, number);
        assert_eq!(*replies.entry(number).or_insert_with(|| reply.clone()), reply, "{number} was answered twice, and otherwise");
    }
    assert_eq!(replies[&0], first);
    assert_eq!(town.ids().await, (0..300).map(id).collect::<Vec<_>>());
    let status = connector_status(&town.operator, STREAM).await;
    assert_eq!((&status["transport"], &status["calls"], &status["records"]), (&json!("mllp"), &json!(302), &json!(300)));
    assert_eq!((&status["port"]["connections"], &status["failures"]), (&json!(1), &json!(0)));
    let data = town.hub.city().data();
    let said = run(&["status", "--data", argument(&data)]).await.stdout;
    assert!(said.contains(&format!("mllp {}, 1 open", town.address().await)), "{said}");
    let metrics = town.operator.get("/metrics").send().await.expect(200).text();
    assert!(metrics.contains("lienthong_connector_connections{connector=\"trial/stream\"} 1"), "{metrics}");

    // Also on another connection, and after a crash.
    town.hub.kill().await;
    town.hub.start_again().await;
    let mut sender = town.connect().await;
    for number in [0, 299, 7] {
        assert_eq!(sender.ask(&message(number)).await.unwrap().as_ref(), Some(&replies[&number]));
    }
    // Who sends no more is answered all the same.
    sender.out.send(&message(300)).await.unwrap();
    sender.out.finish().await.unwrap();
    acknowledges(&sender.replies.next().await.unwrap().unwrap(), 300);
    assert_eq!(sender.replies.next().await.unwrap(), None);
    landed(&town.operator, CHANNEL, 301).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_message_ends_its_connection_behind_the_answers_before_it_and_is_kept() {
    let town = Town::start(LOOPBACK).await;
    for _ in 0..2 {
        // The second time, what came before is known, and the bad one is kept once.
        let mut sender = town.connect().await;
        for number in 0..5 {
            sender.out.send(&message(number)).await.unwrap();
        }
        sender.out.send(b"!not a message\x00\xff").await.unwrap();
        sender.out.send(&message(5)).await.unwrap();
        for number in 0..5 {
            acknowledges(&sender.replies.next().await.unwrap().unwrap(), number);
        }
        assert_eq!(sender.replies.next().await.unwrap(), None, "what came behind the failed message was answered");
    }
    assert_eq!(town.ids().await, (0..5).map(id).collect::<Vec<_>>());
    town.last_error("the sender was not answered and still has it").await;
    assert_eq!(lienthong_tests::hub::connector_status(&town.operator, "trial/stream").await["set_aside"], 1);
    let folder = std::fs::read_dir(town.hub.city().data().join("failed/trial/stream")).unwrap();
    let kept: BTreeSet<PathBuf> = folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some()).collect();
    let [message, reason] = kept.iter().collect::<Vec<_>>()[..] else { panic!("{kept:?}") };
    assert_eq!(std::fs::read(message).unwrap(), b"!not a message\x00\xff");
    assert!(std::fs::read_to_string(reason).unwrap().contains("the guest's last words"), "{}", reason.display());
    // A plugin that gives no reply sends none, and the connection goes on.
    let mut sender = town.connect().await;
    sender.out.send(b"?").await.unwrap();
    acknowledges(&sender.ask(&self::message(5)).await.unwrap().unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_keep_to_the_protocol_is_shown_the_door_and_nobody_else() {
    let town = Town::start(LOOPBACK).await;
    let mut honest = town.connect().await;
    acknowledges(&honest.ask(&message(0)).await.unwrap().unwrap(), 0);

    let mut web = town.connect().await;
    web.out.raw(format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(2000)).as_bytes()).await.unwrap();
    assert_eq!(web.replies.next().await.unwrap(), None);
    town.last_error("belong to no frame").await;

    let mut giant = town.connect().await;
    let _ = giant.out.raw(&[b"\x0b".to_vec(), vec![b' '; (4 << 20) + 1]].concat()).await;
    assert!(!matches!(giant.replies.next().await, Ok(Some(_))));
    town.last_error("raise `limits: { message: … }`").await;
    drop((web, giant));
    town.open_connections(1).await;

    // Half a message that was never ended is none; the same one whole is stored once.
    let mut broken = town.connect().await;
    acknowledges(&broken.ask(&message(1)).await.unwrap().unwrap(), 1);
    broken.out.raw(&[b"\x0b", &message(2)[..20]].concat()).await.unwrap();
    drop(broken);
    town.last_error("which was not acknowledged").await;
    let mut sender = town.connect().await;
    // A careless one: line ends between frames, and an end without its carriage return.
    sender.out.raw(&[b"\r\n\x0b", &message(2)[..], b"\x1c\x0b", &message(3), b"\x1c\r\n"].concat()).await.unwrap();
    for number in [2, 3] {
        acknowledges(&sender.replies.next().await.unwrap().unwrap(), number);
    }
    // A large one, on the disk while it comes.
    let large = [message(4), vec![b'\n'; 3 << 20]].concat();
    let reply = sender.ask(&large).await.unwrap().unwrap();
    assert_eq!((reply.len(), &reply[17..17 + message(4).len()]), ((1 << 20) + 17, &message(4)[..]));

    // One more than three.
    town.open_connections(2).await;
    let mut third = town.connect().await;
    acknowledges(&third.ask(&message(5)).await.unwrap().unwrap(), 5);
    let mut fourth = town.connect().await;
    assert!(!matches!(fourth.ask(&message(6)).await, Ok(Some(_))));
    drop(third);
    town.open_connections(2).await;
    acknowledges(&town.connect().await.ask(&message(6)).await.unwrap().unwrap(), 6);

    acknowledges(&honest.ask(&message(7)).await.unwrap().unwrap(), 7);
    assert_eq!(town.ids().await, (0..8).map(id).collect::<Vec<_>>());
    let port = connector_status(&town.operator, STREAM).await["port"].clone();
    assert_eq!(port["refused"], 1);
    assert!(port["skipped_bytes"].as_u64().unwrap() > 2000, "{port}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed_and_one_from_elsewhere_is_not_let_in() {
    let town = Town::start("{ listen: 127.0.0.1:0, idle: 1s, peers: [127.0.0.0/8] }").await;
    let mut sender = town.connect().await;
    acknowledges(&sender.ask(&message(0)).await.unwrap().unwrap(), 0);
    assert_eq!(sender.replies.next().await.unwrap(), None);
    let town = Town::start("{ listen: 127.0.0.1:0, peers: [10.1.2.0/24, \"::1\"] }").await;
    assert!(!matches!(town.connect().await.ask(&message(0)).await, Ok(Some(_))));
    assert_eq!(connector_status(&town.operator, STREAM).await["port"]["refused"], 1);
    assert!(town.hub.log().contains("not among the connector's `peers`"), "{}", town.hub.log());
}

/// An authority, the hub's certificate of it, and a sender's, made by the machine's own openssl.
fn certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl is needed");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("hub.ext"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    std::fs::write(folder.join("sender.ext"), "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n").unwrap();
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("req -x509 {new} -keyout ca.key -out ca.pem -subj /CN=ca"));
    openssl(&format!("req -x509 {new} -keyout other.key -out other.pem -subj /CN=other"));
    for name in ["hub", "sender"] {
        openssl(&format!("req {new} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.pem"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_and_a_certificate_is_asked_for_where_the_city_says_so() {
    let with = |tls: &str| {
        let city = towns::stream("{ listen: 127.0.0.1:0, tls: { certificate: tls/hub.pem, key: tls/hub.key MORE } }");
        certificates(&city.path().join("tls"));
        let file = city.path().join("trial.yaml");
        let text = std::fs::read_to_string(&file).unwrap().replace(" MORE", tls);
        city.write("trial.yaml", &text);
        city
    };
    let town = Town::start_in(with("")).await;
    let tls = town.hub.city().path().join("tls");
    let (authority, address) = (tls.join("ca.pem"), town.address().await);
    let mut sender = Sender::connect_tls(address, &authority, None).await.unwrap();
    for number in 0..3 {
        acknowledges(&sender.ask(&message(number)).await.unwrap().unwrap(), number);
    }
    assert!(Sender::connect_tls(address, &tls.join("other.pem"), None).await.is_err(), "the hub showed another's certificate");
    assert!(!matches!(town.connect().await.ask(&message(3)).await, Ok(Some(_))), "it took a message without TLS");

    let town = Town::start_in(with(", clients: tls/ca.pem")).await;
    let tls = town.hub.city().path().join("tls");
    let (authority, address) = (tls.join("ca.pem"), town.address().await);
    let (sender, sender_key) = (tls.join("sender.pem"), tls.join("sender.key"));
    let mut known = Sender::connect_tls(address, &authority, Some((&sender, &sender_key))).await.unwrap();
    acknowledges(&known.ask(&message(0)).await.unwrap().unwrap(), 0);
    // With TLS 1.3 the handshake ends for the sender before the hub has looked at its certificate.
    let (other, other_key) = (tls.join("other.pem"), tls.join("other.key"));
    for own in [None, Some((other.as_path(), other_key.as_path()))] {
        if let Ok(mut unknown) = Sender::connect_tls(address, &authority, own).await {
            assert!(!matches!(unknown.ask(&message(1)).await, Ok(Some(_))));
        }
    }
    assert_eq!(town.ids().await, [id(0)]);
    until("both were counted", || async { (connector_status(&town.operator, STREAM).await["port"]["refused"] == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_stops_the_start_by_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let city = towns::stream(&format!("{{ listen: \"{address}\" }}"));
    write_acknowledge(&city);
    let (path, data) = (city.path(), city.data());
    let serve = ["serve", "--city", argument(&path), "--data", argument(&data), "--listen", "127.0.0.1:0"];
    let said = run(&serve).await;
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    for words in ["trial/stream", &address.to_string(), "another program may hold it", "mllp: { listen: … }"] {
        assert!(said.stderr.contains(words), "`{words}` is not in: {}", said.stderr);
    }
}

/// Sends numbered messages in windows until it is told to stop, from the first one that was not answered after each break.
struct Stream {
    address: std::sync::Mutex<SocketAddr>,
    acknowledged: AtomicUsize,
    done: AtomicBool,
}

const WINDOW: usize = 50;

impl Stream {
    fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address: address.into(), acknowledged: AtomicUsize::new(0), done: AtomicBool::new(false) })
    }

    /// The replies, by number.
    async fn run(self: Arc<Self>) -> Vec<Vec<u8>> {
        let mut replies: Vec<Vec<u8>> = Vec::new();
        while !self.done.load(Ordering::Relaxed) {
            let address = *self.address.lock().unwrap();
            let Ok(Sender { mut out, replies: mut answers }) = Sender::connect(address).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let mut next = replies.len();
            while !self.done.load(Ordering::Relaxed) {
                let mut sent = true;
                while sent && next < replies.len() + WINDOW {
                    sent = out.send(&message(next)).await.is_ok();
                    next += 1;
                }
                // What was answered before the connection broke counts.
                let Ok(Some(reply)) = answers.next().await else { break };
                acknowledges(&reply, replies.len());
                replies.push(reply);
                self.acknowledged.store(replies.len(), Ordering::Relaxed);
            }
        }
        replies
    }

    async fn goes_on(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("the stream goes on", || async { (self.acknowledged.load(Ordering::Relaxed) > before + WINDOW).then_some(()) }).await;
    }
}

/// Holds all replies of a stream against the log: each message once, in order, and answered the same again.
async fn settle(town: &Town, replies: &[Vec<u8>]) {
    town.open_connections(0).await;
    // What is written now is written behind all that the connection left to be written.
    town.hub.agency("reader").await;
    // What was sent and not answered may be there or not, but only behind what was.
    let ids = town.ids().await;
    assert!(replies.len() <= ids.len() && ids.len() <= replies.len() + WINDOW, "{} answered, {} stored", replies.len(), ids.len());
    assert_eq!(ids, (0..ids.len()).map(id).collect::<Vec<_>>());
    let mut sender = town.connect().await;
    for (number, reply) in replies.iter().enumerate().step_by(replies.len() / 50 + 1) {
        assert_eq!(sender.ask(&message(number)).await.unwrap().as_ref(), Some(reply), "{number}");
    }
    landed(&town.operator, CHANNEL, ids.len() as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_stored_once_and_in_order_when_the_hub_is_killed_within_a_window() {
    let (mut chance, _) = Chance::from_environment("kill -9, MLLP");
    let mut town = Town::start(LOOPBACK).await;
    let stream = Stream::new(town.address().await);
    let sending = tokio::spawn(stream.clone().run());
    for _ in 0..6 {
        stream.goes_on().await;
        // The moment itself is the trial.
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
        town.hub.kill().await;
        town.hub.start_again().await;
        *stream.address.lock().unwrap() = town.address().await;
    }
    stream.goes_on().await;
    stream.done.store(true, Ordering::Relaxed);
    let replies = sending.await.unwrap();
    println!("6 kills, {} messages answered", replies.len());
    settle(&town, &replies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_within_a_window_answers_what_is_stored() {
    let mut town = Town::start(LOOPBACK).await;
    let stream = Stream::new(town.address().await);
    let sending = tokio::spawn(stream.clone().run());
    for _ in 0..2 {
        stream.goes_on().await;
        let status = town.hub.terminate().await;
        assert!(status.success(), "{status}\n{}", town.hub.log());
        let rows = lienthong_tests::lake::table(&town.hub.city().data(), CHANNEL).rows;
        until("every stored message was answered", || async {
            let answered = stream.acknowledged.load(Ordering::Relaxed) as u64;
            assert!(answered <= rows, "{answered} answered, {rows} stored");
            (answered == rows).then_some(())
        })
        .await;
        town.hub.start_again().await;
        *stream.address.lock().unwrap() = town.address().await;
    }
    stream.goes_on().await;
    stream.done.store(true, Ordering::Relaxed);
    settle(&town, &sending.await.unwrap()).await;
}
