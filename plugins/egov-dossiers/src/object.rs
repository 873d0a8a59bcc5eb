//! One JSON object of the exchange, read leniently into a record: numbers come as text and the reverse, and null and blank text mean
//! that nothing was said.

use std::collections::BTreeMap;
use std::fmt;

use lienthong_sdk::vietnam;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fields::{Field, Kind};

/// Entries of one list.
pub(crate) const MAX_ENTRIES: usize = 200;
/// Fields of an object that the format does not know; as many again are named without their value.
pub(crate) const MAX_EXTRAS: usize = 64;
pub(crate) const MAX_EXTRA_NAME_CHARS: usize = 128;
pub(crate) const MAX_EXTRA_CHARS: usize = 2048;

/// The exchange's two ways of writing a moment.
const MOMENTS: [&str; 2] = ["yyyyMMddHHmmss", "dd/MM/yyyy HH:mm:ss"];

/// A đồng has no smaller part, and the whole country's budget has sixteen digits.
const MAX_DIGITS: usize = 16;

/// What is wrong with an object, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON pointer from the object on.
    pub(crate) pointer: String,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { pointer: String::new(), reason: reason.into() }
    }

    /// Of what a field holds: names it, unless something deeper was named.
    pub(crate) fn in_field(self, name: &str) -> Self {
        let name: String = name.chars().take(MAX_EXTRA_NAME_CHARS).collect();
        let reason = if self.pointer.is_empty() { format!("{name} {}", self.reason) } else { self.reason };
        Self { pointer: format!("/{}{}", name.replace('~', "~0").replace('/', "~1"), self.pointer), reason }
    }
}

/// The fields of an object, each still as its text.
pub(crate) struct Object<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut object = Object { fields: BTreeMap::new(), twice: None };
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if object.fields.insert(name.clone(), value).is_some() {
                        object.twice.get_or_insert(name);
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'a> Object<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        // The library's own words for another type would quote it.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Fault::new("no JSON object stands here"));
        }
        serde_json::from_slice(bytes).map_err(|e| Fault::new(format!("no JSON: {e}")))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A field's text, if it is there and is text or a number.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Said::of(self.fields.get(name)?).ok().flatten()?.into_text()
    }

    /// The record that the object makes by a table.
    pub(crate) fn read(mut self, table: &[Field]) -> Result<Map<String, Value>, Fault> {
        if let Some(name) = self.twice {
            return Err(Fault::new("is there twice").in_field(&name));
        }
        let mut record = Map::new();
        for field in table {
            let said = match self.fields.remove(field.source) {
                Some(raw) => Said::of(raw).map_err(|fault| fault.in_field(field.source))?,
                None => None,
            };
            match said {
                Some(said) => {
                    let value = said.into_value(&field.kind).map_err(|fault| fault.in_field(field.source))?;
                    record.insert(field.name.to_owned(), value);
                }
                None if field.needed => return Err(Fault::new("is missing").in_field(field.source)),
                None => {}
            }
        }
        keep_extras(self.fields, &mut record)?;
        Ok(record)
    }
}

/// What the format does not know is kept as text while it is small, and otherwise named.
fn keep_extras(fields: BTreeMap<String, &RawValue>, record: &mut Map<String, Value>) -> Result<(), Fault> {
    let (mut kept, mut left_out) = (Map::new(), Vec::new());
    for (name, raw) in fields {
        let Some(said) = Said::of(raw).map_err(|fault| fault.in_field(&name))? else { continue };
        if name.chars().count() > MAX_EXTRA_NAME_CHARS {
            return Err(Fault::new(format!("a field's name has more than {MAX_EXTRA_NAME_CHARS} characters")));
        }
        let text = match said {
            Said::Text(text) => text,
            _ => raw.get().to_owned(),
        };
        if kept.len() < MAX_EXTRAS && text.chars().count() <= MAX_EXTRA_CHARS {
            kept.insert(name, Value::String(text));
        } else if left_out.len() < MAX_EXTRAS {
            left_out.push(Value::String(name));
        } else {
            return Err(Fault::new(format!("an object has more than {} fields that the format does not know", 2 * MAX_EXTRAS)));
        }
    }
    if !kept.is_empty() {
        record.insert("other".to_owned(), Value::Object(kept));
    }
    if !left_out.is_empty() {
        record.insert("left_out".to_owned(), Value::Array(left_out));
    }
    Ok(())
}

