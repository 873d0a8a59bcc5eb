//! Replies as they go out over a connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::frame::framed;

/// A sender that does not take its replies for so long is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Writes replies.
pub struct Replies<W>(W);

impl<W: AsyncWrite + Unpin> Replies<W> {
    /// To this sender.
    pub fn new(write: W) -> Self {
        Self(write)
    }

    /// Sends one reply in a frame.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where the reply holds what ends a frame.
    pub async fn send(&mut self, reply: &[u8]) -> io::Result<()> {
        let frame = framed(reply).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the plugin's reply holds the byte 0x1C, which would end its frame: the vendor must mend it",
            )
        })?;
        let sent = timeout(WRITE_TIME, async {
            self.0.write_all(&frame).await?;
            self.0.flush().await
        });
        sent.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the sender does not take its replies")))
    }

    /// Tells the sender that nothing more comes.
    pub async fn close(&mut self) {
        let _ = timeout(WRITE_TIME, self.0.shutdown()).await;
    }
}
