//! A connector's MLLP port.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use lienthong_core::city::{Mllp, MllpTls};

use super::findings::Findings;
use super::keys;
use super::listening::{address, pem, tls_files};
use super::node::{Entry, Node};
use super::problem::Problem;
use super::section::{Section, boolean, count, duration, items, text};
use super::source::At;

const SECOND: Duration = Duration::from_secs(1);

/// Connections at a time, unless given.
const CONNECTIONS: usize = 64;
/// As many as a hub should ever hold for one sender.
const MOST_CONNECTIONS: u64 = 1_024;
/// Idle time, unless given.
const IDLE: Duration = Duration::from_secs(300);

pub(super) fn read(dir: &Path, entry: &Entry, findings: &mut Findings) -> Option<Mllp> {
    let section = Section::open(&entry.value, entry.key_place, &keys::MLLP, findings)?;
    let listen = section.require("listen", findings).and_then(|node| Some((address(node, findings)?, node.place)));
    let plain = section.get("plain").map_or(Some(false), |node| boolean(node, findings));
    let tls = section.entry("tls").map(|entry| tls(dir, entry, findings));
    let peers = section.get("peers").map(|node| peers(node, findings));
    let connections = section
        .get("connections")
        .map_or(Some(CONNECTIONS), |node| count(node, 1, MOST_CONNECTIONS, findings).and_then(|number| usize::try_from(number).ok()));
    let idle = section.get("idle").map_or(Some(IDLE), |node| duration(node, SECOND, SECOND * 86_400, findings));
    let ((listen, place), plain) = (listen?, plain?);
    if let Some(entry) = section.entry("plain").filter(|_| plain && tls.is_some()) {
        findings.error(entry.key_place, Problem::PlainAndTls);
    }
    if !listen.ip().is_loopback() {
        // Settings of TLS that could not be read may have asked for certificates.
        let known_by_certificate = tls.as_ref().is_some_and(|tls| tls.as_ref().is_none_or(|tls| tls.clients.is_some()));
        if tls.is_none() && !plain {
            findings.error(place, Problem::PlainMllp { address: listen });
        } else if peers.is_none() && !known_by_certificate {
            findings.warning(place, Problem::AnyoneSends { address: listen });
        }
    }
    // What was written and could not be read has been reported; the port is not opened wider for it.
    Some(Mllp {
        listen,
        tls: tls.map_or(Some(None), |tls| tls.map(Some))?,
        peers: peers.map_or(Some(None), |peers| peers.map(Some))?,
        connections: connections?,
        idle: idle?,
    })
}

fn tls(dir: &Path, entry: &Entry, findings: &mut Findings) -> Option<MllpTls> {
    let section = Section::open(&entry.value, entry.key_place, &keys::MLLP_TLS, findings)?;
    let files = tls_files(dir, &section, findings);
    let clients = section.get("clients").map(|node| pem(dir, node, "CERTIFICATE", findings));
    Some(MllpTls { files: files?, clients: clients.map_or(Some(None), |file| file.map(Some))? })
}

fn peers(node: &Node, findings: &mut Findings) -> Option<Vec<IpNet>> {
    let written = items(node, findings)?;
    if written.is_empty() {
        findings.error(node.place, Problem::PeersEmpty);
        return None;
    }
    let networks: Vec<_> = written.iter().map(|node| network(node, findings)).collect();
    networks.into_iter().collect()
}

/// `10.1.2.3`, or `10.1.2.0/24` with nothing behind the network's bits.
fn network(node: &Node, findings: &mut Findings) -> Option<IpNet> {
    let At { value: given, place } = text(node, findings)?;
    let network = given.parse::<IpAddr>().map(IpNet::from).or_else(|_| given.parse::<IpNet>());
    match network {
        Ok(network) if network.trunc() == network => Some(network),
        other => {
            findings.error(place, Problem::BadNetwork { given, meant: other.ok().map(|network| network.trunc().to_string()) });
            None
        }
    }
}
