//! Acknowledgements (HL7 v2 section 2.9): MSH, MSA and ERR, in the delimiters, the version and the character set of the message.
//! Fields of the message are given back as they came, byte for byte.

use crate::er7::{Delimiters, is_segment_end};
use crate::moment::Offset;
use crate::sink::Named;

/// No sender's name is longer; what is, is a broken header, and is not given back whole.
const MAX_ECHO_BYTES: usize = 512;

/// The first line of a message, batch or file: what an answer needs, read before anything else can be.
#[derive(Debug, Clone)]
pub(crate) struct Header<'a> {
    fields: Vec<&'a [u8]>,
    pub(crate) delimiters: Delimiters,
    /// Why the delimiters are not the header's own.
    pub(crate) fault: Option<&'static str>,
}

impl<'a> Header<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let line = bytes.split(|b| is_segment_end(*b)).next().unwrap_or_default();
        let (delimiters, fault) = match Delimiters::read(line) {
            Ok(delimiters) => (delimiters, None),
            Err(why) => (Delimiters::RECOMMENDED, Some(why)),
        };
        let separator = line.get(3).copied().unwrap_or(b'|');
        Self { fields: line.split(|b| *b == separator).take(25).collect(), delimiters, fault }
    }

    /// A field's bytes; the first that counts is 3.
    pub(crate) fn field(&self, number: usize) -> &'a [u8] {
        let field = number.checked_sub(1).and_then(|index| self.fields.get(index)).copied().unwrap_or_default();
        &field[..field.len().min(MAX_ECHO_BYTES)]
    }

    /// The first component of a field.
    pub(crate) fn component(&self, number: usize) -> String {
        let ends = [self.delimiters.component, self.delimiters.repetition];
        let first = self.field(number).split(|b| ends.contains(&Some(*b))).next().unwrap_or_default();
        String::from_utf8_lossy(first).trim().to_owned()
    }

    /// The encoding characters that an answer declares: its own where they can be used.
    fn encoding_characters(&self) -> &[u8] {
        if self.fault.is_none() { self.field(2) } else { b"^~\\&" }
    }

    fn is_at_least(&self, wanted: (u32, u32)) -> bool {
        version(&self.component(12)).is_some_and(|version| version >= wanted)
    }
}

/// `2.5.1` as (2, 5).
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it is stored.
    Accepted,
    /// What could be stored is; the rest is in quarantine.
    Faulty,
    /// Its type, event, version or processing id is not supported. It is in quarantine.
    Unsupported,
    /// It cannot be read. It is in quarantine.
    Unreadable,
}

impl Outcome {
    /// MSA-1; none where the sender wants no answer to this. In the enhanced mode (MSH-15 or 16 is there) a commit acknowledgement goes
    /// before an application acknowledgement, for there is one answer only.
    fn code(self, accept: &str, application: &str) -> Option<&'static str> {
        let wants = |condition: &str, good: bool| match condition {
            "" | "NE" => false,
            "ER" => !good,
            "SU" => good,
            _ => true,
        };
        let is_committed = matches!(self, Self::Accepted | Self::Faulty);
        if wants(accept, is_committed) {
            return Some(match self {
                Self::Accepted | Self::Faulty => "CA",
                Self::Unsupported => "CR",
                Self::Unreadable => "CE",
            });
        }
        let original = accept.is_empty() && application.is_empty();
        (original || wants(application, self == Self::Accepted)).then_some(match self {
            Self::Accepted => "AA",
            Self::Faulty => "AE",
            Self::Unsupported | Self::Unreadable => "AR",
        })
    }
}

/// An answer in the making.
struct Writer<'d> {
    out: Vec<u8>,
    delimiters: &'d Delimiters,
}

