use std::io;

use lienthong_sdk::{Stopped, xml};

/// Why a message is not read to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not what it should be.
    Document(xml::Error),
    /// Its bytes cannot be had.
    Unreadable(io::Error),
    /// The hub takes no more.
    Stopped(Stopped),
    /// It was read as a document and is a status message.
    IsStatus,
}

impl Fault {
    /// A fault of the message at a byte.
    pub(crate) fn new(offset: u64, what: impl Into<String>) -> Self {
        Self::Document(xml::Error::unexpected(offset, what))
    }
}

impl From<xml::Error> for Fault {
    fn from(error: xml::Error) -> Self {
        Self::Document(error)
    }
}

impl From<Stopped> for Fault {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}
