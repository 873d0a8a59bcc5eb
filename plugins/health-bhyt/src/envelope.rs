//! The envelope GIAMDINHHS around the HOSOs of a message, and the lone check-in document.

use std::collections::BTreeSet;
use std::io::BufRead;

use lienthong_sdk::base64::Decoder;
use lienthong_sdk::vietnam;
use lienthong_sdk::xml::{Element, Error, Limits, Reader};

use crate::dossier::{CARRIED, Dossier, Located, PARTS};
use crate::tables::CODE;

/// The root of a message.
pub(crate) const ENVELOPE: &str = "GIAMDINHHS";

/// What one HOSO may have in the envelope: base64, XML around it. Whole HOSOs have some hundred kilobytes.
pub(crate) const MAX_DOSSIER_BYTES: usize = 8 << 20;

/// The envelope nests five deep, a signature in it some more.
pub(crate) const LIMITS: Limits = Limits { depth: 32, tag_bytes: 16 << 10, attributes: 32, text_bytes: 1 << 20 };

/// What the envelope says of all its HOSOs. The signature stands behind them, so a message is walked once before it is read.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// MACSKCB: who sent it.
    pub(crate) sender: Option<String>,
    /// NGAYLAP, a day.
    pub(crate) created_on: Option<String>,
    /// CHUKYDONVI is there and not empty. It is not verified.
    pub(crate) signed: bool,
    /// What is odd without being wrong, for the operator.
    pub(crate) oddities: Vec<String>,
}

/// Walks the whole message: it is well-formed, or an error.
pub(crate) fn survey<R: BufRead>(xml: &mut Reader<R>, root: &Element) -> Result<Header, Error> {
    let mut header = Header::default();
    let mut unknown = BTreeSet::new();
    let (mut declared, mut dossiers) = (None, 0u64);
    while let Some(child) = xml.child(root)? {
        match child.name() {
            "THONGTINDONVI" => {
                while let Some(child) = xml.child(&child)? {
                    match child.name() {
                        "MACSKCB" => header.sender = Some(xml.text(&child)?.trim().to_owned()).filter(|code| !code.is_empty()),
                        name => note(&mut unknown, name),
                    }
                }
            }
            "THONGTINHOSO" => {
                while let Some(child) = xml.child(&child)? {
                    match child.name() {
                        "NGAYLAP" => header.created_on = created_on(xml.text(&child)?.trim(), &mut header.oddities),
                        "SOLUONGHOSO" => declared = Some(xml.text(&child)?.trim().to_owned()).filter(|count| !count.is_empty()),
                        "DANHSACHHOSO" => {
                            while let Some(child) = xml.child(&child)? {
                                match child.name() {
                                    "HOSO" => dossiers += 1,
                                    name => note(&mut unknown, name),
                                }
                            }
                        }
                        name => note(&mut unknown, name),
                    }
                }
            }
            "CHUKYDONVI" => header.signed |= holds_anything(xml, &child)?,
            // The rows of a lone check-in document.
            name if root.name() == ENVELOPE => note(&mut unknown, name),
            _ => {}
        }
    }
    if let Some(code) = header.sender.take_if(|code| code.chars().count() > CODE) {
        header.oddities.push(format!("MACSKCB has {} characters and is left out", code.chars().count()));
    }
    if let Some(declared) = declared.filter(|declared| declared.parse() != Ok(dossiers)) {
        let declared: String = declared.chars().take(20).collect();
        header.oddities.push(format!("SOLUONGHOSO says {declared}, there are {dossiers} HOSO"));
    }
    if root.name() == ENVELOPE && dossiers == 0 {
        header.oddities.push("there is no HOSO in it".to_owned());
    }
    if !unknown.is_empty() {
        let names: Vec<_> = unknown.into_iter().collect();
        header.oddities.push(format!("elements of the envelope that are not read: {}", names.join(", ")));
    }
    Ok(header)
}

fn note(unknown: &mut BTreeSet<String>, name: &str) {
    const TOLD_NAMES: usize = 16;
    if unknown.len() < TOLD_NAMES {
        unknown.insert(name.chars().take(40).collect());
    }
}

fn created_on(text: &str, oddities: &mut Vec<String>) -> Option<String> {
    let day = vietnam::date(text, &["yyyyMMdd", "yyyyMMddHHmm", "yyyyMMddHHmmss"]);
    if day.is_none() && !text.is_empty() {
        oddities.push("NGAYLAP is no date yyyymmdd and is left out".to_owned());
    }
    day
}

/// Any text or element.
fn holds_anything<R: BufRead>(xml: &mut Reader<R>, element: &Element) -> Result<bool, Error> {
    match xml.text(element) {
        Ok(text) => Ok(!text.trim().is_empty()),
        Err(e) if e.is_unexpected() => Ok(true),
        Err(e) => Err(e),
    }
}

