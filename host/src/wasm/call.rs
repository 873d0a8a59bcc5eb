//! What one call is given, what it may use, and how it can end.

use std::sync::Arc;
use std::time::Duration;

use lienthong_core::city::Limits;
use lienthong_core::id::ConnectorId;
use lienthong_core::ports::{Blob, Emit, Stopped};
use lienthong_core::time::Timestamp;

pub use super::bindings::exports::lienthong::connector::receiver::Reply;
pub use super::bindings::exports::lienthong::connector::sink::{Batch, ItemStatus};
pub use super::bindings::exports::lienthong::connector::source::Progress;
pub use super::bindings::exports::lienthong::connector::transform::{Folded, Keyed, Output};
pub use super::bindings::lienthong::connector::types::{Failure, Rejected};
use super::recording::Tape;
use crate::net::Door;

/// The most a cursor or the state of one key may hold, bytes.
pub const CURSOR_BYTES: usize = 64 << 10;

/// One call of a plugin on behalf of a connector.
pub struct Call {
    /// For whom; named in log lines and denials.
    pub connector: ConnectorId,
    /// What people call the message that it is about; named in log lines.
    pub message_name: Arc<str>,
    /// The connector's settings: a JSON object that was checked against the manifest.
    pub settings: String,
    /// What the call may use.
    pub limits: Limits,
    /// Where its output goes. It is driven on the guests' runtime, and dropped before the call's future resolves,
    /// whichever way the call ends; a caller that needs what it gathered keeps a handle of its own to it.
    pub emit: Box<dyn Emit>,
    /// The way out. Without one every request is denied.
    pub door: Option<Door>,
    /// Where the call is recorded, or a recording stands for the world.
    pub tape: Option<Tape>,
}

/// Whose call it is and about which message, for log lines.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) connector: ConnectorId,
    pub(super) message: Arc<str>,
}

/// One message for a receiver.
pub struct Message {
    /// The bytes as they came; read in pieces, while the guest asks for them.
    pub body: Arc<dyn Blob>,
    /// The file's name, where there was one.
    pub name: Option<String>,
    /// The media type the sender declared.
    pub content_type: Option<String>,
    /// When the hub received it. The guest sees milliseconds.
    pub received_at: Timestamp,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time in the guest's own code, waiting on the hub and on other guests left out. Wall time, a tick of 10 ms at a time, so
    /// on a crowded machine it includes some of what the operating system took away.
    pub cpu: Duration,
    /// From the start of the instance to its end.
    pub wall: Duration,
    /// The most that all linear memories and tables of the call held together, bytes.
    pub memory_peak: u64,
    /// Bytes emitted, rejected and returned.
    pub output_bytes: u64,
    /// Bytes of attachments, those that were not finished among them. Each counts as at least 4 KiB.
    pub attachment_bytes: u64,
    /// Crossings from the guest into the hub, growing a memory among them.
    pub host_calls: u64,
    /// Lines the guest logged, those dropped among them.
    pub log_lines: u64,
    /// Outbound HTTP requests, denied ones among them.
    pub http_requests: u64,
    /// Bytes of HTTP responses.
    pub http_bytes: u64,
    /// Bytes of HTTP requests that went out: their addresses, headers and bodies.
    pub http_sent_bytes: u64,
}

/// The result of a call, and what it used either way.
pub type Outcome<T> = Result<(T, Usage), Box<Failed>>;

/// A call that failed as a whole: nothing it emitted counts.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// Why, to match on.
    pub cause: Cause,
    /// Why, for a person: which limit, its value and the key in the connector's YAML that raises it.
    pub message: String,
    /// The end of what the guest wrote to stderr, stdout and its log, at most 4 KiB.
    pub stderr: String,
    /// What was used until then.
    pub used: Usage,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub enum Cause {
    /// The plugin said so itself.
    Plugin(Failure),
    /// The plugin broke: a panic, a wild pointer, a value that is none. The text is the trap's name.
    Trap(String),
    /// The plugin answered with something its interface does not allow.
    Contract(String),
    /// `limits.cpu_per_call`
    Cpu(Duration),
    /// `limits.time_per_call`
    Time(Duration),
    /// `limits.memory`, bytes
    Memory(u64),
    /// `limits.output`, bytes
    Output(u64),
    /// `limits.attachments`, bytes
    Attachments(u64),
    /// `limits.message`, bytes
    Message(u64),
    /// `limits.host_calls`
    HostCalls(u64),
    /// `limits.http_requests`
    HttpRequests(u64),
    /// `limits.http_bytes`
    HttpBytes(u64),
    /// Emitting was refused: no such port, a limit of the hub, or the hub could not stage it.
    Stopped(Stopped),
    /// The caller gave up, or the hub is stopping.
    Cancelled,
    /// The hub's own fault.
    Host(String),
}

