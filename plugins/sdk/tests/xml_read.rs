//! What well-formed documents say, whichever way they are written and in whatever pieces they come.

#![cfg(feature = "xml")]
#![allow(clippy::unwrap_used)] // Also in what tests share.

use std::io::{BufRead, BufReader, Cursor};

use lienthong_sdk::Blob;
use lienthong_sdk::xml::{Element, Error, Limits, Reader};
use proptest::prelude::*;

#[test]
fn names_text_and_attributes_are_what_xml_says() {
    let document = "\u{feff}<?xml version='1.0' encoding=\"utf-8\" standalone='yes'?>\r\n<!-- a - b --><?go now?>\n\
        <d:đơn xmlns:d='urn:x' xmlns='urn:y' số='1&lt;2&#10;3\t4' d:số = \"'\"  >\n\
        \t<tên xmlns=''>Nguyễn &amp; <![CDATA[<Văn> & ]]>A&#x1EA3;&#65;\r\n&quot;&apos;&gt;\r</tên >\n\
        \t<d:rỗng/><!-- --><rỗng></rỗng><?php echo ?>\n</d:đơn>\n<!-- end --><?x?>\n";
    for chunk in [1, 2, 3, 5, 4096] {
        let mut xml = Reader::new(BufReader::with_capacity(chunk, document.as_bytes()));
        let root = xml.root().unwrap();
        assert!(root.is(Some("urn:x"), "đơn"));
        assert_eq!((root.attribute("số"), root.attribute_in(Some("urn:x"), "số")), (Some("1<2\n3 4"), Some("'")));
        assert_eq!((root.attribute("xmlns"), root.attribute_in(Some("urn:y"), "số")), (None, None));
        let name = xml.child(&root).unwrap().unwrap();
        assert!(name.is(None, "tên"));
        assert_eq!(xml.text(&name).unwrap(), "Nguyễn & <Văn> & AảA\n\"'>\n");
        let empty = xml.child(&root).unwrap().unwrap();
        assert_eq!((empty.namespace(), xml.text(&empty).unwrap().as_str()), (Some("urn:x"), ""));
        let empty = xml.child(&root).unwrap().unwrap();
        assert_eq!((empty.namespace(), xml.text(&empty).unwrap().as_str()), (Some("urn:y"), ""));
        assert_eq!(xml.child(&root).unwrap(), None);
        assert_eq!(xml.child(&root).unwrap(), None);
        assert_eq!(xml.position(), document.len() as u64);
        assert!(xml.root().is_err(), "the root comes once");
    }
}

#[test]
fn a_string_of_dotnet_says_that_it_is_utf16_and_is_read() {
    let mut xml = Reader::new(Cursor::new("<?xml version=\"1.0\" encoding=\"utf-16\"?><a>Bảo Lộc</a>"));
    let root = xml.root().unwrap();
    assert_eq!(xml.text(&root).unwrap(), "Bảo Lộc");
}

#[test]
fn the_walk_skips_what_was_not_read_and_nothing_else() {
    let document = "<r><a>1<x>2<y/>3</x></a><b><c><d>4</d></c><e>5</e></b><f>6</f></r>";
    let mut xml = Reader::new(Cursor::new(document));
    let root = xml.root().unwrap();
    let a = xml.child(&root).unwrap().unwrap();
    let b = xml.child(&root).unwrap().unwrap();
    let c = xml.child(&b).unwrap().unwrap();
    assert_eq!((a.name(), b.name(), c.name()), ("a", "b", "c"));
    assert_eq!(xml.child(&a).unwrap(), None, "it has ended");
    let e = xml.child(&b).unwrap().unwrap();
    assert_eq!(xml.text(&e).unwrap(), "5");
    assert_eq!(xml.child(&b).unwrap(), None);
    let f = xml.child(&root).unwrap().unwrap();
    let before = xml.position();
    xml.skip(&f).unwrap();
    assert_eq!(before, f.offset() + 3);
    assert_eq!(xml.bytes(f.offset()..xml.position(), 100).unwrap(), b"<f>6</f>");
    assert_eq!(xml.bytes(f.offset()..xml.position(), 3).unwrap(), b"<f>");
    assert_eq!(xml.child(&root).unwrap(), None);

    let mixed = |document: &'static str, name: &str| {
        let mut xml = Reader::new(Cursor::new(document));
        let root = xml.root().unwrap();
        loop {
            match xml.child(&root) {
                Ok(Some(child)) if child.name() == name => break xml.text(&child).map(|_| None),
                Ok(Some(_)) => {}
                other => break other,
            }
        }
        .map(|_| ())
        .map_err(|e| (e.offset(), e.to_string()))
    };
    assert_eq!(mixed("<r><a/> x <b/></r>", ""), Err((7, "`r` holds text between its elements".to_owned())));
    assert_eq!(mixed("<r><a>x<b/></a></r>", "a"), Err((7, "`a` holds the element `b` where its text should be".to_owned())));
    assert_eq!(mixed("<r><a>x<b/></a></r>", ""), Ok(()));
}

