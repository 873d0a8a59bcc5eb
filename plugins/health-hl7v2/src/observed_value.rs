//! OBX-2, 5 and 6 as FHIR's `value[x]`.

use base64::prelude::{BASE64_STANDARD, Engine};
use lienthong_sdk::{Call, Stopped};
use serde_json::{Number, Value};

use crate::OBSERVATIONS;
use crate::datatype::concept;
use crate::er7::{Part, Segment};
use crate::moment::{self, Moment, Offset};
use crate::record::{Bad, Code, ID_CHARS, MAX_ITEMS, Object, Record, TEXT_CHARS, VALUE_CHARS, bounded};

/// A file goes to the hub in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// Why a value was not taken.
enum Trouble {
    Bad(Bad),
    Stopped(Stopped),
}

impl From<Bad> for Trouble {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<Stopped> for Trouble {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Sets the value; an embedded file becomes an attachment. A value that is not of its declared type is kept as text. Several are `component`s, unless they are lines.
pub(crate) fn put<'a>(record: &mut Record<'a>, obx: &'a Segment<'a>, call: &mut Call<'_>) -> Result<(), Stopped> {
    let at = obx.at(5);
    let kind = obx.at(2).component(1).unwrap_or_default();
    record.set_some("value_type", (!kind.is_empty()).then(|| kind.chars().take(16).collect::<String>()));
    let whole = at.part();
    if whole.is_empty() {
        return Ok(());
    }
    let is_lines = !matches!(kind.as_str(), "NM" | "SN" | "CE" | "CWE" | "CNE" | "CF" | "DT" | "TS" | "DTM" | "TM" | "ED" | "RP");
    if is_lines {
        lines(record, obx);
        return Ok(());
    }
    let mut values: Vec<_> = whole.repetitions().filter(|part| !part.is_empty()).take(MAX_ITEMS + 1).collect();
    if values.len() > MAX_ITEMS {
        record.fault(at, Code::TooLong, format!("more than {MAX_ITEMS} values: the rest is not taken"));
        values.truncate(MAX_ITEMS);
    }
    let mut taken = Vec::with_capacity(values.len());
    for part in &values {
        match value(&kind, *part, record.offset(), call) {
            Ok(value) => taken.push(value),
            Err(Trouble::Bad((code, reason))) => record.fault(at, code, reason),
            Err(Trouble::Stopped(stopped)) => return Err(stopped),
        }
    }
    if values.len() == 1 {
        taken.into_iter().for_each(|value| record.extend(value));
    } else {
        let components: Vec<_> = taken.into_iter().filter_map(Object::finish).collect();
        record.set_some("component", (!components.is_empty()).then_some(components));
    }
    let unit = obx.at(6).first();
    let unit = if unit.component(1).is_empty() { [2, 3] } else { [1, 3] }.map(|n| unit.component(n));
    record.part("value_unit", obx.at(6), unit[0], ID_CHARS);
    record.object("value_unit_system", obx.at(6), |_| Ok(crate::datatype::coding_system(unit[1])?.map(Value::from)));
    Ok(())
}

/// Text: a repetition is a line, or a text of its own.
fn lines<'a>(record: &mut Record<'a>, obx: &'a Segment<'a>) {
    let at = obx.at(5);
    let mut text = String::new();
    for (index, part) in at.part().repetitions().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        match bounded(part, VALUE_CHARS) {
            Ok(line) if text.len() + line.as_ref().map_or(0, String::len) <= 4 * VALUE_CHARS => text.push_str(&line.unwrap_or_default()),
            Ok(_) => return record.fault(at, Code::TooLong, format!("more than {VALUE_CHARS} characters")),
            Err((code, reason)) => return record.fault(at, code, reason),
        }
    }
    let text = text.trim_end();
    if text.chars().count() > VALUE_CHARS {
        return record.fault(at, Code::TooLong, format!("more than {VALUE_CHARS} characters"));
    }
    if !text.is_empty() {
        record.set("value_string", text);
    }
    let unit = obx.at(6);
    record.part("value_unit", unit, unit.first().component(1), ID_CHARS);
}

fn value(kind: &str, part: Part<'_>, offset: Offset, call: &mut Call<'_>) -> Result<Object, Trouble> {
    let mut object = Object::default();
    match kind {
        "NM" => match part.text().as_deref().and_then(number) {
            Some(number) => object.set("value_quantity", number),
            None => object.text("value_string", part, VALUE_CHARS)?,
        },
        "SN" => structured(&mut object, part)?,
        "CE" | "CWE" | "CNE" | "CF" => object.set_some("value_codeable_concept", concept(part)?),
        "DT" | "TS" | "DTM" => match part.component(1).text().map(|text| moment::read(&text, offset)) {
            Some(Ok(Moment::Full(text))) => object.set("value_date_time", text),
            Some(Ok(Moment::Day(text) | Moment::Partial(text))) => object.set("value_date_time_partial", text),
            _ => object.text("value_string", part, VALUE_CHARS)?,
        },
        "TM" => match part.component(1).text().as_deref().and_then(moment::time_of_day) {
            Some(time) => object.set("value_time", time),
            None => object.text("value_string", part, VALUE_CHARS)?,
        },
        "ED" => embedded(&mut object, part, call)?,
        _ => {
            let mut pointer = Object::default();
            pointer.text("url", part.component(1), TEXT_CHARS)?;
            pointer.set_some("content_type", content_type(part, [3, 4])?);
            object.set_some("value_attachment", pointer.finish());
        }
    }
    Ok(object)
}

