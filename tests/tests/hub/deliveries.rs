//! Routes that deliver to agency systems: each record has one effect there whatever fails, and what is given up is kept.

use std::collections::BTreeSet;

use lienthong_tests::board::{Board, Manner};
use lienthong_tests::city::City;
use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::program::{Said, argument, run};
use lienthong_tests::wait::until;
use serde_json::{Value, json};

const CITY: &str = "title: Chuyển phát\nagencies:\n  vendor: { title: Nhà cung cấp }\n  board: { title: Bảng hiển thị }\n";

const DOMAIN: &str = r#"
connectors:
  test/board:
    plugin: records-http
    agency: board
    deliver: { records: 10, attempts: ATTEMPTS }
    limits: { time_per_call: 2s }
    settings: { url: "http://BOARD/in" }
    egress: ["http://BOARD"]
channels:
  test/numbers: { schema: test/numbers.v1 }
  test/copied: { schema: test/numbers.v1 }
routes:
  test/copy: { from: test/numbers, agency: vendor, to: [test/copied] }
  test/to-board: { from: test/numbers, to: [test/board] }
grants:
  - { agency: vendor, channel: test/numbers, access: [read, write], purpose: "thử" }
  - { agency: vendor, channel: test/copied, access: [write], purpose: "thử" }
  - { agency: board, channel: test/numbers, purpose: "hiển thị" }
"#;

struct Town {
    hub: Hub,
    board: Board,
    vendor: Client,
    operator: Client,
}

impl Town {
    async fn start(attempts: u32) -> Self {
        let board = Board::start().await;
        let domain = DOMAIN.replace("BOARD", &board.address().to_string()).replace("ATTEMPTS", &attempts.to_string());
        let schema = r#"{ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } }"#;
        let city = City::new(&[("city.yaml", CITY), ("test.yaml", &domain), ("schemas/test/numbers.v1.json", schema)]);
        let hub = Hub::start_with_plugins(city).await;
        let (vendor, operator) = (hub.agency("vendor").await, hub.operator().await);
        Self { hub, board, vendor, operator }
    }

    async fn post(&self, numbers: std::ops::Range<u64>) {
        let lines: String = numbers.map(|n| format!("{{\"n\":{n}}}\n")).collect();
        self.vendor.post("/v1/channels/test/numbers/records", "application/x-ndjson", lines).send().await.expect(200);
    }

    async fn route(&self, name: &str) -> Value {
        let routes = self.operator.get("/v1/routes").send().await.expect(200).json();
        routes.as_array().unwrap().iter().find(|route| route["route"] == name).unwrap().clone()
    }

    async fn settled(&self, records: u64) -> Value {
        until(&format!("{records} records are settled"), || async {
            let route = self.route("test/to-board").await;
            (route["checkpoint"] == format!("1:{records}")).then_some(route)
        })
        .await
    }

    /// The numbers that the board shows, and that each was put there once.
    fn shown(&self) -> BTreeSet<u64> {
        let applied = self.board.applied();
        let numbers: BTreeSet<u64> = applied.values().map(|record| record["n"].as_u64().unwrap()).collect();
        assert_eq!((numbers.len() as u64, applied.len() as u64), (self.board.effects(), self.board.effects()));
        numbers
    }