#[test]
fn one_record_that_is_not_as_expected_does_not_end_the_reading() {
    let document = "<r><a>x<b>y</b>z</a><a>1 2 3 4 5 6</a><a> <b/> stray <b>y</b></a><a>good</a></r>";
    let mut xml = Reader::with_limits(Cursor::new(document), Limits { text_bytes: 10, ..Limits::default() });
    let root = xml.root().unwrap();
    let mut found = Vec::new();
    while let Some(a) = xml.child(&root).unwrap() {
        let text = match found.len() {
            2 => {
                let b = xml.child(&a).unwrap().unwrap();
                assert_eq!(b.name(), "b");
                xml.child(&a).map(|_| String::new())
            }
            _ => xml.text(&a),
        };
        found.push(text.map_err(|e| (e.is_unexpected(), e.to_string())));
    }
    let unexpected = |what: &str| Err((true, what.to_owned()));
    assert_eq!(
        found,
        [
            unexpected("`a` holds the element `b` where its text should be"),
            unexpected("the text of `a` has more than 10 bytes"),
            unexpected("`a` holds text between its elements"),
            Ok("good".to_owned())
        ]
    );
}

#[test]
fn places_are_found_in_a_blob_and_reading_goes_on() {
    let lines: String = (0..50_000).map(|n| format!("  <dòng>số {n}</dòng>\r\n")).collect();
    let document = format!("\u{feff}<r>\r\n{lines}</r>");
    let mut xml = Reader::new(Blob::from(document.into_bytes()));
    let root = xml.root().unwrap();
    let mut number = 0;
    while let Some(line) = xml.child(&root).unwrap() {
        if number % 7_000 == 0 {
            let place = xml.place(line.offset()).unwrap();
            assert_eq!((place.line, place.column), (number + 2, 3));
        }
        assert_eq!(xml.text(&line).unwrap(), format!("số {number}"));
        if number % 9_000 == 0 {
            let range = line.offset()..xml.position();
            assert_eq!(xml.bytes(range, usize::MAX).unwrap(), format!("<dòng>số {number}</dòng>").as_bytes());
        }
        number += 1;
    }
    assert_eq!(number, 50_000);
}

#[test]
fn a_text_of_any_length_comes_in_pieces() {
    let text = "Chợ Bảo Lộc\n".repeat(300_000);
    let document = format!("<r><a>{}</a><b/></r>", text.replace('\n', "\r\n"));
    let mut xml = Reader::new(Blob::from(document.into_bytes()));
    let root = xml.root().unwrap();
    let a = xml.child(&root).unwrap().unwrap();
    let (mut whole, mut longest) = (String::new(), 0);
    xml.text_pieces(&a, |piece| {
        whole.push_str(piece);
        longest = longest.max(piece.len());
        Ok::<(), Error>(())
    })
    .unwrap();
    assert!(whole == text);
    assert!(longest <= 128 << 10, "{longest}");
    assert_eq!(xml.child(&root).unwrap().unwrap().name(), "b");
}

#[test]
fn a_cdata_section_of_any_length_comes_in_pieces() {
    let text = "]] Chợ > Bảo ]> Lộc\n".repeat(100_000);
    for line_end in ["\n", "\r\n", "\r"] {
        let document = format!("<r>\n<a><![CDATA[{}]]></a><b/></r>", text.replace('\n', line_end));
        let mut xml = Reader::new(BufReader::with_capacity(4_099, Cursor::new(document.as_bytes())));
        let root = xml.root().unwrap();
        let a = xml.child(&root).unwrap().unwrap();
        let (mut whole, mut pieces) = (String::new(), 0);
        let inner = xml.text_to_child(&a, |offset, piece| {
            let written = document.as_bytes()[offset as usize..].iter().filter(|b| **b != b'\r' || line_end == "\r");
            assert!(piece.bytes().map(|b| if b == b'\n' && line_end == "\r" { b'\r' } else { b }).eq(written.take(piece.len()).copied()));
            whole.push_str(piece);
            pieces += 1;
            assert!(piece.len() <= 128 << 10);
            Ok::<(), Error>(())
        });
        assert_eq!(inner.unwrap(), None);
        assert!(whole == text, "{line_end:?}");
        assert!(pieces > 10);
        assert_eq!(xml.child(&root).unwrap().unwrap().name(), "b");
    }
}

