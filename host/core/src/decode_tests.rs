//! What the decoder takes and refuses, against RFC 8259 and against a second parser.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn decode(bytes: &[u8]) -> Result<Value, Violation> {
    Decoder::new(DecodeLimits::default()).decode(bytes).map(|tape| tape.root().to_value())
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let violation = decode(bytes.as_ref()).expect_err("refused");
    assert_eq!(violation.keyword, "decode");
    format!("{}: {}", violation.pointer, violation.message)
}

/// JSON values that RFC 8259 allows, each tried as a member, in an array, and with white space around it.
const VALUES: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "123",
    "1.5",
    "-1.5e3",
    "1E3",
    "1e+3",
    "1e-3",
    "0e0",
    "0e+1",
    "1e-400",
    "0e99999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "123456789012345678",
    "-123456789012345678",
    "1000000000000000000",
    "0.1234567890123456789012345",
    "1.7976931348623157e308",
    "2.2250738585072014e-308",
    "4.9e-324",
    "123.456e78",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u0041\"",
    "\"\\u00e9\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uFFFF\"",
    "\"\u{7f}\"",
    "\"\u{2028}\u{2029}\"",
    "\"Đà Lạt\"",
    "\"😀\"",
    "\"\u{10FFFF}\"",
    "\"\u{FEFF}\"",
    "\"/\"",
    "\"new\u{a0}line\"",
    "[]",
    "[[]]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[null,true]",
    "{}",
    "{\"\":0}",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "{\"a\":[{\"a\":1},{\"a\":2}]}",
    "\"\\\\u0030\"",
    "\"a/*b*/c\"",
    "\"\\\\\"",
    "\"\\\\\\\\n\"",
];