/// A value that says something.
enum Said<'a> {
    /// Trimmed, not empty.
    Text(String),
    /// As it is written.
    Number(&'a str),
    Flag(bool),
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Said<'a> {
    /// None for null and blank text.
    fn of(raw: &'a RawValue) -> Result<Option<Self>, Fault> {
        let json = raw.get();
        Ok(match json.as_bytes().first() {
            Some(b'"') => {
                let text: String = serde_json::from_str(json).map_err(|_| Fault::new("holds an escape that is no character"))?;
                let trimmed = text.trim();
                (!trimmed.is_empty()).then(|| Self::Text(trimmed.to_owned()))
            }
            Some(b'[') => Some(Self::Array(json)),
            Some(b'{') => Some(Self::Object(json)),
            Some(b't') => Some(Self::Flag(true)),
            Some(b'f') => Some(Self::Flag(false)),
            Some(b'n') | None => None,
            Some(_) => Some(Self::Number(json)),
        })
    }

    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_owned()),
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Array(_) | Self::Object(_) => None,
        }
    }

    fn into_value(self, kind: &Kind) -> Result<Value, Fault> {
        match kind {
            Kind::Text(max) => match self.into_text() {
                Some(text) if text.chars().count() <= *max => Ok(text.into()),
                Some(_) => Err(Fault::new(format!("has more than {max} characters"))),
                None => Err(Fault::new("is no text")),
            },
            Kind::Moment => {
                let moment = self.into_text().and_then(|text| vietnam::moment(&text, &MOMENTS));
                moment.map(Value::from).ok_or_else(|| Fault::new("is no local time yyyyMMddHHmmss or dd/MM/yyyy HH:mm:ss that exists"))
            }
            Kind::Flag => {
                self.into_text().as_deref().and_then(flag).map(Value::from).ok_or_else(|| Fault::new("is neither true nor false"))
            }
            Kind::Whole => self.into_text().as_deref().and_then(whole).map(Value::from).ok_or_else(|| Fault::new("is no whole number")),
            Kind::Amount => {
                let amount = match &self {
                    Self::Text(text) => amount(text),
                    Self::Number(number) => whole(number),
                    _ => None,
                };
                amount.map(Value::from).ok_or_else(|| Fault::new("is no amount in đồng, for example 50000"))
            }
            Kind::List(fields) => self.into_list(fields),
        }
    }

    /// Objects of a list, or one object that stands for a list of one.
    fn into_list(self, fields: &[Field]) -> Result<Value, Fault> {
        let entries: Vec<&RawValue> = match self {
            Self::Array(json) => serde_json::from_str(json).map_err(|e| Fault::new(format!("is no JSON: {e}")))?,
            Self::Object(json) => return Ok(Value::Array(vec![Object::parse(json.as_bytes())?.read(fields)?.into()])),
            _ => return Err(Fault::new("is no list of objects")),
        };
        let mut list = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            if Said::of(entry).is_ok_and(|said| said.is_none()) {
                continue;
            }
            if list.len() == MAX_ENTRIES {
                return Err(Fault::new(format!("has more than {MAX_ENTRIES} entries")));
            }
            let record = Object::parse(entry.get().as_bytes()).and_then(|object| object.read(fields));
            let placed = |fault: Fault| Fault { pointer: format!("/{index}{}", fault.pointer), reason: fault.reason };
            list.push(Value::Object(record.map_err(placed)?));
        }
        Ok(Value::Array(list))
    }
}

