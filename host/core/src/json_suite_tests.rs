//! The decoder against JSONTestSuite: what must be taken is, as a member of a record; what must be refused is, in every place; and what
//! a parser may decide is decided here.

use serde_json::Value;

use super::*;
use crate::suite::suite;

/// Valid JSON that is refused all the same: which of two members of one name counts, no two readers agree on.
const REFUSED: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

/// Of what a parser may decide (`i_…`), this alone is taken: numbers so near to nought that they are read as it. Refused are what a
/// double or an i64 cannot hold, what is no UTF-8, lone surrogates, a byte order mark, and too many levels.
const TAKEN: [&str; 2] = ["i_number_double_huge_neg_exp.json", "i_number_real_underflow.json"];

#[test]
fn the_public_suite_of_json_is_read_as_it_says() {
    let Some(folder) = suite("json") else { return };
    let module = std::fs::read_to_string(folder.join("data/parsing.js")).unwrap();
    let list = module.find('[').zip(module.rfind(']')).map(|(start, end)| &module[start..=end]);
    let cases: Vec<Value> = serde_json::from_str(list.unwrap()).unwrap();
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, input) = (case["name"].as_str().unwrap(), case["input"].as_str().unwrap());
        // Bytes that are no UTF-8 cannot stand in a JavaScript text: where they were lost, some are put back.
        let input = input.split('\u{fffd}').map(str::as_bytes).collect::<Vec<_>>().join(&b"\xff"[..]);
        let within = [b"{\"v\":".as_slice(), &input, b"}"].concat();
        let alone_is_object = input.trim_ascii_start().starts_with(b"{");
        let taken = decoder.decode(&within).is_ok();
        let alone = decoder.decode(&input).is_ok();
        let must = match name.as_bytes()[0] {
            b'y' => !REFUSED.contains(&name),
            b'i' => TAKEN.contains(&name),
            _ => false,
        };
        if taken != must || alone != (must && alone_is_object) {
            wrong.push(format!("{name}: {taken}, alone {alone}"));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
    assert!(cases.len() > 300);
}