#[test]
fn text_before_a_child_is_told_from_what_follows() {
    let document = "<r><a> 1&amp;<!-- 2 --><![CDATA[3]]>\r\n<b>4</b> <c/></a></r>";
    let mut xml = Reader::new(Cursor::new(document));
    let root = xml.root().unwrap();
    let a = xml.child(&root).unwrap().unwrap();
    let mut pieces = Vec::new();
    let b = xml.text_to_child(&a, |offset, piece| {
        pieces.push((offset, piece.to_owned()));
        Ok::<(), Error>(())
    });
    let b = b.unwrap().unwrap();
    assert_eq!(pieces, [(6, " 1"), (8, "&"), (32, "3"), (36, "\n")].map(|(offset, piece)| (offset, piece.to_owned())));
    assert_eq!((b.name(), xml.text(&b).unwrap()), ("b", "4".to_owned()));
    let c = xml.child(&a).unwrap().unwrap();
    assert_eq!(xml.text_to_child(&c, |_, _| Err(Error::unexpected(0, "no text"))).unwrap(), None);
    assert_eq!(xml.child(&a).unwrap(), None);
}

/// A document as it is meant.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    namespace: Option<String>,
    name: String,
    attributes: Vec<(String, String)>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Text(String),
    Nodes(Vec<Node>),
}

fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => any::<char>().prop_filter("a character of XML", |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)),
        4 => prop::sample::select(vec!['<', '>', '&', '\'', '"', ']', '\r', '\n', '\t', ' ', 'ộ', 'a', '-', '\u{feff}']),
    ];
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

fn node() -> impl Strategy<Value = Node> {
    let name = "[a-zA-ZđĐộ_][a-z0-9.\u{b7}-]{0,6}";
    let namespace = prop::option::of(prop::sample::select(vec!["urn:a".to_owned(), "urn:b&c".to_owned()]));
    let attributes = prop::collection::btree_map(name.prop_filter("no declaration", |n| n != "xmlns"), text(), 0..4);
    let start =
        (namespace, name, attributes).prop_map(|(namespace, name, attributes)| (namespace, name, attributes.into_iter().collect())).boxed();
    let leaf = (start.clone(), text()).prop_map(|((namespace, name, attributes), text)| Node {
        namespace,
        name,
        attributes,
        content: Content::Text(text),
    });
    leaf.prop_recursive(4, 24, 4, move |inner| {
        (start.clone(), prop::collection::vec(inner, 1..4)).prop_map(|((namespace, name, attributes), nodes)| Node {
            namespace,
            name,
            attributes,
            content: Content::Nodes(nodes),
        })
    })
}

/// Choices of a writer, taken one after the other.
struct Choices<'c>(std::iter::Cycle<std::slice::Iter<'c, u8>>);

impl Choices<'_> {
    fn of(&mut self, count: u8) -> u8 {
        self.0.next().unwrap() % count
    }
}

fn write_text(out: &mut String, text: &str, quote: Option<char>, choices: &mut Choices<'_>) {
    for c in text.chars() {
        let plain = match c {
            '<' | '&' | '\r' => false,
            '\n' | '\t' | '"' | '\'' if quote.is_some() => false,
            '>' => !out.ends_with("]]"),
            _ => true,
        };
        match choices.of(6) {
            0..4 if plain => out.push(c),
            0..4 if quote.is_none() && !matches!(c, '\r') => *out += &format!("<![CDATA[{c}]]>"),
            4 => *out += &format!("&#x{:X};", c as u32),
            _ => match c {
                '<' => *out += "&lt;",
                '>' => *out += "&gt;",
                '&' => *out += "&amp;",
                '"' => *out += "&quot;",
                '\'' => *out += "&apos;",
                _ => *out += &format!("&#{};", c as u32),
            },
        }
    }
}

fn write_aside(out: &mut String, choices: &mut Choices<'_>) {
    *out += ["", "", " ", "\r\n\t", "<!-- <x> & - -->", "<?x <y> ??>"][usize::from(choices.of(6))];
}

fn write(out: &mut String, node: &Node, choices: &mut Choices<'_>) {
    let prefix = match &node.namespace {
        Some(_) => ["", "p:", "q-1:"][usize::from(choices.of(3))],
        None => "",
    };
    *out += &format!("<{prefix}{}", node.name);
    let declared = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", prefix.trim_end_matches(':')) };
    *out += &format!(" {declared}='");
    write_text(out, node.namespace.as_deref().unwrap_or(""), Some('\''), choices);
    out.push('\'');
    for (name, value) in &node.attributes {
        let quote = ['"', '\''][usize::from(choices.of(2))];
        *out += [" ", "\n", "\t "][usize::from(choices.of(3))];
        *out += &format!("{name}{}={}{quote}", ["", " "][usize::from(choices.of(2))], ["", "\r\n"][usize::from(choices.of(2))]);
        write_text(out, value, Some(quote), choices);
        out.push(quote);
    }
    match &node.content {
        Content::Text(text) if text.is_empty() && choices.of(2) == 0 => *out += "/>",
        Content::Text(text) => {
            out.push('>');
            write_text(out, text, None, choices);
            *out += &format!("</{prefix}{} >", node.name);
        }
        Content::Nodes(nodes) => {
            out.push('>');
            for node in nodes {
                write_aside(out, choices);
                write(out, node, choices);
            }
            write_aside(out, choices);
            *out += &format!("</{prefix}{}>", node.name);
        }
    }
}

