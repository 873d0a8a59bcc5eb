//! The vertical-bar encoding, "ER7" (HL7 v2 chapter 2, sections 2.5 to 2.7): delimiters, segments, and the parts of a field. What a
//! segment means is not known here.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::charset::Charset;
use crate::escape::unescape;

/// The longest message has a few thousand segments; this many still fit into the sandbox.
pub(crate) const MAX_SEGMENTS: usize = 50_000;

/// The characters that a message declares for itself in MSH-1 and MSH-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiters {
    pub(crate) field: u8,
    pub(crate) component: Option<u8>,
    pub(crate) repetition: Option<u8>,
    pub(crate) escape: Option<u8>,
    pub(crate) subcomponent: Option<u8>,
    /// Since 2.7: ends a value that the sender cut off.
    pub(crate) truncation: Option<u8>,
}

impl Delimiters {
    /// What the standard recommends: an answer to a header that declares none that can be used.
    pub(crate) const RECOMMENDED: Self = Self {
        field: b'|',
        component: Some(b'^'),
        repetition: Some(b'~'),
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
    };

    /// From a header segment (MSH, FHS, BHS). Characters may be left out from the end.
    pub(crate) fn read(header: &[u8]) -> Result<Self, &'static str> {
        let &field = header.get(3).ok_or("the header ends before its field separator")?;
        let declared = header[4..].split(|b| *b == field || matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
        let usable = |b: &u8| b.is_ascii() && !b.is_ascii_alphanumeric() && !matches!(b, b' ' | b'\r' | b'\n' | 0);
        if !usable(&field) || !declared.iter().all(usable) {
            return Err("a delimiter must be an ASCII character that is no letter, digit or space, for example |^~\\&");
        }
        if declared.is_empty() || declared.len() > 5 {
            return Err("the encoding characters must be one to five, for example ^~\\&");
        }
        let all = || declared.iter().chain([&field]);
        if all().enumerate().any(|(at, b)| all().skip(at + 1).any(|other| other == b)) {
            return Err("the same character is declared for two delimiters: declare five that differ, for example |^~\\&");
        }
        let at = |index: usize| declared.get(index).copied();
        Ok(Self { field, component: at(0), repetition: at(1), escape: at(2), subcomponent: at(3), truncation: at(4) })
    }
}

/// How a message's bytes are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    pub(crate) delimiters: Delimiters,
    pub(crate) charset: Charset,
}

/// One segment.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    syntax: &'a Syntax,
    /// Its bytes as they came, without the segment end.
    pub(crate) raw: &'a [u8],
    text: Cow<'a, str>,
    /// Its number among the segments of its name, from 1.
    pub(crate) number: u32,
    /// Whether the message has more than one of its name.
    repeats: bool,
}

/// A field of a segment: what a fault names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) segment: &'a Segment<'a>,
    pub(crate) field: usize,
}

/// A field, a repetition, a component or a sub-component.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    syntax: &'a Syntax,
    text: &'a str,
}

/// The segments of a message. A line that begins like no segment continues the one before it: senders put line breaks
/// into text without escaping them.
///
/// # Errors
/// More segments than [`MAX_SEGMENTS`].
pub(crate) fn segments<'a>(message: &'a [u8], syntax: &'a Syntax) -> Result<Vec<Segment<'a>>, String> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    for line in message.split(|b| is_segment_end(*b)) {
        let end = start + line.len();
        let count = ranges.len();
        match ranges.last_mut() {
            _ if line.iter().all(u8::is_ascii_whitespace) => {}
            Some(last) if !begins_segment(line, syntax.delimiters.field) => last.1 = end,
            _ if count >= MAX_SEGMENTS => return Err(format!("the message has more than {MAX_SEGMENTS} segments: send it in parts")),
            _ => ranges.push((start, end)),
        }
        start = end + 1;
    }
    let mut counts: HashMap<[u8; 3], u32> = HashMap::new();
    let mut segments: Vec<Segment<'a>> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        let mut segment = Segment::read(&message[start..end], syntax);
        let count = counts.entry(segment.key()).or_default();
        *count += 1;
        segment.number = *count;
        segments.push(segment);
    }
    for segment in &mut segments {
        segment.repeats = counts.get(&segment.key()).is_some_and(|count| *count > 1);
    }
    Ok(segments)
}

