use std::fmt;
use std::io;

use quick_xml::encoding::EncodingError;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::name::NamespaceError;

use super::character::shown;
use crate::Failure;

pub(super) const NOT_UTF8: &str = "there are bytes that are not UTF-8: send the document in UTF-8";

/// Why a document cannot be read on, and where. [`super::Reader::failure`] says the place as line and column.
#[derive(Debug)]
pub struct Error {
    offset: u64,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// The bytes could not be had.
    Unreadable(io::Error),
    /// The bytes are not well-formed, or ask for too much.
    Document(String),
    /// The document is well-formed so far, but not what was asked for is there.
    Unexpected(String),
}

impl Error {
    pub(super) fn new(offset: u64, what: impl Into<String>) -> Self {
        Self { offset, cause: Cause::Document(what.into()) }
    }

    /// Something well-formed, at a byte, that is still not what the format wants. A connector makes its own.
    pub fn unexpected(offset: u64, what: impl Into<String>) -> Self {
        Self { offset, cause: Cause::Unexpected(what.into()) }
    }

    pub(super) fn unreadable(offset: u64, error: io::Error) -> Self {
        Self { offset, cause: Cause::Unreadable(error) }
    }

    /// What the tokenizer found, in our words.
    pub(super) fn tokens(start: u64, error: quick_xml::Error) -> Self {
        let what = match error {
            quick_xml::Error::Io(e) => return Error::unreadable(start, io::Error::new(e.kind(), e)),
            quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                format!("`</{}>` stands where `</{}>` is expected", shown(&found), shown(&expected))
            }
            quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(found)) => format!("`</{}>` closes no element", shown(&found)),
            quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => {
                "an `&` begins no reference: write `&amp;` where the character itself is meant".to_owned()
            }
            quick_xml::Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "a comment holds `--`".to_owned(),
            quick_xml::Error::Syntax(SyntaxError::InvalidBangMarkup) => "`<!` begins neither a comment nor a CDATA section".to_owned(),
            quick_xml::Error::Syntax(e) => e.to_string(),
            quick_xml::Error::Encoding(EncodingError::Utf8(e)) => return Error::new(start + e.valid_up_to() as u64, NOT_UTF8),
            other => other.to_string(),
        };
        Error::new(start, what)
    }

    pub(super) fn namespaces(start: u64, error: &NamespaceError) -> Self {
        let what = match error {
            NamespaceError::TooManyBindings(max) => format!("more than {max} namespaces are declared at once"),
            other => other.to_string(),
        };
        Self::new(start, what)
    }

    /// The byte at which it was noticed, from the start of the document.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the bytes could not be had, which says nothing of the document.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.cause, Cause::Unreadable(_))
    }

    /// Whether the reader can go on: the document is well-formed so far, only not as it was expected to be. So one record of many
    /// can be rejected.
    pub fn is_unexpected(&self) -> bool {
        matches!(self.cause, Cause::Unexpected(_))
    }

    /// The failure of a call, its place in the words of `at`.
    pub(super) fn failure(self, at: impl fmt::Display) -> Failure {
        match self.cause {
            Cause::Unreadable(error) => error.into(),
            Cause::Document(what) | Cause::Unexpected(what) => Failure::InvalidInput(format!("{at}: {what}")),
        }
    }
}

/// What is wrong, without the place.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Unreadable(error) => error.fmt(f),
            Cause::Document(what) | Cause::Unexpected(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Unreadable(error) => Some(error),
            Cause::Document(_) | Cause::Unexpected(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let at = format!("byte {}", error.offset);
        error.failure(at)
    }
}
