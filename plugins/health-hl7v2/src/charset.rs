//! Character sets (MSH-18, HL7 table 0211).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252, WINDOWS_1258};
use unicode_normalization::UnicodeNormalization;

/// How a message's bytes become text. In all of them a byte below 128 is ASCII, so that delimiters are found before it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset(&'static Encoding);

impl Charset {
    #[cfg(test)]
    pub(crate) const UTF_8: Self = Self(UTF_8);

    /// The declared one (the first repetition of MSH-18). Where none is declared, or not one that the bytes can be in: UTF-8 if they are
    /// valid in it, else windows-1252, which has all of 8859/1; and what to tell the operator of that.
    pub(crate) fn choose(declared: Option<&str>, message: &[u8]) -> (Self, Option<String>) {
        let known = declared.and_then(named);
        if message.is_ascii() {
            return (Self(known.unwrap_or(UTF_8)), None);
        }
        let is_utf8 = std::str::from_utf8(message).is_ok();
        match known {
            Some(known) if known != UTF_8 || is_utf8 => return (Self(known), None),
            _ => {}
        }
        let taken = if is_utf8 { UTF_8 } else { WINDOWS_1252 };
        let note = match declared {
            // The hub itself speaks UTF-8: nothing to tell.
            None if is_utf8 => None,
            None => Some("MSH-18 declares no character set and the bytes are not UTF-8: read as windows-1252".to_owned()),
            Some(_) => Some(format!("MSH-18 does not declare the character set that the bytes are in: read as {}", taken.name())),
        };
        (Self(taken), note)
    }

    /// What cannot be decoded becomes U+FFFD. Text is composed, as other systems write it: windows-1258 puts tone marks
    /// behind their letters.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        let (text, _) = self.0.decode_without_bom_handling(bytes);
        if self.0 == WINDOWS_1258 { Cow::Owned(text.nfc().collect()) } else { text }
    }

    /// The name that HTTP knows it by.
    pub(crate) fn http_name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

/// By the names of table 0211, or by those of the web.
fn named(declared: &str) -> Option<&'static Encoding> {
    let name = declared.trim().to_ascii_uppercase();
    let encoding = match name.as_str() {
        "" | "ASCII" => None,
        "UNICODE" | "UNICODE UTF-8" | "UTF8" => Some(UTF_8),
        "GB 18030-2000" => Some(encoding_rs::GB18030),
        "KS X 1001" => Some(encoding_rs::EUC_KR),
        "BIG-5" => Some(encoding_rs::BIG5),
        other => match other.strip_prefix("8859/") {
            Some(part) => Encoding::for_label(format!("iso-8859-{part}").as_bytes()),
            None => Encoding::for_label(other.as_bytes()),
        },
    };
    encoding.filter(|encoding| encoding.is_ascii_compatible())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_sets_are_known_by_the_names_of_table_0211() {
        for (declared, bytes, text) in [
            ("UNICODE UTF-8", "Nguyễn".as_bytes(), "Nguyễn"),
            ("unicode", "Bảo Lộc".as_bytes(), "Bảo Lộc"),
            ("8859/1", b"Andr\xe9", "André"),
            ("8859/2", b"\xa3\xf3d\xbc", "Łódź"),
            ("8859/15", b"5 \xa4", "5 €"),
            ("windows-1258", b"Nguy\xea\xden \xd0\xfd\xecc", "Nguyễn Đức"),
            ("CP1258", b"Ba\xd2o L\xf4\xf2c", "Bảo Lộc"),
            ("GB 18030-2000", b"\xc4\xe3", "你"),
        ] {
            let (charset, note) = Charset::choose(Some(declared), bytes);
            assert_eq!(note, None, "{declared}");
            assert_eq!(charset.decode(bytes), text, "{declared}");
        }
    }

    #[test]
    fn where_none_is_declared_or_a_wrong_one_the_bytes_decide() {
        for (declared, bytes, text, told) in [
            (None, &b"plain"[..], "plain", false),
            (None, "Lộc".as_bytes(), "Lộc", false),
            (None, b"Andr\xe9", "André", true),
            (Some("UNICODE UTF-8"), b"Andr\xe9", "André", true),
            (Some("ASCII"), "Lộc".as_bytes(), "Lộc", true),
            (Some("ISO IR87"), b"Andr\xe9", "André", true),
            (Some("UNICODE UTF-16"), "Lộc".as_bytes(), "Lộc", true),
            (Some("ASCII"), b"plain", "plain", false),
        ] {
            let (charset, note) = Charset::choose(declared, bytes);
            assert_eq!((charset.decode(bytes).as_ref(), note.is_some()), (text, told), "{declared:?}");
        }
    }
}
