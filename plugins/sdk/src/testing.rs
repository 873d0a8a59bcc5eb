//! The hub's side in memory, so that a connector is tested by plain `cargo test`.
//!
//! It takes everything but what a test lets it refuse, and checks no schema: what a plugin emits is checked against its channels' schemas by
//! `lienthong plugin test`, which runs the real sandbox.

use std::cell::RefCell;
use std::collections::BTreeMap;
#[cfg(feature = "http")]
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use crate::{
    Attached, Attachment, AttachmentWriter, Blob, Call, Context, Environment, Failure, Level, Message, Output, Poll, Progress, ReadAt,
    Receiver, Refusal, Reply, Source, Stopped, Verdict,
};

/// One rejected item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The port.
    pub port: String,
    /// The item as it came.
    pub bytes: Vec<u8>,
    /// What is wrong.
    pub reason: String,
    /// Where.
    pub at: Option<String>,
}

/// Plays a channel's schema: why it refuses a port's record, if it does.
type Refuse = fn(&str, &Value) -> Option<Refusal>;

/// Attachments that were finished, by port and SHA-256.
type Attachments = BTreeMap<(String, String), Vec<u8>>;

/// A hub in memory: settings in; records, rejections and log lines out.
#[derive(Debug, Default)]
pub struct Hub {
    settings: Option<Value>,
    name: Option<String>,
    content_type: Option<String>,
    now_ms: u64,
    attachments: Rc<RefCell<Attachments>>,
    emitted: Vec<(String, Vec<u8>)>,
    rejects: Vec<Reject>,
    max_emits: Option<usize>,
    refuse: Option<Refuse>,
    surroundings: Surroundings,
}

/// The part that a call sees through a shared reference.
#[derive(Debug, Default)]
struct Surroundings {
    settings: String,
    logs: RefCell<Vec<(Level, String)>>,
    #[cfg(feature = "http")]
    answers: RefCell<VecDeque<Result<crate::http::Response, crate::http::Error>>>,
    #[cfg(feature = "http")]
    requests: RefCell<Vec<crate::http::Request>>,
}

impl Environment for Surroundings {
    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn log(&self, level: Level, message: &str) {
        self.logs.borrow_mut().push((level, message.to_owned()));
    }

    #[cfg(feature = "http")]
    fn fetch(&self, request: crate::http::Request) -> Result<crate::http::Response, crate::http::Error> {
        let denied = crate::http::Error::Denied(request.url.clone());
        self.requests.borrow_mut().push(request);
        self.answers.borrow_mut().pop_front().unwrap_or(Err(denied))
    }
}

struct Staging<'a> {
    emitted: &'a mut Vec<(String, Vec<u8>)>,
    rejects: &'a mut Vec<Reject>,
    max_emits: Option<usize>,
    refuse: Option<Refuse>,
    attachments: &'a Rc<RefCell<Attachments>>,
}

struct Kept {
    port: String,
    bytes: Vec<u8>,
    attachments: Rc<RefCell<Attachments>>,
}

impl AttachmentWriter for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Attached, Stopped> {
        let sha256 = sha256(&self.bytes);
        let attached = Attached { sha256: sha256.clone(), size_bytes: self.bytes.len() as u64 };
        self.attachments.borrow_mut().insert((self.port, sha256), self.bytes);
        Ok(attached)
    }
}

/// As the hub writes it. A guest never runs this module.
#[cfg(not(target_arch = "wasm32"))]
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(target_arch = "wasm32")]
fn sha256(_: &[u8]) -> String {
    String::new()
}

impl Output for Staging<'_> {
    fn emit(&mut self, port: &str, records: &[u8]) -> Result<Verdict, Stopped> {
        if self.max_emits.is_some_and(|max| self.emitted.len() >= max) {
            return Err(Stopped::Limit("the call emitted all it may".to_owned()));
        }
        self.emitted.push((port.to_owned(), records.to_vec()));
        let mut verdict = Verdict::default();
        for line in records.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let refused = self.refuse.and_then(|refuse| refuse(port, &serde_json::from_slice(line).ok()?));
            match refused {
                None => verdict.accepted += 1,
                Some(refusal) => {
                    verdict.refused += 1;
                    if verdict.first.len() < Verdict::MAX_FIRST {
                        verdict.first.push(refusal);
                    }
                }
            }
        }
        Ok(verdict)
    }

    fn reject(&mut self, port: &str, bytes: &[u8], reason: &str, at: Option<&str>) -> Result<(), Stopped> {
        self.rejects.push(Reject { port: port.to_owned(), bytes: bytes.to_vec(), reason: reason.to_owned(), at: at.map(str::to_owned) });
        Ok(())
    }

    fn attach(&mut self, port: &str) -> Result<Attachment, Stopped> {
        Ok(Attachment::new(Kept { port: port.to_owned(), bytes: Vec::new(), attachments: Rc::clone(self.attachments) }))
    }
}

/// Holds a text against the file that it is kept in. With `BLESS` set in the environment it is written there instead, to be looked at
/// before it is committed.
///
/// # Panics
/// If they differ, or the file cannot be read.
#[track_caller]
pub fn check_kept(path: &Path, text: &str) {
    if std::env::var_os("BLESS").is_some() {
        let written = std::fs::write(path, text);
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    let kept = std::fs::read_to_string(path);
    assert_eq!(kept.as_deref().ok(), Some(text), "{}", path.display());
}

/// One JSON text a line.
pub fn json_lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|value| format!("{value}\n")).collect()
}

