//! One HOSO: its parts, what they say, and whether their sums hold.

use std::fmt;

use lienthong_sdk::xml::{Element, Error, Limits, Reader, place};
use serde_json::value::{RawValue, to_raw_value};

use crate::decimal::{Decimal, Money};
use crate::envelope::Header;
use crate::record::{Record, Value};
use crate::row::{self, Faults, Row};
use crate::tables::{self, Field};

/// All parts that the decisions know.
pub(crate) const PARTS: [&str; 16] =
    ["XML0", "XML1", "XML2", "XML3", "XML4", "XML5", "XML6", "XML7", "XML8", "XML9", "XML10", "XML11", "XML12", "XML13", "XML14", "XML15"];

/// A part whose rows become records: its place in [`PARTS`] is that in [`CARRIED`].
pub(crate) struct Carried {
    pub(crate) root: &'static str,
    pub(crate) row: &'static str,
    pub(crate) table: &'static [Field],
}

const CHECK_IN: usize = 0;
const SUMMARY: usize = 1;
const MEDICINES: usize = 2;
const SERVICES: usize = 3;

/// The parts that are read.
pub(crate) const CARRIED: [Carried; 4] = [
    Carried { root: "CHI_TIEU_TRANG_THAI_KCB", row: "TRANG_THAI_KCB", table: tables::CHECK_IN },
    Carried { root: "TONG_HOP", row: "TONG_HOP", table: tables::SUMMARY },
    Carried { root: "CHITIEU_CHITIET_THUOC", row: "CHI_TIET_THUOC", table: tables::MEDICINE },
    Carried { root: "CHITIEU_CHITIET_DVKT_VTYT", row: "CHI_TIET_DVKT", table: tables::SERVICE },
];

/// A part's rows are shallow, and no field is as long as this.
const LIMITS: Limits = Limits { depth: 16, tag_bytes: 4 << 10, attributes: 32, text_bytes: 128 << 10 };

/// The parts of one HOSO, those that are read decoded.
#[derive(Debug, Default)]
pub(crate) struct Dossier {
    /// By their place in [`PARTS`].
    present: [bool; PARTS.len()],
    carried: [Vec<u8>; CARRIED.len()],
}

/// What one HOSO becomes. It is JSON already, for that is no longer than the documents were; a thousand short lists in memory are.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// The MA_LK of XML1.
    pub(crate) summary_id: Option<String>,
    pub(crate) episodes: Vec<Box<RawValue>>,
    pub(crate) items: Vec<Box<RawValue>>,
}

/// A fault and its place, for people: `XML2, line 4, column 7`.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) at: Option<String>,
    pub(crate) what: String,
}

