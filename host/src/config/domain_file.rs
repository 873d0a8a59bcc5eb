//! `<domain>.yaml`: a domain's connectors, channels, routes and grants.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeDelta};
use lienthong_core::city::{Access, Budget, Delivering, Inbox, Limits, Record, Transport};
use lienthong_core::id::{ChannelId, ConnectorId};
use lienthong_core::time::Timestamp;

use super::draft::{Channel, Draft, DraftConnector, DraftGrant};
use super::egress;
use super::findings::Findings;
use super::keys;
use super::mllp;
use super::node::{Entry, Node};
use super::problem::{EgressFault, Named, Problem};
use super::route::route;
use super::section::{Section, count, duration, entries, id, items, named, one_of, size, text};
use super::source::{At, FileId, Place};

/// Which runs of a connector are recorded.
const RECORD: &[(&str, Record)] = &[("failed", Record::Failed), ("all", Record::All), ("none", Record::None)];

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// How long a file must be left alone, unless given: uploads over weak lines pause for seconds.
const SETTLE: Duration = Duration::from_secs(10);

/// Records of one delivery, unless given.
const DELIVERED_RECORDS: u64 = 100;

/// A record is given up after so many attempts, unless given: with pauses of up to five minutes, after about eight hours.
const ATTEMPTS: u64 = 100;

/// Reads the file's tree into the draft. `dir` is the city's folder; `domain` is `None` where the file's name is no domain, which was reported.
pub(super) fn read(dir: &Path, file: FileId, domain: Option<&str>, root: &Node, draft: &mut Draft, findings: &mut Findings) {
    let Some(section) = Section::open(root, Place::start(file), &keys::DOMAIN, findings) else { return };
    for entry in section.get("connectors").and_then(|node| entries(node, findings)).unwrap_or_default() {
        draft.connectors.extend(connector(dir, entry, domain, findings));
    }
    for entry in section.get("channels").and_then(|node| entries(node, findings)).unwrap_or_default() {
        draft.channels.extend(channel(entry, domain, findings));
    }
    for entry in section.get("routes").and_then(|node| entries(node, findings)).unwrap_or_default() {
        draft.routes.extend(route(entry, domain, findings));
    }
    for node in section.get("grants").and_then(|node| items(node, findings)).unwrap_or_default() {
        draft.grants.extend(grant(node, domain, findings));
    }
}

/// An id that must carry the file's domain.
pub(super) fn at_home<T: Named>(id: &At<T>, domain: Option<&str>, findings: &mut Findings) {
    let text = id.value.to_string();
    let own = text.split('/').next().unwrap_or_default();
    if let Some(domain) = domain.filter(|domain| *domain != own) {
        findings.error(id.place, Problem::WrongDomain { thing: T::THING, domain: domain.to_owned(), id: text });
    }
}

fn channel(entry: &Entry, domain: Option<&str>, findings: &mut Findings) -> Option<Channel> {
    let id = named::<ChannelId>(&entry.key, entry.key_place, findings);
    if let Some(id) = &id {
        at_home(id, domain, findings);
    }
    let section = Section::open(&entry.value, entry.key_place, &keys::CHANNEL, findings);
    let mut channel = Channel { id: id?, schema: None, key: Vec::new(), time: None, retention: None };
    let Some(section) = section else { return Some(channel) };
    channel.schema = section.require("schema", findings).and_then(|node| super::section::id(node, findings));
    let keys = section.get("key").and_then(|node| items(node, findings)).unwrap_or_default();
    channel.key = keys.iter().filter_map(|node| pointer(node, findings)).collect();
    channel.time = section.get("time").and_then(|node| pointer(node, findings));
    channel.retention = section.get("retention").and_then(|node| duration(node, HOUR, DAY * 365 * 100, findings));
    if let Some(given) = section.get("on_invalid").and_then(|node| text(node, findings))
        && given.value != "quarantine"
    {
        findings.error(given.place, Problem::OnInvalid { given: given.value });
    }
    Some(channel)
}