impl Hub {
    /// With empty settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these settings.
    #[must_use]
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Messages come under this file name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Messages come under this media type.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(content_type.to_owned());
        self
    }

    /// Messages come, and polls happen, at this time: milliseconds since 1970-01-01T00:00:00Z, and 0 unless said.
    #[must_use]
    pub fn at(mut self, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// Stops the call after so many emits, as the hub does when a limit is reached.
    #[must_use]
    pub fn max_emits(mut self, max: usize) -> Self {
        self.max_emits = Some(max);
        self
    }

    /// Refuses what `refuse` does, as a channel's schema may. The records stay in [`Hub::records`].
    #[must_use]
    pub fn refusing(mut self, refuse: fn(&str, &Value) -> Option<Refusal>) -> Self {
        self.refuse = Some(refuse);
        self
    }

    /// The answer to the next request that has none yet; a request beyond all answers is denied.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn answer(self, answer: Result<crate::http::Response, crate::http::Error>) -> Self {
        self.surroundings.answers.borrow_mut().push_back(answer);
        self
    }

    /// The requests that were sent.
    #[cfg(feature = "http")]
    pub fn requests(&self) -> Vec<crate::http::Request> {
        self.surroundings.requests.borrow().clone()
    }

    /// Hands over one message.
    pub fn receive(&mut self, plugin: &impl Receiver, body: &[u8]) -> Result<Option<Reply>, Failure> {
        self.receive_blob(plugin, body.to_vec())
    }

    /// Hands over one message whose body is read as the plugin asks for it.
    pub fn receive_blob(&mut self, plugin: &impl Receiver, body: impl ReadAt + 'static) -> Result<Option<Reply>, Failure> {
        let (name, content_type) = (self.name.clone(), self.content_type.clone());
        let message = Message { body: Blob::new(body), name, content_type, received_at_ms: self.now_ms };
        self.run(|call| plugin.receive(call, message))
    }

    /// Polls once.
    pub fn poll(&mut self, plugin: &impl Source, since: Option<&[u8]>) -> Result<Progress, Failure> {
        let now_ms = self.now_ms;
        self.run(|call| plugin.poll(call, Poll { now_ms, since, max_records: 10_000 }))
    }

    /// Hands over one group of a transform: a key, what was kept of it, and records. Whatever the hub would refuse of the answer's form panics.
    ///
    /// # Panics
    /// If the answer is not one result for this key.
    pub fn apply(
        &self,
        plugin: &impl crate::Transform,
        key: &str,
        state: Option<Vec<u8>>,
        records: &[Value],
    ) -> Result<crate::Folded, Failure> {
        let records = json_lines(records.iter().cloned()).into_bytes();
        let mut folded = plugin.apply(self.now_ms, vec![crate::Keyed { key: key.to_owned(), state, records }])?;
        assert_eq!(folded.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), [key], "one result a group, in the groups' order");
        Ok(folded.remove(0))
    }

    /// Delivers records of a channel, each under an id of its place.
    pub fn deliver(
        &mut self,
        plugin: &impl crate::Sink,
        channel: &str,
        records: &[Value],
        idempotency_key: &str,
    ) -> Result<Vec<crate::ItemStatus>, Failure> {
        self.surroundings.settings = self.settings.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
        let ids = (0..records.len()).map(|place| format!("{channel}:1:{place}")).collect();
        let batch = crate::Batch { channel: channel.to_owned(), ids, records: json_lines(records.iter().cloned()).into_bytes() };
        plugin.deliver(&Context::new(&self.surroundings), batch, idempotency_key)
    }

    /// Any code that takes a call.
    pub fn run<R>(&mut self, run: impl FnOnce(&mut Call<'_>) -> Result<R, Failure>) -> Result<R, Failure> {
        self.surroundings.settings = self.settings.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
        let mut staging = Staging {
            emitted: &mut self.emitted,
            rejects: &mut self.rejects,
            max_emits: self.max_emits,
            refuse: self.refuse,
            attachments: &self.attachments,
        };
        let mut call = Call::new(Context::new(&self.surroundings), &mut staging);
        let result = run(&mut call)?;
        call.flush()?;
        Ok(result)
    }

    /// The records of a port, in order.
    ///
    /// # Panics
    /// If a line is no JSON: the SDK wrote it, so that is a defect worth seeing.
    #[allow(clippy::expect_used)]
    pub fn records(&self, port: &str) -> Vec<Value> {
        self.lines(port).map(|line| serde_json::from_slice(line).expect("every line is one JSON text")).collect()
    }

    /// How many records a port got.
    pub fn count(&self, port: &str) -> usize {
        self.lines(port).count()
    }

    /// All emits: the port, and newline-delimited records.
    pub fn emits(&self) -> &[(String, Vec<u8>)] {
        &self.emitted
    }

    /// The sizes of all emits, in bytes.
    pub fn emit_sizes(&self) -> Vec<usize> {
        self.emitted.iter().map(|(_, records)| records.len()).collect()
    }

    /// What was rejected.
    pub fn rejects(&self) -> &[Reject] {
        &self.rejects
    }

    /// The bytes of a port's attachment.
    pub fn attachment(&self, port: &str, sha256: &str) -> Option<Vec<u8>> {
        self.attachments.borrow().get(&(port.to_owned(), sha256.to_owned())).cloned()
    }

    /// What was logged.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.surroundings.logs.borrow().clone()
    }

    fn lines<'a>(&'a self, port: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let chunks = self.emitted.iter().filter(move |(name, _)| name == port);
        chunks.flat_map(|(_, records)| records.split(|b| *b == b'\n')).filter(|line| !line.is_empty())
    }
}