/// Texts that are no JSON value, each tried in the same places.
const NO_VALUES: &[&str] = &[
    "",
    ",",
    "01",
    "-01",
    "00",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e1",
    "1e",
    "1e+",
    "0x1",
    "1_000",
    "1a",
    "-a",
    "1 2",
    "1.2.3",
    "1e1.5",
    "--1",
    "2.e3",
    "0e",
    "0.e1",
    "1ea",
    "- 1",
    "Infinity",
    "-Infinity",
    "NaN",
    "nan",
    "True",
    "tru",
    "truee",
    "fals",
    "nul",
    "nulll",
    "undefined",
    "'a'",
    "\"",
    "\"a",
    "a",
    "\"\\x00\"",
    "\"\\a\"",
    "\"\\\"",
    "\"\\u\"",
    "\"\\u00\"",
    "\"\\u00g0\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\uD800\"",
    "\"\\uD800a\"",
    "\"\\uD800\\n\"",
    "\"\\U0041\"",
    "\"\t\"",
    "\"\n\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    "\"a\" \"b\"",
    "\"a\"b",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[\"a\" 1]",
    "[1:2]",
    "[1}",
    "{",
    "}",
    "{]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{1:1}",
    "{'a':1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "{\"a\",1}",
    "{\"a\":1,,\"b\":2}",
    "{null:1}",
    "{\"a\":1}}",
    "// c\n1",
    "/* c */ 1",
    "1 // c",
    "#1",
    "\u{0}",
    "1\u{0}",
    "\u{c}1",
    "1\u{c}",
    "\u{b}1",
    "\u{a0}1",
    "\u{2060}1",
    "\u{feff}1",
    "\u{85}1",
    "<a>",
    "*",
    "@",
    "`a`",
    "\"a\\\n\"",
    "[\"a\",\n4\n,1,",
    "\"\\u00A\"",
    "\"\\\\\\\"",
    "[\"x\"]]",
    "123456789012345678901234567890x",
    "1\u{7f}",
];

fn places(value: &str) -> [String; 6] {
    [
        format!("{{\"k\":{value}}}"),
        format!(" \t\r\n{{ \"k\" : {value} }} \n"),
        format!("{{\"k\":[{value}]}}"),
        format!("{{\"k\":[0,{value},\"after\"],\"l\":true}}"),
        format!("{{\"k\":{{\"m\":{value}}},\"l\":[{value}]}}"),
        // Over the parser's blocks of 64 bytes.
        format!("{{\"{}\":{value}}}", "p".repeat(59)),
    ]
}

#[test]
fn what_json_allows_is_read_as_another_parser_reads_it() {
    for value in VALUES {
        for text in places(value) {
            let expected: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let own = decode(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            // `-0` is a double to one and an integer to the other: the same number.
            assert_eq!(
                own.to_string().replace("-0.0", "0").replace("0.0", "0"),
                expected.to_string().replace("-0.0", "0").replace("0.0", "0")
            );
        }
    }
}

#[test]
fn what_json_does_not_allow_is_refused() {
    for value in NO_VALUES {
        for text in places(value) {
            // An empty array is what an empty value makes of some places.
            if serde_json::from_str::<Value>(&text).is_ok() {
                assert!(value.is_empty(), "the table is wrong: {text}");
                continue;
            }
            assert!(decode(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}

#[test]
fn every_byte_in_every_place_gets_the_verdict_of_another_parser() {
    let samples = [
        &br#"{"a":1,"b":[true,"x\n",null,-2.5e1],"c":{"d":"\u0041"}}"#[..],
        &br#" { "key" : "0123456789012345678901234567890123456789012345678901234567890" , "n" : 10 } "#[..],
    ];
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut agree = |text: &[u8]| {
        let other = serde_json::from_slice::<Value>(text).is_ok_and(|value| value.is_object());
        let own = decoder.decode(text);
        let duplicate = matches!(&own, Err(violation) if violation.message.contains("twice"));
        assert!(own.is_ok() == other || duplicate, "{:?} {own:?}", String::from_utf8_lossy(text));
    };
    for sample in samples {
        for at in 0..=sample.len() {
            for byte in 0..=255u8 {
                let mut inserted = sample.to_vec();
                inserted.insert(at, byte);
                agree(&inserted);
                if at < sample.len() {
                    let mut replaced = sample.to_vec();
                    replaced[at] = byte;
                    agree(&replaced);
                }
            }
            agree(&sample[..at]);
            agree(&sample[at..]);
        }
    }
}

#[test]
fn refusals_name_the_thing_and_the_place() {
    let table = [
        (r#"{"a":1,"b":{"c":2,"d":{"x":0},"c":3}}"#, "/b/c: the key stands twice in its object"),
        (r#"{"a":1,"\u0061":2}"#, "/a: the key stands twice in its object"),
        (r#"{"a~/":1,"a~/":2}"#, "/a~0~1: the key stands twice in its object"),
        (r#"{"a":[0,{"n":9223372036854775808}]}"#, "/a/1/n: the integer at byte 13 lies beyond 64 bits with sign: send it as a string"),
        (r#"{"a":18446744073709551616}"#, ": the integer at byte 5 lies beyond 64 bits with sign: send it as a string"),
        (r#"{"a":-9223372036854775809}"#, ": the integer at byte 5 lies beyond 64 bits with sign: send it as a string"),
        (r#"{"a":1e400}"#, ": the number at byte 5 lies beyond a 64-bit double: send it as a string"),
        (r#"{"a":-1.5e999999999999}"#, ": the number at byte 5 lies beyond a 64-bit double: send it as a string"),
        ("", ": nothing here: a record is one JSON object"),
        ("  ", ": nothing here: a record is one JSON object"),
        ("[1]", ": a record is one JSON object that begins with an opening brace; found an array at byte 0"),
        ("  \"a\"", ": a record is one JSON object that begins with an opening brace; found a string at byte 2"),
        ("\u{feff}{}", ": a record is one JSON object that begins with an opening brace; found a byte order mark or other text at byte 0"),
        (r#"{"a":1} x"#, ": no valid JSON at byte 8: trailing characters"),
        (r#"{"a":1}{"b":2}"#, ": no valid JSON at byte 7: trailing characters"),
        (r#"{"a":1,}"#, ": no valid JSON at byte 7: key must be a string"),
        (r#"{"a":nan}"#, ": no valid JSON at byte 6: expected ident"),
        (r#"{"a":"\ud800"}"#, ": no valid JSON at byte 6: an escaped lone surrogate, which is no character"),
        (r#"{"a":"#, ": no valid JSON at byte 4: the end while parsing a value"),
    ];
    for (text, expected) in table {
        assert_eq!(refusal(text), expected, "{text}");
    }
    assert_eq!(refusal(b"{\"a\":\"\xff\"}"), ": invalid UTF-8 at byte 6: send UTF-8");
    assert_eq!(refusal(b"{\"a\":\"\xed\xa0\x80\"}"), ": invalid UTF-8 at byte 6: send UTF-8");
    assert_eq!(refusal(b"{\"a\":\"\xc0\xaf\"}"), ": invalid UTF-8 at byte 6: send UTF-8");
}

#[test]
fn depth_is_counted_in_levels_and_never_in_stack() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(decode(nested(64).as_bytes()).is_ok());
    assert!(refusal(nested(65)).contains("deeper than 64 levels"));
    assert!(refusal(nested(100_000)).contains("deeper than 64 levels"));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(decode(objects(64).as_bytes()).is_ok());
    assert!(refusal(objects(65)).contains("deeper than 64 levels"));
    assert!(refusal(objects(100_000)).contains("deeper than 64 levels"));
    assert!(refusal("{\"a\":".repeat(100_000)).contains("deeper than 64 levels"));
    assert!(refusal(format!("{{\"a\":{}", "[".repeat(100_000))).contains("deeper than 64 levels"));
}

#[test]
fn size_is_limited() {
    let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert!(decode(sized(1 << 20).as_bytes()).is_ok());
    assert!(refusal(sized((1 << 20) + 1)).contains("the most is 1048576"));
    let digits = format!("{{\"a\":{}}}", "9".repeat(1_000_000));
    assert!(refusal(&digits).contains("beyond 64 bits"));
    let fraction = format!("{{\"a\":0.{}}}", "9".repeat(1_000_000));
    assert!(decode(fraction.as_bytes()).is_ok());
}

#[test]
fn duplicates_are_found_among_few_and_many_keys() {
    for count in [2usize, 3, 17, 63, 64, 65, 66, 200, 20_000] {
        let member = |nth: usize| format!("\"key number {nth}\":{{\"x\":[{nth}]}}");
        let members: Vec<String> = (0..count).map(member).collect();
        assert!(decode(format!("{{{}}}", members.join(",")).as_bytes()).is_ok(), "{count}");
        for twice in [0, count / 2, count - 1] {
            let text = format!("{{{},{}}}", members.join(","), member(twice));
            assert_eq!(refusal(text), format!("/key number {twice}: the key stands twice in its object"));
        }
    }
    // The same key on other levels and in neighbours is no duplicate.
    assert!(decode(br#"{"a":{"a":1,"b":[{"a":1},{"a":1}]},"b":2}"#).is_ok());
}

#[test]
fn the_decoder_forgets_what_it_read_before() {
    let mut decoder = Decoder::new(DecodeLimits::default());
    for (text, fine) in
        [(r#"{"a":"x\ty"}"#, true), (r#"{"a":"#, false), (r#"{"a":1,"a":2}"#, false), (r#"{}"#, true), (r#"{"a":[1,2]}"#, true)]
    {
        assert_eq!(decoder.decode(text.as_bytes()).is_ok(), fine, "{text}");
    }
    let tape = decoder.decode(br#"{"a":[1,{"b":"x"}],"c/d":null,"e":-5,"f":2.5}"#).unwrap();
    let root = tape.root();
    assert_eq!(root.pointer("/a/1/b").and_then(|n| n.as_str()), Some("x"));
    assert_eq!(root.pointer("/e").and_then(|n| n.as_i64()), Some(-5));
    assert_eq!(root.pointer("/f").and_then(|n| n.as_f64()), Some(2.5));
    assert!(root.pointer("/c~1d").is_some_and(|n| n.is_null()));
    assert!(["/a/2", "/a/01", "/a/-", "/a/+1", "/b", "a", "/a/1/b/c"].iter().all(|p| root.pointer(p).is_none()));
    assert_eq!(root.pointer("").map(|n| n.members().count()), Some(4));
}

/// Any JSON value within the limits.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        (-1000i64..1000).prop_map(|n| Value::from(n as f64 / 4.0)),
        any::<String>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((prop_oneof![any::<String>(), "[a-e]{1,2}"], inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn bytes_that_look_like_json_get_the_verdict_of_another_parser(text in r#"\{("[ab]{1,3}":([0-9eE.+-]{1,6}|"(\\[nu"\\]|[a-f0-9]){0,8}"|true|\[|\]|null),?){0,4}\}?"#) {
        let own = decode(text.as_bytes());
        let other = serde_json::from_str::<Value>(&text);
        let stricter = matches!(&own, Err(violation) if violation.message.contains("twice"));
        prop_assert!(own.is_ok() == other.is_ok() || stricter, "{} {:?} {:?}", text, own, other);
    }

    #[test]
    fn any_value_is_read_back(value in any_value(), pretty in any::<bool>()) {
        let record = serde_json::json!({ "v": value });
        let text = if pretty { serde_json::to_string_pretty(&record) } else { serde_json::to_string(&record) }.unwrap();
        prop_assert_eq!(decode(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }
}