/// ED and RP: type and subtype.
fn content_type(part: Part<'_>, [main, sub]: [usize; 2]) -> Result<Option<String>, Bad> {
    let names = [bounded(part.component(main), ID_CHARS / 3)?, bounded(part.component(sub), ID_CHARS / 3)?];
    let names: Vec<_> = names.into_iter().flatten().collect();
    Ok((!names.is_empty()).then(|| names.join("/")))
}

/// ED: the hub keeps the file beside the log, and the record names it.
fn embedded(object: &mut Object, part: Part<'_>, call: &mut Call<'_>) -> Result<(), Trouble> {
    let mut file = Object::default();
    file.set_some("content_type", content_type(part, [2, 3])?);
    if let Some(data) = part.component(5).text() {
        let encoding = part.component(4).text().unwrap_or_default().to_ascii_lowercase();
        let bytes = match encoding.as_str() {
            "base64" => BASE64_STANDARD.decode(data.split_ascii_whitespace().collect::<String>()).ok(),
            "hex" => unhex(&data),
            "a" | "" => Some(data.into_bytes()),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return Err((Code::DataType, "the file is not in the encoding that it declares: send Base64, Hex or A".to_owned()).into());
        };
        let mut attachment = call.attach(OBSERVATIONS)?;
        for piece in bytes.chunks(PIECE_BYTES) {
            attachment.write(piece)?;
        }
        let attached = attachment.finish()?;
        file.set("sha256", attached.sha256);
        file.set("size_bytes", attached.size_bytes);
    }
    object.set_some("value_attachment", file.finish());
    Ok(())
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let two = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok();
    digits.chunks(2).map(two).collect()
}

/// SN: comparator, number, separator, number: `>`, `<^10`, `^100^-^200`, `^1^:^128`.
fn structured(object: &mut Object, part: Part<'_>) -> Result<(), Bad> {
    let [comparator, first, separator, second] = [1, 2, 3, 4].map(|n| part.component(n).text());
    let numbers = (first.as_deref().map(number), second.as_deref().map(number));
    match (comparator.as_deref(), numbers, separator.as_deref()) {
        (None | Some("="), (Some(Some(number)), None), None) => object.set("value_quantity", number),
        (Some(comparator @ ("<" | ">" | "<=" | ">=")), (Some(Some(number)), None), None) => {
            object.set("value_comparator", comparator);
            object.set("value_quantity", number);
        }
        (None | Some("="), (Some(Some(low)), Some(Some(high))), Some("-")) => {
            object.set("value_range_low", low);
            object.set("value_range_high", high);
        }
        (None | Some("="), (Some(Some(numerator)), Some(Some(denominator))), Some(":" | "/")) => {
            object.set("value_ratio_numerator", numerator);
            object.set("value_ratio_denominator", denominator);
        }
        _ => {
            let pieces: Vec<_> = [comparator, first, separator, second].into_iter().flatten().collect();
            let text = pieces.join("");
            if text.chars().count() > VALUE_CHARS {
                return Err((Code::TooLong, format!("more than {VALUE_CHARS} characters")));
            }
            object.set_some("value_string", (!text.is_empty()).then_some(text));
        }
    }
    Ok(())
}

/// NM: digits with a point, and a sign. Whole numbers stay whole.
pub(crate) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sound = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.bytes().any(|b| b.is_ascii_digit());
    // What has more digits than a double holds stays text, to the last one.
    if !sound || digits.len() > 16 || digits.matches('.').count() > 1 {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
    }
}

/// A reference range of the form `3.5-5.5`.
pub(crate) fn range(text: &str) -> Option<(Number, Number)> {
    let at = text.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '–'))?;
    let (low, high) = (&text[..at.0], &text[at.0 + at.1.len_utf8()..]);
    Some((number(low.trim())?, number(high.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_with_a_point() {
        for (text, expected) in [
            ("7", "7"),
            ("+7", "7"),
            ("-0.50", "-0.5"),
            ("7.", "7.0"),
            (".5", "0.5"),
            ("007", "7"),
            ("9007199254740993", "9007199254740993"),
        ] {
            assert_eq!(number(text).map(|n| n.to_string()).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", ".", "-", "1,5", "1e5", "NaN", "1.2.3", "٣", "<5", "12345678901234567"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_range_has_two_ends() {
        let ends = |text| range(text).map(|(low, high)| format!("{low}..{high}"));
        assert_eq!(ends("3.5-5.5").as_deref(), Some("3.5..5.5"));
        assert_eq!(ends("-2 – 2").as_deref(), Some("-2..2"));
        for bad in ["", "-", "< 5", "3.5", "a-b", "1-2-3", "–"] {
            assert_eq!(ends(bad), None, "{bad}");
        }
    }
}
