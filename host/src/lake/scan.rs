//! Finds the values of a record's top-level properties in its text, without making anything of them.
//!
//! What stands in the log was parsed and validated at the door, so here only boundaries are looked for: one pass, no
//! copy, and each value as the text that it was, which a tape of parsed nodes no longer knows and which JSON columns
//! and `_extra` keep to the letter. Any text is safe to scan; one that is no object is [`Malformed`].

/// The text is not one JSON object, or not on its top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// One property: its name and its value as they stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Property<'a> {
    /// Between the quotation marks, escapes as they stand.
    pub(super) name: &'a str,
    /// The value's JSON text, no white space around it.
    pub(super) value: &'a str,
}

/// The properties of an object, in their order.
pub(super) struct Properties<'a> {
    text: &'a str,
    at: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Start,
    Inside,
    Done,
}

/// Reads the top level of one JSON object.
pub(super) fn properties(text: &str) -> Properties<'_> {
    Properties { text, at: 0, state: State::Start }
}

impl<'a> Properties<'a> {
    /// The next property, none at the end of a well-formed object.
    pub(super) fn next(&mut self) -> Result<Option<Property<'a>>, Malformed> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        match self.state {
            State::Done => return Ok(None),
            State::Start => {
                if bytes.get(at) != Some(&b'{') {
                    return Err(Malformed);
                }
                at = skip_space(bytes, at + 1);
                if bytes.get(at) == Some(&b'}') {
                    return self.finish(at + 1);
                }
                self.state = State::Inside;
            }
            State::Inside => match bytes.get(at) {
                Some(b',') => at = skip_space(bytes, at + 1),
                Some(b'}') => return self.finish(at + 1),
                _ => return Err(Malformed),
            },
        }
        if bytes.get(at) != Some(&b'"') {
            return Err(Malformed);
        }
        let end = string_end(bytes, at)?;
        let name = self.text.get(at + 1..end - 1).ok_or(Malformed)?;
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return Err(Malformed);
        }
        at = skip_space(bytes, at + 1);
        let end = value_end(bytes, at)?;
        let value = self.text.get(at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(Some(Property { name, value }))
    }

    fn finish(&mut self, at: usize) -> Result<Option<Property<'a>>, Malformed> {
        self.state = State::Done;
        self.at = self.text.len();
        if skip_space(self.text.as_bytes(), at) == self.text.len() { Ok(None) } else { Err(Malformed) }
    }
}

/// The value that a JSON pointer's segments (RFC 6901, unescaped) lead to within a value, none where they lead nowhere.
pub(super) fn resolve<'a>(mut value: &'a str, segments: &[String]) -> Option<&'a str> {
    for segment in segments {
        value = match value.as_bytes().first()? {
            b'{' => {
                let mut object = properties(value);
                loop {
                    let property = object.next().ok()??;
                    if same_name(property.name, segment) {
                        break property.value;
                    }
                }
            }
            b'[' => element(value, segment.parse().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// A name as it stands in the text is this name.
pub(super) fn same_name(raw: &str, name: &str) -> bool {
    raw == name || (raw.contains('\\') && serde_json::from_str::<String>(&format!("\"{raw}\"")).is_ok_and(|text| text == name))
}

fn element(array: &str, index: usize) -> Option<&str> {
    let bytes = array.as_bytes();
    let mut at = skip_space(bytes, 1);
    for place in 0.. {
        let end = value_end(bytes, at).ok()?;
        if place == index {
            return array.get(at..end);
        }
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = skip_space(bytes, at + 1);
    }
    None
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The place after the value that starts at `at`.
fn value_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        _ => {
            let mut end = at;
            while bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')) {
                end += 1;
            }
            if end > at { Ok(end) } else { Err(Malformed) }
        }
    }
}

/// The place after the string whose opening quotation mark is at `at`.
fn string_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let mut at = at + 1;
    loop {
        at = quote_or_escape(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 2,
            None => return Err(Malformed),
        }
    }
}

/// The first quotation mark or backslash from `at` on, else the length: eight bytes at a time.
fn quote_or_escape(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64));
        if found != 0 {
            // Only the lowest hit is sure (a borrow may mark bytes above it), and the lowest is the one wanted.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| !matches!(b, b'"' | b'\\')) {
        at += 1;
    }
    at.min(bytes.len())
}

fn nested_end(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let (mut at, mut depth) = (at, 0_usize);
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at)?,
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Ok(at);
                }
            }
            Some(_) => at += 1,
            None => return Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn all(text: &str) -> Result<Vec<(String, String)>, Malformed> {
        let mut properties = properties(text);
        let mut found = Vec::new();
        while let Some(property) = properties.next()? {
            found.push((property.name.to_owned(), property.value.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn values_come_as_they_stand() {
        let text = r#" { "a" : 1.50 ,"b":"x\"y\\","c" : [ 1, {"d":"]}"} ],"đ":null,"\u0065":{} } "#;
        let expected = [("a", "1.50"), ("b", r#""x\"y\\""#), ("c", r#"[ 1, {"d":"]}"} ]"#), ("đ", "null"), (r"\u0065", "{}")];
        assert_eq!(all(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(all("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for bad in [
            "",
            "1",
            "[]",
            "{",
            "{]",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{"a":1}x"#,
            r#"{"a":"x}"#,
            r#"{"a":[1}"#,
            r#"{"a\"#,
        ] {
            assert_eq!(all(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn pointers_lead_through_objects_and_arrays() {
        let text = r#"{"a":[10,{"b/c":"x"},"z"],"\u0065":2}"#;
        let go = |pointer: &[&str]| resolve(text, &pointer.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(go(&["a", "1", "b/c"]), Some(r#""x""#));
        assert_eq!(go(&["a", "2"]), Some(r#""z""#));
        assert_eq!(go(&["e"]), Some("2"));
        for nowhere in [&["a", "3"][..], &["a", "x"], &["b"], &["a", "0", "0"]] {
            assert_eq!(go(nowhere), None, "{nowhere:?}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            r#"["\\{}\[\],: ạ]{0,24}"#.prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_whole_parser(map in prop::collection::btree_map(any::<String>(), json(), 0..8), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&map).unwrap() } else { serde_json::to_string(&map).unwrap() };
            let expected: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
            let found = all(&text).unwrap();
            prop_assert_eq!(found.len(), expected.len());
            for (name, value) in found {
                let name: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
                prop_assert_eq!(expected[&name].get(), value);
            }
        }

        #[test]
        fn any_text_is_safe(text in any::<String>()) {
            let _ = all(&text);
            let _ = all(&format!("{{\"a\":{text}"));
        }
    }
}