impl Writer<'_> {
    fn segment(&mut self, name: &str, fields: &[&[u8]]) {
        self.out.extend_from_slice(name.as_bytes());
        let filled = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
        for field in &fields[..filled] {
            self.out.push(self.delimiters.field);
            self.out.extend_from_slice(field);
        }
        self.out.push(b'\r');
    }

    /// MSH, BHS or FHS: `from` and `to` are the other's `to` and `from`.
    fn header(&mut self, name: &str, of: &Header<'_>, rest: &[&[u8]]) {
        let fields = [of.encoding_characters(), of.field(5), of.field(6), of.field(3), of.field(4)];
        self.segment(name, &[&fields[..], rest].concat());
    }

    /// Components, or whatever else is between `separator`.
    fn joined(separator: Option<u8>, parts: &[&[u8]]) -> Vec<u8> {
        parts.join(&separator.unwrap_or(b'^'))
    }

    fn components(&self, parts: &[&[u8]]) -> Vec<u8> {
        Self::joined(self.delimiters.component, parts)
    }

    /// Text of ours: printable ASCII, which every character set has, with the delimiters escaped.
    fn text(&self, text: &str) -> Vec<u8> {
        let d = self.delimiters;
        let mut escaped = Vec::with_capacity(text.len());
        for c in text.chars().take(250) {
            let byte = u8::try_from(c).ok().filter(|b| b.is_ascii_graphic() || *b == b' ').unwrap_or(b'?');
            let letter = match byte {
                _ if byte == d.field => Some(b'F'),
                _ if Some(byte) == d.component => Some(b'S'),
                _ if Some(byte) == d.subcomponent => Some(b'T'),
                _ if Some(byte) == d.repetition => Some(b'R'),
                _ if Some(byte) == d.escape => Some(b'E'),
                _ => None,
            };
            match (letter, d.escape) {
                (Some(letter), Some(escape)) => escaped.extend([escape, letter, escape]),
                (Some(_), None) => escaped.push(b' '),
                (None, _) => escaped.push(byte),
            }
        }
        escaped
    }
}

/// When an answer is made, and which of the body's it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at_ms: u64,
    pub(crate) offset: Offset,
    /// The message's number in the body, from 1.
    pub(crate) number: u64,
}

impl Moment {
    fn time(&self) -> String {
        self.offset.write(self.at_ms)
    }

    /// No answer of the hub's has the same.
    fn control_id(&self) -> String {
        format!("{}-{}", self.at_ms, self.number)
    }
}

/// The acknowledgement of one message; none where its sender wants none.
pub(crate) fn message(header: &Header<'_>, outcome: Outcome, faults: &[Named], more: u64, when: Moment) -> Option<Vec<u8>> {
    let code = outcome.code(&header.component(15), &header.component(16))?;
    let mut writer = Writer { out: Vec::new(), delimiters: &header.delimiters };
    let event = header.field(9).split(|b| Some(*b) == header.delimiters.component).nth(1).unwrap_or_default();
    let kind = match (event, header.is_at_least((2, 4))) {
        (b"", false) => b"ACK".to_vec(),
        (event, false) => writer.components(&[b"ACK", event]),
        (event, true) => writer.components(&[b"ACK", event, b"ACK"]),
    };
    let (time, id) = (when.time(), when.control_id());
    let rest = [time.as_bytes(), b"", &kind, id.as_bytes(), header.field(11), header.field(12), b"", b"", b"", b"", b"", header.field(18)];
    writer.header("MSH", header, &rest);
    let is_new = header.is_at_least((2, 5));
    // MSA-3 is text for people, until ERR-8 took its place.
    let text = faults.first().filter(|_| !is_new).map(|fault| writer.text(&told(fault))).unwrap_or_default();
    writer.segment("MSA", &[code.as_bytes(), header.field(10), &text]);
    if is_new {
        new_errors(&mut writer, faults, more)
    } else {
        old_errors(&mut writer, faults)
    }
    Some(writer.out)
}

fn told(fault: &Named) -> String {
    match fault.field {
        0 => format!("{}: {}", fault.segment, fault.reason),
        field => format!("{}-{field}: {}", fault.segment, fault.reason),
    }
}

