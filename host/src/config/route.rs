//! `routes:` of a domain's file, as it is written: from a channel, through a transform or as it is, to channels and sinks.

use std::time::Duration;

use lienthong_core::city::{Begin, Limits};
use lienthong_core::id::{ChannelId, RouteId};

use super::domain_file::{at_home, limits, pointer};
use super::draft::{DraftRoute, Targets};
use super::findings::Findings;
use super::keys;
use super::node::{Entry, Kind, Node};
use super::problem::Problem;
use super::section::{Section, duration, entries, id, items, named, text};
use super::source::At;

const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// One entry of `routes:`.
pub(super) fn route(entry: &Entry, domain: Option<&str>, findings: &mut Findings) -> Option<DraftRoute> {
    let route = named::<RouteId>(&entry.key, entry.key_place, findings);
    if let Some(route) = &route {
        at_home(route, domain, findings);
    }
    let section = Section::open(&entry.value, entry.key_place, &keys::ROUTE, findings)?;
    let place_of = |key: &'static str| section.entry(key).map(|entry| entry.key_place);
    let from = section.require("from", findings).and_then(|node| id(node, findings));
    let agency = section.get("agency").and_then(|node| id(node, findings));
    let transform = section.get("transform").and_then(|node| id(node, findings));
    let by = section.get("by").and_then(|node| pointer(node, findings));
    let every = section.get("every").and_then(|node| duration(node, SECOND, WEEK, findings));
    let begin = section.get("begin").map_or(Some(Begin::First), |node| begin(node, findings));
    let limits = section.entry("limits").map_or(Limits::default(), |entry| limits(entry, findings));
    let to = section.require("to", findings).and_then(|node| targets(node, findings));
    Some(DraftRoute {
        id: route?,
        from,
        agency,
        transform,
        transform_place: place_of("transform"),
        by,
        every,
        begin,
        limits,
        to,
        to_place: place_of("to").unwrap_or(entry.key_place),
        places: ["by", "every", "limits", "agency"].into_iter().filter_map(|key| Some((key, place_of(key)?))).collect(),
    })
}

fn begin(node: &Node, findings: &mut Findings) -> Option<Begin> {
    let given = text(node, findings)?;
    match given.value.as_str() {
        "first" => Some(Begin::First),
        "now" => Some(Begin::Now),
        _ => {
            findings.error(given.place, Problem::BadBegin { given: given.value });
            None
        }
    }
}

/// A list of channels and sinks, or a map from a transform's ports to channels. None where a part of it could not be read.
fn targets(node: &Node, findings: &mut Findings) -> Option<Targets> {
    if !matches!(node.kind, Kind::Map(_)) {
        let list = items(node, findings)?;
        if list.is_empty() {
            findings.error(node.place, Problem::ToEmpty);
            return None;
        }
        let read: Vec<Option<At<ChannelId>>> = list.iter().map(|item| id(item, findings)).collect();
        return Some(Targets::List(read.into_iter().collect::<Option<_>>()?));
    }
    let mut ports = Vec::new();
    for Entry { key, key_place, value } in entries(node, findings)? {
        // One channel may stand for a list of one.
        let channels: Vec<_> = match &value.kind {
            Kind::List(list) if list.is_empty() => {
                findings.error(value.place, Problem::ToEmpty);
                vec![None]
            }
            Kind::List(list) => list.iter().map(|item| id(item, findings)).collect(),
            _ => vec![id(value, findings)],
        };
        ports.push((named(key, *key_place, findings), channels.into_iter().collect::<Option<Vec<_>>>()));
    }
    if ports.is_empty() {
        findings.error(node.place, Problem::ToEmpty);
        return None;
    }
    let read = ports.into_iter().map(|(port, channels)| Some((port?, channels?)));
    read.collect::<Option<Vec<_>>>().map(Targets::Ports)
}