/// Hands every HOSO to `each`, which may read as much of it as it likes.
pub(crate) fn each_dossier<R: BufRead, E: From<Error>>(
    xml: &mut Reader<R>,
    root: &Element,
    mut each: impl FnMut(&mut Reader<R>, &Element) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(info) = xml.child(root)? {
        while info.name() == "THONGTINHOSO"
            && let Some(list) = xml.child(&info)?
        {
            while list.name() == "DANHSACHHOSO"
                && let Some(dossier) = xml.child(&list)?
            {
                if dossier.name() == "HOSO" {
                    each(xml, &dossier)?;
                }
            }
        }
    }
    Ok(())
}

/// Reads the parts of a HOSO. An error that is not about this HOSO alone ends the call.
pub(crate) fn read_dossier<R: BufRead>(xml: &mut Reader<R>, element: &Element) -> Result<Result<Dossier, Located>, Error> {
    let mut dossier = Dossier::default();
    let mut number = 0u32;
    loop {
        let file = match xml.child(element) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Ok(dossier)),
            Err(e) if e.is_unexpected() => return Ok(Err(Located::anywhere(e.to_string()))),
            Err(e) => return Err(e),
        };
        if file.name() != "FILEHOSO" {
            let name: String = file.name().chars().take(40).collect();
            return Ok(Err(Located::anywhere(format!("it holds a `{name}` where only FILEHOSO is expected"))));
        }
        number += 1;
        let begin = element.offset();
        match read_part(xml, &file, begin, &mut dossier) {
            Ok(()) => {}
            Err(Broken::Part(what)) => return Ok(Err(Located { at: Some(format!("FILEHOSO {number}")), what })),
            Err(Broken::Xml(e)) if e.is_unexpected() => {
                return Ok(Err(Located { at: Some(format!("FILEHOSO {number}")), what: e.to_string() }));
            }
            Err(Broken::Xml(e)) => return Err(e),
        }
    }
}

enum Broken {
    Part(String),
    Xml(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Xml(error)
    }
}

fn read_part<R: BufRead>(xml: &mut Reader<R>, file: &Element, begin: u64, dossier: &mut Dossier) -> Result<(), Broken> {
    let (mut part, mut content) = (None, None);
    while let Some(child) = xml.child(file)? {
        match child.name() {
            "LOAIHOSO" => {
                let name = xml.text(&child)?;
                let known = PARTS.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
                part = Some(known.ok_or_else(|| Broken::Part("LOAIHOSO is none of XML0 to XML15".to_owned()))?);
            }
            // What is not read need not be decoded.
            "NOIDUNGFILE" if part.is_some_and(|part| part >= CARRIED.len()) => {
                xml.skip(&child)?;
                content = Some(Ok(Vec::new()));
            }
            "NOIDUNGFILE" => content = Some(decoded(xml, &child)?),
            name => {
                let name: String = name.chars().take(40).collect();
                return Err(Broken::Part(format!("it holds a `{name}` where LOAIHOSO and NOIDUNGFILE are expected")));
            }
        }
        if xml.position() - begin > MAX_DOSSIER_BYTES as u64 {
            return Err(too_large());
        }
    }
    let part = part.ok_or_else(|| Broken::Part("LOAIHOSO is missing: which of XML0 to XML15 is it".to_owned()))?;
    let content = content.ok_or_else(|| Broken::Part(format!("NOIDUNGFILE of {} is missing", PARTS[part])))?;
    let bytes = match part < CARRIED.len() {
        true => content.map_err(|why| Broken::Part(format!("NOIDUNGFILE of {} is no base64: {why}", PARTS[part])))?,
        false => Vec::new(),
    };
    match dossier.take(part, bytes) {
        true => Ok(()),
        false => Err(Broken::Part(format!("{} comes twice", PARTS[part]))),
    }
}

/// What a NOIDUNGFILE holds, or why it is no base64: nobody's fault where it is of a part that is not read. Some encoders leave the
/// padding out.
fn decoded<R: BufRead>(xml: &mut Reader<R>, element: &Element) -> Result<Result<Vec<u8>, String>, Broken> {
    let (mut decoder, mut bytes) = (Decoder::default(), Ok(Vec::new()));
    xml.text_pieces(element, |piece| {
        let Ok(before) = &mut bytes else { return Ok(()) };
        match decoder.push(piece.as_bytes()) {
            Ok(_) if before.len() > MAX_DOSSIER_BYTES => return Err(too_large()),
            Ok(more) => before.extend_from_slice(more),
            Err(byte) => bytes = Err(format!("its character {}, white space not counted, does not belong there", byte.nth)),
        }
        Ok(())
    })?;
    Ok(bytes.and_then(|mut bytes| {
        let end = decoder.finish_without_padding().ok_or("it breaks off")?;
        bytes.extend_from_slice(end);
        Ok(bytes)
    }))
}

fn too_large() -> Broken {
    Broken::Part(format!("the HOSO has more than {} MiB: send its episode in a HOSO of its own", MAX_DOSSIER_BYTES >> 20))
}
