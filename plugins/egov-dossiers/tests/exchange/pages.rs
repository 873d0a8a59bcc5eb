//! Polls of a lookup API.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use egov_dossiers::{DOSSIERS, Dossiers};
use lienthong_sdk::http::{Error, Response};
use lienthong_sdk::testing::Hub;
use lienthong_sdk::{Attachment, Call, Context, Failure, Output, Poll, Source, Stopped, Verdict, vietnam};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::lookup::System;
use crate::{misfit, read};

const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;
const URL: &str = "https://motcua.example.vn/api/hoso/tracuu";

fn at(text: &str) -> u64 {
    vietnam::instant_ms(text, &["yyyyMMddHHmmss"]).unwrap()
}

fn served(body: &[u8]) -> Result<Response, Error> {
    Ok(Response::new(200, Vec::new(), Cursor::new(body.to_vec())))
}

/// What polls gave, as the hub would keep it: a call that fails leaves nothing.
#[derive(Default)]
struct Kept(Vec<Value>);

impl Output for Kept {
    fn emit(&mut self, _: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        let lines = records.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        self.0.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        Ok(Verdict::default())
    }

    fn reject(&mut self, _: &str, bytes: &[u8], reason: &str, _: Option<&str>) -> Result<(), Stopped> {
        panic!("{reason}: {}", String::from_utf8_lossy(bytes))
    }

    fn attach(&mut self, port: &str) -> Result<Attachment, Stopped> {
        Err(Stopped::UnknownPort(port.to_owned()))
    }
}

/// A connector that polls a system, with its checkpoint.
struct Connector {
    cursor: Option<Vec<u8>>,
    kept: Vec<Value>,
}

impl Connector {
    fn new() -> Self {
        Self { cursor: None, kept: Vec::new() }
    }

    /// One call; true where more is waiting. With `crash` the hub dies before it commits.
    fn call(&mut self, system: &System, crash: bool) -> Result<bool, Failure> {
        let mut output = Kept::default();
        let mut call = Call::new(Context::new(system), &mut output);
        let poll = Poll { now_ms: system.now_ms.get(), since: self.cursor.as_deref(), max_records: 10_000 };
        let progress = Dossiers.poll(&mut call, poll)?;
        call.flush().unwrap();
        if !crash {
            self.kept.append(&mut output.0);
            self.cursor = progress.next.or(self.cursor.take());
            assert!(self.cursor.as_ref().is_none_or(|cursor| cursor.len() <= 64 << 10));
        }
        Ok(progress.more)
    }

    /// Calls until nothing more is waiting.
    fn catch_up(&mut self, system: &System) {
        for _ in 0..1_000 {
            if !self.call(system, false).unwrap() {
                return;
            }
        }
        panic!("the source never comes to rest");
    }

    /// Code and status, in order.
    fn events(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.kept.iter().map(|record| (text(&record["code"]), text(&record["status_code"]))).collect()
    }
}

fn code(number: usize) -> String {
    format!("H36.17-251124-{number:04}")
}

fn system(settings: Value) -> System {
    let mut settings = settings;
    settings["url"] = URL.into();
    let system = System::with(&settings);
    system.now_ms.set(at("20251124080000"));
    system
}

#[test]
fn pages_of_a_window_are_asked_for_one_by_one() {
    let settings = json!({ "url": URL, "from": "2025-11-10", "page_size": 2 });
    let now = at("20251124090000");
    let mut hub = Hub::new().settings(settings.clone()).at(now).answer(served(&read("lookup-1.json")));
    let first = hub.poll(&Dossiers, None).unwrap();
    assert!(first.more);
    assert_eq!(hub.requests()[0].url, format!("{URL}?tuNgay=20251110000000&denNgay=20251117000000&trang=1&soLuong=2"));
    assert_eq!(hub.requests()[0].headers, [("accept".to_owned(), "application/json".to_owned())]);
    assert_eq!((hub.count(DOSSIERS), hub.rejects().len(), misfit(&hub)), (2, 0, None));
    assert_eq!(hub.records(DOSSIERS)[1]["updated_at"], "2025-11-24T08:05:00+07:00");

    let mut hub = Hub::new().settings(settings.clone()).at(now + 5_000).answer(served(&read("lookup-2.json")));
    let second = hub.poll(&Dossiers, first.next.as_deref()).unwrap();
    assert!(second.more);
    assert_eq!(hub.requests()[0].url, format!("{URL}?tuNgay=20251110000000&denNgay=20251117000000&trang=2&soLuong=2"));
    assert_eq!((hub.count(DOSSIERS), hub.rejects()[0].at.as_deref()), (0, Some("/data/0/NgayHenTra")));

    let mut hub = Hub::new().settings(settings).at(now + 10_000).answer(served(b"{\"error_code\":0,\"total\":0,\"data\":[]}"));
    hub.poll(&Dossiers, second.next.as_deref()).unwrap();
    assert_eq!(hub.requests()[0].url, format!("{URL}?tuNgay=20251117000000&denNgay=20251124000000&trang=1&soLuong=2"));
}

