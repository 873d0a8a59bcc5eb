//! What is not well-formed, not UTF-8, or hostile: each with what is said of it, and where.

#![cfg(feature = "xml")]
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what tests share.

use std::io::{BufReader, Cursor};

use lienthong_sdk::Failure;
use lienthong_sdk::xml::{Error, Limits, Reader};

/// Reads all of it, every attribute and text.
fn read(document: &[u8], limits: Limits, chunk: usize) -> Result<(), Error> {
    let mut xml = Reader::with_limits(BufReader::with_capacity(chunk, document), limits);
    let root = xml.root()?;
    xml.skip(&root)
}

/// Line and column of the fault, and what it is.
#[track_caller]
fn refusal(document: &[u8]) -> String {
    let mut xml = Reader::new(Cursor::new(document));
    let result = xml.root().and_then(|root| xml.skip(&root));
    let error = result.expect_err("it was taken");
    for chunk in [1, 2, 3, 7] {
        let other = read(document, Limits::default(), chunk).expect_err("it was taken in small pieces");
        assert_eq!((other.offset(), other.to_string()), (error.offset(), error.to_string()), "{chunk} bytes at a time");
    }
    let Failure::InvalidInput(why) = xml.failure(error) else { panic!("the document is at fault") };
    why
}

const NOT_WELL_FORMED: &[(&str, &str)] = &[
    // What is around the root.
    ("", "line 1, column 1: the document has no element"),
    (" \n", "line 2, column 1: the document has no element"),
    ("<!-- only -->", "line 1, column 14: the document has no element"),
    ("text", "line 1, column 1: there is text before the root element"),
    ("\n {\"json\":1}", "line 2, column 2: there is text before the root element"),
    ("<a/>x", "line 1, column 5: there is text after the root element"),
    ("<a/>\n&#32;", "line 2, column 1: there is text after the root element"),
    ("<a/>\n<![CDATA[ ]]>", "line 2, column 1: there is text after the root element"),
    ("<a/>\n<b/>", "line 2, column 1: a second root element"),
    ("<a/></a>", "line 1, column 5: `</a>` closes no element"),
    ("</a>", "`</a>` closes no element"),
    ("<a/>\u{0}", "line 1, column 5: XML allows no such control character"),
    ("<a/>\u{feff}", "line 1, column 5: there is text after the root element"),
    // Elements.
    ("<a>", "line 1, column 1: the element that begins here is never closed"),
    ("<a>\n <b>\n</a>", "line 3, column 1: `</a>` stands where `</b>` is expected"),
    ("<a></A>", "`</A>` stands where `</a>` is expected"),
    ("<a></a b='1'>", "stands where `</a>` is expected"),
    ("<a></ a>", "stands where `</a>` is expected"),
    ("<a", "line 1, column 1: "),
    ("<", "line 1, column 1: "),
    ("<a><", "line 1, column 4: "),
    ("<a></a", "line 1, column 4: "),
    ("<>", "`` is no name of an element"),
    ("<a></>", "stands where `</a>` is expected"),
    ("< a/>", "`` is no name of an element"),
    ("<a/ >", "is no name of an element"),
    ("<1a/>", "`1a` is no name of an element"),
    ("<a&b/>", "is no name of an element"),
    ("<a:b:c xmlns:a='x'/>", "is no name of an element"),
    ("<:a/>", "is no name of an element"),
    ("<a:/>", "is no name of an element"),
    ("<a><b/><", "line 1, column 8: "),
    // Attributes.
    ("<a b/>", "`b` has no value in quotation marks in the tag of `a`"),
    ("<a b=1/>", "`b` has no value in quotation marks"),
    ("<a b='1'c='2'/>", "stand side by side"),
    ("<a b='1/>", "line 1, column 1: "),
    ("<a b='1\"/>'", "line 1, column 1: "),
    ("<a b='<'/>", "holds a `<`"),
    ("<a b='1' b='2'/>", "an attribute of `a` is given twice"),
    ("<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>", "an attribute of `a` is given twice"),
    ("<a xmlns='u' xmlns='u'/>", "an attribute of `a` is given twice"),
    ("<a b='&lt'/>", "an `&` begins no reference"),
    ("<a b='&'/>", "an `&` begins no reference"),
    ("<a b='&x;'/>", "`&x;` is no entity"),
    ("<a 1='1'/>", "`1` is no name of an attribute"),
    ("<a ='1'/>", "`` is no name of an attribute"),
    ("<a b='\u{1}'/>", "line 1, column 7: XML allows no such control character"),
    // Namespaces.
    ("<x:a/>", "the prefix `x` is declared nowhere"),
    ("<a x:b='1'/>", "the prefix `x` is declared nowhere"),
    ("<a><b xmlns:x='u'/><x:c/></a>", "line 1, column 20: the prefix `x` is declared nowhere"),
    ("<a xmlns:x=''/>", "the prefix `x` is declared for nothing"),
    ("<a xmlns:xmlns='u'/>", "xmlns"),
    ("<a xmlns:xml='u'/>", "xml"),
    ("<a xmlns:x='http://www.w3.org/2000/xmlns/'/>", "xmlns"),
    ("<xmlns:a/>", "the prefix `xmlns` is for declarations"),
    // References.
    ("<a>&</a>", "line 1, column 4: an `&` begins no reference"),
    ("<a>\nFish & chips</a>", "line 2, column 6: an `&` begins no reference"),
    ("<a>&amp</a>", "an `&` begins no reference"),
    ("<a>&", "an `&` begins no reference"),
    ("<a>&nbsp;</a>", "`&nbsp;` is no entity that XML predefines"),
    ("<a>&;</a>", "is no entity that XML predefines"),
    ("<a>&#0;</a>", "`&#0;` is no character that XML allows"),
    ("<a>&#xD800;</a>", "is no character that XML allows"),
    ("<a>&#xFFFF;</a>", "is no character that XML allows"),
    ("<a>&#x110000;</a>", "is no character that XML allows"),
    ("<a>&#+65;</a>", "is no character that XML allows"),
    ("<a>&#;</a>", "is no character that XML allows"),
    // Text.
    ("<a>]]></a>", "line 1, column 4: `]]>` ends no CDATA section"),
    ("<a>x]]]></a>", "`]]>` ends no CDATA section"),
    ("<a>\u{8}</a>", "line 1, column 4: XML allows no such control character"),
    ("<a>\u{1b}[0m</a>", "XML allows no such control character"),
    ("<a>ộ\u{fffe}</a>", "line 1, column 5: XML allows no such control character"),
    // CDATA, comments, instructions, bangs.
    ("<a><![CDATA[</a>", "line 1, column 4: the CDATA section that begins here is never ended"),
    ("<a><![CDATA[x]]</a>", "line 1, column 4: the CDATA section that begins here is never ended"),
    ("<a><![CDATA[", "line 1, column 4: the CDATA section that begins here is never ended"),
    ("<a><![cdata[x]]></a>", "line 1, column 4: "),
    ("<a><![CDATA[\u{b}]]></a>", "XML allows no such control character"),
    ("<![CDATA[x]]><a/>", "line 1, column 1: there is text before the root element"),
    ("<a><!-- x", "line 1, column 4: "),
    ("<a><!-- x -- y --></a>", "a comment holds `--`"),
    ("<a><!-- x ---></a>", "a comment holds `--`"),
    ("<a><!--></a>", "line 1, column 4: "),
    ("<a><!-></a>", "line 1, column 4: "),
    ("<a><!-- \u{1} --></a>", "XML allows no such control character"),
    ("<a><!ELEMENT b ANY></a>", "`<!` begins neither a comment nor a CDATA section"),
    ("<a><!></a>", "`<!` begins neither a comment nor a CDATA section"),
    ("<a><?x</a>", "line 1, column 4: "),
    ("<a><??></a>", "is no processing instruction"),
    ("<a><? x?></a>", "is no processing instruction"),
    ("<a><?XML x?></a>", "`<?XML` is no processing instruction"),
    ("<a><?x:y z?></a>", "is no processing instruction"),
    // The declaration.
    (" <?xml version='1.0'?><a/>", "line 1, column 2: an XML declaration must be the first thing"),
    ("<a><?xml version='1.0'?></a>", "an XML declaration must be the first thing"),
    ("<?xml version='1.0'?><?xml version='1.0'?><a/>", "an XML declaration must be the first thing"),
    ("<?xml?><a/>", "the XML declaration is none"),
    ("<?xml encoding='UTF-8'?><a/>", "the XML declaration is none"),
    ("<?xml version='1.0' encoding=UTF-8?><a/>", "`encoding` has no value in quotation marks"),
    ("<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>", "the XML declaration is none"),
    ("<?xml version='1.0'", "line 1, column 1: "),
    // Document types, whatever is in them.
    ("<!DOCTYPE a><a/>", "line 1, column 1: a DOCTYPE is not taken"),
    ("<!doctype html><html/>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE a [<!ENTITY x SYSTEM 'http://169.254.169.254/'>]><a>&x;</a>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://x/'> %p;]><a/>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE a [<!ENTITY a 'x'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]><a>&c;</a>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE a [<!ATTLIST a b CDATA 'd'>]><a/>", "a DOCTYPE is not taken"),
    ("<!DOCTYPE><a/>", "line 1, column 1: "),
    ("<!DOCTYPE a [<a/>", "line 1, column 1: "),
    ("<a><!DOCTYPE a></a>", "a DOCTYPE is not taken"),
    ("<a/><!DOCTYPE a>", "a DOCTYPE is not taken"),
];