fn read<R: BufRead>(xml: &mut Reader<R>, element: &Element, meant: &Node) -> Result<Node, Error> {
    let content = match &meant.content {
        Content::Text(_) => Content::Text(xml.text(element)?),
        Content::Nodes(nodes) => {
            let mut read_nodes = Vec::new();
            while let Some(child) = xml.child(element)? {
                read_nodes.push(read(xml, &child, &nodes[read_nodes.len().min(nodes.len() - 1)])?);
            }
            Content::Nodes(read_nodes)
        }
    };
    let value = |(name, _): &(String, String)| (name.clone(), element.attribute(name).unwrap_or_default().to_owned());
    Ok(Node {
        namespace: element.namespace().map(str::to_owned),
        name: element.name().to_owned(),
        attributes: meant.attributes.iter().map(value).collect(),
        content,
    })
}

/// Everything that a reading shows, in one text.
fn trace(document: &[u8], chunk: usize, limits: Limits) -> String {
    fn walk<R: BufRead>(xml: &mut Reader<R>, element: &Element, out: &mut String) -> Result<(), Error> {
        *out += &format!("{element:?}\n");
        while let Some(child) = xml.child(element)? {
            match child.name() {
                "a" => walk(xml, &child, out)?,
                "b" => *out += &format!("{child:?} {:?}\n", xml.text(&child)?),
                "c" => {
                    let mut text = String::new();
                    xml.text_pieces(&child, |piece| {
                        text += piece;
                        Ok::<(), Error>(())
                    })?;
                    *out += &format!("{child:?} {text:?}\n");
                }
                _ => {}
            }
        }
        Ok(())
    }
    let mut out = String::new();
    let mut xml = Reader::with_limits(BufReader::with_capacity(chunk, document), limits);
    let result = xml.root().and_then(|root| walk(&mut xml, &root, &mut out));
    if let Err(e) = result {
        assert!(e.offset() <= document.len() as u64, "{e}");
        out += &format!("{} {e}", e.offset());
    }
    out
}

/// Bits of XML in any order.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop::sample::select(vec![
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<c>",
        "</c>",
        "<a/>",
        "<b x='1'/>",
        "<c y=\"ộ\">",
        "<x:a xmlns:x='u'>",
        "</x:a>",
        "text",
        " ",
        "\r",
        "\n",
        "\r\n",
        "]",
        "]]",
        "]]>",
        "<![CDATA[",
        "<![CDATA[x]]>",
        "&amp;",
        "&#10;",
        "&#0;",
        "&",
        ";",
        "<!--",
        "-->",
        "--",
        "<!-- x -->",
        "<?",
        "?>",
        "<?x y?>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [",
        "<!ENTITY x 'y'>",
        "]>",
        "<",
        ">",
        "'",
        "\"",
        "/",
        "=",
        "ộ",
        "\u{feff}",
        "\u{0}",
        "\u{ffff}",
    ]);
    let bytes = prop_oneof![20 => fragment.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 1..4)];
    prop::collection::vec(bytes, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_document_means_what_it_was_written_to_mean(node in node(), choices in prop::collection::vec(any::<u8>(), 1..200), chunk in 1usize..40, mark in any::<bool>()) {
        let mut document = if mark { "\u{feff}<?xml version=\"1.0\"?>".to_owned() } else { String::new() };
        let mut choices = Choices(choices.iter().cycle());
        write(&mut document, &node, &mut choices);
        write_aside(&mut document, &mut choices);
        let mut xml = Reader::new(BufReader::with_capacity(chunk, document.as_bytes()));
        let root = xml.root().unwrap();
        let meant = read(&mut xml, &root, &node).unwrap();
        prop_assert_eq!(meant, node, "{}", document);
        prop_assert_eq!(xml.position(), document.len() as u64);
    }

    #[test]
    fn pieces_make_no_difference(document in fragments(), within in any::<bool>(), chunk in 1usize..20) {
        let document = if within { [b"<a>", document.as_slice(), b"</a>"].concat() } else { document };
        let limits = Limits { depth: 5, tag_bytes: 60, attributes: 3, text_bytes: 40 };
        prop_assert_eq!(trace(&document, chunk, limits), trace(&document, 1 << 16, limits));
    }

    #[test]
    fn any_bytes_are_read_or_refused(document in prop::collection::vec(any::<u8>(), 0..400)) {
        trace(&document, 64, Limits::default());
    }
}
