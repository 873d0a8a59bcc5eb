use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Attachment, Failure};

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd and was survived.
    Warn,
    /// Something worth knowing happened.
    Info,
    /// For who looks closely.
    Debug,
}

/// What every plugin but a transform has around it. The sandbox implements it, and [`crate::testing::Hub`] does natively.
pub trait Environment {
    /// The connector's settings, a JSON object.
    fn settings(&self) -> String;
    /// One line for the operator.
    fn log(&self, level: Level, message: &str);
    /// Sends one HTTP request. Denied unless implemented, so that an environment stays whole when another crate of its workspace turns
    /// the feature on.
    #[cfg(feature = "http")]
    fn fetch(&self, request: crate::http::Request) -> Result<crate::http::Response, crate::http::Error> {
        Err(crate::http::Error::Denied(request.url))
    }
}

/// Where a source's or receiver's output goes.
pub trait Output {
    /// Takes newline-delimited records for a port.
    fn emit(&mut self, port: &str, records: &[u8]) -> Result<Verdict, Stopped>;
    /// Takes one bad item.
    fn reject(&mut self, port: &str, bytes: &[u8], reason: &str, at: Option<&str>) -> Result<(), Stopped>;
    /// Begins a file that belongs to records of a port.
    fn attach(&mut self, port: &str) -> Result<Attachment, Stopped>;
}

/// What became of emitted records. Refused ones are in quarantine already; the call goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that fit their channel.
    pub accepted: u64,
    /// Records that their channel's schema refused.
    pub refused: u64,
    /// The first refusals, at most [`Verdict::MAX_FIRST`].
    pub first: Vec<Refusal>,
}

/// Why a channel's schema refused a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// JSON pointer to the value at fault.
    pub pointer: String,
    /// The schema keyword that it broke.
    pub keyword: String,
    /// What is wrong, for a person to read.
    pub message: String,
}

impl Verdict {
    /// So many refusals are told.
    pub const MAX_FIRST: usize = 16;

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        let room = Self::MAX_FIRST.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}

/// The hub takes no more from this call; return it with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The connector's `emits:` has no such port.
    UnknownPort(String),
    /// A limit of the call was reached; the text says which.
    Limit(String),
    /// The hub is stopping, or could not stage what was emitted.
    Cancelled(String),
    /// A value of the plugin's own could not be written as JSON.
    Unwritable(String),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPort(port) => write!(f, "the connector's `emits:` has no port `{port}`: name a channel for it"),
            Self::Limit(what) | Self::Cancelled(what) => f.write_str(what),
            Self::Unwritable(why) => write!(f, "a record cannot be written as JSON: {why}"),
        }
    }
}

impl std::error::Error for Stopped {}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        let text = stopped.to_string();
        match stopped {
            Stopped::UnknownPort(_) | Stopped::Limit(_) => Self::Config(text),
            Stopped::Cancelled(_) => Self::Upstream(text),
            Stopped::Unwritable(_) => Self::Internal(text),
        }
    }
}

/// Settings, log and, with the feature `http`, the way out.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    environment: &'a dyn Environment,
}

impl<'a> Context<'a> {
    /// Around an environment.
    pub fn new(environment: &'a dyn Environment) -> Self {
        Self { environment }
    }

    /// The connector's settings. The hub has checked them against the manifest's schema; what still does not fit is a
    /// [`Failure::Config`] that names the setting.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.environment.settings()).map_err(|e| Failure::Config(e.to_string()))
    }

    /// Tells the operator. Nothing personal belongs here.
    pub fn log(&self, level: Level, message: &str) {
        self.environment.log(level, message);
    }

    /// Sends one HTTP request.
    #[cfg(feature = "http")]
    pub fn fetch(&self, request: crate::http::Request) -> Result<crate::http::Response, crate::http::Error> {
        self.environment.fetch(request)
    }
}

/// Emits cross the boundary in pieces of about this size.
const CHUNK_BYTES: usize = 256 << 10;

