//! XML 1.0, sections 2.2, 2.3, 2.11 and 4.1: characters, names, line ends, references.

/// Production 2.
pub(super) fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Where the first byte of a character is that no document may hold. `text` is UTF-8, so that those are few and known by their bytes.
pub(super) fn forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().position(|(at, byte)| match byte {
        0..b' ' => !is_space(*byte),
        // U+FFFE and U+FFFF.
        0xef => matches!(bytes[at..], [_, 0xbf, 0xbe | 0xbf, ..]),
        _ => false,
    })
}

/// Production 3.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// A name of XML with namespaces (productions NCName and QName): its prefix, if it has one, and its local part.
pub(super) fn qualified(name: &str) -> Option<(Option<&str>, &str)> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    };
    (prefix.is_none_or(is_name) && is_name(local)).then_some((prefix, local))
}

/// Production 5, without the colon.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn continues_name(c: char) -> bool {
    starts_name(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// What `&name;` stands for: one of the five predefined entities, or a character by its number.
pub(super) fn reference(name: &str) -> Result<char, String> {
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let Some(number) = name.strip_prefix('#') else {
                return Err(format!("`&{};` is no entity that XML predefines: write the character, or its number", shown(name)));
            };
            let (digits, radix) = match number.strip_prefix('x') {
                Some(digits) => (digits, 16),
                None => (number, 10),
            };
            // from_str_radix would take a sign.
            let value = digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok()).flatten();
            value
                .and_then(char::from_u32)
                .filter(|c| is_character(*c))
                .ok_or_else(|| format!("`&{};` is no character that XML allows", shown(name)))?
        }
    };
    Ok(character)
}

/// Appends `text` with its line ends as line feeds.
pub(super) fn push_lines(out: &mut String, text: &str) {
    let mut parts = text.split('\r');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push('\n');
        out.push_str(part.strip_prefix('\n').unwrap_or(part));
    }
}

/// A value as the document has it to what it means (section 3.3.3): white space is spaces, references are resolved.
pub(super) fn attribute_value(raw: &str) -> Result<String, String> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        value.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('&') {
            let (name, after) =
                after.split_once(';').ok_or("an `&` begins no reference: write `&amp;` where the character itself is meant")?;
            value.push(reference(name)?);
            rest = after;
        } else {
            value.push(' ');
            rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
        }
    }
    value.push_str(rest);
    Ok(value)
}

/// Enough of a text of the document to recognise it in a message.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_at_most_one_prefix() {
        for (name, expected) in [
            ("a", Some((None, "a"))),
            ("edXML:Thân-1.x", Some((Some("edXML"), "Thân-1.x"))),
            ("_", Some((None, "_"))),
            ("", None),
            (":", None),
            (":a", None),
            ("a:", None),
            ("a:b:c", None),
            ("1a", None),
            ("-a", None),
            ("a b", None),
            ("a/", None),
            ("a\u{d7}", None),
            ("a&", None),
        ] {
            assert_eq!(qualified(name), expected, "{name}");
        }
    }

    #[test]
    fn references_are_the_predefined_entities_and_characters() {
        for (name, expected) in [
            ("lt", Some('<')),
            ("quot", Some('"')),
            ("#65", Some('A')),
            ("#x1EA3", Some('ả')),
            ("#x1ea3", Some('ả')),
            ("#0000000000000000000000000000000000000000065", Some('A')),
            ("#x10FFFF", Some('\u{10ffff}')),
            ("#9", Some('\t')),
            ("", None),
            ("LT", None),
            ("nbsp", None),
            ("#", None),
            ("#x", None),
            ("#0", None),
            ("#8", None),
            ("#+65", None),
            ("#x-1", None),
            ("#X41", None),
            ("#xD800", None),
            ("#xFFFE", None),
            ("#x110000", None),
            ("#99999999999999999999", None),
            ("# 65", None),
        ] {
            assert_eq!(reference(name).ok(), expected, "{name}");
        }
    }

    #[test]
    fn white_space_in_attributes_is_spaces_unless_it_is_referred_to() {
        assert_eq!(attribute_value("a\r\nb\rc\td&#10;&amp;lt;").unwrap(), "a b c d\n&lt;");
        for bad in ["&", "a&b", "&amp", "&;", "&x;"] {
            assert!(attribute_value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn line_ends_are_line_feeds() {
        for (text, expected) in [("a\r\nb\rc\n\r\n\r\r\n", "a\nb\nc\n\n\n\n"), ("", ""), ("\r", "\n"), ("ab", "ab")] {
            let mut out = String::new();
            push_lines(&mut out, text);
            assert_eq!(out, expected, "{text:?}");
        }
    }

    #[test]
    fn forbidden_characters_are_those_that_the_production_leaves_out() {
        for c in (0..=0x10ffff).filter_map(char::from_u32) {
            assert_eq!(forbidden(&format!("ộ{c}a")).is_some(), !is_character(c), "{c:?}");
        }
        assert_eq!(forbidden("a\u{ffff}b\u{1}"), Some(1));
        assert_eq!(forbidden("a\u{1}b\u{ffff}"), Some(1));
    }
}
