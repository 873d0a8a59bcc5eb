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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Hub;
    use crate::{Call, Failure};

    fn attach(call: &mut Call<'_>) -> Result<(), Failure> {
        let mut file = call.attach("scans")?;
        file.write(b"a")?;
        file.write(b"bc")?;
        drop(call.attach("scans")?);
        let attached = file.finish()?;
        call.emit("scans", &json!({ "sha256": attached.sha256, "size": attached.size_bytes }))?;
        Ok(())
    }

    #[test]
    fn a_record_names_the_file_that_the_hub_has() {
        let mut hub = Hub::new();
        hub.run(attach).unwrap();
        // The example of FIPS 180-4.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hub.records("scans"), [json!({ "sha256": sha256, "size": 3 })]);
        assert_eq!(hub.attachment("scans", sha256).as_deref(), Some(&b"abc"[..]));
        assert_eq!(hub.attachment("others", sha256), None);
    }
}