/// One call of a source or receiver: its [`Context`], and where its records go. Records are collected and cross the
/// boundary in chunks; what is left is flushed when the call returns well.
pub struct Call<'a> {
    context: Context<'a>,
    output: &'a mut dyn Output,
    pending: Vec<(String, Vec<u8>)>,
    verdict: Verdict,
    rejected: u64,
}

impl<'a> Deref for Call<'a> {
    type Target = Context<'a>;
    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

impl<'a> Call<'a> {
    /// A call whose output goes to `output`.
    pub fn new(context: Context<'a>, output: &'a mut dyn Output) -> Self {
        Self { context, output, pending: Vec::new(), verdict: Verdict::default(), rejected: 0 }
    }

    /// Emits one record. It must serialise to a JSON object.
    pub fn emit(&mut self, port: &str, record: &impl Serialize) -> Result<(), Stopped> {
        let index = self.pending_index(port);
        let buffer = &mut self.pending[index].1;
        let before = buffer.len();
        if let Err(e) = serde_json::to_writer(&mut *buffer, record) {
            buffer.truncate(before);
            return Err(Stopped::Unwritable(e.to_string()));
        }
        buffer.push(b'\n');
        if buffer.len() >= CHUNK_BYTES { self.flush_at(index) } else { Ok(()) }
    }

    /// Puts one bad item into the quarantine of the port's channel; the rest goes on. `at` says where, for example `line 7`.
    pub fn reject(&mut self, port: &str, bytes: &[u8], reason: &str, at: Option<&str>) -> Result<(), Stopped> {
        self.rejected += 1;
        self.output.reject(port, bytes, reason, at)
    }

    /// Begins a file that belongs to records of the port's channel: the hub keeps it beside the log, and whoever may read the
    /// channel may fetch it by its hash. It counts, like all output, once the call returns well.
    pub fn attach(&mut self, port: &str) -> Result<Attachment, Stopped> {
        self.output.attach(port)
    }

    /// Sends what was collected. Called for you when the call returns well.
    pub fn flush(&mut self) -> Result<(), Stopped> {
        (0..self.pending.len()).try_for_each(|index| self.flush_at(index))
    }

    /// What became of the records that were flushed so far, or since the verdict was last taken.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The verdict, and begins a new one: for a receiver that answers several messages of one body, each by its own. What is not
    /// flushed yet is not in it.
    pub fn take_verdict(&mut self) -> Verdict {
        std::mem::take(&mut self.verdict)
    }

    /// How many items this call rejected so far.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    fn pending_index(&mut self, port: &str) -> usize {
        // A plugin has a handful of ports: a scan beats a hash.
        self.pending.iter().position(|(name, _)| name == port).unwrap_or_else(|| {
            self.pending.push((port.to_owned(), Vec::with_capacity(CHUNK_BYTES + 1024)));
            self.pending.len() - 1
        })
    }

    fn flush_at(&mut self, index: usize) -> Result<(), Stopped> {
        let (port, buffer) = &mut self.pending[index];
        if buffer.is_empty() {
            return Ok(());
        }
        let verdict = self.output.emit(port, buffer)?;
        buffer.clear();
        self.verdict.add(verdict);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::Hub;

    #[test]
    fn a_verdict_tells_what_was_refused_since_the_last_one() {
        let refuse = |_: &str, record: &Value| {
            let refusal = Refusal { pointer: "/n".into(), keyword: "minimum".into(), message: "too small".into() };
            record["n"].as_i64().is_some_and(|n| n < 0).then_some(refusal)
        };
        let mut hub = Hub::new().refusing(refuse);
        let verdicts = hub.run(|call| {
            (-20..5).try_for_each(|n| call.emit("a", &json!({ "n": n })))?;
            let before = call.verdict().clone();
            call.flush()?;
            let first = call.take_verdict();
            call.emit("b", &json!({ "n": 1 }))?;
            call.flush()?;
            Ok([before, first, call.take_verdict()])
        });
        let [before, first, second] = verdicts.unwrap();
        assert_eq!(before, Verdict::default());
        assert_eq!((first.accepted, first.refused, first.first.len()), (5, 20, Verdict::MAX_FIRST));
        assert_eq!(second, Verdict { accepted: 1, refused: 0, first: Vec::new() });
    }
}