/// CR by the standard, LF and CRLF in files; and the marks that a frame of the lower layer leaves in a recording of it.
pub(crate) fn is_segment_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)
}

fn begins_segment(line: &[u8], field: u8) -> bool {
    let named = line.len() >= 3 && line[0].is_ascii_uppercase() && line[1..3].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    named && line.get(3).is_none_or(|b| *b == field)
}

impl<'a> Segment<'a> {
    fn read(raw: &'a [u8], syntax: &'a Syntax) -> Self {
        let mut text = syntax.charset.decode(raw);
        if text.contains(['\r', '\n']) {
            text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
        Self { syntax, raw, text, number: 1, repeats: false }
    }

    fn key(&self) -> [u8; 3] {
        let mut key = [0; 3];
        key.iter_mut().zip(self.raw).for_each(|(to, from)| *to = *from);
        key
    }

    /// Three characters.
    pub(crate) fn name(&self) -> &str {
        self.text.get(..3).unwrap_or(&self.text)
    }

    /// A field by its number in the standard, for reading or for naming it.
    pub(crate) fn at(&'a self, field: usize) -> At<'a> {
        At { segment: self, field }
    }

    /// Whether any of these fields has something in it.
    pub(crate) fn has_any(&'a self, fields: &[usize]) -> bool {
        fields.iter().any(|field| !self.at(*field).part().is_empty())
    }

    fn field(&self, number: usize) -> &str {
        // MSH-1 is the separator itself, which shifts the header's other fields by one. An index of all fields would take more than the
        // sandbox has, of a message that is made of delimiters; finding one takes no time.
        let index = if matches!(self.name(), "MSH" | "BHS" | "FHS") { number.saturating_sub(1) } else { number };
        if index == 0 { "" } else { self.text.split(char::from(self.syntax.delimiters.field)).nth(index).unwrap_or("") }
    }
}

impl<'a> At<'a> {
    /// The field, with all repetitions.
    pub(crate) fn part(self) -> Part<'a> {
        Part { syntax: self.segment.syntax, text: self.segment.field(self.field) }
    }

    /// The field's first repetition.
    pub(crate) fn first(self) -> Part<'a> {
        self.part().repetition()
    }

    /// The text of the first repetition's component.
    pub(crate) fn component(self, number: usize) -> Option<String> {
        self.first().component(number).text()
    }

    /// As `PID-7`, or `OBX[3]-5` where the message has several.
    pub(crate) fn place(self) -> String {
        let Self { segment, field } = self;
        if segment.repeats { format!("{}[{}]-{field}", segment.name(), segment.number) } else { format!("{}-{field}", segment.name()) }
    }
}

impl<'a> Part<'a> {
    /// Nothing but white space.
    pub(crate) fn is_empty(self) -> bool {
        self.text.trim().is_empty()
    }

    /// Two quotation marks: the sender says that there is no value any more.
    pub(crate) fn is_null(self) -> bool {
        self.text.trim() == "\"\""
    }

    /// Its length in bytes before any unescaping, which only shortens it.
    pub(crate) fn len(self) -> usize {
        self.text.len()
    }

