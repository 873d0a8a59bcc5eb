//! Reads the health-insurance data that hospitals send (Decision 130/QĐ-BYT, amended by 4750 and 3176): an envelope of episodes of care, each a
//! bundle of base64 documents.

mod decimal;
mod dossier;
mod envelope;
mod record;
mod row;
mod tables;
mod value;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, Seek};

use lienthong_sdk::xml::{self, Element, Reader, place};
use lienthong_sdk::{Call, Failure, Level, Message, Receiver, Reply, Stopped};

use crate::dossier::{CARRIED, Located, Records};
use crate::envelope::{ENVELOPE, Header, MAX_DOSSIER_BYTES};
use crate::row::Faults;

/// The port of episodes, and of what is rejected.
pub const EPISODES: &str = "episodes";
/// The port of medicines, services and supplies.
pub const ITEMS: &str = "items";

/// So many bad items without one good: this is no such message, and quarantine is not the place to pour it into.
const HOPELESS_AFTER: u64 = 1_000;

/// The connector.
#[derive(Debug, Default)]
pub struct Bhyt;

lienthong_sdk::export_receiver!(Bhyt);

impl Receiver for Bhyt {
    fn receive(&self, call: &mut Call<'_>, mut message: Message) -> Result<Option<Reply>, Failure> {
        let mut first = Reader::with_limits(&mut message.body, envelope::LIMITS);
        let surveyed = first.root().and_then(|root| known(&root).and_then(|()| envelope::survey(&mut first, &root)));
        let header = surveyed.map_err(|e| first.failure(e))?;
        for oddity in &header.oddities {
            call.log(Level::Warn, oddity);
        }
        message.body.rewind()?;
        let mut xml = Reader::with_limits(&mut message.body, envelope::LIMITS);
        let mut run = Run { call, header, good: 0, number: 0, summaries: BTreeMap::new() };
        let read = xml.root().map_err(End::Xml).and_then(|root| match root.name() == ENVELOPE {
            true => envelope::each_dossier(&mut xml, &root, |xml, dossier| run.dossier(xml, dossier)),
            false => run.check_ins(&mut xml, &root),
        });
        read.map_err(|end| match end {
            End::Xml(e) => xml.failure(e),
            End::Call(failure) => failure,
        })?;
        Ok(None)
    }
}

fn known(root: &Element) -> Result<(), xml::Error> {
    let check_ins = CARRIED[0].root;
    match root.name() == ENVELOPE || root.name() == check_ins {
        true => Ok(()),
        false => Err(xml::Error::unexpected(root.offset(), format!("the document is neither a `{ENVELOPE}` nor a `{check_ins}`"))),
    }
}

/// Why a run ends before the message does.
enum End {
    Xml(xml::Error),
    Call(Failure),
}

impl From<xml::Error> for End {
    fn from(error: xml::Error) -> Self {
        Self::Xml(error)
    }
}

impl From<Stopped> for End {
    fn from(stopped: Stopped) -> Self {
        Self::Call(stopped.into())
    }
}

struct Run<'r, 'c> {
    call: &'r mut Call<'c>,
    header: Header,
    good: u64,
    number: u32,
    /// The HOSO of every MA_LK in an XML1 so far, by the id's hash: a message may hold more ids than memory.
    summaries: BTreeMap<u64, u32>,
}

impl Run<'_, '_> {
    fn dossier<R: BufRead + Seek>(&mut self, xml: &mut Reader<R>, element: &Element) -> Result<(), End> {
        self.number += 1;
        let read = match envelope::read_dossier(xml, element)? {
            Ok(dossier) => dossier.records(&self.header).and_then(|records| self.only_once(records)),
            Err(fault) => Err(vec![fault]),
        };
        let name = format!("HOSO {}", self.number);
        match read {
            Ok(Records { episodes, items, .. }) => {
                episodes.iter().try_for_each(|episode| self.call.emit(EPISODES, episode))?;
                items.iter().try_for_each(|item| self.call.emit(ITEMS, item))?;
                self.good += 1;
                Ok(())
            }
            Err(faults) => {
                let bytes = raw(xml, element)?;
                self.reject(&name, &bytes, &faults)
            }
        }
    }

    fn only_once(&mut self, records: Records) -> Result<Records, Vec<Located>> {
        let Some(id) = &records.summary_id else { return Ok(records) };
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        match *self.summaries.entry(hasher.finish()).or_insert(self.number) {
            before if before == self.number => Ok(records),
            before => Err(vec![Located::anywhere(format!("its MA_LK is that of HOSO {before}: an episode comes once in a message"))]),
        }
    }

    /// The rows of a lone check-in document, each by itself.
    fn check_ins<R: BufRead + Seek>(&mut self, xml: &mut Reader<R>, within: &Element) -> Result<(), End> {
        while let Some(child) = xml.child(within)? {
            match child.name() {
                name if name == CARRIED[0].row => self.check_in(xml, &child)?,
                "CHUKYDONVI" => {}
                _ => self.check_ins(xml, &child)?,
            }
        }
        Ok(())
    }

    fn check_in<R: BufRead + Seek>(&mut self, xml: &mut Reader<R>, element: &Element) -> Result<(), End> {
        self.number += 1;
        let mut faults = Faults::default();
        let row = row::read(xml, element, CARRIED[0].table, &mut faults)?;
        if faults.first.is_empty() {
            self.call.emit(EPISODES, &dossier::episode(row.record, "check-in", &["XML0"], &self.header))?;
            self.good += 1;
            return Ok(());
        }
        let bytes = raw(xml, element)?;
        // Lines are counted in what is kept, for to count them in the message would read it again for every mistake.
        let at = |offset: u64| place(&mut &bytes[..], offset - element.offset()).map_or_else(|_| String::new(), |place| place.to_string());
        let located: Vec<Located> =
            faults.first.into_iter().map(|fault| Located { at: Some(at(fault.offset)), what: fault.what }).collect();
        self.reject(&format!("{} {}", CARRIED[0].row, self.number), &bytes, &located)
    }

    /// One rejection that tells all mistakes, at the place of the first.
    fn reject(&mut self, name: &str, bytes: &[u8], faults: &[Located]) -> Result<(), End> {
        let Some((first, others)) = faults.split_first() else { return Ok(()) };
        let at = first.at.as_ref().map_or_else(|| name.to_owned(), |at| format!("{name}, {at}"));
        let reason = others.iter().fold(first.what.clone(), |told, fault| format!("{told}; {fault}"));
        self.call.reject(EPISODES, bytes, &reason, Some(&at))?;
        if self.good == 0 && self.call.rejected() >= HOPELESS_AFTER {
            let why = format!("the first {} items are all bad, the last of them: {at}: {reason}", self.call.rejected());
            return Err(End::Call(Failure::InvalidInput(why)));
        }
        Ok(())
    }
}

/// The bytes of an element, read to its end, or its beginning where it is too large to be held.
fn raw<R: BufRead + Seek>(xml: &mut Reader<R>, element: &Element) -> Result<Vec<u8>, End> {
    const BEGINNING_BYTES: usize = 64 << 10;
    xml.skip(element)?;
    let range = element.offset()..xml.position();
    let max = if range.end - range.start > MAX_DOSSIER_BYTES as u64 { BEGINNING_BYTES } else { MAX_DOSSIER_BYTES };
    xml.bytes(range, max).map_err(|e| End::Call(e.into()))
}