impl Cause {
    /// One word for it, as fixtures and reports write it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Plugin(Failure::InvalidInput(_)) => "invalid-input",
            Self::Plugin(Failure::Unauthorized(_)) => "unauthorized",
            Self::Plugin(Failure::RateLimited(_)) => "rate-limited",
            Self::Plugin(Failure::Upstream(_)) => "upstream",
            Self::Plugin(Failure::Config(_)) => "config",
            Self::Plugin(Failure::Internal(_)) => "internal",
            Self::Trap(_) => "trap",
            Self::Contract(_) => "contract",
            Self::Cpu(_) => "cpu",
            Self::Time(_) => "time",
            Self::Memory(_) => "memory",
            Self::Output(_) => "output",
            Self::Attachments(_) => "attachments",
            Self::Message(_) => "message",
            Self::HostCalls(_) => "host-calls",
            Self::HttpRequests(_) => "http-requests",
            Self::HttpBytes(_) => "http-bytes",
            Self::Stopped(_) => "stopped",
            Self::Cancelled => "cancelled",
            Self::Host(_) => "host",
        }
    }

    /// Whether the plugin broke, or a limit: not its message, its system, or the hub.
    pub(super) fn is_the_plugins_own(&self) -> bool {
        !matches!(self, Self::Plugin(_) | Self::Message(_) | Self::Stopped(_) | Self::Cancelled | Self::Host(_))
    }

    /// Whether the same call may fare better later, nothing changed by a person.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Plugin(failure) => matches!(failure, Failure::RateLimited(_) | Failure::Upstream(_)),
            Self::Time(_) | Self::Cancelled | Self::Host(_) | Self::Stopped(Stopped::Cancelled(_)) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn limit(f: &mut std::fmt::Formatter<'_>, what: &str, value: &dyn std::fmt::Display, key: &str) -> std::fmt::Result {
            write!(f, "{what}: the limit is {value}; if the work is honest, raise `limits.{key}` of the connector")
        }
        match self {
            Self::Plugin(Failure::InvalidInput(why)) => write!(f, "the plugin cannot read the message: {why}"),
            Self::Plugin(Failure::Unauthorized(why)) => write!(f, "the agency system refused the credentials: {why}"),
            Self::Plugin(Failure::RateLimited(Some(s))) => write!(f, "the agency system asks to wait {s} s"),
            Self::Plugin(Failure::RateLimited(None)) => f.write_str("the agency system asks to slow down"),
            Self::Plugin(Failure::Upstream(why)) => write!(f, "the agency system failed: {why}"),
            Self::Plugin(Failure::Config(why)) => write!(f, "the connector's `settings:` are wrong: {why}"),
            Self::Plugin(Failure::Internal(why)) => write!(f, "the plugin failed: {why}"),
            Self::Trap(kind) => write!(f, "the plugin broke ({kind}); the vendor must mend it"),
            Self::Contract(why) => write!(f, "the plugin broke its interface: {why}"),
            Self::Cpu(value) => limit(f, "the call used up its processor time", &Show(*value), "cpu_per_call"),
            Self::Time(value) => limit(f, "the call took too long", &Show(*value), "time_per_call"),
            Self::Memory(value) => limit(f, "the call wanted more memory", &Bytes(*value), "memory"),
            Self::Output(value) => limit(f, "the call put out too much", &Bytes(*value), "output"),
            Self::Attachments(value) => limit(f, "the call attached too much", &Bytes(*value), "attachments"),
            Self::Message(value) => limit(f, "the message is too large", &Bytes(*value), "message"),
            Self::HostCalls(value) => limit(f, "the plugin called the hub too often", value, "host_calls"),
            Self::HttpRequests(value) => limit(f, "the call sent too many HTTP requests", value, "http_requests"),
            Self::HttpBytes(value) => limit(f, "HTTP responses were too large together", &Bytes(*value), "http_bytes"),
            Self::Stopped(why) => write!(f, "the hub stopped the call: {why}"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Host(why) => write!(f, "the hub could not run the call: {why}"),
        }
    }
}

/// A duration as configuration writes it.
struct Show(Duration);

impl std::fmt::Display for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1_000 == 0 => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

/// A size as configuration writes it.
struct Bytes(u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 >= 1 << shift && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_its_value_and_the_key_that_raises_it() {
        let text = |cause: Cause| cause.to_string();
        assert_eq!(
            text(Cause::Memory(64 << 20)),
            "the call wanted more memory: the limit is 64MiB; if the work is honest, raise `limits.memory` of the connector"
        );
        assert!(text(Cause::Cpu(Duration::from_millis(1_500))).contains("the limit is 1500ms;"));
        assert!(text(Cause::Time(Duration::from_secs(2))).contains("the limit is 2s;"));
        assert!(text(Cause::Output(1_000)).contains("the limit is 1000;"));
    }
}