    pub(crate) fn repetitions(self) -> impl Iterator<Item = Part<'a>> {
        self.split(self.syntax.delimiters.repetition)
    }

    /// The first repetition of a field.
    fn repetition(self) -> Self {
        self.repetitions().next().unwrap_or(self)
    }

    /// A component, from 1; empty where there is none.
    pub(crate) fn component(self, number: usize) -> Self {
        self.nth(self.syntax.delimiters.component, number)
    }

    /// A sub-component, from 1; empty where there is none.
    pub(crate) fn subcomponent(self, number: usize) -> Self {
        self.nth(self.syntax.delimiters.subcomponent, number)
    }

    /// All of it, unescaped and trimmed. Delimiters within stay as they are: what a sender did not escape is still read. None where
    /// it is empty or null.
    pub(crate) fn text(self) -> Option<String> {
        if self.is_empty() || self.is_null() {
            return None;
        }
        let text = unescape(self.text.trim(), self.syntax);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn split(self, delimiter: Option<u8>) -> impl Iterator<Item = Part<'a>> {
        let syntax = self.syntax;
        // A control character that stands in no text splits nothing.
        let delimiter = char::from(delimiter.unwrap_or(0x1c));
        self.text.split(delimiter).map(move |text| Part { syntax, text })
    }

    fn nth(self, delimiter: Option<u8>, number: usize) -> Self {
        let empty = Part { syntax: self.syntax, text: "" };
        number.checked_sub(1).and_then(|index| self.split(delimiter).nth(index)).unwrap_or(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Syntax {
        Syntax { delimiters: Delimiters::read(text.as_bytes()).unwrap(), charset: Charset::UTF_8 }
    }

    #[test]
    fn a_header_declares_its_delimiters() {
        assert_eq!(Delimiters::read(br"MSH|^~\&|A"), Ok(Delimiters::RECOMMENDED));
        assert_eq!(Delimiters::read(br"MSH|^~\&#|A").unwrap().truncation, Some(b'#'));
        assert_eq!(Delimiters::read(b"MSH$%*!?$A").unwrap().subcomponent, Some(b'?'));
        let short = Delimiters::read(b"MSH|^|A").unwrap();
        assert_eq!((short.component, short.repetition, short.escape), (Some(b'^'), None, None));
        for bad in ["MSH", "MSHA^~", "MSH||A", "MSH|^^~|", "MSH|^~\\&|".replace('&', "|^").as_str(), "MSH|^~\\&#%|", "MSH|^~x&|", "MSH|^é|"]
        {
            let read = Delimiters::read(bad.as_bytes());
            assert!(read.is_err() || bad.starts_with("MSH|^~\\|"), "{bad}: {read:?}");
        }
    }

    #[test]
    fn segments_end_with_cr_lf_or_both_and_broken_lines_are_joined() {
        let text = "MSH|^~\\&|A\rPID|1\r\nNTE|1||line one\r\nline two\n\nPV1\x0b\x1c\rzz";
        let syntax = read(text);
        let read = segments(text.as_bytes(), &syntax).unwrap();
        let names: Vec<_> = read.iter().map(Segment::name).collect();
        assert_eq!(names, ["MSH", "PID", "NTE", "PV1"]);
        assert_eq!(read[2].at(3).part().text().as_deref(), Some("line one\nline two"));
        assert_eq!(read[2].raw, b"NTE|1||line one\r\nline two");
    }

    #[test]
    fn a_field_has_repetitions_components_and_subcomponents() {
        let text = "MSH|^~\\&|APP|FAC\rPID|||1^^^A&2.16&ISO~2||\"\"|x^y";
        let syntax = read(text);
        let read = segments(text.as_bytes(), &syntax).unwrap();
        assert_eq!(read[0].at(3).component(1).as_deref(), Some("APP"));
        assert_eq!(read[0].at(2).part().len(), 4);
        let field = read[1].at(3);
        assert_eq!(field.first().component(4).subcomponent(2).text().as_deref(), Some("2.16"));
        assert_eq!(field.part().repetitions().count(), 2);
        assert!(read[1].at(5).part().is_null() && read[1].at(5).part().text().is_none());
        assert_eq!(read[1].at(6).part().text().as_deref(), Some("x^y"));
        assert!(read[1].at(99).part().is_empty() && read[1].at(0).part().is_empty() && field.first().component(0).is_empty());
    }

    #[test]
    fn a_place_counts_where_there_are_several() {
        let text = "MSH|^~\\&\rPID|1\rOBX|1\rOBX|2";
        let syntax = read(text);
        let read = segments(text.as_bytes(), &syntax).unwrap();
        assert_eq!((read[1].at(7).place().as_str(), read[3].at(5).place().as_str()), ("PID-7", "OBX[2]-5"));
    }

    #[test]
    fn a_message_of_too_many_segments_is_refused() {
        let text = format!("MSH|^~\\&\r{}", "OBX|\r".repeat(MAX_SEGMENTS));
        let syntax = read(&text);
        assert!(segments(text.as_bytes(), &syntax).unwrap_err().contains("50000"));
    }
}
