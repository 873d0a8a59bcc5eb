//! Agency systems that send their own formats, through compiled plugins.

use std::io::Write;
use std::path::{Path, PathBuf};

use lienthong_examples::sim::transport::feed::Feed;
use lienthong_tests::client::Client;
use lienthong_tests::feed_server::{FeedServer, Seen};
use lienthong_tests::hub::{Hub, channel_status, connector_status, landed};
use lienthong_tests::program;
use lienthong_tests::wait::until;
use serde_json::{Value, json};

use crate::towns;

const OBSERVATIONS: &str = "environment/observations";
const MESSAGES: &str = "/v1/connectors/environment/push/messages";
const NAME: &str = "LamDong_TramA_KK01_20261123090500.txt";

struct Town {
    hub: Hub,
    feed: FeedServer,
    operator: Client,
    operations: Client,
}

impl Town {
    async fn start() -> Self {
        let feed = FeedServer::start("\"v0\"", sample().zip().unwrap()).await;
        let hub = Hub::start_with_plugins(towns::connected(feed.address())).await;
        let (operator, operations) = (hub.operator().await, hub.agency("operations").await);
        Self { hub, feed, operator, operations }
    }

    fn inbox(&self, name: &str) -> PathBuf {
        self.hub.city().data().join("inbox").join(name)
    }

    async fn records(&self, channel: &str) -> Vec<Value> {
        let page = self.operations.get(&format!("/v1/channels/{channel}/records?limit=10000")).header("accept", "application/x-ndjson");
        page.send().await.expect(200).lines()
    }

    async fn quarantine(&self, connector: &str) -> Vec<Value> {
        let page = self.operator.get(&format!("/v1/quarantine?connector={connector}")).send().await.expect(200).json();
        page["entries"].as_array().unwrap().clone()
    }
}

fn sample() -> Feed {
    Feed::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/sample-gtfs-feed")).unwrap()
}

/// As a file server that writes under another name first.
fn drop_file(folder: &Path, name: &str, content: &[u8]) {
    let part = folder.join(format!("{name}.part"));
    std::fs::write(&part, content).unwrap();
    std::fs::rename(part, folder.join(name)).unwrap();
}

