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
    /// Sends one HTTP request.
    #[cfg(feature = "http")]
    fn fetch(&self, request: crate::http::Request) -> Result<crate::http::Response, crate::http::Error>;
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that fit their channel.
    pub accepted: u64,
    /// Records that their channel's schema refused.
    pub refused: u64,
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

    /// What became of the records that were flushed so far.
    pub fn verdict(&self) -> Verdict {
        self.verdict
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
        self.verdict.accepted += verdict.accepted;
        self.verdict.refused += verdict.refused;
        Ok(())
    }
}