/// A JSON pointer (RFC 6901) to a part of a record.
pub(super) fn pointer(node: &Node, findings: &mut Findings) -> Option<At<String>> {
    let given = text(node, findings)?;
    let mut rest = given.value.split('~').skip(1);
    if given.value.len() > 1 && given.value.starts_with('/') && rest.all(|after| after.starts_with(['0', '1'])) {
        return Some(given);
    }
    findings.error(given.place, Problem::BadPointer { given: given.value });
    None
}

fn connector(dir: &Path, entry: &Entry, domain: Option<&str>, findings: &mut Findings) -> Option<DraftConnector> {
    let id = named::<ConnectorId>(&entry.key, entry.key_place, findings);
    if let Some(id) = &id {
        at_home(id, domain, findings);
    }
    let section = Section::open(&entry.value, entry.key_place, &keys::CONNECTOR, findings)?;
    let place_of = |key: &'static str| section.mentioned(key).map(|entry| entry.key_place);
    let plugin = section.require("plugin", findings).and_then(|node| super::section::id(node, findings));
    let agency = section.require("agency", findings).and_then(|node| super::section::id(node, findings));
    let transport = transport(dir, &section, entry.key_place, findings);
    let written = section.get("settings");
    let settings = written.filter(|node| entries(node, findings).is_some()).cloned();
    let settings_read = written.is_none() || settings.is_some();
    let rules = section.get("egress").and_then(|node| items(node, findings)).unwrap_or_default();
    let egress = rules.iter().filter_map(|node| egress_rule(node, findings)).collect();
    let limits = section.entry("limits").map_or(Limits::default(), |entry| limits(entry, findings));
    let record = section.get("record").and_then(|node| one_of(node, RECORD, findings)).unwrap_or_default();
    let budget = section.entry("budget").map_or(Budget::default(), |entry| budget(entry, findings));
    let fresh_within = section.get("fresh_within").and_then(|node| duration(node, MINUTE, DAY * 365, findings));
    // A sink takes records and gives none.
    let emits_node = match section.mentioned("deliver") {
        Some(_) => section.get("emits"),
        None => section.require("emits", findings),
    };
    let emits_map = emits_node.and_then(|node| entries(node, findings));
    let mut emits = Vec::new();
    for Entry { key, key_place, value } in emits_map.unwrap_or_default() {
        let channel = super::section::id(value, findings);
        if let Some(port) = named(key, *key_place, findings) {
            emits.push((port, channel));
        }
    }
    Some(DraftConnector {
        id: id?,
        plugin,
        agency,
        transport,
        settings_read,
        settings: (settings, place_of("settings").unwrap_or(entry.key_place)),
        egress,
        egress_place: section.entry("egress").map(|entry| entry.key_place),
        limits,
        record,
        budget,
        fresh_within,
        emits,
        emits_place: place_of("emits").unwrap_or(entry.key_place),
        emits_read: emits_map.is_some(),
    })
}

