//! Where something listens: addresses, and the PEM files it shows.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use lienthong_core::city::TlsFiles;

use super::findings::Findings;
use super::node::Node;
use super::problem::Problem;
use super::section::{Section, text};
use super::source::At;

/// An IP address and a port; names are not resolved.
pub(super) fn address(node: &Node, findings: &mut Findings) -> Option<SocketAddr> {
    let given = text(node, findings)?.value;
    match given.parse::<SocketAddr>() {
        Ok(address) if !matches!(address.ip(), IpAddr::V4(ip) if ip.is_multicast() || ip.is_broadcast()) => Some(address),
        _ => {
            findings.error(node.place, Problem::BadAddress { given });
            None
        }
    }
}

/// `certificate` and `key` of a section.
pub(super) fn tls_files(dir: &Path, section: &Section<'_>, findings: &mut Findings) -> Option<TlsFiles> {
    let certificate = section.require("certificate", findings).and_then(|node| pem(dir, node, "CERTIFICATE", findings));
    let key = section.require("key", findings).and_then(|node| pem(dir, node, "PRIVATE KEY", findings));
    Some(TlsFiles { certificate: certificate?, key: key? })
}

/// A PEM file relative to the city's folder, looked into so that a mistake shows now and not at the next start.
pub(super) fn pem(dir: &Path, node: &Node, wanted: &'static str, findings: &mut Findings) -> Option<PathBuf> {
    let At { value: given, place } = text(node, findings)?;
    let path = dir.join(&given);
    let opened = std::fs::metadata(&path).and_then(|meta| {
        if !meta.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        let mut head = String::new();
        std::fs::File::open(&path)?.take(1 << 20).read_to_string(&mut head)?;
        Ok(head)
    });
    match opened {
        Err(error) => {
            findings.error(place, Problem::NoTlsFile { path: given, why: error.to_string() });
            None
        }
        // `RSA PRIVATE KEY` and `EC PRIVATE KEY` are private keys, too.
        Ok(head) if !head.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{wanted}-----"))) => {
            findings.error(place, Problem::NotPem { path: given, wanted });
            None
        }
        Ok(_) => std::path::absolute(&path).ok().or(Some(path)),
    }
}
