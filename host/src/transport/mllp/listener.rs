//! The port, and TLS on it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use lienthong_core::city::Mllp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::net;

/// A handshake takes no longer.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// An open port.
pub struct Listener {
    tcp: TcpListener,
    /// Where connections must speak TLS.
    pub tls: Option<TlsAcceptor>,
    /// Where it really listens.
    pub address: SocketAddr,
}

impl Listener {
    /// Opens the port. Whoever connects waits until [`accept`](Self::accept).
    pub async fn open(settings: &Mllp) -> anyhow::Result<Self> {
        let tls = match &settings.tls {
            Some(tls) => Some(net::server_tls(&tls.files.certificate, &tls.files.key, tls.clients.as_deref(), &[])?),
            None => None,
        };
        let tcp = TcpListener::bind(settings.listen).await.with_context(|| {
            format!("cannot listen on {}; another program may hold it: stop it, or change `mllp: {{ listen: … }}`", settings.listen)
        })?;
        let address = tcp.local_addr()?;
        Ok(Self { tcp, tls, address })
    }

    /// The next connection.
    pub async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.tcp.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }
}
