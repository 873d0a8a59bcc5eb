//! What stands between `<` and `>`, to the letter: productions 23, 40, 41 and 80.

use super::character::{is_space, qualified, shown};

/// One `name="value"`, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written<'t> {
    pub(super) name: &'t str,
    pub(super) value: &'t str,
}

/// A tag's name, with its prefix, and what follows it.
pub(super) fn split(tag: &str, max_attributes: usize) -> Result<(&str, Vec<Written<'_>>), String> {
    let (name, mut rest) = tag.split_at(tag.find(space).unwrap_or(tag.len()));
    if qualified(name).is_none() {
        return Err(format!("`{}` is no name of an element", shown(name)));
    }
    let mut attributes = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(space);
        if trimmed.is_empty() {
            return Ok((name, attributes));
        }
        if trimmed.len() == rest.len() {
            return Err(format!("attributes of `{}` stand side by side: put a space between them", shown(name)));
        }
        if attributes.len() == max_attributes {
            return Err(format!("`{}` has more than {max_attributes} attributes", shown(name)));
        }
        let (attribute, after) = attribute(trimmed).map_err(|what| format!("{what} in the tag of `{}`", shown(name)))?;
        attributes.push(attribute);
        rest = after;
    }
}

fn attribute(text: &str) -> Result<(Written<'_>, &str), String> {
    let (name, rest) = text.split_at(text.find(|c| c == '=' || space(c)).unwrap_or(text.len()));
    let unquoted = || format!("`{}` has no value in quotation marks", shown(name));
    let rest = rest.trim_start_matches(space).strip_prefix('=').ok_or_else(unquoted)?.trim_start_matches(space);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(unquoted)?;
    let (value, rest) = rest[1..].split_once(quote).ok_or_else(unquoted)?;
    match value.contains('<') {
        true => Err(format!("the value of `{}` holds a `<`: write `&lt;`", shown(name))),
        false => Ok((Written { name, value }, rest)),
    }
}

/// Reads `xml version="1.0" encoding="UTF-8" standalone="yes"`; the encoding, if it is declared.
pub(super) fn declaration(text: &str) -> Result<Option<&str>, String> {
    let (_, attributes) = split(text, 3)?;
    let mut rest = attributes.as_slice();
    let mut take = |name| {
        let value = rest.first().filter(|a| a.name == name).map(|a| a.value);
        rest = &rest[usize::from(value.is_some())..];
        value
    };
    let (version, encoding, standalone) = (take("version"), take("encoding"), take("standalone"));
    let is_one =
        |version: &str| version.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()));
    if !rest.is_empty() || !version.is_some_and(is_one) || !standalone.is_none_or(|is| matches!(is, "yes" | "no")) {
        return Err("the XML declaration is none: write `<?xml version=\"1.0\" encoding=\"UTF-8\"?>`".to_owned());
    }
    Ok(encoding)
}

fn space(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_a_name_and_quoted_attributes_with_spaces_between() {
        let written = |name, value| Written { name, value };
        assert_eq!(split("a", 2), Ok(("a", vec![])));
        assert_eq!(split("a b='1>\"'\n c = \"2\" ", 2), Ok(("a", vec![written("b", "1>\""), written("c", "2")])));
        for bad in ["a b", "a b=", "a b=1", "a b='1", "a b='1\"", "a b='1'c='2'", "a b='<'", "a b='' c='' d=''", "a b='1' /", "a ='1'x"] {
            assert!(split(bad, 2).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_declaration_is_version_encoding_standalone() {
        for (text, expected) in [
            ("xml version='1.0'", Some(None)),
            ("xml version=\"1.1\" encoding='utf-8' standalone='no'", Some(Some("utf-8"))),
            ("xml version='1.0' standalone='yes'", Some(None)),
            ("xml", None),
            ("xml encoding='utf-8'", None),
            ("xml encoding='utf-8' version='1.0'", None),
            ("xml version='2.0'", None),
            ("xml version='1.'", None),
            ("xml version='1.0' standalone='maybe'", None),
            ("xml version='1.0' standalone='no' encoding='utf-8'", None),
            ("xml version='1.0' extra='1'", None),
            ("xml version='1.0' version='1.0'", None),
        ] {
            assert_eq!(declaration(text).ok(), expected, "{text}");
        }
    }
}
