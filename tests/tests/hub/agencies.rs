//! What agencies post and pull.

use lienthong_tests::client::{Answer, Client};
use lienthong_tests::hub::{Hub, channel_status, landed};
use serde_json::{Value, json};

use crate::towns;

const RECORDS: &str = "/v1/channels/air/readings/records";
const NDJSON: &str = "application/x-ndjson";
const CLOUD_EVENT: &str = "application/cloudevents+json";
const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

fn reading(station: &str, value: f64) -> Value {
    json!({ "station": station, "value": value })
}

async fn post(client: &Client, media_type: &str, body: &Value) -> Answer {
    client.post(RECORDS, media_type, body.to_string()).send().await
}

async fn pull(client: &Client, accept: &str, query: &str) -> Answer {
    client.get(&format!("{RECORDS}{query}")).header("accept", accept).send().await.expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_any_wrapping_go_to_another_agency_in_order() {
    let hub = Hub::start(towns::air()).await;
    let (environment, contractor, health) = (hub.agency("environment").await, hub.agency("contractor").await, hub.agency("health").await);

    let ndjson = "{\"station\":\"a\",\"value\":1}\r\n\n{\"value\":2.50,\"station\":\"b\"}";
    let answer = environment.post(RECORDS, "application/x-ndjson; charset=utf-8", ndjson).send().await.expect(200).json();
    let first = json!({ "channel": "air/readings", "accepted": 2, "quarantined": 0, "offsets": [{ "epoch": 1, "first": 0, "count": 2 }], "reasons": [] });
    assert_eq!(answer, first);
    let answer = post(&contractor, "application/json", &json!([reading("c", 3.0), reading("d", 4.0)])).await.expect(200).json();
    assert_eq!(answer["offsets"], json!([{ "epoch": 1, "first": 2, "count": 2 }]));
    let pretty = "{\n  \"station\": \"e\",\n  \"value\": 5\n}\n";
    let answer = environment.post(RECORDS, "application/json", pretty).send().await.expect(200).json();
    assert_eq!(answer["offsets"], json!([{ "epoch": 1, "first": 4, "count": 1 }]));
    let event = |id: &str, station: &str| {
        json!({
            "specversion": "1.0", "id": id, "source": "urn:logger:7", "type": "reading", "subject": station,
            "time": "2026-11-23T09:00:00+07:00", "data": reading(station, 6.0), "extension": "kept by nobody",
        })
    };
    let answer = post(&environment, CLOUD_EVENT, &event("e-1", "f")).await.expect(200).json();
    assert_eq!(answer["offsets"], json!([{ "epoch": 1, "first": 5, "count": 1 }]));
    let answer = post(&environment, CLOUD_EVENTS, &json!([event("e-2", "g"), event("e-3", "h")])).await.expect(200).json();
    assert_eq!(answer["offsets"], json!([{ "epoch": 1, "first": 6, "count": 2 }]));

    // NDJSON, three a page, by the cursor and by the link.
    let (mut stations, mut path) = (Vec::new(), format!("{RECORDS}?limit=3"));
    let end = loop {
        let page = health.get(&path).header("accept", NDJSON).send().await.expect(200);
        assert_eq!(page.header("content-type"), NDJSON);
        let lines = page.lines();
        assert!(lines.len() <= 3);
        stations.extend(lines.iter().map(|line| line["station"].as_str().unwrap().to_owned()));
        let cursor = page.header("lienthong-cursor").to_owned();
        assert_eq!(page.header("link"), format!("<{RECORDS}?after={cursor}&limit=3>; rel=\"next\""));
        if lines.is_empty() {
            break cursor;
        }
        path = format!("{RECORDS}?limit=3&after={cursor}");
    };
    assert_eq!(stations, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    // The bytes that were validated are the bytes that come out; only line feeds within a record go.
    let text = pull(&health, NDJSON, "?limit=5").await.text();
    assert!(text.starts_with("{\"station\":\"a\",\"value\":1}\n{\"value\":2.50,\"station\":\"b\"}\n"), "{text}");
    assert_eq!(text.lines().count(), 5);

    // CloudEvents, which is what comes unless something else is asked for.
    let page = health.get(RECORDS).send().await.expect(200);
    assert_eq!(page.header("content-type"), CLOUD_EVENTS);
    let events = page.json();
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 8);
    for (offset, event) in events.iter().enumerate() {
        assert_eq!((&event["specversion"], &event["position"]), (&json!("1.0"), &json!(format!("1:{offset}"))));
        assert_eq!(event["type"], if offset < 5 { "vn.lienthong.air.readings.v1" } else { "reading" });
    }
    assert_eq!((&events[2]["id"], &events[2]["source"]), (&json!("air/readings:1:2"), &json!("/v1/agencies/contractor")));
    assert_eq!((&events[2]["time"], &events[2]["data"]), (&events[2]["receivedat"], &reading("c", 3.0)));
    assert_eq!((&events[5]["id"], &events[5]["source"], &events[5]["subject"]), (&json!("e-1"), &json!("urn:logger:7"), &json!("f")));
    assert_eq!(events[5]["time"], "2026-11-23T02:00:00.000000Z");

    // When it happened is what the channel's `time` says, else the producer, else the receipt; in the lake, too.
    let times: Vec<_> = events.iter().map(|event| (&event["time"], &event["receivedat"])).collect();
    assert!(times[..5].iter().all(|(time, received)| time == received), "{times:?}");

    // What an agency pulled it can post again: a page of events is a batch of events.
    let again = post(&environment, CLOUD_EVENTS, &page.json()).await.expect(200).json();
    assert_eq!((&again["accepted"], &again["quarantined"]), (&json!(8), &json!(0)));

    // At the end there is nothing, and the cursor stays.
    let rest = pull(&health, NDJSON, &format!("?after={end}")).await;
    assert_eq!(rest.lines().len(), 8);
    let end = rest.header("lienthong-cursor").to_owned();
    let nothing = pull(&health, CLOUD_EVENTS, &format!("?after={end}")).await;
    assert_eq!((nothing.json(), nothing.header("lienthong-cursor")), (json!([]), end.as_str()));

    let operator = hub.operator().await;
    landed(&operator, "air/readings", 16).await;
    assert_eq!(lienthong_tests::lake::table(&hub.city().data(), "air/readings").rows, 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_the_news_and_who_waits_in_vain_is_told_nothing() {
    let hub = Hub::start(towns::air()).await;
    let (environment, health) = (hub.agency("environment").await, hub.agency("health").await);
    let waiting = tokio::spawn({
        let health = health.clone();
        async move { health.get(&format!("{RECORDS}?wait=60s")).header("accept", NDJSON).send().await }
    });
    // Once somebody else was answered, the one who came first waits.
    health.get("/v1/channels").send().await.expect(200);
    post(&environment, "application/json", &reading("news", 1.0)).await.expect(200);
    let news = waiting.await.unwrap().expect(200);
    assert_eq!(news.lines(), [reading("news", 1.0).as_object().map(|_| json!({ "station": "news", "value": 1.0 })).unwrap()]);
    let after = news.header("lienthong-cursor").to_owned();
    let nothing = pull(&health, NDJSON, &format!("?after={after}&wait=300ms")).await;
    assert_eq!((nothing.text().as_str(), nothing.header("lienthong-cursor")), ("", after.as_str()));
    health.get(&format!("{RECORDS}?wait=soon")).send().await.problem(400, "wait");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_used_again_gives_the_first_answer_and_a_key_used_for_something_else_is_refused() {
    let mut hub = Hub::start(towns::air()).await;
    let (environment, contractor) = (hub.agency("environment").await, hub.agency("contractor").await);
    let operator = hub.operator().await;
    let body = "{\"station\":\"a\",\"value\":1}\n{\"station\":\"\",\"value\":1}\n";
    let send = |client: &Client, body: &'static str| {
        client.post(RECORDS, NDJSON, body).header("idempotency-key", "tháng 11".replace('á', "a").as_str()).send()
    };
    let first = send(&environment, body).await.expect(200);
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(first.json()["reasons"][0]["pointer"], "/station");
    for _ in 0..2 {
        let again = send(&environment, body).await.expect(200);
        assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", first.json()));
        // Also after a crash.
        hub.kill().await;
        hub.start_again().await;
    }
    send(&environment, "{\"station\":\"a\",\"value\":2}").await.problem(409, "idempotency key");
    // Another agency's keys are its own.
    let other = send(&contractor, body).await.expect(200);
    assert_eq!((other.header("idempotent-replayed"), &other.json()["offsets"][0]["first"]), ("", &json!(1)));
    let status = channel_status(&operator, "air/readings").await;
    assert_eq!((&status["stored"], &status["quarantined"], &status["accepted"]), (&json!(2), &json!(2), &json!(4)));
    let long = "k".repeat(256);
    for bad in ["", long.as_str()] {
        environment.post(RECORDS, NDJSON, "").header("idempotency-key", bad).send().await.problem(400, "Idempotency-Key");
    }

    // Many at once under one key: one of them is stored, all are told the same.
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..8 {
        together.spawn(environment.post(RECORDS, NDJSON, body).header("idempotency-key", "together").send());
    }
    let answers: Vec<_> = together.join_all().await.into_iter().map(|answer| answer.expect(200)).collect();
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count(), 1);
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_whole() {
    let hub = Hub::start(towns::air()).await;
    let (environment, health) = (hub.agency("environment").await, hub.agency("health").await);
    let operator = hub.operator().await;
    for media_type in ["text/csv", "application/x-www-form-urlencoded", "nonsense", "application/jsonx"] {
        environment.post(RECORDS, media_type, "a,b").send().await.problem(415, "application/x-ndjson");
    }
    environment.ask(http::Method::POST, RECORDS).send().await.problem(415, "application/x-ndjson");
    environment.post(RECORDS, "application/json", "[{\"station\":\"a\",\"value\":1},").send().await.problem(400, "JSON array");
    environment.post(RECORDS, CLOUD_EVENTS, "{}").send().await.problem(400, "CloudEvents batch");
    health.get(RECORDS).header("accept", "text/csv").send().await.problem(406, "application/x-ndjson");

    let secrets = environment.get("/v1/channels/air/secrets/records").send().await.expect(200).header("lienthong-cursor").to_owned();
    for bad in ["x", "AAAA", "1:0", "%00", secrets.as_str(), &"A".repeat(600)] {
        health.get(&format!("{RECORDS}?after={bad}")).send().await.problem(400, "cursor");
    }
    for bad in ["limit=0", "limit=10001", "limit=-1", "limit=x", "wait=1", "limt=1", "after="] {
        health.get(&format!("{RECORDS}?{bad}")).send().await.problem(400, "");
    }

    // One byte more than 32 MiB, of lines that are all good.
    let line = format!("{{\"station\":\"{}\",\"value\":1}}\n", "s".repeat(1000));
    let mut body = line.repeat((32 << 20) / line.len());
    body.push_str(&" ".repeat((32 << 20) + 1 - body.len()));
    environment.post(RECORDS, NDJSON, body).send().await.problem(413, "33554432 bytes");

    let status = channel_status(&operator, "air/readings").await;
    assert_eq!((&status["accepted"], &status["sums_hold"]), (&json!(0), &json!(true)));
    // No record is no error; no body is most likely one.
    let nothing = post(&environment, "application/json", &json!([])).await.expect(200).json();
    assert_eq!((&nothing["accepted"], &nothing["offsets"]), (&json!(0), &json!([])));
    for media_type in [NDJSON, "application/json", CLOUD_EVENT, CLOUD_EVENTS] {
        for body in ["", "\r\n\n "] {
            environment.post(RECORDS, media_type, body).send().await.problem(400, "the body is empty");
        }
    }
    let status = channel_status(&operator, "air/readings").await;
    assert_eq!((&status["accepted"], &status["sums_hold"]), (&json!(0), &json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_kept_in_quarantine_with_its_reason_and_its_bytes() {
    let hub = Hub::start(towns::air()).await;
    let environment = hub.agency("environment").await;
    let operator = hub.operator().await;
    // What each line breaks: pointer, keyword, a word of the message.
    let bad = [
        ("{\"station\":\"a\",\"value\":2000.5}", "/value", "maximum", "2000"),
        ("{\"station\":\"a\",\"value\":\"1\"}", "/value", "type", "number"),
        ("{\"value\":1}", "", "required", "station"),
        ("{\"station\":\"a\",\"value\":1,\"unit\":\"furlong\"}", "/unit", "enum", "celsius"),
        ("{\"station\":\"a\",\"value\":1,\"more\":true}", "", "additionalProperties", "more"),
        ("{\"station\":\"a\",\"value\":1,\"at\":\"yesterday\"}", "/at", "format", "date-time"),
        ("{\"station\":\"a\",\"station\":\"b\",\"value\":1}", "/station", "decode", "twice"),
        ("{\"station\":\"a\",\"value\":1e400}", "", "decode", ""),
        ("{\"station\":\"a\",\"value\":NaN}", "", "decode", ""),
        ("{\"station\":\"trạm", "", "decode", ""),
        ("[1,2]", "", "decode", "object"),
    ];
    let mut body = String::from("{\"station\":\"good\",\"value\":1}\n");
    for (line, ..) in bad {
        body.push_str(line);
        body.push('\n');
    }
    let mut body = body.into_bytes();
    body.extend(b"{\"station\":\"\xff\",\"value\":1}\n");
    let answer = environment.post(RECORDS, NDJSON, body).header("idempotency-key", "sent-at-noon").send().await.expect(200).json();
    assert_eq!((&answer["accepted"], &answer["quarantined"]), (&json!(1), &json!(bad.len() + 1)));
    let reasons = answer["reasons"].as_array().unwrap();
    for (nth, (line, pointer, keyword, word)) in bad.iter().enumerate() {
        let reason = &reasons[nth];
        assert_eq!((&reason["index"], &reason["keyword"]), (&json!(nth + 1), &json!(keyword)), "{line}: {reason}");
        assert_eq!(reason["pointer"], *pointer, "{line}: {reason}");
        assert!(reason["message"].as_str().unwrap().contains(word), "{line}: {reason}");
    }

    let page = operator.get("/v1/quarantine?channel=air/readings&limit=1000").send().await.expect(200).json();
    let entries = page["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &page["before"]), (bad.len() + 1, &Value::Null));
    // The newest first: the line that is no UTF-8 comes as base 64.
    let last = operator.get(&format!("/v1/quarantine/{}", entries[0]["id"])).send().await.expect(200).json();
    assert_eq!((&last["text"], &last["base64"]), (&Value::Null, &json!("eyJzdGF0aW9uIjoi/yIsInZhbHVlIjoxfQ==")));
    for ((line, _, keyword, _), entry) in bad.iter().zip(entries.iter().rev()) {
        let whole = operator.get(&format!("/v1/quarantine/{}", entry["id"])).send().await.expect(200).json();
        assert_eq!((&whole["text"], &whole["keyword"], &whole["size_bytes"]), (&json!(line), &json!(keyword), &json!(line.len())));
        assert_eq!(
            (&whole["agency"], &whole["connector"], &whole["message_name"], &whole["schema"]),
            (&json!("environment"), &Value::Null, &json!("sent-at-noon"), &json!("air/readings.v1"))
        );
    }
    let newest = operator.get("/v1/quarantine?keyword=decode&limit=1").send().await.expect(200).json();
    let next = operator.get(&format!("/v1/quarantine?keyword=decode&limit=1&before={}", newest["before"])).send().await.expect(200).json();
    assert_eq!((&newest["entries"][0]["keyword"], &next["entries"][0]["keyword"]), (&json!("decode"), &json!("decode")));
    assert_ne!(newest["entries"][0]["id"], next["entries"][0]["id"]);
    operator.get("/v1/quarantine/99999999").send().await.problem(404, "quarantine entry");

    let status = landed(&operator, "air/readings", 1).await;
    assert_eq!((&status["accepted"], &status["quarantined"]), (&json!(bad.len() + 2), &json!(bad.len() + 1)));

    // Events are wrapped; a broken wrapping puts that event into quarantine and no other.
    let events = json!([
        { "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": reading("a", 1.0) },
        { "specversion": "0.3", "id": "2", "source": "s", "type": "t", "data": reading("a", 1.0) },
        { "specversion": "1.0", "id": "3", "source": "s", "type": "t", "data_base64": "e30=" },
        { "specversion": "1.0", "id": "4", "source": "s", "type": "t", "time": "noon", "data": reading("a", 1.0) },
    ]);
    let answer = post(&environment, CLOUD_EVENTS, &events).await.expect(200).json();
    let pointers: Vec<_> = answer["reasons"].as_array().unwrap().iter().map(|reason| (&reason["keyword"], &reason["pointer"])).collect();
    let expected = ["/specversion", "/data", "/time"].map(|pointer| (json!("cloudevent"), json!(pointer)));
    assert_eq!(pointers, expected.iter().map(|(keyword, pointer)| (keyword, pointer)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_in_binary_mode_is_the_event_that_it_is_in_structured_mode() {
    let hub = Hub::start(towns::air()).await;
    let (environment, health, operator) = (hub.agency("environment").await, hub.agency("health").await, hub.operator().await);
    let send = |headers: &[(&'static str, &str)], media_type: &str, body: &'static str| {
        let ask = environment.post(RECORDS, media_type, body);
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).send()
    };
    let all = [
        ("ce-specversion", "1.0"),
        ("ce-id", "tr%E1%BA%A1m-7"),
        ("ce-source", "urn:logger:7"),
        ("ce-type", "vn.example.reading"),
        ("ce-subject", "a"),
        ("ce-time", "2026-11-23T09:00:00+07:00"),
        ("ce-batch", "an extension"),
    ];
    send(&all, "application/json; charset=utf-8", "{\"station\":\"a\", \"value\":1.50}").await.expect(200);
    // The record's own time goes before the producer's.
    let timed = "{\"station\":\"b\",\"value\":2,\"at\":\"2026-11-22T23:00:00Z\"}";
    send(&all[..6], "application/json", timed).await.expect(200);
    let events = health.get(RECORDS).send().await.expect(200).json();
    let told = |event: &Value| ["id", "source", "type", "subject", "time"].map(|name| event[name].as_str().unwrap().to_owned());
    let said = |time: &str| ["trạm-7", "urn:logger:7", "vn.example.reading", "a", time].map(str::to_owned);
    assert_eq!(told(&events[0]), said("2026-11-23T02:00:00.000000Z"));
    assert_eq!(told(&events[1]), said("2026-11-22T23:00:00.000000Z"));
    let text = pull(&health, NDJSON, "?limit=1").await.text();
    assert_eq!(text, "{\"station\":\"a\", \"value\":1.50}\n");

    // What is bad goes to quarantine with all that its headers said.
    for (headers, body, pointer) in [
        (&all[1..], "{\"station\":\"a\",\"value\":1}", ""),
        (&all[..3], "{\"station\":\"a\",\"value\":1}", ""),
        (&all[..], "{\"station\":\"a\",\"value\":\"1\"}", "/value"),
        (&all[..], "{\"station\":", "/data"),
        (&all[..], "[]", ""),
    ] {
        let answer = send(headers, "application/json", body).await.expect(200).json();
        assert_eq!((&answer["quarantined"], &answer["reasons"][0]["pointer"]), (&json!(1), &json!(pointer)), "{answer}");
        let newest = operator.get("/v1/quarantine?limit=1").send().await.expect(200).json();
        let whole = operator.get(&format!("/v1/quarantine/{}", newest["entries"][0]["id"])).send().await.expect(200).json();
        assert!(whole["text"].as_str().unwrap().contains("\"source\":\"urn:logger:7\""), "{whole}");
    }
    // The headers are a part of what a key stands for.
    let keyed = |id: &'static str| send(&[all[0], ("ce-id", id), all[2], all[3], ("idempotency-key", "k")], "application/json", timed);
    keyed("1").await.expect(200);
    assert_eq!(keyed("1").await.expect(200).header("idempotent-replayed"), "true");
    keyed("2").await.problem(409, "idempotency key");

    send(&all, NDJSON, "{\"station\":\"a\",\"value\":1}\n").await.problem(400, "one event");
    send(&[("ce-id", "%ff")], "application/json", "{}").await.problem(400, "ce-id");
    send(&all, "application/json", "").await.problem(400, "the body is empty");
}
