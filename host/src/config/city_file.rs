//! `city.yaml`: title, agencies, where the hub listens; the lake is read by [`lake`], the plugins by [`plugins`].

use std::path::Path;

use lienthong_core::city::{Agency, DiskReserve, Listen};
use lienthong_core::id::AgencyId;

use super::draft::{Draft, default_listen};
use super::findings::Findings;
use super::keys;
use super::lake;
use super::listening::{address, tls_files};
use super::node::{Entry, Node};
use super::plugins;
use super::problem::Problem;
use super::section::{Section, boolean, entries, named, size, text};
use super::source::{FileId, Place};

/// Reads the file's tree into the draft.
pub(super) fn read(dir: &Path, file: FileId, root: Option<&Node>, draft: &mut Draft, findings: &mut Findings) {
    let start = Place::start(file);
    let empty = Node { place: start, kind: super::node::Kind::Map(Vec::new()) };
    let Some(city) = Section::open(root.unwrap_or(&empty), start, &keys::CITY, findings) else { return };
    draft.title = city.require("title", findings).and_then(|node| text(node, findings)).map(|title| title.value);
    if let Some(node) = city.require("agencies", findings) {
        for Entry { key, key_place, value } in entries(node, findings).unwrap_or_default() {
            let known = named::<AgencyId>(key, *key_place, findings);
            let Some(agency) = Section::open(value, *key_place, &keys::AGENCY, findings) else { continue };
            let title = agency.require("title", findings).and_then(|node| text(node, findings));
            if let Some(known) = known {
                // An agency whose title is missing exists nevertheless; the missing title was reported.
                draft.agencies.insert(known.value, Agency { title: title.map_or(String::new(), |title| title.value) });
            }
        }
    }
    draft.listen = match city.entry("listen") {
        None => Some(default_listen()),
        Some(entry) => listen(dir, entry, findings),
    };
    draft.disk = city.entry("disk").and_then(|entry| disk(entry, findings)).unwrap_or_default();
    draft.plugins = plugins::read(city.entry("plugins"), findings);
    draft.lake = match city.entry("lake") {
        None => Some(lake::default()),
        Some(entry) => lake::read(entry, findings),
    };
}

fn listen(dir: &Path, entry: &Entry, findings: &mut Findings) -> Option<Listen> {
    let section = Section::open(&entry.value, entry.key_place, &keys::LISTEN, findings)?;
    let default = default_listen();
    let mut place = entry.key_place;
    let address = match section.get("address") {
        None => Some(default.address),
        Some(node) => {
            place = node.place;
            address(node, findings)
        }
    };
    let behind_proxy = match section.get("behind_proxy") {
        None => Some(false),
        Some(node) => boolean(node, findings),
    };
    let mut tls_wanted = false;
    let files = section.entry("tls").and_then(|entry| {
        tls_wanted = true;
        let section = Section::open(&entry.value, entry.key_place, &keys::TLS, findings)?;
        tls_files(dir, &section, findings)
    });
    let (address, behind_proxy) = (address?, behind_proxy?);
    if !address.ip().is_loopback() && !tls_wanted && !behind_proxy {
        findings.error(place, Problem::PlainHttp { address });
    }
    Some(Listen { address, tls: files, behind_proxy })
}

fn disk(entry: &Entry, findings: &mut Findings) -> Option<DiskReserve> {
    let section = Section::open(&entry.value, entry.key_place, &keys::DISK, findings)?;
    let mut bytes = |key| section.get(key).and_then(|node| size(node, 1 << 20, 1 << 50, findings));
    Some(DiskReserve { keep_free_bytes: bytes("keep_free"), ballast_bytes: bytes("ballast") })
}
