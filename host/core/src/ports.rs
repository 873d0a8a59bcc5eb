//! The ports through which the sandbox meets the rest of the hub, so that neither imports the other.

use std::future::Future;
use std::pin::Pin;

use crate::hash::ContentHash;
use crate::id::Port;
use crate::record::Violation;

/// A future that borrows and can move between threads.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A body of bytes that can be read at any offset, larger than memory if need be.
pub trait Blob: Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> u64;
    /// Up to `max` bytes from `offset`; empty at the end. The caller has capped `max`.
    fn read(&self, offset: u64, max: usize) -> Pending<'_, std::io::Result<Vec<u8>>>;
}

/// A body that is in memory already.
impl Blob for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, max: usize) -> Pending<'_, std::io::Result<Vec<u8>>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(max).min(self.len());
        let bytes = self[start..end].to_vec();
        Box::pin(async move { Ok(bytes) })
    }
}

/// What became of one emit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that fit their channel.
    pub accepted: u32,
    /// Records that went to quarantine.
    pub refused: u32,
    /// The first refusals, at most 16, each with its place among the records from 0.
    pub first: Vec<(u32, Violation)>,
}

/// Why a call must not emit more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The connector's `emits:` lacks the port.
    #[error("the connector's `emits:` has no port `{0}`")]
    UnknownPort(String),
    /// A limit of the call.
    #[error("{0}")]
    Limit(String),
    /// The hub is stopping, or could not stage what was emitted.
    #[error("{0}")]
    Cancelled(String),
}

/// Where a guest's output goes: decode, validate, stage. Implemented by the pipeline, called by the sandbox.
pub trait Emit: Send {
    /// Takes newline-delimited records for a port.
    fn emit<'a>(&'a mut self, port: &'a str, ndjson: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>>;
    /// Takes one item that the guest itself found bad.
    fn reject<'a>(&'a mut self, port: &'a str, bytes: Vec<u8>, reason: String, at: Option<String>) -> Pending<'a, Result<(), Stopped>>;
    /// Begins a file that belongs to records of a port.
    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>>;
}

/// For calls that emit nothing: a transform gives its records back, and a sink has none.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Emit for Nowhere {
    fn emit<'a>(&'a mut self, port: &'a str, _: Vec<u8>) -> Pending<'a, Result<Verdict, Stopped>> {
        Box::pin(async move { Err(port_of_none(port)) })
    }

    fn reject<'a>(&'a mut self, port: &'a str, _: Vec<u8>, _: String, _: Option<String>) -> Pending<'a, Result<(), Stopped>> {
        Box::pin(async move { Err(port_of_none(port)) })
    }

    fn attach<'a>(&'a mut self, port: &'a str) -> Pending<'a, Result<Box<dyn Attachment>, Stopped>> {
        Box::pin(async move { Err(port_of_none(port)) })
    }
}

fn port_of_none(text: &str) -> Stopped {
    Stopped::UnknownPort(text.chars().take(80).collect())
}

/// A file on its way, never whole in memory. Dropped before it is finished, it is forgotten.
pub trait Attachment: Send {
    /// Adds bytes at the end.
    fn write(&mut self, bytes: Vec<u8>) -> Pending<'_, Result<(), Stopped>>;
    /// Ends it. It counts once the call does.
    fn finish(self: Box<Self>) -> Pending<'static, Result<Attached, Stopped>>;
}

/// What a record says of its attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// SHA-256 of its bytes.
    pub hash: ContentHash,
    /// Their number.
    pub size_bytes: u64,
}

/// A port's text, checked.
pub fn port(text: &str) -> Result<Port, Stopped> {
    Port::new(text).map_err(|_| port_of_none(text))
}
