//! Envelopes that people can read: where a real one has base64, these have the document itself.

use base64::prelude::{BASE64_STANDARD, Engine};

const BEGIN: &str = "<NOIDUNGFILE>";
const END: &str = "</NOIDUNGFILE>";

/// Puts every document between the tags of NOIDUNGFILE into base64, in lines of 76 characters as mail has them. What does not begin as XML
/// does is left alone.
pub(crate) fn fold(plain: &str) -> String {
    let mut pieces = plain.split(BEGIN);
    let mut folded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (document, rest) = piece.split_once(END).unwrap_or((piece, ""));
        folded += BEGIN;
        match document.starts_with(['<', '\u{feff}']) {
            true => folded += &base64_lines(document),
            false => folded += document,
        }
        folded += END;
        folded += rest;
    }
    folded
}

fn base64_lines(document: &str) -> String {
    let digits = BASE64_STANDARD.encode(document);
    digits.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n")
}
