use std::fmt;

use crate::Stopped;

/// What a record says of a file that belongs to it. The hub keeps the bytes beside the log and finds them by their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Their number.
    pub size_bytes: u64,
}

/// Where an attachment's bytes go. The sandbox implements it, and [`crate::testing::Hub`] does natively.
pub trait AttachmentWriter {
    /// Adds bytes at the end.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped>;
    /// Ends it.
    fn finish(self: Box<Self>) -> Result<Attached, Stopped>;
}

/// A file on its way into the hub, by [`crate::Call::attach`]. It may be larger than the sandbox: write it in pieces, of some
/// tens of kilobytes and more. Dropped unfinished it is forgotten.
pub struct Attachment(Box<dyn AttachmentWriter>);

impl Attachment {
    /// Around where its bytes go.
    pub fn new(writer: impl AttachmentWriter + 'static) -> Self {
        Self(Box::new(writer))
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.0.write(bytes)
    }

    /// Ends it, and tells what a record has to say of it.
    pub fn finish(self) -> Result<Attached, Stopped> {
        self.0.finish()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").finish_non_exhaustive()
    }
}
