//! The land register's office: it pushes nothing, but answers who looks up what changed, page by page.
//!
//! `GET /hoso/tracuu?tuNgay=…&denNgay=…&trang=N&soLuong=M`, by the contract of the connector `egov-dossiers`. It stamps a dossier
//! with this machine's time when it changes, and hands the changes out in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::dossier::{Dossier, LAND_PROCEDURES, Status, spoil};
use super::{DOSSIERS, LAND_REGISTRY};
use crate::sim::chance::Chance;
use crate::sim::clock;
use crate::sim::ledger::{Entry, Ledger, Sent};
use crate::sim::server::{Answer, Server, plain};
use crate::sim::system::{System, Turn};

/// The path of the lookup.
pub const PATH: &str = "/hoso/tracuu";
/// So many dossiers are there from the beginning; the example's pages have fifty.
const FIRST: u32 = 120;
/// The last of those changed so long before the start, seconds.
const BEFORE: i64 = 1800;
/// So many change in a turn, and so many are new.
const CHANGES: usize = 3;

/// The office's system and its server.
#[derive(Debug)]
pub struct LandRegistry {
    seed: u64,
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    dossiers: Mutex<Register>,
    /// Told whenever a page was handed out.
    handed_out: Notify,
}

/// Every dossier as it stands, by its number.
#[derive(Debug, Default)]
struct Register {
    entries: BTreeMap<u32, Standing>,
    /// The order of the lookup: last change (seconds since 1970), code, number.
    order: BTreeSet<(i64, String, u32)>,
}

#[derive(Debug)]
struct Standing {
    dossier: Dossier,
    status: Status,
    bad: bool,
    changed_at: i64,
    /// It was handed out as it stands now, and so stands in the ledger.
    entered: bool,
}

