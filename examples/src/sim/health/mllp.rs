//! A sender over MLLP (HL7's Minimal Lower Layer Protocol, release 1): one message a frame, each acknowledged in a frame. What was not
//! acknowledged is sent again over a new connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

const BEGIN: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];
/// No acknowledgement takes longer.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// None is longer, bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// One connection, opened when there is something to send.
#[derive(Debug)]
pub struct Sender {
    hub: SocketAddr,
    open: Mutex<Option<TcpStream>>,
}

impl Sender {
    /// A sender to this port of the hub.
    pub fn new(hub: SocketAddr) -> Self {
        Self { hub, open: Mutex::new(None) }
    }

    /// Sends a message until it is acknowledged, and returns the acknowledgement.
    ///
    /// # Errors
    /// When nobody acknowledges it in ten tries.
    pub async fn send(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut open = self.open.lock().await;
        let mut patience = Duration::from_millis(100);
        let mut tries = 1;
        loop {
            match self.ask(&mut open, message).await {
                Ok(reply) => return Ok(reply),
                Err(error) if tries == 10 => return Err(error.context("nobody acknowledged the message in ten tries")),
                // Whether it was taken is not known: that it is the same makes sending it again harmless.
                Err(_) => *open = None,
            }
            tries += 1;
            tokio::time::sleep(patience).await;
            patience = (patience * 2).min(Duration::from_secs(5));
        }
    }

    /// Sends a message and loses the connection before it is acknowledged.
    ///
    /// # Errors
    /// When it can not even be sent.
    pub async fn send_and_lose(&self, message: &[u8]) -> anyhow::Result<()> {
        let mut open = self.open.lock().await;
        let stream = self.connected(&mut open).await?;
        stream.write_all(&frame(message)).await?;
        stream.flush().await?;
        *open = None;
        Ok(())
    }

    async fn connected<'a>(&self, open: &'a mut Option<TcpStream>) -> anyhow::Result<&'a mut TcpStream> {
        let stream = match open.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.hub).await.with_context(|| format!("nobody speaks MLLP at {}", self.hub))?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        Ok(open.insert(stream))
    }

    async fn ask(&self, open: &mut Option<TcpStream>, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let stream = self.connected(open).await?;
        let answered = async {
            stream.write_all(&frame(message)).await?;
            stream.flush().await?;
            reply(stream).await
        };
        tokio::time::timeout(TIME_LIMIT, answered).await.context("no acknowledgement in time")?
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&[BEGIN], message, &END].concat()
}

async fn reply(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "the hub hung up before it acknowledged the message");
        anyhow::ensure!(bytes.first() == Some(&BEGIN), "what came is no frame");
        anyhow::ensure!(bytes.len() <= SIZE_LIMIT, "the acknowledgement has more than {SIZE_LIMIT} bytes");
        if bytes.ends_with(&END) {
            return Ok(bytes[1..bytes.len() - END.len()].to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each frame with its number, but hangs up in place of the answers in `silent`.
    async fn receiver(silent: &'static [usize]) -> (SocketAddr, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut got = Vec::new();
            while got.len() < 4 {
                let (mut stream, _) = listener.accept().await.unwrap();
                while let Ok(message) = reply(&mut stream).await {
                    got.push(message);
                    if silent.contains(&got.len()) {
                        break;
                    }
                    if stream.write_all(&frame(got.len().to_string().as_bytes())).await.is_err() || got.len() == 4 {
                        break;
                    }
                }
            }
            got
        });
        (address, task)
    }

    #[tokio::test]
    async fn what_was_not_acknowledged_is_sent_again() {
        let (address, received) = receiver(&[1]).await;
        let sender = Sender::new(address);
        assert_eq!(sender.send(b"a").await.unwrap(), b"2");
        assert_eq!(sender.send(b"b").await.unwrap(), b"3");
        assert_eq!(sender.send(b"c").await.unwrap(), b"4");
        assert_eq!(received.await.unwrap(), [b"a", b"a", b"b", b"c"]);
    }

    #[tokio::test]
    async fn a_lost_connection_is_replaced() {
        let (address, received) = receiver(&[]).await;
        let sender = Sender::new(address);
        sender.send_and_lose(b"a").await.unwrap();
        for message in [b"a", b"b", b"c"] {
            sender.send(message).await.unwrap();
        }
        assert_eq!(received.await.unwrap(), [b"a", b"a", b"b", b"c"]);
    }
}