impl Located {
    pub(crate) fn anywhere(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Dossier {
    /// Takes a part by its name; whether it was not there before.
    pub(crate) fn take(&mut self, part: usize, bytes: Vec<u8>) -> bool {
        if let Some(place) = self.carried.get_mut(part) {
            *place = bytes;
        }
        !std::mem::replace(&mut self.present[part], true)
    }

    /// All records of the HOSO, or all that is wrong with it: episode and items stand or fall together, for their sums do.
    pub(crate) fn records(self, header: &Header) -> Result<Records, Vec<Located>> {
        let names: Vec<&str> = PARTS.iter().zip(self.present).filter(|(_, present)| *present).map(|(name, _)| *name).collect();
        if !self.present[CHECK_IN] && !self.present[SUMMARY] {
            let held = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            return Err(vec![Located::anywhere(format!("it holds {held}: without XML1 or XML0 there is no episode"))]);
        }
        let mut records = Records::default();
        let mut faults = Vec::new();
        if self.present[CHECK_IN] {
            faults.extend(rows(CHECK_IN, &self.carried[CHECK_IN], |row, faults| {
                let record = episode(row.record, "check-in", &names, header);
                keep(&record, &mut records.episodes, row.offset, faults);
            }));
        }
        match self.present[SUMMARY] {
            true => self.settle(&names, header, &mut records, &mut faults),
            false if self.present[MEDICINES] || self.present[SERVICES] => {
                faults.push(Located::anywhere("XML2 and XML3 belong to XML1, which is missing"));
            }
            false => {}
        }
        if faults.is_empty() { Ok(records) } else { Err(faults) }
    }

    fn settle(&self, names: &[&'static str], header: &Header, records: &mut Records, faults: &mut Vec<Located>) {
        let mut summary = None;
        faults.extend(rows(SUMMARY, &self.carried[SUMMARY], |row, _| summary = Some(row)));
        let Some(summary) = summary else { return };
        let (id, facility) =
            (summary.record.text("episode_id").map(str::to_owned), summary.record.text("facility_code").map(str::to_owned));
        let (mut total, mut insured) = (0, 0);
        for part in [MEDICINES, SERVICES].into_iter().filter(|part| self.present[*part]) {
            faults.extend(rows(part, &self.carried[part], |mut row, faults| {
                check_item(part, &row, id.as_deref(), faults);
                total += row.record.number("amount").unwrap_or_default().thousandths();
                insured += row.record.number("insured_amount").unwrap_or_default().thousandths();
                let kind = match part {
                    MEDICINES => "medicine",
                    _ if row.record.get("supply_code").is_some() => "supply",
                    _ => "service",
                };
                row.record.push("kind", Value::Word(kind));
                if let Some(facility) = &facility {
                    row.record.push("facility_code", Value::Text(facility.clone()));
                }
                keep(&row.record, &mut records.items, row.offset, faults);
            }));
        }
        let mut wrong = Faults::default();
        // Sums of rows that could not be read would only repeat what is said of them.
        if faults.is_empty() {
            check_sum(&summary, "T_TONGCHI_BV", "total_amount", total, &mut wrong);
            check_sum(&summary, "T_TONGCHI_BH", "insured_amount", insured, &mut wrong);
        }
        keep(&episode(summary.record, "summary", names, header), &mut records.episodes, summary.offset, &mut wrong);
        faults.extend(located(SUMMARY, &self.carried[SUMMARY], wrong));
        records.summary_id = id;
    }
}

/// What is known beside the row itself.
pub(crate) fn episode(mut record: Record, stage: &'static str, parts: &[&'static str], header: &Header) -> Record {
    record.push("stage", Value::Word(stage));
    record.push("parts", Value::Words(parts.to_vec()));
    record.push("signed", Value::Flag(header.signed));
    if let Some(sender) = &header.sender {
        record.push("sender_code", Value::Text(sender.clone()));
    }
    if let Some(day) = &header.created_on {
        record.push("created_on", Value::Text(day.clone()));
    }
    record
}

fn keep(record: &Record, records: &mut Vec<Box<RawValue>>, offset: u64, faults: &mut Faults) {
    match to_raw_value(record) {
        Ok(json) => records.push(json),
        Err(e) => faults.push(offset, e.to_string()),
    }
}

fn check_item(part: usize, row: &Row, episode_id: Option<&str>, faults: &mut Faults) {
    if let (Some(own), Some(id)) = (row.record.text("episode_id"), episode_id)
        && own != id
    {
        faults.push(row.place("MA_LK"), "MA_LK is not that of XML1");
    }
    if part == SERVICES && row.record.get("service_code").is_none() && row.record.get("supply_code").is_none() {
        faults.push(row.place("MA_DICH_VU"), "neither MA_DICH_VU nor MA_VAT_TU says what it is");
    }
    let number = |name| row.record.number(name);
    if let (Some(amount), Some(quantity), Some(price)) = (number("amount"), number("quantity"), number("unit_price")) {
        // Hospitals' systems differ in whether the share of a service counts here already; the decision's formula does not have it.
        let share = number("service_percent").unwrap_or(Decimal::HUNDRED);
        if !amount.is_product(quantity, price, Decimal::HUNDRED) && !amount.is_product(quantity, price, share) {
            let price_field = if part == MEDICINES { "DON_GIA" } else { "DON_GIA_BV" };
            let (says, is) = (Money(amount.thousandths()), Money::product(quantity, price));
            faults.push(row.place("THANH_TIEN_BV"), format!("THANH_TIEN_BV says {says}, SO_LUONG × {price_field} is {is}"));
        }
    }
}

fn check_sum(summary: &Row, source: &str, name: &str, sum: i128, faults: &mut Faults) {
    if let Some(says) = summary.record.number(name).map(Decimal::thousandths)
        && says != sum
    {
        faults.push(summary.place(source), format!("{source} says {}, the items sum to {}", Money(says), Money(sum)));
    }
}

/// Reads the rows of one part, and tells what is wrong with them.
fn rows<'d>(part: usize, bytes: &'d [u8], mut each: impl FnMut(Row, &mut Faults)) -> Vec<Located> {
    let Carried { root: root_name, row: row_name, table } = CARRIED[part];
    let mut xml = Reader::with_limits(bytes, LIMITS);
    let mut faults = Faults::default();
    let mut take = |xml: &mut Reader<&'d [u8]>, element: &Element| {
        let before = faults.first.len();
        let row = row::read(xml, element, table, &mut faults)?;
        if faults.first.len() == before || part == SUMMARY {
            each(row, &mut faults);
        }
        Ok(())
    };
    let result = xml.root().and_then(|root| match root.name() {
        name if name != root_name => {
            Err(Error::unexpected(root.offset(), format!("the document is a `{}`, where {} is a `{root_name}`", shown(name), PARTS[part])))
        }
        name if name == row_name => take(&mut xml, &root),
        _ => each_row(&mut xml, &root, row_name, &mut take),
    });
    if let Err(e) = result {
        faults.push(e.offset(), e.to_string());
    }
    located(part, bytes, faults)
}

fn each_row<'d>(
    xml: &mut Reader<&'d [u8]>,
    within: &Element,
    name: &str,
    take: &mut impl FnMut(&mut Reader<&'d [u8]>, &Element) -> Result<(), Error>,
) -> Result<(), Error> {
    while let Some(child) = xml.child(within)? {
        match child.name() == name {
            true => take(xml, &child)?,
            false => each_row(xml, &child, name, take)?,
        }
    }
    Ok(())
}

fn located(part: usize, bytes: &[u8], faults: Faults) -> Vec<Located> {
    let at = |offset| match place(&mut &bytes[..], offset) {
        Ok(place) => format!("{}, {place}", PARTS[part]),
        Err(_) => PARTS[part].to_owned(),
    };
    let mut located: Vec<Located> =
        faults.first.into_iter().map(|fault| Located { at: Some(at(fault.offset)), what: fault.what }).collect();
    if faults.more > 0 {
        located.push(Located { at: Some(PARTS[part].to_owned()), what: format!("and {} more mistakes", faults.more) });
    }
    located
}

fn shown(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}
