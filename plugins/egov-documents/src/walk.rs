//! From elements to objects, by the tables of [`crate::field`].

use std::io::{BufRead, Seek};

use lienthong_sdk::vietnam::AgencyId;
use lienthong_sdk::xml::{Element, Limits, Reader};
use serde_json::{Map, Value, json};

use crate::content::{Content, Keep, Refused};
use crate::fault::Fault;
use crate::field::{self, ATTACHMENT, ENVELOPE, Field, Kind, LONG_TEXT_CHARS, REFERENCE, TEXT_CHARS};
use crate::{document_id, moment};

pub(crate) type Object = Map<String, Value>;

/// The namespace of QCVN 102:2016/BTTTT.
pub(crate) const NAMESPACE: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";
const XML_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const XLINK: &str = "http://www.w3.org/1999/xlink";

/// What a message may hold beside its attachments: a record has at most 1 MiB.
const MAX_TEXT_BYTES: usize = 768 << 10;
const MAX_ELEMENTS: usize = 20_000;

/// The schemas' limit.
const MAX_OTHER_BYTES: usize = 64 << 10;

/// A document's elements nest nine deep.
const LIMITS: Limits = Limits { depth: 32, tag_bytes: 16 << 10, attributes: 32, text_bytes: 512 << 10 };

/// One reading of a message.
pub(crate) struct Walk<'c, 'a, R> {
    xml: Reader<R>,
    keep: Option<Keep<'c, 'a>>,
    text_bytes: usize,
    elements: usize,
    others: Vec<Value>,
    has_envelope: bool,
}

impl<'c, 'a, R: BufRead + Seek> Walk<'c, 'a, R> {
    /// Over a message from its first byte. Without `keep` its attachments are only checked.
    pub(crate) fn new(body: R, keep: Option<Keep<'c, 'a>>) -> Self {
        let xml = Reader::with_limits(body, LIMITS);
        Self { xml, keep, text_bytes: 0, elements: 0, others: Vec::new(), has_envelope: false }
    }

    /// Whether the message is known to be meant as edXML.
    pub(crate) fn has_envelope(&self) -> bool {
        self.has_envelope
    }

