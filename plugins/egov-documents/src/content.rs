//! An attachment's base64 on its way out, in pieces.

use lienthong_sdk::base64::Decoder;
use lienthong_sdk::{Attachment, Call, Stopped};

/// Where attachments go. Without it they are only checked.
pub(crate) struct Keep<'c, 'a> {
    pub(crate) call: &'c mut Call<'a>,
    pub(crate) port: &'static str,
}

/// One attachment.
pub(crate) struct Content<'k, 'c, 'a> {
    keep: Option<&'k mut Keep<'c, 'a>>,
    decoder: Decoder,
    attachment: Option<Attachment>,
    size_bytes: u64,
}

/// Why a piece is not taken.
pub(crate) enum Refused {
    /// This byte of the piece has no place in base64; or, at the end, it breaks off.
    Broken(usize),
    Stopped(Stopped),
}

/// What a record says of a content. Of one that was only checked the hash is not known.
pub(crate) struct Kept {
    pub(crate) size_bytes: u64,
    pub(crate) sha256: Option<String>,
}

impl<'k, 'c, 'a> Content<'k, 'c, 'a> {
    pub(crate) fn new(keep: Option<&'k mut Keep<'c, 'a>>) -> Self {
        Self { keep, decoder: Decoder::default(), attachment: None, size_bytes: 0 }
    }

    pub(crate) fn push(&mut self, piece: &str) -> Result<(), Refused> {
        let bytes = self.decoder.push(piece.as_bytes()).map_err(|byte| Refused::Broken(byte.at))?;
        self.size_bytes += bytes.len() as u64;
        write(&mut self.attachment, self.keep.as_deref_mut(), bytes)
    }

    /// None of an empty content.
    pub(crate) fn finish(mut self) -> Result<Option<Kept>, Refused> {
        let bytes = self.decoder.finish().ok_or(Refused::Broken(0))?;
        self.size_bytes += bytes.len() as u64;
        write(&mut self.attachment, self.keep, bytes)?;
        let attached = self.attachment.map(Attachment::finish).transpose().map_err(Refused::Stopped)?;
        let sha256 = attached.map(|attached| attached.sha256);
        Ok((self.size_bytes > 0).then_some(Kept { size_bytes: self.size_bytes, sha256 }))
    }
}

/// The attachment begins with its first byte: an empty one is none.
fn write(attachment: &mut Option<Attachment>, keep: Option<&mut Keep<'_, '_>>, bytes: &[u8]) -> Result<(), Refused> {
    let Some(keep) = keep.filter(|_| !bytes.is_empty()) else { return Ok(()) };
    if attachment.is_none() {
        *attachment = Some(keep.call.attach(keep.port).map_err(Refused::Stopped)?);
    }
    attachment.as_mut().map_or(Ok(()), |attachment| attachment.write(bytes).map_err(Refused::Stopped))
}