impl LandRegistry {
    /// Binds `listen`, with dossiers that changed in the day before `now` (seconds since 1970).
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr, seed: u64, ledger: Arc<Ledger>, now: i64) -> anyhow::Result<Self> {
        let mut register = Register::default();
        for number in 0..FIRST {
            let changed_at = now - BEFORE - 600 * i64::from(FIRST - number);
            register.open(seed, number, changed_at);
        }
        let shared = Arc::new(Shared { ledger, dossiers: Mutex::new(register), handed_out: Notify::new() });
        let answering = Arc::clone(&shared);
        let server = Server::start("the land register's server", listen, move |request| answer(&answering, request)).await?;
        Ok(Self { seed, server, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Some dossiers go on by one status, and as many are new.
    fn change(&self, number: u64, now: i64) {
        let mut register = self.shared.register();
        let mut chance = Chance::new(self.seed, &[number, 0x10c]);
        let open: Vec<u32> =
            register.entries.iter().filter(|(_, one)| !one.bad && one.status != Status::Returned).map(|(number, _)| *number).collect();
        // Whoever has the turn is one of a row of neighbours, so that nobody changes twice in a turn.
        let first = chance.below(open.len().max(1));
        for place in 0..CHANGES.min(open.len()) {
            register.go_on(open[(first + place) % open.len()], now);
        }
        let next = register.entries.len() as u32;
        for new in next..next + CHANGES as u32 {
            register.open(self.seed, new, now);
        }
    }
}

impl System for LandRegistry {
    /// Waits until all that changed before was looked up, so that what is looked up does not depend on how fast that is.
    fn turn(&self, turn: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            loop {
                let handed_out = self.shared.handed_out.notified();
                if self.shared.register().unseen() == 0 {
                    break;
                }
                handed_out.await;
            }
            self.change(turn.number, clock::now());
            Ok(())
        }
        .boxed()
    }

    fn waiting(&self) -> anyhow::Result<Vec<String>> {
        let unseen = self.shared.register().unseen();
        Ok((unseen > 0).then(|| format!("{unseen} dossiers of the land register were not looked up")).into_iter().collect())
    }
}

impl Shared {
    fn register(&self) -> MutexGuard<'_, Register> {
        // Every change leaves the register whole, so a panic elsewhere spoils nothing.
        self.dossiers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    fn open(&mut self, seed: u64, number: u32, now: i64) {
        let mut chance = Chance::new(seed, &[number.into(), 0x1a4d]);
        let received_at = clock::at_seconds(now - 3600);
        let dossier = Dossier::draw(&LAND_REGISTRY, &LAND_PROCEDURES, received_at, number + 1, &mut chance);
        let bad = number % 25 == 7;
        self.order.insert((now, dossier.code(), number));
        self.entries.insert(number, Standing { dossier, status: Status::Accepted, bad, changed_at: now, entered: false });
    }

    fn go_on(&mut self, number: u32, now: i64) {
        let Some(one) = self.entries.get_mut(&number) else { return };
        let code = one.dossier.code();
        self.order.remove(&(one.changed_at, code.clone(), number));
        one.status = match one.status {
            Status::Accepted => Status::Processing,
            Status::Processing => Status::Processed,
            Status::Processed | Status::Returned => Status::Returned,
        };
        (one.changed_at, one.entered) = (now, false);
        self.order.insert((now, code, number));
    }

    fn unseen(&self) -> usize {
        self.entries.values().filter(|one| !one.entered).count()
    }
}

impl Standing {
    fn item(&self, seed_of_fault: u64) -> Value {
        let mut item = self.dossier.item(self.status);
        item.insert("NgayCapNhat".to_owned(), clock::digits(&clock::at_seconds(self.changed_at)).into());
        if self.bad {
            spoil(&mut item, &mut Chance::new(seed_of_fault, &[]));
        }
        Value::Object(item)
    }
}

fn answer<B>(shared: &Shared, request: &Request<B>) -> Answer {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let body = match page(shared, request.uri().query().unwrap_or_default()) {
        Some(Ok(page)) => page,
        // What was handed out and not entered would be more than the ledger knows.
        Some(Err(_)) => return plain(StatusCode::INTERNAL_SERVER_ERROR),
        None => json!({ "error_code": 1, "message": "tuNgay, denNgay, trang và soLuong không hợp lệ" }),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    shared.handed_out.notify_one();
    response
}

/// The page that is asked for; none where the question can not be understood.
fn page(shared: &Shared, query: &str) -> Option<std::io::Result<Value>> {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let seconds = |name| {
        let local = chrono::NaiveDateTime::parse_from_str(value(name)?, "%Y%m%d%H%M%S").ok()?;
        Some(local.and_utc().timestamp() - 7 * 3600)
    };
    let (from, until) = (seconds("tuNgay")?, seconds("denNgay")?);
    let (number, size): (usize, usize) = (value("trang")?.parse().ok()?, value("soLuong")?.parse().ok()?);
    let mut register = shared.register();
    let window: Vec<u32> =
        register.order.iter().filter(|(changed_at, ..)| (from..until).contains(changed_at)).map(|(_, _, number)| *number).collect();
    let shown: Vec<u32> = window.iter().copied().skip(number.checked_sub(1)?.checked_mul(size)?).take(size).collect();
    let mut sent = Sent::default();
    let mut data = Vec::new();
    for number in &shown {
        let one = register.entries.get(number)?;
        data.push(one.item(u64::from(*number)));
        if !one.entered {
            let counted = if one.bad { &mut sent.bad } else { &mut sent.good };
            *counted += 1;
        }
    }
    if sent.all() > 0 {
        let name = format!("{}?{query}", PATH.trim_start_matches('/'));
        if let Err(error) = shared.ledger.enter(&Entry { way: "poll", name, sent: BTreeMap::from([(DOSSIERS, sent)]) }) {
            return Some(Err(error));
        }
        for number in &shown {
            if let Some(one) = register.entries.get_mut(number) {
                one.entered = true;
            }
        }
    }
    Some(Ok(json!({ "error_code": 0, "total": window.len(), "data": data })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;

    const NOW: i64 = 1_795_401_899;

    async fn ask(registry: &LandRegistry, from: i64, until: i64, page: usize, size: usize) -> Value {
        let local = |at| clock::digits(&clock::at_seconds(at));
        let path = format!("{PATH}?tuNgay={}&denNgay={}&trang={page}&soLuong={size}", local(from), local(until));
        let answer = client::send(registry.address(), Method::GET, &path, &[], Bytes::new()).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[tokio::test]
    async fn every_change_is_handed_out_once_and_in_order() {
        let ledger = Arc::new(Ledger::in_memory());
        let registry = LandRegistry::start("127.0.0.1:0".parse().unwrap(), 1, Arc::clone(&ledger), NOW).await.unwrap();
        let (start, mut changes) = (NOW - 30 * 24 * 3600, Vec::new());
        for page in 1..=3 {
            let answer = ask(&registry, start, NOW, page, 50).await;
            assert_eq!(answer["total"], FIRST);
            changes.extend(answer["data"].as_array().unwrap().iter().map(|item| item["NgayCapNhat"].as_str().unwrap().to_owned()));
        }
        assert_eq!((changes.len(), changes.is_sorted()), (FIRST as usize, true));
        let first = ledger.totals()[DOSSIERS];
        assert_eq!((first.all(), first.bad), (u64::from(FIRST), 5));
        assert_eq!(registry.waiting().unwrap(), Vec::<String>::new());

        registry.change(0, NOW + 5);
        assert_eq!(registry.waiting().unwrap().len(), 1);
        // Their last change is what counts: they left the window that they were in.
        assert_eq!(ask(&registry, start, NOW, 1, 50).await["total"], FIRST as usize - CHANGES);
        let answer = ask(&registry, NOW, NOW + 5, 1, 50).await;
        assert_eq!(answer["total"], 0, "the end is no part of the window");
        for _ in 0..2 {
            assert_eq!(ask(&registry, NOW + 5, NOW + 6, 1, 50).await["data"].as_array().unwrap().len(), 2 * CHANGES);
        }
        assert_eq!(ledger.totals()[DOSSIERS].all(), u64::from(FIRST) + 2 * CHANGES as u64);
        assert_eq!(registry.waiting().unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_can_not_be_understood_is_said_so() {
        let ledger = Arc::new(Ledger::in_memory());
        let registry = LandRegistry::start("127.0.0.1:0".parse().unwrap(), 1, ledger, NOW).await.unwrap();
        assert_eq!(ask(&registry, NOW, NOW, 0, 50).await["error_code"], 1);
    }
}
