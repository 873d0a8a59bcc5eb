//! `plugins` of `city.yaml`: whose signatures count, what becomes of plugins without one, how long runs are kept; and the signature
//! of a plugin that a connector uses.

use std::time::Duration;

use lienthong_core::city::{Plugins, Recordings, TrustedKey, Unsigned};
use lienthong_core::id::PluginName;

use super::PluginFacts;
use super::findings::Findings;
use super::keys;
use super::node::{Entry, Node};
use super::problem::Problem;
use super::section::{Section, duration, items, one_of, size, text};
use super::source::At;
use crate::ops::plugins::trust;
use crate::toolchain::signing::PublicKey;

const HOUR: Duration = Duration::from_secs(3_600);

/// Reads the entry, or the lack of one. None where it could not be read, which was reported.
pub(super) fn read(entry: Option<&Entry>, findings: &mut Findings) -> Option<Plugins> {
    let Some(entry) = entry else {
        return Some(Plugins { trust: Vec::new(), unsigned: None, recordings: Recordings::default() });
    };
    let section = Section::open(&entry.value, entry.key_place, &keys::PLUGINS, findings)?;
    let written = section.get("trust").and_then(|node| items(node, findings)).unwrap_or_default();
    let trust: Vec<_> = written.iter().map(|node| trusted(node, findings)).collect();
    let unsigned = match section.get("unsigned") {
        None => Some(Unsigned::Refuse),
        Some(node) => one_of(node, &[("refuse", Unsigned::Refuse), ("allow", Unsigned::Allow)], findings),
    };
    let recordings = section.entry("recordings").map_or(Some(Recordings::default()), |entry| recordings(entry, findings));
    Some(Plugins { trust: trust.into_iter().collect::<Option<_>>()?, unsigned: Some(unsigned?), recordings: recordings? })
}

fn trusted(node: &Node, findings: &mut Findings) -> Option<TrustedKey> {
    let section = Section::open(node, node.place, &keys::TRUSTED_KEY, findings)?;
    let vendor = section.require("vendor", findings).and_then(|node| text(node, findings));
    let key = section.require("key", findings).and_then(|node| text(node, findings));
    let At { value: key, place } = key?;
    if key.parse::<PublicKey>().is_err() {
        findings.error(place, Problem::BadPublicKey { given: key });
        return None;
    }
    Some(TrustedKey { vendor: vendor?.value, key })
}

fn recordings(entry: &Entry, findings: &mut Findings) -> Option<Recordings> {
    let section = Section::open(&entry.value, entry.key_place, &keys::RECORDINGS, findings)?;
    let default = Recordings::default();
    let keep = section.get("keep").map_or(Some(default.keep), |node| duration(node, HOUR, HOUR * 24 * 90, findings));
    let bytes = section.get("bytes").map_or(Some(default.bytes), |node| size(node, 1 << 20, 1 << 40, findings));
    Some(Recordings { keep: keep?, bytes: bytes? })
}

/// A plugin that somebody's connector uses must be signed as the city demands.
pub(super) fn check(city: Option<&Plugins>, name: &At<PluginName>, plugin: &PluginFacts<'_>, findings: &mut Findings) {
    let Some(city) = city.filter(|city| city.unsigned == Some(Unsigned::Refuse)) else { return };
    if let Err(why) = trust::judge(city, &plugin.manifest.plugin.vendor, plugin.signed_by.as_ref()) {
        findings.error(name.place, Problem::Distrusted { plugin: name.value.clone(), why });
    }
}