#[test]
fn history_is_read_window_by_window_and_then_what_is_new() {
    let system = system(json!({ "from": "2025-11-01", "window_days": 7 }));
    let mut connector = Connector::new();
    for day in 0..23 {
        system.now_ms.set(at("20251101120000") + day * DAY_MS);
        system.change(&code(day as usize), "1");
    }
    system.now_ms.set(at("20251124080000"));
    connector.catch_up(&system);
    assert_eq!(connector.events().len(), 23);
    let asked = system.asked.borrow().clone();
    assert_eq!(asked.len(), 4);
    assert!(asked[0].contains("tuNgay=20251101000000&denNgay=20251108000000"), "{}", asked[0]);
    assert!(asked[1].contains("tuNgay=20251108000000&denNgay=20251115000000"), "{}", asked[1]);
    assert!(asked[3].ends_with("denNgay=20251124080000&trang=1&soLuong=200"), "{}", asked[3]);

    // What changes comes again, what did not does not, although the windows overlap.
    system.now_ms.set(system.now_ms.get() + MINUTE_MS);
    system.change(&code(3), "9");
    for _ in 0..3 {
        system.now_ms.set(system.now_ms.get() + MINUTE_MS);
        connector.catch_up(&system);
    }
    assert_eq!(connector.events()[23..], [(code(3), "9".to_owned())]);
    assert_eq!(connector.kept[23]["updated_at"], "2025-11-24T08:01:00+07:00");
}

/// A first look, the settled window to its third page, back to where what slipped may be, and what is new.
const PAGES: [&str; 7] = ["1&soLuong=3", "1&soLuong=3", "2&soLuong=3", "3&soLuong=3", "1&soLuong=3", "2&soLuong=3", "3&soLuong=3"];

#[test]
fn dossiers_that_leave_the_window_while_it_is_read_make_no_other_slip_through() {
    let system = system(json!({ "from": "2025-11-24", "page_size": 3 }));
    for number in 0..12 {
        system.change(&code(number), "1");
        system.now_ms.set(system.now_ms.get() + 1_000);
    }
    system.now_ms.set(system.now_ms.get() + 20 * MINUTE_MS);
    // Before the third page of the settled window, four of those that were read change: what was on page 3 is now on 2 and 1.
    system.meanwhile.borrow_mut().insert(3, (0..4).map(|number| (code(number), "4".to_owned())).collect());
    let mut connector = Connector::new();
    connector.catch_up(&system);
    assert_eq!(system.asked.borrow().iter().map(|url| url.split("trang=").nth(1).unwrap()).collect::<Vec<_>>(), PAGES);
    system.now_ms.set(system.now_ms.get() + 20 * MINUTE_MS);
    connector.catch_up(&system);
    let events = connector.events();
    for number in 0..12 {
        assert_eq!(events.iter().filter(|event| **event == (code(number), "1".to_owned())).count(), 1, "{number} in {events:?}");
    }
    assert!((0..4).all(|number| events.contains(&(code(number), "4".to_owned()))));
}

#[test]
fn without_the_time_of_its_change_a_dossier_comes_again() {
    let page = json!({ "error_code": "00", "total": 1, "data": [{ "MaHoSo": code(1), "MaTTHC": "1.004194", "TrangThaiHoSo": "4" }] });
    let settings = json!({ "url": URL, "from": "2025-11-24" });
    let poll = |since: Option<&[u8]>, now| {
        let mut hub = Hub::new().settings(settings.clone()).at(now).answer(served(page.to_string().as_bytes()));
        let progress = hub.poll(&Dossiers, since).unwrap();
        (progress.next, hub.count(DOSSIERS))
    };
    let (cursor, first) = poll(None, at("20251124080000"));
    let (_, second) = poll(cursor.as_deref(), at("20251124080500"));
    assert_eq!((first, second), (1, 1));
}

