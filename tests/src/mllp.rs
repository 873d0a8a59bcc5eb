//! A sender as hospital systems have them: messages in frames over TCP or TLS, each answered in a frame.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::city::City;
use crate::guest;

/// Gives a city the plugin `test-guest`: a receiver that emits what it is sent to its port `out`, of schema `tests/things.v1`,
/// and replies with the moment and the message.
pub fn write_acknowledge(city: &City) {
    let plugin = guest::receiver(include_str!("../plugins/acknowledge.wat"), "lienthong:connector/receiver-plugin");
    let folder = city.path().join("plugins");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("test-guest.wasm"), plugin))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

/// No reply takes longer.
const TIME_LIMIT: Duration = Duration::from_secs(100);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection: what it sends and what it is answered, apart.
pub struct Sender {
    /// Sends.
    pub out: Out,
    /// Is answered.
    pub replies: Replies,
}

/// The half that sends.
pub struct Out(WriteHalf<Box<dyn Stream>>);

/// The half that is answered.
pub struct Replies(BufReader<ReadHalf<Box<dyn Stream>>>);

impl Sender {
    /// Connects without TLS.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        Ok(Self::over(Box::new(stream)))
    }

    /// Connects with TLS to a hub that shows a certificate of this authority for `localhost`, and shows one of its own where
    /// it has one: certificate and key.
    ///
    /// # Errors
    /// When the handshake fails. A hub that refuses the sender's certificate may say so only with the first reply.
    pub async fn connect_tls(address: SocketAddr, authority: &Path, own: Option<(&Path, &Path)>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?.with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![CertificateDer::from_pem_file(certificate)?], PrivateKeyDer::from_pem_file(key)?)?
            }
        };
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        Ok(Self::over(Box::new(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        let (read, write) = split(stream);
        Self { out: Out(write), replies: Replies(BufReader::new(read)) }
    }

    /// Sends one message and waits for its reply; none where the hub hung up instead.
    ///
    /// # Errors
    /// When the connection breaks, or after a hundred seconds.
    pub async fn ask(&mut self, message: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        self.out.send(message).await?;
        self.replies.next().await
    }
}

impl Out {
    /// Sends one message.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, message: &[u8]) -> anyhow::Result<()> {
        self.raw(&[b"\x0b", message, b"\x1c\r"].concat()).await
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn raw(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0.write_all(bytes).await?;
        Ok(self.0.flush().await?)
    }

    /// Tells the hub that nothing more comes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        Ok(self.0.shutdown().await?)
    }
}

impl Replies {
    /// The next reply; none where the hub hung up.
    ///
    /// # Errors
    /// When the connection breaks, when what comes is no frame, or after a hundred seconds.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        tokio::time::timeout(TIME_LIMIT, self.frame()).await.context("no reply in time")?
    }

    async fn frame(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        match self.0.read_u8().await {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Ok(0x0b) => {}
            other => bail!("{other:?} came where a frame should begin"),
        }
        let mut reply = Vec::new();
        loop {
            reply.push(self.0.read_u8().await.context("the connection ended within a reply")?);
            if reply.ends_with(b"\x1c\r") {
                reply.truncate(reply.len() - 2);
                return Ok(Some(reply));
            }
        }
    }
}
