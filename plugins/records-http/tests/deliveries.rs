//! What becomes of records by what the system answers.

#![allow(clippy::unwrap_used)]

use lienthong_sdk::http::{Error, Response};
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Failure, ItemStatus};
use records_http::Records;
use serde_json::{Value, json};

fn deliver(answers: Vec<Result<Response, Error>>) -> (Result<Vec<ItemStatus>, Failure>, Hub) {
    let records: Vec<Value> = (0..answers.len()).map(|n| json!({ "n": n })).collect();
    let hub = Hub::new().settings(json!({ "url": "https://a.vn/in" }));
    let mut hub = answers.into_iter().fold(hub, Hub::answer);
    let statuses = hub.deliver(&Records, "c/d", &records, "key");
    (statuses, hub)
}

fn answer(status: u16) -> Result<Response, Error> {
    Ok(Response::new(status, vec![("retry-after".into(), b"7".to_vec())], &b""[..]))
}

#[test]
fn each_record_is_a_request_under_its_own_key() {
    let (statuses, hub) = deliver(vec![answer(200), answer(201)]);
    assert_eq!(statuses.unwrap(), [ItemStatus::Delivered, ItemStatus::Delivered]);
    let requests = hub.requests();
    let header = |n: usize, name: &str| requests[n].headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!((header(0, "idempotency-key"), header(1, "idempotency-key")), ("\"c/d:1:0\"".into(), "\"c/d:1:1\"".into()));
    assert_eq!((header(0, "content-type"), header(0, "lienthong-channel")), ("application/json".into(), "c/d".into()));
    assert_eq!((requests[1].url.as_str(), requests[1].body.as_slice()), ("https://a.vn/in", &br#"{"n":1}"#[..]));
}

#[test]
fn an_answer_is_about_its_record_or_about_the_system() {
    let one = |status| deliver(vec![answer(status)]).0.map(|mut statuses| statuses.remove(0));
    for status in [400, 413, 415, 422] {
        assert_eq!(one(status), Ok(ItemStatus::Refused(format!("the server answered {status}"))));
    }
    for status in [408, 409, 425, 500] {
        assert_eq!(one(status), Ok(ItemStatus::Retry(format!("the server answered {status}"))));
    }
    assert_eq!(one(429), Err(Failure::RateLimited(Some(7))));
    assert!(matches!(one(401), Err(Failure::Unauthorized(_))));
    assert!(matches!(one(404), Err(Failure::Config(_))));
    assert!(matches!(one(503), Err(Failure::Upstream(_))));
    assert!(matches!(deliver(vec![Err(Error::Network("broken off".into()))]).0, Err(Failure::Upstream(_))));
    assert!(matches!(deliver(vec![Err(Error::Denied("https://a.vn".into()))]).0, Err(Failure::Config(_))));
}

#[test]
fn what_was_delivered_before_the_system_failed_stays_delivered() {
    let (statuses, hub) = deliver(vec![answer(200), answer(422), answer(503), answer(200)]);
    let [ItemStatus::Delivered, ItemStatus::Refused(_), ItemStatus::Retry(third), ItemStatus::Retry(fourth)] = &statuses.unwrap()[..] else {
        panic!("other statuses");
    };
    assert_eq!((third.as_str(), fourth.as_str()), ("the server answered 503", "the server answered 503"));
    // The fourth was not even asked for.
    assert_eq!(hub.requests().len(), 3);
}