#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    for (document, expected) in NOT_WELL_FORMED {
        let why = refusal(document.as_bytes());
        assert!(why.contains(expected), "{document:?}: {why}");
        assert!(why.starts_with("line "), "{document:?}: {why}");
    }
}

#[test]
fn another_encoding_is_named() {
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let utf32 = |text: &str, bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| bytes(c.into())).collect::<Vec<u8>>();
    for (document, expected) in [
        (utf16("\u{feff}<a/>", u16::to_le_bytes), "UTF-16"),
        (utf16("\u{feff}<a/>", u16::to_be_bytes), "UTF-16"),
        (utf16("<?xml version='1.0'?><a/>", u16::to_le_bytes), "UTF-16"),
        (utf16("<?xml version='1.0'?><a/>", u16::to_be_bytes), "UTF-16"),
        (utf32("\u{feff}<a/>", u32::to_le_bytes), "UTF-32"),
        (utf32("<a/>", u32::to_be_bytes), "UTF-32"),
        (b"\x4c\x6f\xa7\x94".to_vec(), "EBCDIC"),
        (b"<?xml version='1.0' encoding='windows-1258'?><a>\xd0</a>".to_vec(), "windows-1258"),
        (b"<?xml version='1.0' encoding=\"UTF-32\"?><a/>".to_vec(), "UTF-32"),
    ] {
        let why = refusal(&document);
        assert!(why.contains(&format!("the document is in {expected}: send it in UTF-8")), "{why}");
    }
    for (document, at) in [
        (&b"<a>\nB\xf6</a>"[..], "line 2, column 2: "),
        (b"<a>\xe1\xbb", "line 1, column 4: "),
        (b"<a>\xe1\xbb</a>", "line 1, column 4: "),
        (b"<a>\xc0\xaf</a>", "line 1, column 4: "),
        (b"<a>\xed\xa0\x80</a>", "line 1, column 4: "),
        (b"<a b='\xff'/>", "line 1, column 7: "),
        (b"<a><!-- \xff --></a>", "line 1, column 9: "),
        (b"<a><![CDATA[\xff]]></a>", "line 1, column 13: "),
        (b"<\xff/>", "line 1, column 2: "),
    ] {
        let why = refusal(document);
        assert!(why.contains("not UTF-8") && why.starts_with(at), "{why}");
    }
    assert!(refusal("\u{feff}\u{feff}<a/>".as_bytes()).contains("two byte order marks"));
}

