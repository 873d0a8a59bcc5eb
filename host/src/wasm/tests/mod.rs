//! The sandbox with real components: each hostile guest under `tests/plugins` ends with the right cause, and an honest one
//! beside it still works.

mod component;
mod guests;
mod hostile;
mod http;
mod measure;

use std::sync::{Arc, Mutex};

use lienthong_core::city::Limits;
use lienthong_core::id::ConnectorId;
use lienthong_core::ports::{Emit, Pending, Stopped, Verdict};
use lienthong_core::time::Timestamp;

use super::{Call, Engine, EngineOptions, Message, Plugin};

/// A port and what was emitted to it at once.
type Emitted = (String, Vec<u8>);

/// Takes everything for the ports it knows, and keeps it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Emitted>>>);

impl Kept {
    fn all(&self, port: &str) -> Vec<u8> {
        self.0.lock().unwrap().iter().filter(|(p, _)| p == port).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

impl Emit for Kept {
    fn emit<'a>(&'a mut self, port: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        Box::pin(async move {
            if port == "no-such-port" {
                return Err(Stopped::UnknownPort(port.into()));
            }
            self.0.lock().unwrap().push((port.to_owned(), ndjson));
            Ok(Verdict { accepted: 1, ..Verdict::default() })
        })
    }

    fn reject<'a>(&'a mut self, _: &'a str, _: Vec<u8>, _: String, _: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        Box::pin(async { Ok(()) })
    }
}

/// Takes nothing and says nothing. Tells when it is called and when it is dropped.
struct Silent {
    called: Option<tokio::sync::oneshot::Sender<()>>,
    _dropped: tokio::sync::oneshot::Sender<()>,
}

impl Emit for Silent {
    fn emit<'a>(&'a mut self, _: &'a str, _: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        if let Some(called) = self.called.take() {
            let _ = called.send(());
        }
        Box::pin(std::future::pending())
    }

    fn reject<'a>(&'a mut self, _: &'a str, _: Vec<u8>, _: String, _: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        Box::pin(std::future::pending())
    }
}

struct Sandbox {
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { engine: Engine::new(EngineOptions::new(folder.path().join("cache"))).unwrap(), _folder: folder }
    }

    async fn receiver(&self, guest: &str) -> Plugin {
        self.engine.load(guests::receiver(guest)).await.unwrap()
    }
}

fn call(emit: impl Emit + 'static, limits: Limits) -> Call {
    let connector = ConnectorId::new("tests/guest").unwrap();
    Call { connector, settings: "{}".into(), limits, emit: Box::new(emit), door: None }
}

fn message(body: impl Into<Vec<u8>>) -> Message {
    Message { body: Arc::new(body.into()), name: None, content_type: None, received_at: Timestamp::from_micros(1_000_000) }
}
