//! Reading maps and single values from a tree, reporting everything that does not fit and going on.

use std::time::Duration;

use lienthong_core::units::{parse_duration, parse_size};

use super::findings::{Findings, Hint};
use super::keys::Keys;
use super::node::{Entry, Kind, Node, Shape};
use super::problem::{Named, Problem, Unit};
use super::source::{At, Place};
use super::suggest;

/// A map whose keys are known.
pub(super) struct Section<'n> {
    keys: &'static Keys,
    entries: &'n [Entry],
    place: Place,
    /// Keys that are there, misspelt: they are not missing as well.
    misspelt: Vec<String>,
}

impl<'n> Section<'n> {
    /// Takes a map; reports another shape, and every key that does not belong. Nothing at all is an empty map.
    ///
    /// `place` is where something missing is reported: the key before the map.
    pub(super) fn open(node: &'n Node, place: Place, keys: &'static Keys, findings: &mut Findings) -> Option<Self> {
        let entries = entries(node, findings)?;
        let mut misspelt = Vec::new();
        for entry in entries {
            if keys.known.contains(&entry.key.as_str()) {
                continue;
            }
            let key = entry.key.clone();
            if keys.later.contains(&key.as_str()) {
                findings.error(entry.key_place, Problem::LaterKey { key });
            } else if keys.elsewhere.contains(&key.as_str()) {
                findings.error(entry.key_place, Problem::KeyOfOtherFile { key, file: keys.elsewhere_file });
            } else if keys.elsewhere.is_empty() || !key.starts_with("x-") {
                // `x-…` at the top of a file is where anchors may stand.
                let hint = suggest::hint(&key, keys.known.iter().copied());
                if let Some(Hint::Nearest(meant)) = &hint {
                    misspelt.push(meant.clone());
                }
                findings.error_with(entry.key_place, Problem::UnknownKey { key }, hint);
            }
        }
        Some(Self { keys, entries, place, misspelt })
    }

    /// The entry of a key; one without a value counts as absent.
    pub(super) fn entry(&self, key: &'static str) -> Option<&'n Entry> {
        debug_assert!(self.keys.known.contains(&key), "`{key}` is not listed in keys.rs");
        self.entries.iter().find(|entry| entry.key == key && !entry.value.is_null())
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Written at all, be it without a value.
    pub(super) fn mentioned(&self, key: &'static str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn require(&self, key: &'static str, findings: &mut Findings) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.misspelt.iter().any(|meant| meant == key) {
            let place = self.mentioned(key).map_or(self.place, |entry| entry.key_place);
            findings.missing(place, Problem::MissingKey { key });
        }
        found
    }
}

/// The entries of a map with keys of the user's own; reports another shape.
pub(super) fn entries<'n>(node: &'n Node, findings: &mut Findings) -> Option<&'n [Entry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        Kind::Broken => None,
        _ if node.is_null() => Some(&[]),
        _ => {
            wrong(node, Shape::Map, findings);
            None
        }
    }
}

pub(super) fn items<'n>(node: &'n Node, findings: &mut Findings) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        Kind::Broken => None,
        _ if node.is_null() => Some(&[]),
        _ => {
            wrong(node, Shape::List, findings);
            None
        }
    }
}

fn wrong(node: &Node, expected: Shape, findings: &mut Findings) {
    findings.error(node.place, Problem::WrongShape { expected, found: node.shape() });
}

/// A scalar's text as written; numbers and booleans are texts too where a text is wanted.
pub(super) fn text(node: &Node, findings: &mut Findings) -> Option<At<String>> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.is_null() => {
            if scalar.text.trim().is_empty() {
                findings.error(node.place, Problem::EmptyText);
                return None;
            }
            Some(At { value: scalar.text.clone(), place: node.place })
        }
        Kind::Broken => None,
        _ => {
            wrong(node, Shape::Text, findings);
            None
        }
    }
}

pub(super) fn boolean(node: &Node, findings: &mut Findings) -> Option<bool> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.boolean().is_some() => scalar.boolean(),
        Kind::Broken => None,
        _ => {
            wrong(node, Shape::Boolean, findings);
            None
        }
    }
}

/// One of a few words, and what it stands for.
pub(super) fn one_of<T: Copy>(node: &Node, known: &'static [(&'static str, T)], findings: &mut Findings) -> Option<T> {
    let given = text(node, findings)?;
    let found = known.iter().find(|(word, _)| *word == given.value).map(|(_, value)| *value);
    if found.is_none() {
        let words = known.iter().map(|(word, _)| *word).collect();
        findings.error(given.place, Problem::NotOneOf { given: given.value, words });
    }
    found
}

pub(super) fn id<T: Named>(node: &Node, findings: &mut Findings) -> Option<At<T>> {
    let text = text(node, findings)?;
    named(&text.value, text.place, findings)
}

pub(super) fn named<T: Named>(text: &str, place: Place, findings: &mut Findings) -> Option<At<T>> {
    match text.parse() {
        Ok(value) => Some(At { value, place }),
        Err(_) => {
            findings.error(place, Problem::BadId { thing: T::THING, given: text.to_owned() });
            None
        }
    }
}

/// A duration between two bounds, both allowed.
pub(super) fn duration(node: &Node, min: Duration, max: Duration, findings: &mut Findings) -> Option<Duration> {
    let given = text(node, findings)?.value;
    let Some(value) = parse_duration(&given) else {
        findings.error(node.place, Problem::BadDuration { given });
        return None;
    };
    if value < min || value > max {
        // Bounds are whole milliseconds far below 2^64.
        let [min, max] = [min, max].map(|bound| u64::try_from(bound.as_millis()).unwrap_or(u64::MAX));
        findings.error(node.place, Problem::OutOfRange { given, min, max, unit: Unit::Milliseconds });
        return None;
    }
    Some(value)
}

/// A size in bytes between two bounds, both allowed.
pub(super) fn size(node: &Node, min: u64, max: u64, findings: &mut Findings) -> Option<u64> {
    let given = text(node, findings)?.value;
    match parse_size(&given) {
        Some(value) => bounded(node, given, value, (min, max), Unit::Bytes, findings),
        None => {
            findings.error(node.place, Problem::BadSize { given });
            None
        }
    }
}

/// A whole number between two bounds, both allowed.
pub(super) fn count(node: &Node, min: u64, max: u64, findings: &mut Findings) -> Option<u64> {
    let given = text(node, findings)?.value;
    match given.parse() {
        Ok(value) => bounded(node, given, value, (min, max), Unit::Count, findings),
        Err(_) => {
            findings.error(node.place, Problem::BadCount { given });
            None
        }
    }
}

fn bounded(node: &Node, given: String, value: u64, (min, max): (u64, u64), unit: Unit, findings: &mut Findings) -> Option<u64> {
    if value < min || value > max {
        findings.error(node.place, Problem::OutOfRange { given, min, max, unit });
        return None;
    }
    Some(value)
}