/// Bytes without end, of which nobody keeps a copy.
struct Endless {
    start: &'static [u8],
    then: &'static [u8],
    handed_out: u64,
}

impl std::io::Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let from = if self.start.is_empty() { self.then } else { self.start };
        let count = from.len().min(out.len());
        out[..count].copy_from_slice(&from[..count]);
        if !self.start.is_empty() {
            self.start = &self.start[count..];
        }
        self.handed_out += count as u64;
        Ok(count)
    }
}

/// What has no end is refused after a bounded number of bytes.
#[test]
fn what_has_no_end_is_refused_before_it_fills_memory() {
    const MARKUP: &str = "what begins here has more than 1048576 bytes";
    for (start, then, expected) in [
        (&b"<"[..], &b"a"[..], MARKUP),
        (b"<a ", b"b='1' ", MARKUP),
        (b"<a b='", b">", MARKUP),
        (b"<a>", b"<a>", "elements lie more than 64 deep in one another"),
        (b"<a>", b"x", "the text of `a` has more than 1048576 bytes"),
        (b"<a>", b"&#65;", "the text of `a` has more than 1048576 bytes"),
        (b"<a>", b"<![CDATA[x]]>", "the text of `a` has more than 1048576 bytes"),
        (b"<a>&", b"x", MARKUP),
        (b"<a><![CDATA[", b"x", "the text of `a` has more than 1048576 bytes"),
        (b"<a><![CDATA[", b"]]", "the text of `a` has more than 1048576 bytes"),
        (b"<a><![CDATA[", b">", "the text of `a` has more than 1048576 bytes"),
        (b"<a><!--", b" x", MARKUP),
        (b"<a><?x ", b"x", MARKUP),
        (b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", MARKUP),
        (b"<a></", b" ", MARKUP),
    ] {
        let endless = Endless { start, then, handed_out: 0 };
        let mut xml = Reader::new(BufReader::new(endless));
        let error = xml.root().and_then(|root| xml.text(&root)).expect_err("it has no end");
        let at = String::from_utf8_lossy(start);
        // What an element inside makes of a text is one of both faults.
        assert!(error.to_string().contains(expected) || error.to_string().contains("holds the element"), "{at}: {error}");
        assert!(xml.position() < 16 << 20, "{at}: {} bytes", xml.position());
    }
}

#[test]
fn limits_are_held_to_the_byte() {
    let limits = Limits { depth: 3, tag_bytes: 20, attributes: 2, text_bytes: 10 };
    let taken = |document: &str| {
        let mut xml = Reader::with_limits(Cursor::new(document.as_bytes()), limits);
        let root = xml.root()?;
        match document.contains("text") {
            true => xml.text(&root).map(|_| ()),
            false => xml.skip(&root),
        }
    };
    for (document, expected) in [
        ("<a><b><c/></b></a>", None),
        ("<a><b><c><d/></c></b></a>", Some("more than 3 deep")),
        ("<a b='' c=''/>", None),
        ("<a b='' c='' d=''/>", Some("more than 2 attributes")),
        ("<abcdefghijklmnopq/>", None),
        ("<abcdefghijklmnopqr/>", Some("what begins here has more than 20 bytes")),
        ("<a>text 67890</a>", None),
        ("<a>text 678901</a>", Some("the text of `a` has more than 10 bytes")),
        ("<a>text&#32;678901</a>", Some("the text of `a` has more than 10 bytes")),
        // Text that nobody asked for takes no memory.
        ("<a>0123456789012345678901234567890123456789</a>", None),
    ] {
        match (taken(document), expected) {
            (Ok(()), None) => {}
            (Err(e), Some(expected)) => assert!(e.to_string().contains(expected), "{document}: {e}"),
            (result, _) => panic!("{document}: {result:?}"),
        }
    }
}

#[test]
fn many_namespaces_are_refused() {
    let nested = |depth: usize, each: usize| {
        let tags = (0..depth).map(|level| {
            let declared: String = (0..each).map(|n| format!(" xmlns:p{level}_{n}='u'")).collect();
            format!("<a{declared}>")
        });
        tags.collect::<String>() + &"</a>".repeat(depth)
    };
    assert!(read(nested(4, 32).as_bytes(), Limits::default(), 4096).is_ok());
    let error = read(nested(5, 32).as_bytes(), Limits::default(), 4096).unwrap_err();
    assert_eq!(error.to_string(), "more than 128 namespaces are declared at once");
}

#[test]
fn after_an_error_the_reader_stands_still() {
    let mut xml = Reader::new(Cursor::new("<a><b></c><d/></a>"));
    let root = xml.root().unwrap();
    let b = xml.child(&root).unwrap().unwrap();
    assert!(!xml.text(&b).unwrap_err().is_unexpected());
    for _ in 0..3 {
        let error = xml.child(&root).unwrap_err();
        assert_eq!(error.to_string(), "the document cannot be read on after an error");
    }
}

#[test]
fn a_source_that_fails_is_not_a_fault_of_the_document() {
    struct Broken(u32);
    impl std::io::Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => {
                    out[..6].copy_from_slice(b"<a><b>");
                    Ok(6)
                }
                2 => Err(std::io::ErrorKind::Interrupted.into()),
                _ => Err(std::io::Error::new(std::io::ErrorKind::ResourceBusy, "the disk is away")),
            }
        }
    }
    let mut xml = Reader::new(BufReader::new(Broken(0)));
    let root = xml.root().unwrap();
    let error = xml.skip(&root).unwrap_err();
    assert!(error.is_unreadable());
    assert_eq!(Failure::from(error), Failure::Upstream("the disk is away".to_owned()));
    assert_eq!(Failure::from(Error::unexpected(7, "odd")), Failure::InvalidInput("byte 7: odd".to_owned()));
}
