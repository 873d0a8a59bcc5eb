//! The readers that connectors are built from.

use std::io::Cursor;

use lienthong_sdk::tables::{Archive, Bad, Column, Format, Rows};
use lienthong_sdk::testing::Hub;
use lienthong_sdk::xml::{Element, Error, Limits, Reader};
use lienthong_sdk::{base64, vietnam};

/// A document is read to its end or refused with a place in it, in bounded memory; what is read twice is read alike.
pub fn xml(body: &[u8]) {
    let first = walked(body);
    let again = walked(body);
    assert_eq!(first.as_ref().map_err(ToString::to_string), again.as_ref().map_err(ToString::to_string));
    let Err(error) = first else { return };
    let mut source = Cursor::new(body);
    let mut reader = Reader::with_limits(&mut source, LIMITS);
    let failure = reader.failure(error);
    assert!(failure.to_string().contains("line "), "{failure}");
}

const LIMITS: Limits = Limits { depth: 8, tag_bytes: 1 << 10, attributes: 8, text_bytes: 1 << 12 };

/// Names and texts in order.
fn walked(body: &[u8]) -> Result<Vec<String>, Error> {
    let mut reader = Reader::with_limits(Cursor::new(body), LIMITS);
    let (root, mut seen) = (reader.root()?, Vec::new());
    walk(&mut reader, &root, &mut seen, 0)?;
    assert!(seen.iter().map(String::len).sum::<usize>() <= 4 * body.len() + 64, "more comes out than went in");
    Ok(seen)
}

fn walk(reader: &mut Reader<Cursor<&[u8]>>, element: &Element, seen: &mut Vec<String>, depth: usize) -> Result<(), Error> {
    assert!(depth <= LIMITS.depth as usize);
    seen.push(element.name().to_owned());
    let mut texts = Vec::new();
    let child = reader.text_to_child::<Error>(element, |_, piece| {
        texts.push(piece.to_owned());
        Ok(())
    })?;
    seen.append(&mut texts);
    let Some(child) = child else { return Ok(()) };
    walk(reader, &child, seen, depth + 1)?;
    while let Some(child) = reader.child(element)? {
        walk(reader, &child, seen, depth + 1)?;
    }
    Ok(())
}

/// What stands between fields is the first byte. All rows are given or rejected as they came, in order, with their lines.
pub fn tables(data: &[u8]) {
    const COLUMNS: &[Column] = &[&["a"], &["b"]];
    drop(Archive::open(Cursor::new(data)).map(|mut archive| {
        let names: Vec<String> = archive.files().map(str::to_owned).collect();
        for name in names.iter().take(8) {
            let content = archive.file(name).ok().flatten();
            drop(content.map(|content| std::io::copy(&mut std::io::Read::take(content, 1 << 20), &mut std::io::sink())));
        }
    }));
    let Some((first, text)) = data.split_first() else { return };
    let delimiter = [b',', b';', b'\t'][usize::from(*first) % 3];
    let mut hub = Hub::new();
    let mut fields = 0;
    let counted = hub.run(|call| {
        let mut rows = Rows::open("t.csv", text, Format { delimiter, ..Format::default() })?;
        rows.each(call, "p", COLUMNS, |_, row| {
            fields += row.text(0, "a")?.len() + row.text(1, "b")?.len();
            match row.text(0, "a")? {
                "" => Err(Bad::Row("a is empty".to_owned())),
                _ => Ok(()),
            }
        })
    });
    assert!(fields <= text.len());
    let mut last = 0;
    for reject in hub.rejects() {
        let line: u64 = reject.at.as_deref().and_then(|at| at.strip_prefix("t.csv line ")).unwrap().parse().unwrap();
        assert!(line > last, "line {line} behind line {last}");
        last = line;
        // It stands on the very line that is named.
        let start = text.split(|b| *b == b'\n').take(usize::try_from(line).unwrap() - 1).map(|line| line.len() + 1).sum::<usize>();
        let rest = &text[start..];
        let rest = rest.strip_prefix(b"\xef\xbb\xbf").filter(|_| start == 0).unwrap_or(rest);
        assert!(rest.starts_with(&reject.bytes), "{:?} is not what stands on line {line}", String::from_utf8_lossy(&reject.bytes));
    }
    if let Ok(good) = counted
        && !text.contains(&b'"')
    {
        let blank = |line: &&[u8]| line.iter().all(|b| b.is_ascii_whitespace() || *b == delimiter);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let header = text.split(|b| *b == b'\n').position(|line| line.iter().any(|b| !b.is_ascii_whitespace())).unwrap();
        let rows = text.split(|b| *b == b'\n').skip(header + 1).filter(|line| !blank(line)).count();
        assert_eq!(usize::try_from(good).unwrap() + hub.rejects().len(), rows);
    }
}

/// Texts that are read as codes, days and times of Vietnam; and base 64 in two pieces.
pub fn vietnam(data: &[u8]) {
    let (first, rest) = data.split_at(data.len() / 2);
    let mut decoder = base64::Decoder::default();
    if let Ok(bytes) = decoder.push(first).map(<[u8]>::to_vec)
        && let Ok(more) = decoder.push(rest).map(<[u8]>::to_vec)
        && let Some(end) = decoder.finish()
    {
        let bytes = [bytes, more, end.to_vec()].concat();
        let digits = data.iter().filter(|b| !b.is_ascii_whitespace()).count();
        assert_eq!(bytes.len().div_ceil(3) * 4, digits);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    for forms in [&["yyyyMMdd", "yyyyMMddHHmm", "yyyyMMddHHmmss"][..], &["dd/MM/yyyy"]] {
        if let Some(day) = vietnam::date(text, forms) {
            assert!(day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'), "{day}");
        }
    }
}
