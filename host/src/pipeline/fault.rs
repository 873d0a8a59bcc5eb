//! Why a call came to nothing, whose fault it is, and whether time heals it.

use std::time::Duration;

use crate::wasm::{self, Cause};

/// Why nothing of a call counts.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    /// To match on.
    pub kind: FaultKind,
    /// For a person.
    pub text: String,
    /// The end of the plugin's own output.
    pub stderr: String,
    /// The agency system asked to wait so long.
    pub retry_after: Option<Duration>,
}

/// Whose fault it is, and whether time heals it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The message cannot be read; another try will not help.
    Message,
    /// The plugin or its settings; another try will not help.
    Plugin,
    /// The call took too long; another try may help.
    Time,
    /// The agency system; another try may help.
    Upstream,
    /// The same key was used for another message.
    KeyReused,
    /// The connector is not to be called now: an operator paused it, or its breaker is open.
    Held,
    /// Its budget of the day is used up.
    Spent,
    /// The hub itself; the message stays where it is.
    Hub,
}

impl FaultKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Plugin => "plugin",
            Self::Time => "time",
            Self::Upstream => "upstream",
            Self::KeyReused => "key-reused",
            Self::Held => "held",
            Self::Spent => "spent",
            Self::Hub => "hub",
        }
    }

    /// Nothing was called, and nothing failed: what waits goes on waiting.
    pub(super) const fn is_wait(self) -> bool {
        matches!(self, Self::Held | Self::Spent)
    }
}

impl Fault {
    /// The hub's own.
    pub(super) fn hub(text: impl Into<String>) -> Self {
        Self { kind: FaultKind::Hub, text: text.into(), stderr: String::new(), retry_after: None }
    }

    /// Another message under a known key.
    pub(super) fn key_reused() -> Self {
        let text = "the idempotency key was used for another message: use a new key for new bytes".to_owned();
        Self { kind: FaultKind::KeyReused, text, stderr: String::new(), retry_after: None }
    }

    /// What lies beside a message that was set aside.
    pub(super) fn reason(&self) -> String {
        let stderr = if self.stderr.is_empty() { String::new() } else { format!("\n\nthe plugin's last words:\n{}\n", self.stderr) };
        format!("{}{stderr}\n", self.text)
    }
}

impl From<Box<wasm::Failed>> for Fault {
    fn from(failed: Box<wasm::Failed>) -> Self {
        use wasm::Failure;
        let kind = match &failed.cause {
            Cause::Plugin(Failure::InvalidInput(_)) | Cause::Message(_) => FaultKind::Message,
            Cause::Plugin(Failure::RateLimited(_) | Failure::Upstream(_)) => FaultKind::Upstream,
            Cause::Time(_) => FaultKind::Time,
            cause if cause.is_passing() => FaultKind::Hub,
            _ => FaultKind::Plugin,
        };
        let retry_after = match &failed.cause {
            Cause::Plugin(Failure::RateLimited(seconds)) => seconds.map(|s| Duration::from_secs(s.into())),
            _ => None,
        };
        Self { kind, text: failed.message, stderr: failed.stderr, retry_after }
    }
}