    async fn command(&self, arguments: &[&str]) -> Said {
        let data = self.hub.city().data();
        run(&[arguments, &["--data", argument(&data)]].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_has_one_effect_whatever_the_system_and_the_hub_do() {
    let mut town = Town::start(100).await;
    use Manner::{Answer, Hang, LoseTheAnswer, Take};
    // First of all, so that whole batches fail; then in the middle of them.
    town.board.next([Answer(503), LoseTheAnswer, Take, Answer(500), LoseTheAnswer, Take, Answer(429), Take, Hang]);
    town.post(0..25).await;
    until("the board was asked", || async { (town.board.requests() > 0).then_some(()) }).await;
    town.hub.kill().await;
    town.board.next([Answer(429), Take, LoseTheAnswer]);
    town.hub.start_again().await;
    town.post(25..40).await;
    let route = town.settled(40).await;
    assert_eq!(town.shown(), (0..40).collect());
    assert_eq!((&route["dead_letters"], &route["behind"]), (&json!(0), &json!(0)));
    let sink = connector_status(&town.operator, "test/board").await;
    assert_eq!((&sink["transport"], &sink["state"]), (&json!("deliver"), &json!("idle")));
    // Every record goes under its own name, as whoever pulls the channel sees it.
    assert!(town.board.applied().contains_key("\"test/numbers:1:39\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_does_not_answer_holds_no_other_route_back() {
    let town = Town::start(100).await;
    town.board.next([Manner::Hang]);
    town.post(0..5).await;
    until("the board was asked", || async { (town.board.requests() > 0).then_some(()) }).await;
    town.post(5..15).await;
    until("all is copied", || async { (town.route("test/copy").await["checkpoint"] == "1:15").then_some(()) }).await;
    let waiting = town.route("test/to-board").await;
    assert!(waiting["behind"].as_u64().unwrap() > 0, "{waiting}");
    // A call that is never answered ends at its limit, and is made again.
    let route = town.settled(15).await;
    assert_eq!((town.shown(), &route["dead_letters"]), ((0..15).collect(), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_never_takes_becomes_a_dead_letter_and_is_delivered_once_more_when_asked() {
    let mut town = Town::start(2).await;
    town.board.answer_to("{\"n\":3}", 422);
    town.board.answer_to("{\"n\":5}", 500);
    town.post(0..12).await;
    let route = town.settled(12).await;
    assert_eq!(route["dead_letters"], 2);
    assert_eq!(town.shown(), (0..12).filter(|n| ![3, 5].contains(n)).collect());

    let page = town.operator.get("/v1/dead-letters").send().await.expect(200).json();
    let letter = |n: usize| {
        let letter = &page["letters"][n];
        (letter["record"].as_str().unwrap().to_owned(), letter["reason"].as_str().unwrap().to_owned(), letter["attempts"].as_u64().unwrap())
    };
    assert_eq!(letter(1), ("test/numbers:1:3".into(), "the server answered 422".into(), 1));
    assert_eq!(letter(0), ("test/numbers:1:5".into(), "the server answered 500".into(), 2));
    let metrics = town.operator.get("/metrics").send().await.expect(200).text();
    let line = "lienthong_route_dead_letters{route=\"test/to-board\",sink=\"test/board\"} 2";
    assert!(metrics.lines().any(|one| one == line), "{metrics}");

    // Asked too early, it stays dead, with a reason that is new.
    town.board.answer_to("{\"n\":3}", 400);
    let id = page["letters"][1]["id"].to_string();
    let said = town.command(&["deadletter", "redrive", &id]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    until("the letter is dead again", || async {
        let said = town.command(&["deadletter", "list", "--route", "test/to-board"]).await;
        said.stdout.contains("the server answered 400").then_some(())
    })
    .await;

    // While no hub runs, the folder itself is asked; the next start delivers.
    town.hub.terminate().await;
    town.board.answer_to("{\"n\":3}", 200);
    town.board.answer_to("{\"n\":5}", 200);
    let said = town.command(&["deadletter", "redrive", "--all"]).await;
    assert!(said.code == Some(0) && said.stderr.contains("2 will be delivered once more"), "{}", said.stderr);
    town.hub.start_again().await;
    until("nothing is given up any more", || async {
        let page = town.operator.get("/v1/dead-letters").send().await.expect(200).json();
        (page["letters"] == json!([])).then_some(())
    })
    .await;
    assert_eq!(town.shown(), (0..12).collect());
    let said = town.command(&["deadletter", "redrive", "4711"]).await;
    assert!(said.code == Some(1) && said.stderr.contains("there is no such dead letter"), "{}", said.stderr);
}