async fn appears(path: PathBuf) -> Vec<u8> {
    until(&path.display().to_string(), || async { std::fs::read(&path).ok() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_consumed_once_and_its_bad_line_is_in_quarantine() {
    let mut town = Town::start().await;
    let inbox = town.inbox("air");
    let text = "PM2.5\t20.6\tug/m3\t20261123090500\t00\r\nNO2\t\tug/m3\t20261123090500\t02\r\nPM10\t#OVER\tug/m3\t20261123090500\t00\r\nTemp\t24.1\toC\t20261123090500\t00\r\n";
    drop_file(&inbox, NAME, text.as_bytes());
    assert_eq!(appears(inbox.join("done").join(NAME)).await, text.as_bytes());
    assert!(!inbox.join(NAME).exists());

    // A file is moved after its commit: what it held can be read at once.
    let records = town.records(OBSERVATIONS).await;
    assert_eq!(records.len(), 3);
    let first = json!({
        "station": "KK01", "province": "LamDong", "facility": "TramA", "parameter": "PM2.5", "value": 20.6, "unit": "ug/m3",
        "observed_at": "2026-11-23T09:05:00+07:00", "status": "measuring", "source_file": NAME,
    });
    assert_eq!((&records[0], &records[1]["value"], &records[1]["status"]), (&first, &Value::Null, &json!("fault")));
    let quarantine = town.quarantine("environment/stations").await;
    assert_eq!(quarantine.len(), 1);
    assert_eq!((&quarantine[0]["pointer"], &quarantine[0]["keyword"]), (&json!("line 3"), &json!("plugin")));
    let whole = town.operator.get(&format!("/v1/quarantine/{}", quarantine[0]["id"])).send().await.expect(200).json();
    assert_eq!((&whole["text"], &whole["message_name"]), (&json!("PM10\t#OVER\tug/m3\t20261123090500\t00"), &json!(NAME)));
    let event = town.operations.get(&format!("/v1/channels/{OBSERVATIONS}/records?limit=1")).send().await.expect(200).json();
    assert_eq!(event[0]["source"], "/v1/connectors/environment/stations");

    // The same file again, also after a crash, changes nothing.
    for number in [2, 3] {
        drop_file(&inbox, NAME, text.as_bytes());
        assert_eq!(appears(inbox.join("done").join(format!("{NAME}.{number}"))).await, text.as_bytes());
        assert_eq!(channel_status(&town.operator, OBSERVATIONS).await["accepted"], 4);
        town.hub.kill().await;
        town.hub.start_again().await;
    }
    // The same name with other content is another message, and so is the same content under another name.
    drop_file(&inbox, NAME, b"CO\t0.4\tmg/m3\t20261123090500\t00\n");
    appears(inbox.join("done").join(format!("{NAME}.4"))).await;
    drop_file(&inbox, &NAME.replace("KK01", "KK02"), text.as_bytes());
    appears(inbox.join("done").join(NAME.replace("KK01", "KK02"))).await;
    let status = landed(&town.operator, OBSERVATIONS, 7).await;
    assert_eq!((&status["quarantined"], &status["accepted"]), (&json!(2), &json!(9)));
    let of_file = format!("/v1/quarantine?message_name={}", NAME.replace("KK01", "KK02"));
    let of_file = town.operator.get(&of_file).send().await.expect(200).json();
    assert_eq!(of_file["entries"].as_array().unwrap().len(), 1);
    assert_eq!(of_file["entries"][0]["id"], town.quarantine("environment/stations").await[0]["id"]);
    assert_eq!(lienthong_tests::lake::table(&town.hub.city().data(), OBSERVATIONS).rows, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_writer_adds_to_a_file_that_was_taken_is_read_too() {
    let town = Town::start().await;
    let inbox = town.inbox("air");
    let mut writer = std::fs::File::create(inbox.join(NAME)).unwrap();
    writer.write_all(b"PM2.5\t20.6\tug/m3\t20261123090500\t00\nCO\t1").unwrap();
    appears(inbox.join("done").join(NAME)).await;
    writer.write_all(b"2.5\tmg/m3\t20261123090500\t00\n").unwrap();
    drop(writer);
    until("the file is read again", || async {
        let records = town.records(OBSERVATIONS).await;
        records.iter().any(|record| record["parameter"] == "CO" && record["value"] == 12.5).then_some(())
    })
    .await;
    let whole = "PM2.5\t20.6\tug/m3\t20261123090500\t00\nCO\t12.5\tmg/m3\t20261123090500\t00\n";
    assert_eq!(appears(inbox.join("done").join(NAME)).await, whole.as_bytes());
    let quarantine = town.quarantine("environment/stations").await;
    assert_eq!((quarantine.len(), &quarantine[0]["pointer"]), (1, &json!("line 2")));
    assert!(town.hub.log().contains("a file was written to after it was taken"), "{}", town.hub.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_none_is_set_aside_with_its_reason_and_does_not_block_the_next() {
    let town = Town::start().await;
    let inbox = town.inbox("air");
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain("PM10\t1\tx\t20261123090500\t00".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    drop_file(&inbox, NAME, &utf16);
    drop_file(&inbox, "LamDong_TramA_KK01_20261123091000.txt", "nonsense\n".repeat(1200).as_bytes());
    drop_file(&inbox, "readings.txt", b"PM10\t1\tug/m3\t20261123090500\t00\n");
    drop_file(&inbox, "notes.csv", b"of another system");
    drop_file(&inbox, "LamDong_TramA_KK01_20261123092000.txt", b"PM10\t1\tug/m3\t20261123092000\t00\n");
    appears(inbox.join("done/LamDong_TramA_KK01_20261123092000.txt")).await;
    for (name, word) in [(NAME, "UTF-16"), ("LamDong_TramA_KK01_20261123091000.txt", "no station file"), ("readings.txt", "set `station`")]
    {
        let reason = appears(inbox.join("failed").join(format!("{name}.reason.txt"))).await;
        let reason = String::from_utf8(reason).unwrap();
        assert!(reason.contains(word), "{name}: {reason}");
        appears(inbox.join("failed").join(name)).await;
    }
    assert!(inbox.join("notes.csv").exists(), "a file that the pattern does not name was taken");
    // Nothing of a failed file counts: neither records nor rejections.
    let status = channel_status(&town.operator, OBSERVATIONS).await;
    assert_eq!((&status["accepted"], &status["stored"]), (&json!(1), &json!(1)));
    let connector = connector_status(&town.operator, "environment/stations").await;
    assert_eq!((&connector["failures"], &connector["calls"], &connector["waiting"]), (&json!(3), &json!(4), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_file_is_in_sight_until_it_is_mended_and_moved_back() {
    let mut town = Town::start().await;
    let (inbox, failed) = (town.inbox("air"), town.inbox("air").join("failed"));
    drop_file(&inbox, NAME, "nonsense\n".repeat(1200).as_bytes());
    appears(failed.join(NAME)).await;
    drop_file(&inbox, &NAME.replace(".txt", ".TXT"), b"PM10\t1\tug/m3\t20261123090500\t00\n");
    std::fs::create_dir(inbox.join("old")).unwrap();
    let next = "LamDong_TramA_KK01_20261123092000.txt";
    drop_file(&inbox, next, b"PM10\t1\tug/m3\t20261123092000\t00\n");
    appears(inbox.join("done").join(next)).await;
    // Neither a file that follows nor a restart makes it forgotten.
    town.hub.kill().await;
    town.hub.start_again().await;
    let passed_over = async || {
        let connector = connector_status(&town.operator, "environment/stations").await;
        (connector["passed_over"]["count"] == 2).then_some(connector)
    };
    let connector = until("the restarted hub looked into the inbox", passed_over).await;
    assert_eq!((&connector["set_aside"], &connector["passed_over"]["example"]), (&json!(1), &json!(NAME.replace(".txt", ".TXT"))));
    assert_eq!(connector["failed_folder"], failed.to_str().unwrap());
    let metrics = town.operator.get("/metrics").send().await.expect(200).text();
    assert!(metrics.contains("lienthong_connector_set_aside{connector=\"environment/stations\"} 1\n"), "{metrics}");
    let said = program::run(&["status", "--data", program::argument(&town.hub.city().data())]).await.stdout;
    assert!(said.contains("environment/stations: 1 set aside in "), "{said}");
    assert!(said.contains("environment/stations: 2 passed over in its inbox, for example "), "{said}");

    let reason = std::fs::read_to_string(failed.join(format!("{NAME}.reason.txt"))).unwrap();
    assert!(reason.contains("no station file"), "{reason}");
    std::fs::write(failed.join(NAME), b"PM10\t2\tug/m3\t20261123090500\t00\n").unwrap();
    for entry in std::fs::read_dir(&failed).unwrap() {
        let entry = entry.unwrap();
        std::fs::rename(entry.path(), inbox.join(entry.file_name())).unwrap();
    }
    appears(inbox.join("done").join(NAME)).await;
    let connector = until("all of it is taken", || async {
        let connector = connector_status(&town.operator, "environment/stations").await;
        (connector["waiting"] == 0).then_some(connector)
    })
    .await;
    assert_eq!((&connector["set_aside"], &connector["failures"]), (&json!(0), &json!(0)));
    assert_eq!(town.records(OBSERVATIONS).await.len(), 2);
    assert!(!inbox.join(format!("{NAME}.reason.txt")).exists(), "the reason was left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_answered_after_its_commit_and_known_when_it_comes_again() {
    let mut town = Town::start().await;
    let environment = town.hub.agency("environment").await;
    let text = "PM10\t31\tug/m3\t20261123090500\t00\nbroken\n";
    let send = |body: &'static str, name: &str, key: Option<&str>| {
        let ask = environment.post(MESSAGES, "text/plain", body).header("content-disposition", &format!("attachment; filename=\"{name}\""));
        match key {
            Some(key) => ask.header("idempotency-key", key),
            None => ask,
        }
        .send()
    };
    let first = send(text, NAME, Some("one")).await.expect(200).json();
    assert_eq!((&first["connector"], &first["accepted"], &first["quarantined"]), (&json!("environment/push"), &json!(1), &json!(1)));
    assert_eq!((&first["repeated"], &first["reasons"][0]["pointer"]), (&json!(false), &json!("line 2")));
    // A crash right after the answer loses nothing.
    town.hub.kill().await;
    town.hub.start_again().await;
    let records = town.records(OBSERVATIONS).await;
    assert_eq!((records.len(), &records[0]["station"], &records[0]["source_file"]), (1, &json!("KK01"), &json!(NAME)));

    let again = send(text, NAME, Some("one")).await.expect(200).json();
    assert_eq!(
        again,
        json!({ "connector": "environment/push", "accepted": 1, "quarantined": 1, "repeated": true, "reasons": first["reasons"] })
    );
    send("PM10\t32\tug/m3\t20261123090500\t00\n", NAME, Some("one")).await.problem(409, "idempotency key");
    // Without a key the message itself is one: its name and its bytes.
    let other = "NO2\t12\tug/m3\t20261123090500\t00\n";
    assert_eq!(send(other, NAME, None).await.expect(200).json()["repeated"], false);
    assert_eq!(send(other, NAME, None).await.expect(200).json()["repeated"], true);
    assert_eq!(send(other, &NAME.replace("KK01", "KK02"), None).await.expect(200).json()["repeated"], false);

    let nameless = environment.post(MESSAGES, "text/plain", other.to_owned() + " ").send().await.problem(422, "set `station`");
    nameless.problem(422, "send `Content-Disposition: attachment; filename=");
    let named = send("\u{feff}nonsense", "readings.txt", None).await.problem(422, "");
    assert!(!named.text().contains("Content-Disposition"), "{}", named.text());
    town.operations.post(MESSAGES, "text/plain", text).send().await.problem(404, "webhook connector");
    town.hub.nobody().post(MESSAGES, "text/plain", text).send().await.problem(401, "Bearer");
    environment.post("/v1/connectors/environment/stations/messages", "text/plain", text).send().await.problem(404, "webhook connector");
    let status = landed(&town.operator, OBSERVATIONS, 3).await;
    assert_eq!(status["quarantined"], 1);
    assert_eq!(town.quarantine("environment/push").await[0]["message_name"], NAME);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timetable_comes_by_folder_and_by_web_and_is_not_fetched_again_unless_it_changed() {
    let mut town = Town::start().await;
    let (sample, next) = (sample(), sample().version(1));
    let once = sample.rows();

    // By web: the first poll fetches all of it.
    until("the feed was fetched", || async { (channel_status(&town.operator, "transport/stop-times").await["stored"] != 0).then_some(()) })
        .await;
    for (channel, rows) in &once {
        assert_eq!(channel_status(&town.operator, channel).await["stored"], rows.good, "{channel}");
    }
    until("two polls found nothing new", || async { (town.feed.seen().len() >= 3).then_some(()) }).await;
    let seen = |if_none_match: Option<&str>, status| Seen { if_none_match: if_none_match.map(str::to_owned), status };
    let (whole, unchanged) = (seen(None, 200), seen(Some("\"v0\""), 304));
    assert_eq!(town.feed.seen()[..3], [whole, unchanged.clone(), unchanged.clone()]);
    // The cursor outlives the hub.
    town.hub.kill().await;
    let before = town.feed.seen().len();
    town.hub.start_again().await;
    until("the restarted hub polls", || async { (town.feed.seen().len() > before).then_some(()) }).await;
    assert_eq!(town.feed.seen()[before], unchanged);
    for (channel, rows) in &once {
        assert_eq!(channel_status(&town.operator, channel).await["stored"], rows.good, "{channel}");
    }

    // By folder: the changed feed, with one stop that nobody finds on a map.
    drop_file(&town.inbox("gtfs"), "gtfs.zip", &next.zip().unwrap());
    appears(town.inbox("gtfs").join("done/gtfs.zip")).await;
    let quarantine = town.quarantine("transport/dropped").await;
    assert_eq!(quarantine.len() as u64, next.rows()["transport/stops"].bad);
    assert!(quarantine[0]["pointer"].as_str().unwrap().starts_with("stops.txt line "), "{quarantine:?}");
    assert!(quarantine[0]["message"].as_str().unwrap().contains("stop_lat"), "{quarantine:?}");

    // The changed feed on the web.
    town.feed.publish("\"v1\"", next.zip().unwrap());
    until("the changed feed was fetched", || async { town.feed.seen().contains(&seen(Some("\"v1\""), 304)).then_some(()) }).await;
    for (channel, rows) in next.rows() {
        let status = landed(&town.operator, channel, once[channel].good + 2 * rows.good).await;
        assert_eq!(status["quarantined"], 2 * rows.bad, "{channel}");
        let records = town.records(channel).await;
        let of = |feed: &str| records.iter().filter(|record| record["feed"] == feed).count() as u64;
        assert_eq!((of("dropped"), of("fetched")), (rows.good, once[channel].good + rows.good), "{channel}");
    }
    assert_eq!(connector_status(&town.operator, "transport/fetched").await["failures"], 0);
    assert_eq!(town.quarantine("transport/fetched").await[0]["message_name"], "poll 2");

    // A zip that is none.
    drop_file(&town.inbox("gtfs"), "broken.zip", b"PK\x03\x04 and then nothing");
    appears(town.inbox("gtfs").join("failed/broken.zip.reason.txt")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_connector_brings_takes_its_agencys_grant_to_write() {
    let town = Town::start().await;
    let text = "PM10\t31\tug/m3\t20261123090500\t00\n";
    let send = |client: Client, connector: &str| {
        let door = format!("/v1/connectors/environment/{connector}/messages");
        client.post(&door, "text/plain", text).header("content-disposition", &format!("attachment; filename=\"{NAME}\"")).send()
    };
    // Its grant ended: its webhook is as absent as the channel is.
    let former = town.hub.agency("former").await;
    send(former.clone(), "former").await.problem(404, "webhook connector");
    // A key that is bound to reading writes by no way.
    let reader = town.hub.client(&["--agency", "environment", "--read", "*"]).await;
    send(reader, "push").await.problem(404, "webhook connector");
    let writer = town.hub.client(&["--agency", "environment", "--write", OBSERVATIONS]).await;
    send(writer, "push").await.expect(200);

    // A file is not lost: it waits until the grant is renewed.
    let inbox = town.inbox("former");
    drop_file(&inbox, NAME, text.as_bytes());
    let condition = until("the file is not taken", || async {
        let condition = connector_status(&town.operator, "environment/former-files").await;
        condition["last_error"].is_string().then_some(condition)
    })
    .await;
    let why = condition["last_error"].as_str().unwrap();
    assert!(why.contains("the grant of former to write to environment/observations has expired"), "{why}");
    assert_eq!(condition["waiting"], 1);
    assert!(inbox.join(NAME).exists());
    assert_eq!(channel_status(&town.operator, OBSERVATIONS).await["accepted"], 1);
}
