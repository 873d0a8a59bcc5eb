//! The tape as `jsonschema` reads it: its representation traits on [`Node`], so that no record becomes a document.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;

use jsonschema::JsonType;
use jsonschema::json::{self, Json, JsonNumber, NodeIdentity};
use serde_json::{Number, Value};
use simd_json::StaticNode;
use simd_json::value::tape::Node as Raw;

use crate::tape::{Elements, Members, Node, span};

/// The representation's name.
pub(crate) struct TapeJson;

impl Json for TapeJson {
    type Node<'a> = Node<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    // A lookup walks the members, so one pass for several keys is always cheaper.
    const KEYS_PER_LOOKUP: usize = 8;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        f(Node(&[Raw::String(string)]))
    }
}

/// A number of the tape.
#[derive(Clone, Copy)]
pub(crate) enum TapeNumber {
    Integer(i64),
    Double(f64),
}

impl JsonNumber for TapeNumber {
    fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Double(_) => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Double(_) => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
        }
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_number().to_string())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(match self {
            Self::Integer(number) => Number::from(*number),
            // The decoder lets no infinity through, so the fallback is never taken.
            Self::Double(number) => Number::from_f64(*number).unwrap_or_else(|| Number::from(0)),
        })
    }

    fn is_integer(&self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Double(number) => number.fract() == 0.0,
        }
    }
}

impl<'a> json::Node<'a, TapeJson> for Node<'a> {
    type Object = ObjectNode<'a>;
    type Array = ArrayNode<'a>;
    type Number = TapeNumber;

    #[inline]
    fn as_object(&self) -> Option<ObjectNode<'a>> {
        match self.raw() {
            Raw::Object { len, .. } => Some(ObjectNode { node: *self, len }),
            _ => None,
        }
    }

    #[inline]
    fn as_array(&self) -> Option<ArrayNode<'a>> {
        match self.raw() {
            Raw::Array { len, .. } => Some(ArrayNode { node: *self, len }),
            _ => None,
        }
    }

    #[inline]
    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.as_str().map(Cow::Borrowed)
    }

    #[inline]
    fn as_number(&self) -> Option<TapeNumber> {
        match self.raw() {
            Raw::Static(StaticNode::F64(number)) => Some(TapeNumber::Double(number)),
            Raw::Static(StaticNode::I64(number)) => Some(TapeNumber::Integer(number)),
            // The decoder refuses what does not fit.
            Raw::Static(StaticNode::U64(number)) => Some(TapeNumber::Integer(number.cast_signed())),
            _ => None,
        }
    }

    #[inline]
    fn as_boolean(&self) -> Option<bool> {
        self.as_bool()
    }

    #[inline]
    fn is_null(&self) -> bool {
        Node::is_null(*self)
    }

    #[inline]
    fn is_number(&self) -> bool {
        self.json_type() == JsonType::Number
    }

    #[inline]
    fn is_string(&self) -> bool {
        matches!(self.raw(), Raw::String(_))
    }

    #[inline]
    fn json_type(&self) -> JsonType {
        match self.raw() {
            Raw::String(_) => JsonType::String,
            Raw::Object { .. } => JsonType::Object,
            Raw::Array { .. } => JsonType::Array,
            Raw::Static(StaticNode::Null) => JsonType::Null,
            Raw::Static(StaticNode::Bool(_)) => JsonType::Boolean,
            Raw::Static(_) => JsonType::Number,
        }
    }

    #[inline]
    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.as_str()?;
        // A character takes one to four bytes, which often decides it without counting.
        let most = text.len() as u64;
        let fewest = most.div_ceil(4);
        if most < min || fewest > max {
            return Some(false);
        }
        if min <= fewest && most <= max {
            return Some(true);
        }
        Some((min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match expected {
            Value::Null => Node::is_null(*self),
            Value::Bool(value) => self.as_bool() == Some(*value),
            Value::Number(number) => json::Node::as_number(self).is_some_and(|own| json::cmp::equal_numbers(&own, number)),
            Value::String(text) => self.as_str() == Some(text.as_str()),
            Value::Array(items) => json::Node::as_array(self).is_some_and(|array| {
                array.len == items.len() && self.elements().zip(items).all(|(own, other)| json::Node::equals_value(&own, other))
            }),
            Value::Object(members) => json::Node::as_object(self).is_some_and(|object| {
                object.len == members.len()
                    && self.members().all(|(key, own)| members.get(key).is_some_and(|other| json::Node::equals_value(&own, other)))
            }),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Node::to_value(*self))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(self.0.as_ptr() as usize))
    }
}

/// A node known to be an object.
pub(crate) struct ObjectNode<'a> {
    node: Node<'a>,
    len: usize,
}

impl<'a> json::Object<'a, TapeJson> for ObjectNode<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn get(&self, key: &Box<str>) -> Option<Node<'a>> {
        self.node.get(key)
    }

    #[inline]
    fn members(&self) -> Members<'a> {
        self.node.members()
    }

    fn try_for_each_name_node<B>(&self, (): &mut (), mut f: impl FnMut(Node<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        let mut rest = self.node.0.get(1..).unwrap_or_default();
        for _ in 0..self.len {
            f(Node(rest))?;
            let value = rest.get(1..).unwrap_or_default();
            rest = value.first().and_then(|first| value.get(span(first)..)).unwrap_or_default();
        }
        ControlFlow::Continue(())
    }
}

/// A node known to be an array.
pub(crate) struct ArrayNode<'a> {
    node: Node<'a>,
    len: usize,
}

impl<'a> json::Array<'a, TapeJson> for ArrayNode<'a> {
    type Node = Node<'a>;
    type ElementsIter = Elements<'a>;

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn elements(&self) -> Elements<'a> {
        self.node.elements()
    }

    fn is_unique(&self) -> bool {
        let strings = self.node.elements().map_while(Node::as_str);
        if strings.clone().count() < self.len {
            let values: Vec<Value> = self.node.elements().map(Node::to_value).collect();
            return json::unique::is_unique(&values);
        }
        if self.len <= 16 {
            strings.clone().enumerate().all(|(nth, text)| strings.clone().take(nth).all(|other| other != text))
        } else {
            let mut seen = HashSet::with_capacity(self.len);
            { strings }.all(|text| seen.insert(text))
        }
    }
}
