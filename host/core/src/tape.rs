//! A decoded record: a flat list of nodes that borrow the decoder's buffers, and handles to read it.
//!
//! A container's node is followed by everything in it, keys and values alternating in objects, so a handle is the
//! rest of the list from its node on.

use serde_json::{Map, Number, Value};
use simd_json::StaticNode;
use simd_json::value::tape::Node as Raw;

/// One decoded record. Gives its buffer back to the [`crate::decode::Decoder`] when it goes.
#[derive(Debug)]
pub struct Tape<'d> {
    pub(crate) filled: simd_json::Tape<'d>,
    pub(crate) home: &'d mut simd_json::Tape<'static>,
}

impl Tape<'_> {
    /// The record itself, an object.
    #[inline]
    pub fn root(&self) -> Node<'_> {
        Node(&self.filled.0)
    }

    /// Levels of arrays and objects, the record itself being the first.
    pub(crate) fn depth(&self) -> usize {
        let mut ends: Vec<usize> = Vec::new();
        let mut deepest = 0;
        for (index, node) in self.filled.0.iter().enumerate() {
            while ends.last().is_some_and(|end| *end <= index) {
                ends.pop();
            }
            if span(node) > 1 {
                ends.push(index + span(node));
                deepest = deepest.max(ends.len());
            }
        }
        deepest
    }
}

impl Drop for Tape<'_> {
    fn drop(&mut self) {
        *self.home = std::mem::replace(&mut self.filled, simd_json::Tape(Vec::new())).reset();
    }
}

/// One value of a decoded record.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a>(pub(crate) &'a [Raw<'a>]);

impl<'a> Node<'a> {
    #[inline]
    pub(crate) fn raw(self) -> Raw<'a> {
        // A handle always has its own node; an empty one would read as null.
        self.0.first().copied().unwrap_or(Raw::Static(StaticNode::Null))
    }

    /// The text of a string, unescaped.
    #[inline]
    pub fn as_str(self) -> Option<&'a str> {
        match self.raw() {
            Raw::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer, as the decoder lets them through: every one fits. `1.0` is no integer here.
    pub fn as_i64(self) -> Option<i64> {
        match self.raw() {
            Raw::Static(StaticNode::I64(number)) => Some(number),
            Raw::Static(StaticNode::U64(number)) => i64::try_from(number).ok(),
            _ => None,
        }
    }

    /// Any number, rounded to the nearest double.
    pub fn as_f64(self) -> Option<f64> {
        match self.raw() {
            Raw::Static(StaticNode::F64(number)) => Some(number),
            Raw::Static(StaticNode::I64(number)) => Some(number as f64),
            Raw::Static(StaticNode::U64(number)) => Some(number as f64),
            _ => None,
        }
    }

    /// A boolean.
    #[inline]
    pub fn as_bool(self) -> Option<bool> {
        match self.raw() {
            Raw::Static(StaticNode::Bool(value)) => Some(value),
            _ => None,
        }
    }

    /// Is it `null`?
    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.raw(), Raw::Static(StaticNode::Null))
    }

    /// An object's members; none where it is no object.
    #[inline]
    pub fn members(self) -> Members<'a> {
        match self.raw() {
            Raw::Object { len, .. } => Members { rest: self.after(), left: len },
            _ => Members { rest: &[], left: 0 },
        }
    }

    /// An array's elements; none where it is no array.
    #[inline]
    pub fn elements(self) -> Elements<'a> {
        match self.raw() {
            Raw::Array { len, .. } => Elements { rest: self.after(), left: len },
            _ => Elements { rest: &[], left: 0 },
        }
    }

    /// An object's member of this name.
    #[inline]
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.members().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value a JSON pointer (RFC 6901) leads to from here; the empty pointer is this value.
    pub fn pointer(self, pointer: &str) -> Option<Node<'a>> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, token| match node.raw() {
            Raw::Object { .. } if token.contains('~') => node.get(&unescape(token)),
            Raw::Object { .. } => node.get(token),
            Raw::Array { .. } if token == "0" || (!token.starts_with(['0', '+'])) => node.elements().nth(token.parse().ok()?),
            _ => None,
        })
    }

    /// The value as a document: for configuration, messages and tests, not for what every record passes through.
    /// Recurses as deep as the value is, which the decoder's limit bounds.
    pub fn to_value(self) -> Value {
        match self.raw() {
            Raw::String(text) => Value::String(text.to_owned()),
            Raw::Object { .. } => Value::Object(self.members().map(|(k, v)| (k.to_owned(), v.to_value())).collect::<Map<_, _>>()),
            Raw::Array { .. } => Value::Array(self.elements().map(Node::to_value).collect()),
            Raw::Static(StaticNode::Null) => Value::Null,
            Raw::Static(StaticNode::Bool(value)) => Value::Bool(value),
            Raw::Static(StaticNode::I64(number)) => Value::Number(number.into()),
            Raw::Static(StaticNode::U64(number)) => Value::Number(number.into()),
            Raw::Static(StaticNode::F64(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        }
    }

    #[inline]
    fn after(self) -> &'a [Raw<'a>] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// How many nodes a value takes, itself included.
#[inline]
pub(crate) fn span(node: &Raw<'_>) -> usize {
    match node {
        Raw::Object { count, .. } | Raw::Array { count, .. } => count + 1,
        Raw::String(_) | Raw::Static(_) => 1,
    }
}

/// See [`Node::members`].
#[derive(Debug, Clone)]
pub struct Members<'a> {
    pub(crate) rest: &'a [Raw<'a>],
    pub(crate) left: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let [Raw::String(key), value @ ..] = self.rest else { return None };
        self.left -= 1;
        self.rest = value.get(span(value.first()?)..).unwrap_or_default();
        Some((key, Node(value)))
    }
}

/// See [`Node::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    pub(crate) rest: &'a [Raw<'a>],
    pub(crate) left: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let value = self.rest;
        self.left -= 1;
        self.rest = value.get(span(value.first()?)..).unwrap_or_default();
        Some(Node(value))
    }
}

/// A pointer's token for this key: `~` and `/` escaped (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key a pointer's token names.
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The JSON pointer to the node at this index of the tape.
pub(crate) fn pointer_to(nodes: &[Raw<'_>], target: usize) -> String {
    let mut pointer = String::new();
    let mut at = 0;
    'down: while at < target {
        let (members, len) = match nodes.get(at) {
            Some(Raw::Object { len, .. }) => (true, *len),
            Some(Raw::Array { len, .. }) => (false, *len),
            _ => break,
        };
        let mut child = at + 1;
        for index in 0..len {
            let key = match nodes.get(child) {
                Some(Raw::String(key)) if members => *key,
                _ => "",
            };
            let value = if members { child + 1 } else { child };
            let Some(node) = nodes.get(value) else { break 'down };
            if target < value + span(node) {
                pointer.push('/');
                pointer.push_str(&if members { escape(key) } else { index.to_string() });
                at = value;
                // The key itself was meant.
                if target < value {
                    break 'down;
                }
                continue 'down;
            }
            child = value + span(node);
        }
        break;
    }
    pointer
}
