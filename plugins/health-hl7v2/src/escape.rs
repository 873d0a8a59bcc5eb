//! Escape sequences (HL7 v2 section 2.7): `\F\`, `\X0D0A\`, `\.br\` and the like.

use crate::er7::Syntax;

/// Longer than any sequence of the standard but `\X…\`, which may be as long as it likes.
const MAX_SEQUENCE_BYTES: usize = 80;

/// The text that a part stands for. Highlighting and layout leave no trace but their line breaks; a sequence that is unknown, or is of
/// the sender's own (`\Z…\`), stays as it came. Reads from left to right once: what a sequence stands for is not read again.
pub(crate) fn unescape(text: &str, syntax: &Syntax) -> String {
    let (text, cut) = match syntax.delimiters.truncation {
        Some(mark) => text.strip_suffix(char::from(mark)).map_or((text, false), |rest| (rest, true)),
        None => (text, false),
    };
    let mut plain = match syntax.delimiters.escape.map(char::from) {
        Some(escape) if text.contains(escape) => resolved(text, escape, syntax),
        _ => text.to_owned(),
    };
    if cut {
        plain.push('…');
    }
    plain
}

fn resolved(text: &str, escape: char, syntax: &Syntax) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        plain.push_str(before);
        let sequence = after.split_once(escape);
        rest = match sequence {
            Some((sequence, behind)) if push_meaning(sequence, syntax, &mut plain) => behind,
            Some((sequence, behind)) if looks_like_one(sequence) => {
                plain.push(escape);
                plain.push_str(sequence);
                plain.push(escape);
                behind
            }
            // A lone escape character, as in a Windows path.
            _ => {
                plain.push(escape);
                after
            }
        };
    }
    plain.push_str(rest);
    plain
}

fn looks_like_one(sequence: &str) -> bool {
    let of_it = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
    !sequence.is_empty() && sequence.len() <= MAX_SEQUENCE_BYTES && sequence.bytes().all(of_it)
}

/// False where the sequence is none that has a meaning here.
fn push_meaning(sequence: &str, syntax: &Syntax, plain: &mut String) -> bool {
    let delimiters = &syntax.delimiters;
    let delimiter = match sequence {
        "F" => Some(delimiters.field),
        "S" => delimiters.component,
        "T" => delimiters.subcomponent,
        "R" => delimiters.repetition,
        "E" => delimiters.escape,
        "P" => delimiters.truncation,
        "H" | "N" => return true,
        _ => return push_layout(sequence, plain) || push_bytes(sequence, syntax, plain),
    };
    match delimiter {
        Some(byte) => plain.push(char::from(byte)),
        None => return false,
    }
    true
}

/// Commands of formatted text (section 2.7.6).
fn push_layout(sequence: &str, plain: &mut String) -> bool {
    let Some(command) = sequence.strip_prefix('.') else { return false };
    let (name, count) = command.split_at_checked(2).unwrap_or((command, ""));
    let count = count.trim_start_matches('+');
    if !count.is_empty() && !count.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    // A page has no more lines or columns, whatever the number says.
    let times = || count.parse::<usize>().map_or(1, |times| times.clamp(1, 80));
    match name {
        "br" | "ce" => plain.push('\n'),
        "sp" => plain.extend(std::iter::repeat_n('\n', times())),
        "sk" => plain.extend(std::iter::repeat_n(' ', times())),
        "fi" | "nf" | "in" | "ti" => {}
        _ => return false,
    }
    true
}

/// `Xhh…`: bytes in the message's character set. Those that give control characters are left as they came.
fn push_bytes(sequence: &str, syntax: &Syntax, plain: &mut String) -> bool {
    let Some(digits) = sequence.strip_prefix('X') else { return false };
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2));
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return false };
    let text = syntax.charset.decode(&bytes).replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().any(|c| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !matches!(c, '\n' | '\t'))) {
        return false;
    }
    plain.push_str(&text);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::Charset;
    use crate::er7::Delimiters;

    fn syntax(header: &str) -> Syntax {
        Syntax { delimiters: Delimiters::read(header.as_bytes()).unwrap(), charset: Charset::UTF_8 }
    }

    #[test]
    fn sequences_stand_for_what_the_standard_says() {
        let syntax = syntax(r"MSH|^~\&#|");
        for (given, plain) in [
            (r"A\T\B", "A&B"),
            (r"\F\\S\\R\\E\\T\\P\", r"|^~\&#"),
            (r"\H\bold\N\ text", "bold text"),
            (r"one\.br\two\.sp2\three\.ce\four", "one\ntwo\n\nthree\nfour"),
            (r"\.in+4\a\.sk3\b\.fi\", "a   b"),
            (r"a\.sk99999999999999999999999\x", "a x"),
            (r"Nguy\XE1BB85\n", "Nguyễn"),
            (r"a\X0D0A\b\X0A\c", "a\nb\nc"),
            (r"\XFF\ \X0\ \X\ \X00\ \Xzz\", r"\XFF\ \X0\ \X\ \X00\ \Xzz\"),
            (r"\Zabc\ \C2842\ \M2842AB\ \.zz\ \.spx\", r"\Zabc\ \C2842\ \M2842AB\ \.zz\ \.spx\"),
            (r"\E\T\E\", r"\T\"),
            (r"\\F\\", r"\|\"),
            (r"C:\data\new file\F\x", r"C:\data\new file|x"),
            (r"ends with \", r"ends with \"),
            (r"\", r"\"),
            ("cut off#", "cut off…"),
            ("", ""),
        ] {
            assert_eq!(unescape(given, &syntax), plain, "{given}");
        }
    }

    #[test]
    fn other_delimiters_are_escaped_by_the_same_letters() {
        let other = syntax("MSH$%*!?$");
        assert_eq!(unescape("!F!!S!!T!!R!!E!", &other), "$%?*!");
        assert_eq!(unescape(r"\F\ 100!P!", &other), r"\F\ 100!P!");
        assert_eq!(unescape(r"a\F\b", &syntax("MSH|^~|")), r"a\F\b");
    }
}