    /// The elements that had no place.
    pub(crate) fn take_others(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.others)
    }

    /// The root, whatever its name. It must be in the regulation's namespace.
    pub(crate) fn root(&mut self) -> Result<Element, Fault> {
        let root = self.xml.root()?;
        if root.namespace() != Some(NAMESPACE) {
            let what = match root.namespace() {
                Some(_) => format!("the root element is in another namespace than `{NAMESPACE}`"),
                None => format!("the root element is in no namespace: edXML's is `{NAMESPACE}`"),
            };
            return Err(Fault::new(root.offset(), what));
        }
        Ok(root)
    }

    /// Reads what is within `parent`.
    pub(crate) fn fields(&mut self, parent: &Element, fields: &'static [Field], into: &mut Object) -> Result<(), Fault> {
        let first = self.child(parent)?;
        self.fields_from(first, parent, fields, into)
    }

    fn fields_from(&mut self, first: Option<Element>, parent: &Element, fields: &'static [Field], into: &mut Object) -> Result<(), Fault> {
        let mut seen = 0u64;
        let mut next = first;
        while let Some(element) = next {
            match fields.iter().position(|field| is(&element, field)) {
                Some(index) => {
                    let field = &fields[index];
                    if seen >> index & 1 == 1 && !field.kind.repeated() {
                        return Err(twice(&element, parent));
                    }
                    seen |= 1 << index;
                    self.field(parent, &element, field, into)?;
                }
                None => self.other(parent, &element)?,
            }
            next = self.child(parent)?;
        }
        let missing = |index: usize, field: &Field| match field.kind {
            Kind::Group(_) => seen >> index & 1 == 0,
            _ => !into.contains_key(field.property),
        };
        match fields.iter().enumerate().find(|(index, field)| field.needed && missing(*index, field)) {
            Some((_, field)) => {
                Err(Fault::new(parent.offset(), format!("`{}` has no `{}`, or an empty one", parent.name(), field.element)))
            }
            None => Ok(()),
        }
    }

    fn field(&mut self, parent: &Element, element: &Element, field: &'static Field, into: &mut Object) -> Result<(), Fault> {
        match field.kind {
            Kind::StatusOnly => Err(Fault::IsStatus),
            Kind::Group(fields) | Kind::Groups(fields) => {
                self.has_envelope |= field.element == ENVELOPE;
                self.fields(element, fields, into)
            }
            Kind::Object(fields) => {
                let mut object = Object::new();
                self.fields(element, fields, &mut object)?;
                put(into, field.property, object.into(), element, parent)
            }
            Kind::Objects(fields) => {
                let mut object = Object::new();
                self.fields(element, fields, &mut object)?;
                push(into, field.property, object)
            }
            Kind::References => {
                let mut object = Object::new();
                self.fields(element, REFERENCE, &mut object)?;
                if !object.contains_key("content_id")
                    && let Some(id) = linked(element, element.attribute_in(Some(XLINK), "href"))?
                {
                    object.insert("content_id".to_owned(), id.into());
                }
                push(into, field.property, object)
            }
            Kind::Attachments => {
                let object = self.attachment(element)?;
                push(into, field.property, object)
            }
            Kind::Signatures => {
                let mut object = Object::new();
                match self.signature(element, &mut object)? {
                    true => push(into, field.property, object),
                    false => Ok(()),
                }
            }
            Kind::Content => match self.content(element, into)? {
                Some(inner) => Err(Fault::new(inner.offset(), format!("`{}` stands where base64 should be", inner.name()))),
                None => Ok(()),
            },
            _ => self.leaf(parent, element, field, into),
        }
    }

    fn leaf(&mut self, parent: &Element, element: &Element, field: &Field, into: &mut Object) -> Result<(), Fault> {
        let max_chars = if matches!(field.kind, Kind::LongText) { LONG_TEXT_CHARS } else { TEXT_CHARS };
        let text = self.text(element, max_chars)?;
        if text.is_empty() {
            return Ok(());
        }
        let value = match field.kind {
            Kind::Texts => return push(into, field.property, text),
            Kind::Agencies => {
                let mut object = Object::new();
                put_agency(&mut object, "agency_id", text, element, parent)?;
                return push(into, field.property, object);
            }
            Kind::Agency => return put_agency(into, field.property, text, element, parent),
            Kind::Document => {
                put(into, &format!("{}_normal", field.property), document_id::normal(&text).into(), element, parent)?;
                Some(text.into())
            }
            Kind::Code(words) => {
                let number = text.parse::<u32>().ok();
                let word = words.iter().find(|(code, _)| Some(*code) == number);
                if let Some((_, word)) = word {
                    put(into, field.property, (*word).into(), element, parent)?;
                }
                return put(into, &format!("{}_code", field.property), text.into(), element, parent);
            }
            Kind::ContentId => Some(content_id(&text).into()).filter(|id: &Value| id != ""),
            Kind::Date => moment::day(&text).map(Value::from),
            Kind::Moment => moment::moment(&text).map(Value::from),
            Kind::Integer => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten().map(Value::from),
            Kind::Flag => match text.to_ascii_lowercase().as_str() {
                "0" | "false" => Some(false.into()),
                "1" | "true" => Some(true.into()),
                _ => None,
            },
            _ => Some(text.into()),
        };
        match value {
            Some(value) => put(into, field.property, value, element, parent),
            None => self.other(parent, element),
        }
    }

    /// Either base64 itself, or elements of which one holds it.
    fn attachment(&mut self, element: &Element) -> Result<Object, Fault> {
        let mut object = Object::new();
        match self.content(element, &mut object)? {
            Some(first) if object.is_empty() => self.fields_from(Some(first), element, ATTACHMENT, &mut object)?,
            Some(first) => return Err(Fault::new(first.offset(), format!("`{}` stands within base64", first.name()))),
            None => {
                let named = ["ContentId", "contentId", "Id", "id"].iter().find_map(|name| element.attribute(name));
                if let Some(id) = linked(element, named)? {
                    object.insert("content_id".to_owned(), id.into());
                }
            }
        }
        Ok(object)
    }

    /// Decodes the base64 before the element's first inner element, which is given back.
    fn content(&mut self, element: &Element, into: &mut Object) -> Result<Option<Element>, Fault> {
        let mut content = Content::new(self.keep.as_mut());
        let mut broken = None;
        let read = self.xml.text_to_child(element, |offset, piece| match content.push(piece) {
            Ok(()) => Ok(()),
            Err(Refused::Stopped(stopped)) => Err(Fault::Stopped(stopped)),
            Err(Refused::Broken(index)) => {
                broken = Some((offset, index, piece.as_bytes()[index]));
                Err(Fault::new(offset, "base64 is broken"))
            }
        });
        if let Some((offset, index, byte)) = broken {
            return Err(Fault::new(self.written(offset, index)?, not_base64(element, byte)));
        }
        let inner = read?;
        match content.finish() {
            Ok(Some(kept)) => {
                into.insert("size_bytes".to_owned(), kept.size_bytes.into());
                if let Some(sha256) = kept.sha256 {
                    into.insert("sha256".to_owned(), sha256.into());
                }
            }
            Ok(None) => {}
            Err(Refused::Stopped(stopped)) => return Err(stopped.into()),
            Err(Refused::Broken(_)) => {
                let end = inner.as_ref().map_or(self.xml.position(), Element::offset);
                return Err(Fault::new(
                    end,
                    format!("the base64 in `{}` breaks off before here: send the attachment again", element.name()),
                ));
            }
        }
        Ok(inner)
    }

    /// The byte of the message that became byte `index` of a piece of text: a line end of two bytes became one.
    fn written(&mut self, offset: u64, index: usize) -> Result<u64, Fault> {
        let most = 2 * (index + 1);
        let raw = self.xml.bytes(offset..offset + most as u64, most)?;
        let counted = |at: &usize| raw[*at] != b'\r' || raw.get(at + 1) != Some(&b'\n');
        Ok(offset + (0..raw.len()).filter(counted).nth(index).unwrap_or(index) as u64)
    }

    /// What a signature says of itself; whether it signs at all.
    fn signature(&mut self, parent: &Element, into: &mut Object) -> Result<bool, Fault> {
        let mut signs = false;
        while let Some(element) = self.child(parent)? {
            let said = match element.name() {
                "SignedInfo" | "KeyInfo" | "X509Data" | "X509IssuerSerial" => {
                    signs |= self.signature(&element, into)?;
                    continue;
                }
                "SignatureValue" => {
                    signs |= !self.text(&element, LONG_TEXT_CHARS)?.is_empty();
                    continue;
                }
                "SignatureMethod" => ("algorithm", element.attribute("Algorithm").unwrap_or_default().to_owned()),
                "X509SubjectName" => ("subject", self.text(&element, TEXT_CHARS)?),
                "X509IssuerName" => ("issuer", self.text(&element, TEXT_CHARS)?),
                _ => continue,
            };
            if !said.1.is_empty() && said.1.chars().count() <= TEXT_CHARS {
                into.entry(said.0).or_insert_with(|| said.1.into());
            }
        }
        Ok(signs)
    }

    /// An element that has no place in the record, as it was written.
    fn other(&mut self, parent: &Element, element: &Element) -> Result<(), Fault> {
        self.xml.skip(element)?;
        let range = element.offset()..self.xml.position();
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        if length > MAX_OTHER_BYTES {
            let what = format!("`{}` is no element of `{}`, and has more than {MAX_OTHER_BYTES} bytes", shown(element), parent.name());
            return Err(Fault::new(element.offset(), what));
        }
        self.spend(element, length)?;
        let bytes = self.xml.bytes(range, length)?;
        let name = format!("{}/{}", parent.name(), shown(element));
        self.others.push(json!({ "element": name, "xml": String::from_utf8_lossy(&bytes) }));
        Ok(())
    }

    fn child(&mut self, parent: &Element) -> Result<Option<Element>, Fault> {
        let child = self.xml.child(parent)?;
        if let Some(child) = &child {
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                return Err(Fault::new(child.offset(), format!("the message has more than {MAX_ELEMENTS} elements")));
            }
        }
        Ok(child)
    }

    /// An element's text without the space around it.
    fn text(&mut self, element: &Element, max_chars: usize) -> Result<String, Fault> {
        let text = self.xml.text(element)?;
        let text = text.trim();
        if text.chars().count() > max_chars {
            return Err(Fault::new(element.offset(), format!("`{}` has more than {max_chars} characters", element.name())));
        }
        self.spend(element, text.len())?;
        Ok(text.to_owned())
    }

    fn spend(&mut self, element: &Element, bytes: usize) -> Result<(), Fault> {
        self.text_bytes += bytes;
        match self.text_bytes > MAX_TEXT_BYTES {
            true => Err(Fault::new(
                element.offset(),
                format!("the message has more than {MAX_TEXT_BYTES} bytes of text beside its attachments"),
            )),
            false => Ok(()),
        }
    }
}

