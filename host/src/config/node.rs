//! A YAML document as a tree that remembers where everything stands, keys included.

use serde_json::{Map, Number, Value};

use super::source::Place;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Could not be read and has been reported; whoever meets it says nothing more.
    Broken,
}

#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, so it may be a number, a boolean or null.
    pub(super) plain: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) value: Node,
}

/// What a node is, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing, `~` or `null`.
    Null,
    /// A text or number.
    Text,
    /// `true` or `false`.
    Boolean,
    /// `- …` or `[…]`.
    List,
    /// `key: value` or `{…}`.
    Map,
}

impl Scalar {
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            _ => None,
        }
    }

    /// Numbers are what JSON calls so. `007`, `0x10`, `1_000` and `.inf` stay text: codes must not lose their zeros.
    fn value(&self) -> Value {
        if self.is_null() {
            return Value::Null;
        }
        if let Some(boolean) = self.boolean() {
            return Value::Bool(boolean);
        }
        let numeric = self.plain && self.text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        match self.text.parse::<Number>() {
            Ok(number) if numeric => Value::Number(number),
            _ => Value::String(self.text.clone()),
        }
    }
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    pub(super) fn shape(&self) -> Shape {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.is_null() => Shape::Null,
            Kind::Scalar(scalar) if scalar.boolean().is_some() => Shape::Boolean,
            Kind::Scalar(_) | Kind::Broken => Shape::Text,
            Kind::List(_) => Shape::List,
            Kind::Map(_) => Shape::Map,
        }
    }

    /// Whether anything in it could not be read.
    pub(super) fn is_broken(&self) -> bool {
        match &self.kind {
            Kind::Broken => true,
            Kind::Scalar(_) => false,
            Kind::List(items) => items.iter().any(Self::is_broken),
            Kind::Map(entries) => entries.iter().any(|entry| entry.value.is_broken()),
        }
    }

    /// The same as JSON.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.value(),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>())
            }
            Kind::Broken => Value::Null,
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The node at a JSON pointer (RFC 6901), or the deepest one on the way there.
    pub(super) fn at(&self, pointer: &str) -> &Node {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Map(_) => node.entry(&token).map(|entry| &entry.value),
                Kind::List(items) => token.parse::<usize>().ok().and_then(|i| items.get(i)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }
}