/// `True` and `False` in any case, 1 and 0.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Digits, perhaps with zeros behind a point.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let right = is_digits(digits) && digits.len() <= MAX_DIGITS && !fraction.is_empty() && fraction.bytes().all(|b| b == b'0');
    right.then(|| digits.parse().ok())?
}

/// As people write it: `50000`, `50.000`, `1,000,000`, `50.000,00`. Three digits behind a mark are thousands, for a đồng has no
/// thousandth part; one or two zeros are a fraction.
fn amount(text: &str) -> Option<u64> {
    let marks = ['.', ','];
    let fraction = text.rsplit_once(marks).filter(|(_, end)| matches!(*end, "0" | "00"));
    let text = fraction.map_or(text, |(rest, _)| rest);
    let mark = text.chars().find(|c| marks.contains(c)).unwrap_or('.');
    let mut groups = text.split(mark);
    let mut digits = groups.next()?.to_owned();
    for (behind, group) in groups.enumerate() {
        if group.len() != 3 || (behind == 0 && digits.len() > 3) {
            return None;
        }
        digits.push_str(group);
    }
    is_digits(&digits).then(|| whole(&digits))?
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_dong_however_they_are_grouped() {
        for (text, expected) in [
            ("0", 0),
            ("50000", 50_000),
            ("50.000", 50_000),
            ("50,000", 50_000),
            ("1.000.000", 1_000_000),
            ("1.000.000,00", 1_000_000),
            ("50000.00", 50_000),
            ("50000,0", 50_000),
            ("050", 50),
        ] {
            assert_eq!(amount(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            ".",
            "-1",
            "50.5",
            "50.0000",
            "1000.000",
            "1.000,000",
            "1..000",
            "50 000",
            "5e4",
            "miễn phí",
            "1.00.000",
            "٣",
            "99999999999999999",
        ] {
            assert_eq!(amount(bad), None, "{bad}");
        }
    }

    #[test]
    fn whole_numbers_and_flags() {
        assert_eq!(
            [whole("3"), whole("3.0"), whole("0003"), whole("3.5"), whole("3."), whole("-3"), whole("")],
            [Some(3), Some(3), Some(3), None, None, None, None]
        );
        assert_eq!(["True", "FALSE", "1", "0", "yes"].map(flag), [Some(true), Some(false), Some(true), Some(false), None]);
    }

    #[test]
    fn a_fault_names_the_deepest_field_and_points_to_it() {
        const INNER: &[Field] = &[Field { source: "A", name: "a", kind: Kind::Whole, needed: true }];
        const OUTER: &[Field] = &[Field { source: "B/C", name: "b", kind: Kind::List(INNER), needed: false }];
        let fault = |json: &str| {
            Object::parse(json.as_bytes()).and_then(|object| object.read(OUTER)).map_err(|fault| (fault.pointer, fault.reason))
        };
        let say = |pointer: &str, reason: &str| Err((pointer.to_owned(), reason.to_owned()));
        assert_eq!(fault(r#"{"B/C":[null,{"A":1},{"A":"x"}]}"#), say("/B~1C/2/A", "A is no whole number"));
        assert_eq!(fault(r#"{"B/C":{"A":""}}"#), say("/B~1C/A", "A is missing"));
        assert_eq!(fault(r#"{"B/C":[3]}"#), say("/B~1C/0", "no JSON object stands here"));
        assert_eq!(fault(r#"{"B/C":"x"}"#), say("/B~1C", "B/C is no list of objects"));
        assert_eq!(fault(r#"{"D":1,"D":2}"#), say("/D", "D is there twice"));
        assert_eq!(fault(r#"{"D":"\ud800"}"#), say("/D", "D holds an escape that is no character"));
        assert_eq!(fault(r#"["Nguyễn Văn Mẫu"]"#), say("", "no JSON object stands here"));
    }
}