/// Since 2.5: a segment an error, with its place (ERL) in ERR-2 and its code of table 0357 in ERR-3.
fn new_errors(writer: &mut Writer<'_>, faults: &[Named], more: u64) {
    for fault in faults {
        let (code, name) = fault.code.entry();
        let (number, field) = (fault.number.to_string(), fault.field.to_string());
        let place: &[&[u8]] = &[fault.segment.as_bytes(), number.as_bytes(), field.as_bytes()];
        let place = writer.components(if fault.field == 0 { &place[..2] } else { place });
        let code = writer.components(&[code.to_string().as_bytes(), name.as_bytes(), b"HL70357"]);
        let text = writer.text(&fault.reason);
        writer.segment("ERR", &[b"", &place, &code, b"E", b"", b"", b"", &text]);
    }
    if more > 0 {
        let code = writer.components(&[b"207", b"Application internal error", b"HL70357"]);
        let text = writer.text(&format!("{more} more faults are not named here"));
        writer.segment("ERR", &[b"", b"", &code, b"E", b"", b"", b"", &text]);
    }
}

/// Before: one segment, a repetition an error (ELD), with the code's parts as sub-components.
fn old_errors(writer: &mut Writer<'_>, faults: &[Named]) {
    let errors: Vec<Vec<u8>> = faults
        .iter()
        .map(|fault| {
            let (code, name) = fault.code.entry();
            let code =
                Writer::joined(writer.delimiters.subcomponent.or(Some(b'&')), &[code.to_string().as_bytes(), name.as_bytes(), b"HL70357"]);
            let (number, field) = (fault.number.to_string(), fault.field.to_string());
            writer.components(&[fault.segment.as_bytes(), number.as_bytes(), field.as_bytes(), &code])
        })
        .collect();
    if !errors.is_empty() {
        let errors: Vec<&[u8]> = errors.iter().map(Vec::as_slice).collect();
        let errors = Writer::joined(writer.delimiters.repetition.or(Some(b'~')), &errors);
        writer.segment("ERR", &[&errors]);
    }
}

/// BHS or FHS of an answer to a batch or file, or to the messages of a body that had neither.
pub(crate) fn opening(name: &str, of: &Header<'_>, when: Moment) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), delimiters: &of.delimiters };
    let (time, id) = (when.time(), when.control_id());
    // The header's control id; of an MSH, the message's own is none of the batch.
    let reference = if of.fields.first() == Some(&&b"MSH"[..]) { b"" } else { of.field(11) };
    writer.header(name, of, &[time.as_bytes(), b"", b"", b"", id.as_bytes(), reference]);
    writer.out
}

/// BTS or FTS: how many are in it, and a comment.
pub(crate) fn closing(name: &str, of: &Header<'_>, count: u64, comment: &str) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), delimiters: &of.delimiters };
    let comment = writer.text(comment);
    writer.segment(name, &[count.to_string().as_bytes(), &comment]);
    writer.out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_says_which_answers_it_wants() {
        use Outcome::{Accepted, Faulty, Unreadable, Unsupported};
        let codes = |accept, application| [Accepted, Faulty, Unsupported, Unreadable].map(|o| o.code(accept, application).unwrap_or("-"));
        assert_eq!(codes("", ""), ["AA", "AE", "AR", "AR"]);
        assert_eq!(codes("AL", "NE"), ["CA", "CA", "CR", "CE"]);
        assert_eq!(codes("AL", "AL"), ["CA", "CA", "CR", "CE"]);
        assert_eq!(codes("NE", "AL"), ["AA", "AE", "AR", "AR"]);
        assert_eq!(codes("ER", "AL"), ["AA", "AE", "CR", "CE"]);
        assert_eq!(codes("ER", "NE"), ["-", "-", "CR", "CE"]);
        assert_eq!(codes("NE", "ER"), ["-", "AE", "AR", "AR"]);
        assert_eq!(codes("SU", ""), ["CA", "CA", "-", "-"]);
        assert_eq!(codes("NE", "NE"), ["-", "-", "-", "-"]);
    }

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!((version("2.5.1"), version("2.8"), version("2"), version("two.five")), (Some((2, 5)), Some((2, 8)), None, None));
    }
}
