//! One run of a plugin as it met the world: all that went in, and, where it was kept, all that came out. With the same component it runs
//! again in the same way, to the byte.

use lienthong_core::city::Record;
use lienthong_core::id::{ConnectorId, PluginName, Port};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::reply::Reply;
use crate::wasm::{Exchange, Octets, Senses};

/// What is told of a recording without replaying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Head {
    /// What it is asked for by.
    pub run: String,
    /// Whose run.
    #[schema(value_type = String)]
    pub connector: ConnectorId,
    /// The plugin.
    #[schema(value_type = String)]
    pub plugin: PluginName,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub sha256: String,
    /// When the run began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// The message that it was about, or `poll` and a number.
    pub message_name: String,
    /// Why nothing of it counted; null where it went well.
    pub error: Option<String>,
    /// Records that it emitted; null where what it emitted was not kept.
    pub records: Option<u64>,
}

/// A recorded run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recording {
    /// What the plugin was asked.
    pub input: Input,
    /// The connector's settings then.
    pub settings: String,
    /// What it saw of time and chance.
    pub senses: Senses,
    /// What it sent out, and what came back.
    pub exchanges: Vec<Exchange>,
    /// What it put out; none where only its end was kept.
    pub emitted: Option<Vec<Emitted>>,
    /// How it ended.
    pub ending: Ending,
}

/// What a plugin is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// To take a message.
    Message {
        /// Its bytes.
        body: Octets,
        /// Its file's name.
        name: Option<String>,
        /// Its media type.
        content_type: Option<String>,
        /// When it came.
        received_at: Timestamp,
    },
    /// To fetch what is new.
    Poll {
        /// The time of the call.
        now: Timestamp,
        /// The checkpoint.
        since: Option<Octets>,
        /// About so many records.
        max_records: u32,
    },
}

/// Something that a plugin put out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Emitted {
    /// Records, as they came.
    Records {
        /// To here.
        port: String,
        /// Newline-delimited.
        bytes: Octets,
    },
    /// An item that is none.
    Reject {
        /// For here.
        port: String,
        /// Its bytes.
        bytes: Octets,
        /// Why.
        reason: String,
        /// Where.
        at: Option<String>,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// A message was taken.
    Received {
        /// For its sender.
        reply: Option<Reply>,
    },
    /// A poll came back.
    Polled {
        /// The next checkpoint.
        next: Option<Octets>,
        /// There is more.
        more: bool,
    },
    /// Nothing of it counts.
    Failed {
        /// Why.
        text: String,
    },
}

impl Ending {
    /// How a failure is kept.
    pub fn failed(fault: &Fault) -> Self {
        Self::Failed { text: fault.text.clone() }
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { text } => Some(text),
            Self::Received { .. } | Self::Polled { .. } => None,
        }
    }
}

/// Whether a run that ended so is recorded.
pub fn is_recorded(record: Record, failed: bool) -> bool {
    match record {
        Record::None => false,
        Record::Failed => failed,
        Record::All => true,
    }
}

/// The single items of what was put out, in order: a record or a rejected item each.
pub fn items(emitted: &[Emitted]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for one in emitted {
        match one {
            Emitted::Records { port, bytes } => {
                items.extend(super::intake::lines(&bytes.0).map(|bytes| Item { port, bytes, rejected: None }));
            }
            Emitted::Reject { port, bytes, reason, at } => {
                items.push(Item { port, bytes: &bytes.0, rejected: Some((reason, at.as_deref())) })
            }
        }
    }
    items
}

/// One record, or one item that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its port, as the plugin wrote it.
    pub port: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Why it is no record, and where.
    pub rejected: Option<(&'a str, Option<&'a str>)>,
}

impl Item<'_> {
    /// Its port, if it has the form of one.
    pub fn known_port(&self) -> Option<Port> {
        Port::new(self.port).ok()
    }
}
