//! Any bytes at the domain's doors: what must hold of them, for fuzzing and for the inputs that it found.
//!
//! Each function panics where a promise is broken, and returns whatever comes otherwise.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use jsonschema::json::SerdeJson;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::decode::{DecodeLimits, Decoder};
use crate::id::{AgencyId, ChannelId, ConnectorId, PluginName, Port, SchemaId};
use crate::log::Position;
use crate::manifest::Manifest;
use crate::schema::{ChannelSchema, build_validator};
use crate::tape::Node;
use crate::time::Timestamp;
use crate::units::{parse_duration, parse_size};

/// A record is decoded exactly where a slow reader of RFC 8259 takes it, and reads the same.
pub fn decode(data: &[u8]) {
    let limits = DecodeLimits { max_bytes: 1 << 16, max_depth: 16 };
    let mut decoder = Decoder::new(limits);
    let expected = (data.len() <= limits.max_bytes).then(|| strict(data, limits.max_depth)).flatten().filter(Strict::is_object);
    match decoder.decode(data) {
        Ok(tape) => assert!(expected.is_some_and(|expected| expected.reads(tape.root())), "taken, or read otherwise"),
        Err(violation) => {
            assert!(violation.keyword == "decode" && !violation.message.is_empty());
            assert!(expected.is_none(), "refused: {}", violation.message);
        }
    }
    // Nothing of a record stays behind for the next.
    let tape = decoder.decode(br#"{"a":[1]}"#).unwrap();
    assert_eq!(tape.root().pointer("/a/0").and_then(Node::as_i64), Some(1));
}

/// A schema, and behind its first line feed a record: the schema compiles or says where it does not, and the verdict on the
/// record is that of the same validator on a tree.
pub fn validate(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (schema, record) = (&data[..at], &data[at + 1..]);
    let Ok(document) = serde_json::from_slice::<Value>(schema) else { return };
    let id = SchemaId::new("any/input.v1").unwrap();
    let schema = match ChannelSchema::compile(id, document.clone(), &[]) {
        Ok(schema) => schema,
        Err(error) => {
            assert!(!error.message.is_empty());
            return;
        }
    };
    let verdict = schema.validate(&mut Decoder::new(DecodeLimits::default()), record);
    let Some(value) = strict(record, DecodeLimits::default().max_depth).filter(Strict::is_object) else {
        assert!(verdict.is_err());
        return;
    };
    if record.trim_ascii().contains(&b'\n') {
        assert!(verdict.is_err());
        return;
    }
    let value = value.value();
    let reference = build_validator::<SerdeJson>(&document, &[]).map_err(|fault| fault.message).unwrap();
    assert_eq!(verdict.is_ok(), reference.is_valid(&value), "{document}\n{value}\n{:?}", verdict.err());
}

/// Names, numbers with units, times and manifests: what is read is written again as it was, and ids hold nothing that is unsafe.
pub fn texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    written_as_read::<AgencyId>(text, 63);
    written_as_read::<PluginName>(text, 63);
    written_as_read::<Port>(text, 63);
    written_as_read::<ChannelId>(text, 127);
    written_as_read::<ConnectorId>(text, 127);
    written_as_read::<SchemaId>(text, 140);
    if let Ok(position) = text.parse::<Position>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time), "{text}");
    }
    let _ = (parse_duration(text), parse_size(text));
    if let Err(error) = Manifest::parse(text) {
        assert!(!error.to_string().is_empty());
    }
}

fn written_as_read<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str, longest: usize) {
    match text.parse::<T>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text);
            assert!(text.len() <= longest, "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-/.".contains(&b)), "{text}");
            assert!(!text.contains("..") && !text.starts_with(['/', '.', '-']), "{text}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(told.chars().count() < 1_200 && !told.chars().any(char::is_control), "{told}");
        }
    }
}

/// A value as a slow reader has it that refuses what a record must not hold: duplicate keys, and numbers that would change.
enum Strict<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// An object's members in their order, also where a key stands twice.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Reader<'a> {
            type Value = Members<'a>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<Key<'a>, &'a RawValue>()? {
                    members.push((member.0.0, member.1));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader(std::marker::PhantomData))
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a text of at most so many levels, or none.
fn strict(text: &[u8], levels: usize) -> Option<Strict<'_>> {
    let raw = serde_json::from_slice::<&RawValue>(text).ok()?;
    strict_value(raw.get(), levels)
}

fn strict_value(text: &str, levels: usize) -> Option<Strict<'_>> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    Some(match text.as_bytes().first()? {
        b'n' => Strict::Null,
        b't' => Strict::Bool(true),
        b'f' => Strict::Bool(false),
        b'"' => Strict::Text(serde_json::from_str::<Key<'_>>(text).ok()?.0),
        b'[' => {
            let below = levels.checked_sub(1)?;
            let items = serde_json::from_str::<Vec<&RawValue>>(text).ok()?;
            Strict::Array(items.into_iter().map(|item| strict_value(item.get(), below)).collect::<Option<_>>()?)
        }
        b'{' => {
            let below = levels.checked_sub(1)?;
            let members = serde_json::from_str::<Members<'_>>(text).ok()?.0;
            let mut keys = HashSet::new();
            if !members.iter().all(|(key, _)| keys.insert(key.clone())) {
                return None;
            }
            let members = members.into_iter().map(|(key, value)| Some((key, strict_value(value.get(), below)?)));
            Strict::Object(members.collect::<Option<_>>()?)
        }
        _ if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Strict::Integer(text.parse().ok()?),
        _ => Strict::Double(text.parse().ok().filter(|number: &f64| number.is_finite())?),
    })
}

impl Strict<'_> {
    fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether a decoded value is this one.
    fn reads(&self, node: Node<'_>) -> bool {
        match self {
            Self::Null => node.is_null(),
            Self::Bool(value) => node.as_bool() == Some(*value),
            Self::Integer(number) => node.as_i64() == Some(*number),
            Self::Double(number) => node.as_i64().is_none() && node.as_f64().is_some_and(|read| read.to_bits() == number.to_bits()),
            Self::Text(text) => node.as_str() == Some(text),
            Self::Array(items) => {
                items.len() == node.elements().count() && items.iter().zip(node.elements()).all(|(item, node)| item.reads(node))
            }
            Self::Object(members) => {
                let same = |((name, value), (key, node)): (&(Cow<'_, str>, Self), (&str, Node<'_>))| name == key && value.reads(node);
                members.len() == node.members().count() && members.iter().zip(node.members()).all(same)
            }
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(number) => (*number).into(),
            Self::Double(number) => (*number).into(),
            Self::Text(text) => text.as_ref().into(),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(members) => members.iter().map(|(name, value)| (name.as_ref().to_owned(), value.value())).collect(),
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    use super::kept::kept;

    #[test]
    fn kept_records_are_decoded_or_refused() {
        kept("decode", super::decode);
    }

    #[test]
    fn kept_schemas_give_the_verdicts_of_the_reference() {
        kept("validate", super::validate);
    }

    #[test]
    fn kept_texts_are_read_as_they_are_written() {
        kept("texts", super::texts);
    }
}
