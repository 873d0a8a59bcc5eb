//! The door against real servers, a real resolver and real TLS.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Caps, Door, Error};

fn get(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).header("connection", "upgrade").header("te", "trailers").body(Empty::new()).unwrap()
}

/// Answers every connection with these bytes, and then says nothing more.
async fn plain(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                std::future::pending::<()>().await;
            });
        }
    });
    address
}

fn door(address: SocketAddr) -> Door {
    Door::new(&[format!("http://{address}")]).unwrap()
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_denied_with_its_remedy() {
    let address = plain(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let name = format!("http://localhost:{}", address.port());
    let error = Door::unlisted(&[&name]).send(get(&name), Caps::default()).await.err().unwrap();
    let Error::Denied(denial) = &error else { panic!("{error:?}") };
    assert!(
        denial.why.ends_with("is not public: loopback (127.0.0.0/8)") || denial.why.ends_with("is not public: loopback (::1)"),
        "{denial}"
    );
    assert!(denial.allow.starts_with("egress: [\"http://"), "{denial}");
    // With every address of it listed, the same name is let through.
    let (v4, v6) = (format!("http://127.0.0.1:{}", address.port()), format!("http://[::1]:{}", address.port()));
    assert!(Door::unlisted(&[&name, &v4, &v6]).send(get(&name), Caps::default()).await.is_ok());
}

#[tokio::test]
async fn what_is_not_listed_is_never_dialled() {
    let address = plain(b"").await;
    let door = door(address);
    for url in [format!("http://127.0.0.1:{}", address.port() ^ 1), format!("https://{address}"), "http://169.254.169.254/".into()] {
        assert!(matches!(door.send(get(&url), Caps::default()).await, Err(Error::Denied(_))), "{url}");
    }
    let tunnel = Request::connect(format!("http://{address}/")).body(Empty::<Bytes>::new()).unwrap();
    assert!(matches!(door.send(tunnel, Caps::default()).await, Err(Error::Denied(_))));
    assert!(matches!(door.check(&format!("http://user:secret@{address}")), Err(Error::Url(_))));
    assert!(matches!(Door::closed().check(&format!("http://{address}")), Err(Error::Denied(_))));
}

#[tokio::test]
async fn a_response_has_its_size_and_its_time() {
    let short = Duration::from_millis(200);
    let address = plain(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await;
    let url = format!("http://{address}/");

    let caps = Caps { response_bytes: 9, ..Caps::default() };
    let response = door(address).send(get(&url), caps).await.unwrap();
    assert!(matches!(response.into_body().collect().await, Err(Error::TooLarge { limit: 9 })));

    let caps = Caps { total: short, ..Caps::default() };
    let response = door(address).send(get(&url), caps).await.unwrap();
    assert!(matches!(response.into_body().collect().await, Err(Error::Timeout { what: "the request", .. })));

    let mute = plain(b"").await;
    let caps = Caps { first_byte: short, ..Caps::default() };
    let ended = door(mute).send(get(&format!("http://{mute}/")), caps).await;
    assert!(matches!(ended, Err(Error::Timeout { what: "the head of the response", .. })));

    let noise = plain(b"SSH-2.0-OpenSSH\r\n").await;
    assert!(matches!(door(noise).send(get(&format!("http://{noise}/")), Caps::default()).await, Err(Error::Http(_))));
}

/// A certificate of one's own for an address, and its key, PEM. None where the machine has no openssl.
fn certificate(san: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &format!("subjectAltName={san}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    match made {
        Ok(output) if output.status.success() => Some((std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap())),
        _ => {
            eprintln!("SKIPPED: no working `openssl` on this machine, so TLS is not tested");
            None
        }
    }
}

/// Says which HTTP it was spoken to in, and which Host.
async fn tls_server(certificate: &[u8], key: &[u8], alpn: &[&[u8]]) -> SocketAddr {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from_pem_slice(certificate).unwrap()], PrivateKeyDer::from_pem_slice(key).unwrap())
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(async move {
                let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                    let host = request.uri().authority().map(ToString::to_string);
                    let host = host.or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned()));
                    let hops = request.headers().contains_key("connection") || request.headers().contains_key("te");
                    let says = format!("{:?} {} {hops}", request.version(), host.unwrap_or_default());
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(says))))
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn tls_is_checked_and_http2_spoken_where_it_is_offered() {
    let Some((certificate, key)) = certificate("IP:127.0.0.1") else { return };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&certificate).unwrap()).unwrap();
    for (alpn, version) in [(&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2), (&[b"http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let address = tls_server(&certificate, &key, alpn).await;
        let url = format!("https://{address}/path");
        let door = Door::new(&[format!("https://{address}")]).unwrap();
        let trusting = door.clone().trusting(roots.clone()).unwrap();
        let response = trusting.send(get(&url), Caps::default()).await.unwrap();
        let says = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(says, format!("{version:?} {address} false"));
        // Nobody vouches for it among the machine's own authorities (or there are none).
        assert!(matches!(door.send(get(&url), Caps::default()).await, Err(Error::Tls { .. } | Error::Hub(_))));
    }
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_refused() {
    let Some((certificate, key)) = certificate("DNS:somebody.else,IP:127.0.0.2") else { return };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&certificate).unwrap()).unwrap();
    let address = tls_server(&certificate, &key, &[]).await;
    let url = format!("https://{address}/");
    let door = Door::new(std::slice::from_ref(&url)).unwrap().trusting(roots).unwrap();
    assert!(matches!(door.send(get(&url), Caps::default()).await, Err(Error::Tls { .. })));
}