/// Elements without a namespace are met where a prefix was forgotten: within an edXML root there is no doubt of what they are.
fn is(element: &Element, field: &Field) -> bool {
    let namespace = match element.namespace() {
        None | Some(NAMESPACE) => true,
        other => matches!(field.kind, Kind::Signatures) && other == Some(XML_SIGNATURE),
    };
    namespace && field::is_named(field, element.name())
}

fn put(into: &mut Object, property: &str, value: Value, element: &Element, parent: &Element) -> Result<(), Fault> {
    match into.insert(property.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(twice(element, parent)),
    }
}

fn put_agency(into: &mut Object, property: &str, id: String, element: &Element, parent: &Element) -> Result<(), Fault> {
    if let Some(agency) = AgencyId::read(&id) {
        put(into, &format!("{property}_normal"), agency.normal().into(), element, parent)?;
    }
    put(into, property, id.into(), element, parent)
}

fn push(into: &mut Object, property: &str, value: impl Into<Value>) -> Result<(), Fault> {
    if let Value::Array(values) = into.entry(property).or_insert_with(|| Value::Array(Vec::new())) {
        values.push(value.into());
    }
    Ok(())
}

fn twice(element: &Element, parent: &Element) -> Fault {
    Fault::new(element.offset(), format!("`{}` stands in `{}` a second time, and may stand there once", element.name(), parent.name()))
}

/// The manifest writes `cid:` before it, attachments mostly do not.
fn content_id(text: &str) -> String {
    text.strip_prefix("cid:").unwrap_or(text).to_owned()
}

/// A content id in an attribute.
fn linked(element: &Element, attribute: Option<&str>) -> Result<Option<String>, Fault> {
    let id = content_id(attribute.unwrap_or_default().trim());
    match id.chars().count() {
        0 => Ok(None),
        1..=TEXT_CHARS => Ok(Some(id)),
        _ => Err(Fault::new(element.offset(), format!("the content id of `{}` has more than {TEXT_CHARS} characters", element.name()))),
    }
}

fn not_base64(element: &Element, byte: u8) -> String {
    let what = match byte {
        b'=' => "a `=` stands within".to_owned(),
        0x21..0x7f => format!("`{}` stands in", char::from(byte)),
        _ => "a character that is none of base64 stands in".to_owned(),
    };
    format!("{what} the base64 in `{}`: send the attachment again", element.name())
}

/// A foreign element's name, if it is of a reasonable length.
fn shown(element: &Element) -> &str {
    if element.name().len() <= 64 { element.name() } else { "…" }
}
