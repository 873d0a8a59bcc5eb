//! The city's `lake`: where its tables lie, and when records land in them.

use std::net::IpAddr;
use std::time::Duration;

use lienthong_core::city::{Bucket, Lake, LakeFlush, LakePlace};
use url::{Host, Url};

use super::findings::Findings;
use super::keys;
use super::node::{Entry, Node};
use super::problem::{BucketFault, EndpointFault, Problem};
use super::section::{Section, boolean, duration, size, text};

const SECOND: Duration = Duration::from_secs(1);

/// What a store of one's own takes requests to be signed for.
const USUAL_REGION: &str = "us-east-1";

/// In the data folder; flushed after five seconds or 32 MiB, whichever comes first.
pub(super) fn default() -> Lake {
    Lake { at: LakePlace::DataFolder, flush: LakeFlush { every: 5 * SECOND, bytes: 32 << 20 } }
}

/// Reads the map behind the key `lake`.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Lake> {
    let lake = Section::open(&entry.value, entry.key_place, &keys::LAKE, findings)?;
    let (at, flush) = (place(&lake, findings), flush(&lake, findings));
    Some(Lake { at: at?, flush: flush? })
}

fn place(lake: &Section<'_>, findings: &mut Findings) -> Option<LakePlace> {
    let plain = lake.get("plain").map_or(Some(false), |node| boolean(node, findings));
    let endpoint = lake.get("endpoint").map(|node| endpoint(node, plain != Some(false), findings));
    let region = lake.get("region").map(|node| region(node, findings));
    let Some(node) = lake.get("at") else {
        for entry in ["endpoint", "region", "plain"].map(|key| (key, lake.entry(key))) {
            if let (key, Some(entry)) = entry {
                findings.error(entry.key_place, Problem::NoBucket { key });
            }
        }
        return Some(LakePlace::DataFolder);
    };
    if endpoint.is_none() && region.is_none() {
        lake.require("region", findings);
    }
    let (name, prefix) = bucket(node, findings)?;
    plain?;
    Some(LakePlace::Bucket(Bucket {
        name,
        prefix,
        region: match region {
            Some(region) => region?,
            None => endpoint.is_some().then(|| USUAL_REGION.to_owned())?,
        },
        endpoint: endpoint.map_or(Some(None), |endpoint| endpoint.map(Some))?,
    }))
}

/// The bucket's name and the prefix.
fn bucket(node: &Node, findings: &mut Findings) -> Option<(String, String)> {
    let given = text(node, findings)?.value;
    split(&given).map_err(|fault| findings.error(node.place, Problem::BadBucket { given: harmless(&given), fault })).ok()
}

fn split(given: &str) -> Result<(String, String), BucketFault> {
    let rest = given.strip_prefix("s3://").ok_or(BucketFault::Form)?;
    if rest.contains(['@', '?', '#', ':']) {
        return Err(BucketFault::Extra);
    }
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let ends = |text: &str, fits: fn(char) -> bool| text.starts_with(fits) && text.ends_with(fits);
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&name.len()) || !ends(name, lower) || !name.chars().all(|c| lower(c) || matches!(c, '.' | '-')) {
        return Err(BucketFault::Name);
    }
    let part = |part: &str| {
        ends(part, |c| c.is_ascii_alphanumeric()) && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    if prefix.is_empty() || (prefix.len() <= 512 && prefix.split('/').all(part)) {
        Ok((name.to_owned(), prefix.to_owned()))
    } else {
        Err(BucketFault::Prefix)
    }
}

fn endpoint(node: &Node, plain: bool, findings: &mut Findings) -> Option<String> {
    let given = text(node, findings)?.value;
    let url = match server(&given) {
        Ok(url) => url,
        Err(fault) => {
            findings.error(node.place, Problem::BadEndpoint { given: harmless(&given), fault });
            return None;
        }
    };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !here && !plain {
        findings.error(node.place, Problem::PlainLake { endpoint: given });
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

fn server(given: &str) -> Result<Url, EndpointFault> {
    let url = Url::parse(given).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(EndpointFault::Form)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointFault::UserInfo);
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointFault::Extra);
    }
    url.has_host().then_some(url).ok_or(EndpointFault::Form)
}

fn region(node: &Node, findings: &mut Findings) -> Option<String> {
    let given = text(node, findings)?.value;
    if given.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Some(given);
    }
    findings.error(node.place, Problem::BadRegion { given });
    None
}

/// An address as a message may repeat it: what stands before an `@` or behind a `?` may be a password.
fn harmless(given: &str) -> String {
    let given = given.split(['?', '#']).next().unwrap_or_default();
    match (given.find("://"), given.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}…{}", &given[..scheme + 3], &given[at..]),
        (None, Some(at)) => format!("…{}", &given[at..]),
        _ => given.to_owned(),
    }
}

fn flush(lake: &Section<'_>, findings: &mut Findings) -> Option<LakeFlush> {
    let default = default().flush;
    let Some(entry) = lake.entry("flush") else { return Some(default) };
    let section = Section::open(&entry.value, entry.key_place, &keys::FLUSH, findings)?;
    let every = section.get("every").map_or(Some(default.every), |node| duration(node, SECOND / 10, SECOND * 86_400, findings));
    let bytes = section.get("bytes").map_or(Some(default.bytes), |node| size(node, 64 << 10, 1 << 30, findings));
    Some(LakeFlush { every: every?, bytes: bytes? })
}