#[test]
fn without_a_day_to_begin_at_only_what_is_new_is_read() {
    let system = system(json!({}));
    system.now_ms.set(at("20251124070000"));
    system.change(&code(1), "1");
    system.now_ms.set(at("20251124080000"));
    let mut connector = Connector::new();
    connector.catch_up(&system);
    assert!(system.asked.borrow()[0].contains("tuNgay=20251124075000&denNgay=20251124080000"));
    assert_eq!(connector.events(), []);
}

#[test]
fn a_clock_that_went_back_and_a_day_to_come_ask_for_nothing() {
    let system = system(json!({ "from": "2025-12-01" }));
    let mut connector = Connector::new();
    assert!(!connector.call(&system, false).unwrap());
    assert_eq!(system.asked.borrow().len(), 0);
    system.now_ms.set(at("20251201080000"));
    system.change(&code(1), "1");
    system.now_ms.set(at("20251201080001"));
    connector.catch_up(&system);
    assert_eq!(connector.events().len(), 1);
    system.now_ms.set(at("20251120080000"));
    assert!(!connector.call(&system, false).unwrap());
}

#[test]
fn other_settings_begin_anew() {
    let mut connector = Connector::new();
    let before = system(json!({ "from": "2025-11-24" }));
    connector.catch_up(&before);
    let after = system(json!({ "from": "2025-11-20" }));
    connector.catch_up(&after);
    assert!(after.asked.borrow()[0].contains("tuNgay=20251120000000"));
    connector.cursor = Some(b"of another version".to_vec());
    connector.catch_up(&after);
    assert!(after.asked.borrow()[1].contains("tuNgay=20251120000000"));
}

#[test]
fn an_address_with_a_query_of_its_own_keeps_it() {
    let page = json!({ "error_code": 0, "total": 0, "data": [] });
    let settings = json!({ "url": format!("{URL}?donVi=H36.17"), "from": "2025-11-24" });
    let mut hub = Hub::new().settings(settings).at(at("20251124080000")).answer(served(page.to_string().as_bytes()));
    assert!(!hub.poll(&Dossiers, None).unwrap().more);
    assert!(hub.requests()[0].url.starts_with(&format!("{URL}?donVi=H36.17&tuNgay=2025")));
}

#[test]
fn a_poll_that_fails_says_whose_fault_it_is() {
    let poll = |answer: Result<Response, Error>| {
        let settings = json!({ "url": URL, "from": "2025-11-24", "page_size": 2 });
        Hub::new().settings(settings).at(at("20251124080000")).answer(answer).poll(&Dossiers, None).unwrap_err()
    };
    let status = |status, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        poll(Ok(Response::new(status, headers, std::io::empty())))
    };
    assert!(matches!(status(401, &[]), Failure::Unauthorized(_)));
    assert!(matches!(status(403, &[]), Failure::Unauthorized(_)));
    assert_eq!(status(429, &[("Retry-After", "30")]), Failure::RateLimited(Some(30)));
    assert!(matches!(status(404, &[]), Failure::Config(_)));
    assert!(matches!(status(503, &[]), Failure::Upstream(_)));
    assert!(matches!(poll(Err(Error::Network("no answer in time".to_owned()))), Failure::Upstream(_)));
    assert!(matches!(poll(Err(Error::Denied("motcua.example.vn".to_owned()))), Failure::Config(_)));
    let too_large = Response::new(200, vec![("content-length".to_owned(), b"16777217".to_vec())], std::io::empty());
    assert!(matches!(poll(Ok(too_large)), Failure::Config(why) if why.contains("lower `page_size`")));

    let dossier = json!({ "MaHoSo": code(1), "MaTTHC": "1.004194", "TrangThaiHoSo": "4" });
    for (body, expected) in [
        ("<html>".to_owned(), "cannot be read"),
        ("".to_owned(), "cannot be read"),
        ("{\"error_code\":0,\"total\":5,\"data\":[{\"MaHoSo\"".to_owned(), "the body ends"),
        (json!({ "error_code": 7, "message": "hệ thống bận" }).to_string(), "error_code 7: hệ thống bận"),
        (json!({ "error_code": 0, "data": [] }).to_string(), "no `total`"),
        (json!({ "error_code": 0, "total": "many", "data": [] }).to_string(), "`total`"),
        (json!({ "error_code": 0, "total": 9, "data": [dossier] }).to_string(), "set `page_size`"),
        (json!({ "error_code": 0, "total": 3, "data": [dossier, dossier, dossier] }).to_string(), "`soLuong`"),
    ] {
        match poll(served(body.as_bytes())) {
            Failure::Upstream(why) => assert!(why.contains(expected), "{why}"),
            other => panic!("{expected}: {other}"),
        }
    }
    let settings = |settings: Value| Hub::new().settings(settings).poll(&Dossiers, None);
    assert!(matches!(settings(json!({})), Err(Failure::Config(why)) if why.contains("`url`")));
    assert!(matches!(settings(json!({ "url": URL, "from": "24/11/2025" })), Err(Failure::Config(why)) if why.contains("`from`")));
    assert!(matches!(Hub::new().settings(json!({ "url": URL })).at(u64::MAX).poll(&Dossiers, None), Err(Failure::Internal(_))));
}

