//! From a target that was granted to a connection with the very address that was checked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::door::{Denial, Error};
use super::guard::check_address;
use super::rule::{HostName, Rule, Scheme, Target};

/// Looks the host up once. One address that may not be dialled spoils the name: a name that answers with both is not honest.
pub(super) async fn resolve(target: &Target, rules: &[Rule]) -> Result<Vec<SocketAddr>, Error> {
    let addresses: Vec<SocketAddr> = match &target.host {
        HostName::Address(address) => vec![SocketAddr::new(*address, target.port)],
        HostName::Name(name) => tokio::net::lookup_host((name.as_str(), target.port))
            .await
            .map_err(|source| Error::Resolve { host: name.clone(), source })?
            .collect(),
    };
    if addresses.is_empty() {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
        return Err(Error::Resolve { host: target.host.to_string(), source });
    }
    permit(target, &addresses, rules)?;
    Ok(addresses)
}

/// Every address must be public, or be named with its port by a rule.
pub(super) fn permit(target: &Target, addresses: &[SocketAddr], rules: &[Rule]) -> Result<(), Denial> {
    for address in addresses {
        if rules.iter().any(|rule| rule.names(*address)) {
            continue;
        }
        if let Err(why) = check_address(address.ip()) {
            let exact = Target { scheme: target.scheme, host: HostName::Address(address.ip().to_canonical()), port: target.port };
            return Err(Denial {
                target: target.to_string(),
                why: format!("its address {} is not public: {why}", address.ip()),
                allow: format!("egress: [\"{}://{}:{}\"]", exact.scheme.as_str(), exact.host, exact.port),
            });
        }
    }
    Ok(())
}

/// Plain or TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether TLS agreed on HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }
}

/// Tries the addresses in turn.
pub(super) async fn connect(target: &Target, addresses: &[SocketAddr], tls: Option<Arc<ClientConfig>>) -> Result<Stream, Error> {
    let tcp = TcpStream::connect(addresses).await.map_err(|source| Error::Connect { target: target.to_string(), source })?;
    tcp.set_nodelay(true).map_err(|source| Error::Connect { target: target.to_string(), source })?;
    let (Scheme::Https, Some(config)) = (target.scheme, tls) else { return Ok(Stream::Plain(tcp)) };
    let name = match &target.host {
        HostName::Address(address) => ServerName::from(*address),
        HostName::Name(name) => ServerName::try_from(name.clone()).map_err(|error| Error::Tls {
            target: target.to_string(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidInput, error),
        })?,
    };
    let stream = TlsConnector::from(config).connect(name, tcp).await;
    stream.map(|stream| Stream::Tls(Box::new(stream))).map_err(|source| Error::Tls { target: target.to_string(), source })
}

/// The machine's own list of authorities, HTTP/2 preferred. Reads files: call it where blocking is allowed.
pub(super) fn native_tls() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!("this machine has no certificate authorities{why}; install the package `ca-certificates`"));
    }
    client_tls(roots)
}

/// TLS as the hub speaks it, trusting these authorities.
pub(super) fn client_tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(url: &str, addresses: &[&str], egress: &[&str]) -> Result<(), Denial> {
        let rules: Vec<Rule> = egress.iter().map(|rule| Rule::parse(rule).unwrap()).collect();
        let target = Target::parse(url).unwrap();
        let addresses: Vec<SocketAddr> = addresses.iter().map(|a| SocketAddr::new(a.parse().unwrap(), target.port)).collect();
        permit(&target, &addresses, &rules)
    }

    #[test]
    fn every_address_of_a_name_must_be_public_or_named() {
        let name = "https://his.example.vn:8443";
        assert!(permitted(name, &["14.160.0.1", "2405:4800::1"], &[name]).is_ok());
        let denial = permitted(name, &["14.160.0.1", "10.1.2.3"], &[name]).unwrap_err();
        assert_eq!(denial.why, "its address 10.1.2.3 is not public: private (10.0.0.0/8)");
        assert_eq!(denial.allow, "egress: [\"https://10.1.2.3:8443\"]");
        assert!(
            permitted(name, &["10.1.2.3"], &[name, "https://10.1.2.3:8443"]).is_ok(),
            "the name and its private address are both listed"
        );
        assert!(permitted(name, &["10.1.2.3"], &[name, "https://10.1.2.3"]).is_err(), "another port");
        assert!(permitted("https://x.vn", &["::ffff:127.0.0.1"], &["https://x.vn"]).is_err());
    }
}
