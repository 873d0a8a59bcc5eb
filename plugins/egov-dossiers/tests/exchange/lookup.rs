//! A lookup API that keeps the README's contract, in memory: dossiers with the time of their last change, by its own clock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use lienthong_sdk::http::{Error, Request, Response};
use lienthong_sdk::{Environment, Level, vietnam};
use serde_json::{Value, json};

const DIGITS: &str = "yyyyMMddHHmmss";

/// The system. Its clock may be wrong, and what is committed may be seen late.
#[derive(Default)]
pub(crate) struct System {
    settings: String,
    /// Code to the time of the last change by the system's clock, the time from which it is seen, and the dossier.
    dossiers: RefCell<BTreeMap<String, (u64, u64, Value)>>,
    /// True time, milliseconds.
    pub(crate) now_ms: Cell<u64>,
    /// What the system's clock is behind.
    pub(crate) behind_ms: Cell<u64>,
    /// How long a commit takes.
    pub(crate) commit_ms: Cell<u64>,
    /// The most of a page.
    pub(crate) page_cap: Cell<u64>,
    /// Always answers the first page.
    pub(crate) heeds_no_page: Cell<bool>,
    pub(crate) asked: RefCell<Vec<String>>,
    /// Happens before the request with this number, from 0.
    pub(crate) meanwhile: RefCell<BTreeMap<usize, Vec<(String, String)>>>,
}

impl System {
    /// For a connector with these settings.
    pub(crate) fn with(settings: &Value) -> Self {
        Self { settings: settings.to_string(), ..Self::default() }
    }

    /// A dossier that is new or changes now.
    pub(crate) fn change(&self, code: &str, status: &str) {
        let now = self.now_ms.get();
        let stamp = (now - self.behind_ms.get()) / 1_000 * 1_000;
        let updated = vietnam::local(stamp, DIGITS).unwrap();
        let dossier = json!({ "MaHoSo": code, "MaTTHC": "1.004194", "TrangThaiHoSo": status, "NgayCapNhat": updated });
        self.dossiers.borrow_mut().insert(code.to_owned(), (stamp, now + self.commit_ms.get(), dossier));
    }

    /// The status of a dossier as it stands.
    pub(crate) fn status(&self, code: &str) -> String {
        self.dossiers.borrow()[code].2["TrangThaiHoSo"].as_str().unwrap().to_owned()
    }

    fn answer(&self, url: &str) -> Value {
        let query: BTreeMap<&str, &str> = url.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let time = |name: &str| vietnam::instant_ms(query[name], &[DIGITS]).unwrap();
        let (from, until) = (time("tuNgay"), time("denNgay"));
        let page: u64 = if self.heeds_no_page.get() { 1 } else { query["trang"].parse().unwrap() };
        let size: u64 = query["soLuong"].parse::<u64>().unwrap();
        let size = if self.page_cap.get() > 0 { size.min(self.page_cap.get()) } else { size };
        let dossiers = self.dossiers.borrow();
        let mut found: Vec<_> =
            dossiers.iter().filter(|(_, (at, seen, _))| (from..until).contains(at) && *seen <= self.now_ms.get()).collect();
        found.sort_by_key(|(code, (at, _, _))| (*at, (*code).clone()));
        let data: Vec<&Value> =
            found.iter().skip(((page - 1) * size) as usize).take(size as usize).map(|(_, (_, _, dossier))| dossier).collect();
        json!({ "error_code": 0, "total": found.len(), "data": data })
    }
}

impl Environment for System {
    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn log(&self, _: Level, _: &str) {}

    fn fetch(&self, request: Request) -> Result<Response, Error> {
        let number = self.asked.borrow().len();
        if let Some(changes) = self.meanwhile.borrow_mut().remove(&number) {
            changes.iter().for_each(|(code, status)| self.change(code, status));
        }
        let answer = self.answer(&request.url);
        self.asked.borrow_mut().push(request.url);
        Ok(Response::new(200, Vec::new(), io_body(answer)))
    }
}

fn io_body(answer: Value) -> std::io::Cursor<Vec<u8>> {
    std::io::Cursor::new(answer.to_string().into_bytes())
}
