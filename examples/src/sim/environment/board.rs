//! The operations center's display board: it is sent the air quality of each hour, and knows a request that comes twice by its key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, StatusCode};

use crate::sim::server::{Server, plain};
use crate::sim::system::{System, Turn};

/// Where it takes records.
pub const PATH: &str = "/records";

/// Once in so many requests it is too busy for one.
const BUSY_EVERY: usize = 7;

/// The board and its server.
#[derive(Debug)]
pub struct Board {
    server: Server,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    keys: BTreeSet<String>,
    requests: usize,
}

impl Board {
    /// Binds `listen`.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(listen: SocketAddr) -> anyhow::Result<Self> {
        let shown = Arc::<Mutex<Shown>>::default();
        let own = Arc::clone(&shown);
        let server = Server::start("the display board", listen, move |request| {
            let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
            let (Some(key), true) = (key, *request.method() == Method::POST && request.uri().path() == PATH) else {
                return plain(StatusCode::BAD_REQUEST);
            };
            let mut shown = own.lock().unwrap_or_else(PoisonError::into_inner);
            shown.requests += 1;
            if shown.requests % BUSY_EVERY == 0 {
                return plain(StatusCode::INTERNAL_SERVER_ERROR);
            }
            shown.keys.insert(key.to_owned());
            plain(StatusCode::NO_CONTENT)
        });
        Ok(Self { server: server.await?, shown })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Records that it shows.
    pub fn shown(&self) -> usize {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).keys.len()
    }
}

/// It sends nothing; it is only there.
impl System for Board {
    fn turn(&self, _: Turn) -> BoxFuture<'_, anyhow::Result<()>> {
        std::future::ready(Ok(())).boxed()
    }
}
