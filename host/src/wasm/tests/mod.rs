//! The sandbox with real components: each hostile guest under `tests/plugins` ends with the right cause, and an honest one
//! beside it still works.

mod component;
mod frozen;
mod guests;
mod hostile;
mod http;
mod languages;
mod measure;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lienthong_core::city::Limits;
use lienthong_core::id::ConnectorId;
use lienthong_core::ports::{Attached, Attachment, Emit, Pending, Stopped, Verdict};
use lienthong_core::time::Timestamp;

use super::{Call, Engine, EngineOptions, Message, Plugin};
use crate::disk::{Disk, Draft, Drafted, Privacy};

/// A port and what was emitted to it at once.
type Emitted = (String, Vec<u8>);

/// Port, bytes, reason and place of a rejected item.
type Rejected = (String, Vec<u8>, String, Option<String>);

/// Takes everything for the ports it knows, and keeps it.
#[derive(Clone, Default)]
struct Kept {
    emitted: Arc<Mutex<Vec<Emitted>>>,
    rejected: Arc<Mutex<Vec<Rejected>>>,
    files: Option<Files>,
}

/// Where attachments go: on a disk as the hub's is.
#[derive(Clone)]
struct Files {
    disk: Arc<Disk>,
    finished: Arc<Mutex<Vec<Drafted>>>,
    _folder: Arc<tempfile::TempDir>,
}

impl Kept {
    fn all(&self, port: &str) -> Vec<u8> {
        self.emitted.lock().unwrap().iter().filter(|(p, _)| p == port).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

impl Kept {
    fn with_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), Privacy::Own, Duration::ZERO).unwrap();
        let files = Files { disk: Arc::new(disk), finished: Arc::default(), _folder: Arc::new(folder) };
        Self { files: Some(files), ..Self::default() }
    }
}

struct Writing {
    draft: Draft,
    finished: Arc<Mutex<Vec<Drafted>>>,
}

impl Attachment for Writing {
    fn write(&mut self, bytes: Vec<u8>) -> Pending<'_, Result<(), Stopped>> {
        Box::pin(async move { self.draft.write(&bytes).await.map_err(|error| Stopped::Cancelled(error.to_string())) })
    }

    fn finish(self: Box<Self>) -> Pending<'static, Result<Attached, Stopped>> {
        Box::pin(async move {
            let file = self.draft.finish().await.map_err(|error| Stopped::Cancelled(error.to_string()))?;
            let attached = Attached { hash: file.hash, size_bytes: file.size_bytes };
            self.finished.lock().unwrap().push(file);
            Ok(attached)
        })
    }
}

impl Emit for Kept {
    fn emit<'a>(&'a mut self, port: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        Box::pin(async move {
            if port == "no-such-port" {
                return Err(Stopped::UnknownPort(port.into()));
            }
            self.emitted.lock().unwrap().push((port.to_owned(), ndjson));
            Ok(Verdict { accepted: 1, ..Verdict::default() })
        })
    }

    fn reject<'a>(&'a mut self, port: &'a str, bytes: Vec<u8>, reason: String, at: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        self.rejected.lock().unwrap().push((port.to_owned(), bytes, reason, at));
        Box::pin(async { Ok(()) })
    }

    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>> {
        Box::pin(async move {
            let files =
                self.files.as_ref().filter(|_| matches!(port, "out" | "values")).ok_or_else(|| Stopped::UnknownPort(port.into()))?;
            let (draft, finished) = (Draft::new(Arc::clone(&files.disk)), Arc::clone(&files.finished));
            Ok(Box::new(Writing { draft, finished }) as Box<dyn Attachment>)
        })
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

    fn attach<'a>(&'a mut self, _: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>> {
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
    Call { connector, message_name: "a message".into(), settings: "{}".into(), limits, emit: Box::new(emit), door: None, tape: None }
}

fn message(body: impl Into<Vec<u8>>) -> Message {
    Message { body: Arc::new(body.into()), name: None, content_type: None, received_at: Timestamp::from_micros(1_000_000) }
}
