//! What is emitted: properties in the order in which they were found.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::decimal::Decimal;

/// One record, or an object in one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record(pub(crate) Vec<(&'static str, Value)>);

/// What a property holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Word(&'static str),
    Texts(Vec<String>),
    Words(Vec<&'static str>),
    Number(Decimal),
    Numbers(Vec<Decimal>),
    Whole(u64),
    Flag(bool),
    Objects(Vec<Record>),
    /// Names that no table has, with their texts.
    Others(Vec<(String, String)>),
}

impl Record {
    pub(crate) fn push(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<Decimal> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Word(word) => word.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Words(words) => words.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Numbers(numbers) => numbers.serialize(serializer),
            Self::Whole(number) => number.serialize(serializer),
            Self::Flag(flag) => flag.serialize(serializer),
            Self::Objects(records) => records.serialize(serializer),
            Self::Others(others) => {
                let mut map = serializer.serialize_map(Some(others.len()))?;
                for (name, text) in others {
                    map.serialize_entry(name, text)?;
                }
                map.end()
            }
        }
    }
}
