//! The reader of XML against the W3C's conformance suite: whatever is not well-formed is refused, and whatever is, is read, where it is in
//! UTF-8 and has no document type, which the reader takes from nobody.

#![cfg(feature = "xml")]
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what tests share.

#[path = "../../../tests/suites/suite.rs"]
mod suite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lienthong_sdk::xml::{Error, Reader};
use quick_xml::events::{BytesStart, Event};
use suite::suite;

/// Read all the same: it declares UTF-16 and is UTF-8, as what was converted on its way and keeps its old declaration. The bytes tell.
const READ: &str = "rmt-e2e-61";

/// One document of the suite, as its catalogue has it.
struct Case {
    path: PathBuf,
    about: BTreeMap<String, String>,
}

impl Case {
    fn says(&self, name: &str) -> &str {
        self.about.get(name).map_or("", String::as_str)
    }

    /// XML 1.0 in its fifth edition, with namespaces: what the reader is for. Names that 1.1 or an older edition has otherwise, and names
    /// with colons that are no prefixes, are not.
    fn concerns_us(&self) -> bool {
        let edition = self.says("EDITION");
        self.says("NAMESPACE") != "no"
            && !self.says("RECOMMENDATION").contains("1.1")
            && self.says("VERSION") != "1.1"
            && (edition.is_empty() || edition.contains('5'))
    }
}

fn cases(folder: &Path) -> Vec<Case> {
    let catalogue = std::fs::read_to_string(folder.join("cleaned/xmlconf-flattened.xml")).unwrap();
    let mut reader = quick_xml::Reader::from_str(&catalogue);
    let mut bases = vec![folder.join("xmlconf")];
    let mut cases = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) if is(&element, "TESTCASES") => {
                let base = about(&element).remove("xml:base").unwrap_or_default();
                bases.push(bases.last().unwrap().join(base));
            }
            Event::End(element) if element.name().as_ref() == "TESTCASES" => drop(bases.pop()),
            Event::Start(element) | Event::Empty(element) if is(&element, "TEST") => {
                let about = about(&element);
                cases.push(Case { path: bases.last().unwrap().join(&about["URI"]), about });
            }
            Event::Eof => return cases,
            _ => {}
        }
    }
}

fn is(element: &BytesStart<'_>, name: &str) -> bool {
    element.name().as_ref() == name
}

fn about(element: &BytesStart<'_>) -> BTreeMap<String, String> {
    let attributes = element.attributes().map(Result::unwrap);
    attributes.map(|attribute| (attribute.key.as_ref().to_owned(), attribute.value.to_string())).collect()
}

fn read(document: &[u8]) -> Result<(), Error> {
    let mut xml = Reader::new(document);
    let root = xml.root()?;
    xml.skip(&root)
}

/// Whether a document type stands before the root element; in what another reader cannot read either, anywhere.
fn has_type(document: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_reader(document);
    loop {
        match reader.read_event() {
            Ok(Event::DocType(_)) => return true,
            Ok(Event::Start(_) | Event::Empty(_) | Event::Eof) => return false,
            Ok(_) => {}
            Err(_) => return document.windows(9).any(|part| part == b"<!DOCTYPE"),
        }
    }
}

#[test]
fn the_public_suite_of_xml_is_read_as_it_says() {
    let Some(folder) = suite("xml") else { return };
    let (mut refused, mut taken, mut types, mut wrong) = (0, 0, 0, Vec::new());
    for case in cases(&folder) {
        let document = std::fs::read(&case.path).unwrap();
        let result = read(&document);
        let has_type = has_type(&document);
        let told = |what: &str| format!("{} {what}: {}", case.says("ID"), case.path.display());
        match case.says("TYPE") {
            // A document type is enough to be refused, whatever else is wrong.
            _ if has_type && result.is_ok() => wrong.push(told("has a document type and was read")),
            _ if has_type => types += 1,
            "not-wf" if result.is_err() => refused += 1,
            "not-wf" if case.concerns_us() && case.says("ID") != READ => wrong.push(told("was read")),
            "valid" | "invalid" if case.concerns_us() && std::str::from_utf8(&document).is_ok() => match result {
                Ok(()) => taken += 1,
                Err(error) => wrong.push(told(&format!("was refused ({error})"))),
            },
            _ => {}
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
    eprintln!("{refused} documents that are not well-formed refused, {taken} read, {types} refused for their document type");
    assert!(refused > 100 && taken > 20 && types > 1_000, "{refused} {taken} {types}");
}