fn transport(dir: &Path, section: &Section<'_>, place: Place, findings: &mut Findings) -> Option<At<Transport>> {
    let written: Vec<_> =
        ["inbox", "webhook", "poll", "mllp", "deliver"].into_iter().filter_map(|key| Some((key, section.mentioned(key)?))).collect();
    let (key, entry) = match written.as_slice() {
        [] => {
            findings.missing(place, Problem::NoTransport);
            return None;
        }
        [(key, entry)] => (*key, *entry),
        [_, (_, second), ..] => {
            findings.error(second.key_place, Problem::SeveralTransports { keys: written.iter().map(|(key, _)| *key).collect() });
            return None;
        }
    };
    let value = match key {
        "inbox" => {
            let inbox = Section::open(&entry.value, entry.key_place, &keys::INBOX, findings)?;
            let path = inbox.require("path", findings).and_then(|node| inbox_path(node, findings));
            let pattern = inbox.get("pattern").map_or(Some("*".to_owned()), |node| pattern(node, findings));
            let settle = inbox.get("settle").map_or(Some(SETTLE), |node| duration(node, MILLISECOND * 100, HOUR, findings));
            // What was written and could not be read has been reported; no file is removed for it.
            let keep = inbox.get("keep").and_then(|node| duration(node, HOUR, DAY * 365 * 100, findings));
            Transport::Inbox(Inbox { path: path?, pattern: pattern?, settle: settle?, keep })
        }
        "webhook" => {
            Section::open(&entry.value, entry.key_place, &keys::WEBHOOK, findings)?;
            Transport::Webhook
        }
        "deliver" => {
            let section = Section::open(&entry.value, entry.key_place, &keys::DELIVER, findings)?;
            let records = section.get("records").map_or(Some(DELIVERED_RECORDS), |node| count(node, 1, 1_000, findings));
            let attempts = section.get("attempts").map_or(Some(ATTEMPTS), |node| count(node, 1, 100_000, findings));
            let number = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
            Transport::Deliver(Delivering { records: number(records)?, attempts: number(attempts)? })
        }
        "mllp" => Transport::Mllp(mllp::read(dir, entry, findings)?),
        _ => {
            let poll = Section::open(&entry.value, entry.key_place, &keys::POLL, findings)?;
            let every = poll.require("every", findings).and_then(|node| duration(node, MILLISECOND * 100, DAY, findings));
            Transport::Poll { every: every? }
        }
    };
    Some(At { value, place: entry.key_place })
}

/// A folder of one's own: absolute, or below the data folder without touching what the hub keeps there.
fn inbox_path(node: &Node, findings: &mut Findings) -> Option<PathBuf> {
    let At { value: given, place } = text(node, findings)?;
    let path: PathBuf = Path::new(&given).components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let first = path.components().next();
    let reserved = match first {
        None => true,
        Some(Component::RootDir) => path.components().count() == 1,
        Some(Component::Normal(name)) => {
            let name = name.to_string_lossy();
            matches!(&*name, "lake" | "plugins" | "cache" | "spool" | "failed" | "attachments" | "recordings" | "secrets")
                || name.starts_with("hub.")
        }
        Some(_) => true,
    };
    let climbs = path.components().any(|part| matches!(part, Component::ParentDir));
    if reserved || climbs || given.contains('\0') {
        findings.error(place, Problem::BadInbox { given });
        return None;
    }
    Some(path)
}

/// `*` and `?` on a file's name; brackets and braces stay free for a later meaning.
fn pattern(node: &Node, findings: &mut Findings) -> Option<String> {
    let given = text(node, findings)?;
    if given.value.len() <= 255 && !given.value.contains(['/', '\\', '[', ']', '{', '}', '\0', '\n', '\r']) && !given.value.contains("**") {
        return Some(given.value);
    }
    findings.error(given.place, Problem::BadPattern { given: given.value });
    None
}

fn egress_rule(node: &Node, findings: &mut Findings) -> Option<At<String>> {
    let given = text(node, findings)?;
    match egress::check(&given.value) {
        Ok(()) => Some(given),
        Err(fault) => {
            // A password must not come back in what `check` prints.
            let shown = match given.value.rsplit_once('@') {
                Some((_, host)) if fault == EgressFault::UserInfo => format!("…@{host}"),
                _ => given.value,
            };
            findings.error(given.place, Problem::BadEgress { given: shown, fault });
            None
        }
    }
}