#[test]
fn a_system_that_heeds_no_page_or_caps_it_is_found_out() {
    let fill = |system: &System| (0..9).for_each(|number| system.change(&code(number), "1"));
    let stubborn = system(json!({ "from": "2025-11-24", "page_size": 3 }));
    fill(&stubborn);
    stubborn.now_ms.set(stubborn.now_ms.get() + 20 * MINUTE_MS);
    stubborn.heeds_no_page.set(true);
    let mut connector = Connector::new();
    assert!(connector.call(&stubborn, false).unwrap());
    assert!(connector.call(&stubborn, false).unwrap());
    assert!(matches!(connector.call(&stubborn, false), Err(Failure::Upstream(why)) if why.contains("`trang`")));

    let capped = system(json!({ "from": "2025-11-24", "page_size": 5 }));
    fill(&capped);
    capped.now_ms.set(capped.now_ms.get() + MINUTE_MS);
    capped.page_cap.set(3);
    assert!(matches!(Connector::new().call(&capped, false), Err(Failure::Upstream(why)) if why.contains("3 of 5")));
}

/// What happens to a system and its hub.
#[derive(Debug, Clone)]
enum Event {
    /// Dossiers change, one a second.
    Change(Vec<usize>),
    /// Dossiers change while the next page but so many is read.
    Meanwhile(usize, Vec<usize>),
    /// Time goes on, seconds.
    Pass(u64),
    /// A poll; the hub dies before the commit or not.
    Poll(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let some = || prop::collection::vec(0usize..40, 1..8);
    prop_oneof![
        4 => some().prop_map(Event::Change),
        2 => (0usize..3, some()).prop_map(|(after, changes)| Event::Meanwhile(after, changes)),
        3 => (1u64..900).prop_map(Event::Pass),
        6 => any::<bool>().prop_map(Event::Poll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However polls, crashes and changes fall, the last record of every dossier is how it stands, though the system's clock is up to eight
    /// minutes late and its commits take up to a minute.
    #[test]
    fn nothing_is_skipped(events in prop::collection::vec(event(), 1..60), page_size in 1u32..6, behind in 0u64..480, commit in 0u64..60) {
        let system = system(json!({ "from": "2025-11-24", "page_size": page_size }));
        system.behind_ms.set(behind * 1_000);
        system.commit_ms.set(commit * 1_000);
        let mut connector = Connector::new();
        let mut touched = BTreeSet::new();
        let mut version = 0u64;
        let mut next = |number: usize| {
            version += 1;
            touched.insert(code(number));
            (code(number), version.to_string())
        };
        for event in events {
            match event {
                Event::Change(numbers) => for number in numbers {
                    system.now_ms.set(system.now_ms.get() + 1_000);
                    let (code, version) = next(number);
                    system.change(&code, &version);
                },
                Event::Meanwhile(after, numbers) => {
                    let changes: Vec<_> = numbers.into_iter().map(&mut next).collect();
                    let at = system.asked.borrow().len() + after;
                    // What was planned before for the same page happens now.
                    for (code, version) in system.meanwhile.borrow_mut().insert(at, changes).unwrap_or_default() {
                        system.change(&code, &version);
                    }
                }
                Event::Pass(seconds) => system.now_ms.set(system.now_ms.get() + seconds * 1_000),
                Event::Poll(crash) => { connector.call(&system, crash).unwrap(); }
            }
        }
        for changes in std::mem::take(&mut *system.meanwhile.borrow_mut()).into_values() {
            changes.iter().for_each(|(code, version)| system.change(code, version));
        }
        // Twice: by the second time all is settled.
        for _ in 0..2 {
            system.now_ms.set(system.now_ms.get() + 12 * MINUTE_MS);
            connector.catch_up(&system);
        }
        let last: BTreeMap<String, String> = connector.events().into_iter().collect();
        for code in touched {
            prop_assert_eq!(last.get(&code), Some(&system.status(&code)), "{}", code);
        }
    }
}