pub(super) fn limits(entry: &Entry, findings: &mut Findings) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = Section::open(&entry.value, entry.key_place, &keys::LIMITS, findings) else { return limits };
    for (key, slot) in [("time_per_call", &mut limits.time_per_call), ("cpu_per_call", &mut limits.cpu_per_call)] {
        if let Some(value) = section.get(key).and_then(|node| duration(node, MILLISECOND, HOUR, findings)) {
            *slot = value;
        }
    }
    for (key, slot, least, most) in [
        ("memory", &mut limits.memory_bytes, 1 << 20, 4 << 30),
        ("output", &mut limits.output_bytes, 1 << 10, 64 << 30),
        ("attachments", &mut limits.attachment_bytes, 1 << 10, 64 << 30),
        ("message", &mut limits.message_bytes, 1 << 10, 16 << 30),
        ("http_bytes", &mut limits.http_bytes, 1 << 10, 16 << 30),
    ] {
        if let Some(value) = section.get(key).and_then(|node| size(node, least, most, findings)) {
            *slot = value;
        }
    }
    if let Some(value) = section.get("host_calls").and_then(|node| count(node, 1, 1_000_000_000, findings)) {
        limits.host_calls = value;
    }
    for (key, slot) in [("log_lines", &mut limits.log_lines), ("http_requests", &mut limits.http_requests)] {
        let value = section.get(key).and_then(|node| count(node, 0, 1_000_000, findings));
        if let Some(value) = value.and_then(|value| u32::try_from(value).ok()) {
            *slot = value;
        }
    }
    limits
}

fn budget(entry: &Entry, findings: &mut Findings) -> Budget {
    let Some(section) = Section::open(&entry.value, entry.key_place, &keys::BUDGET, findings) else { return Budget::default() };
    Budget {
        calls: section.get("calls").and_then(|node| count(node, 1, 1_000_000_000, findings)),
        cpu: section.get("cpu").and_then(|node| duration(node, MILLISECOND, DAY * 64, findings)),
        egress_bytes: section.get("egress").and_then(|node| size(node, 1 << 10, 1 << 50, findings)),
    }
}

fn grant(node: &Node, domain: Option<&str>, findings: &mut Findings) -> Option<DraftGrant> {
    let section = Section::open(node, node.place, &keys::GRANT, findings)?;
    let agency = section.require("agency", findings).and_then(|node| id(node, findings));
    let channel = section.require("channel", findings).and_then(|node| id(node, findings));
    if let Some(channel) = &channel {
        at_home::<ChannelId>(channel, domain, findings);
    }
    let access = section.get("access").map_or(Some(Access { read: true, write: false }), |node| access(node, findings));
    let purpose = section.require("purpose", findings).and_then(|node| text(node, findings)).map(|purpose| purpose.value);
    let until = section.get("until").and_then(|node| until(node, findings));
    Some(DraftGrant { place: node.place, agency, channel, access, purpose, until })
}

fn access(node: &Node, findings: &mut Findings) -> Option<Access> {
    let mut access = Access { read: false, write: false };
    let items = items(node, findings)?;
    let mut all_read = true;
    for item in items {
        match text(item, findings).as_ref().map(|given| given.value.as_str()) {
            Some("read") => access.read = true,
            Some("write") => access.write = true,
            Some(given) => {
                findings.error(item.place, Problem::BadAccess { given: given.to_owned() });
                all_read = false;
            }
            None => all_read = false,
        }
    }
    if items.is_empty() {
        findings.error(node.place, Problem::AccessEmpty);
        return None;
    }
    all_read.then_some(access)
}

/// A day is meant whole, as Vietnam counts it (+07:00, no daylight saving): the grant ends when the next one begins.
fn until(node: &Node, findings: &mut Findings) -> Option<At<(String, Timestamp)>> {
    let given = text(node, findings)?;
    let day = NaiveDate::parse_from_str(&given.value, "%Y-%m-%d").ok().filter(|_| given.value.len() == 10);
    let end = day.and_then(|day| {
        let next = day.checked_add_signed(TimeDelta::days(1))?.and_time(NaiveTime::MIN);
        let moment = next.and_local_timezone(FixedOffset::east_opt(7 * 3_600)?).single()?;
        Some(Timestamp::from_micros(moment.timestamp_micros()))
    });
    match end.or_else(|| Timestamp::parse(&given.value)) {
        Some(moment) => Some(At { value: (given.value, moment), place: given.place }),
        None => {
            findings.error(given.place, Problem::BadUntil { given: given.value });
            None
        }
    }
}
