use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use quick_xml::events::Event;
use quick_xml::name::{Namespace, NamespaceResolver, QName, ResolveResult};

use super::character::{attribute_value, is_space, qualified, reference, shown};
use super::element::{Attribute, Element};
use super::error::Error;
use super::place::{Place, place};
use super::source::{Source, not_utf8};
use super::tag;
use super::text::{CDATA, allowed};
use crate::Failure;

/// Declarations that are taken for UTF-8. Bytes that were read this far are no UTF-16, whatever they declare: .NET's writers of strings
/// say so of every document, and hospitals' systems send what those wrote.
const AS_UTF8: [&str; 5] = ["utf-8", "utf8", "us-ascii", "ascii", "utf-16"];

/// How much a document may ask for. Beyond it there is an error, not memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements in one another.
    pub depth: u16,
    /// Bytes of one tag.
    pub tag_bytes: usize,
    /// Attributes of one tag, namespaces included.
    pub attributes: usize,
    /// Bytes of one element's text, and of one comment or processing instruction.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, tag_bytes: 64 << 10, attributes: 64, text_bytes: 1 << 20 }
    }
}

/// A pull reader over one document. After an error it stands still, unless the error is only about what was asked for
/// ([`Error::is_unexpected`]): then the next `child` of an outer element goes on.
pub struct Reader<R> {
    pub(super) tokens: quick_xml::Reader<Source<R>>,
    limits: Limits,
    /// What the tokenizer writes its events to.
    buffer: Vec<u8>,
    /// Bytes of text that are not in `text` yet: those of a character, or of a line end, whose rest is still to come.
    pub(super) raw: Vec<u8>,
    /// The text read since it was last taken.
    pub(super) text: String,
    /// Where the last piece of it begins in the document.
    pub(super) text_offset: u64,
    /// Where the CDATA section begins that is being read.
    pub(super) cdata: Option<u64>,
    namespaces: NamespaceResolver,
    /// Where each open element begins.
    pub(super) open: Vec<u64>,
    /// The last tag was `<a/>`: its end is still to be told.
    empty: bool,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing was read.
    New,
    /// Before the root.
    Prologue,
    /// The root has begun.
    Root,
    /// The document was read to its end.
    Done,
    /// There was an error.
    Failed,
}

pub(super) enum Token {
    Start(Element),
    End,
    Text,
    /// A comment or a processing instruction.
    Aside,
    /// The document's end.
    Last,
}

impl<R: BufRead> Reader<R> {
    /// Over a document from its first byte, with [`Limits::default`].
    pub fn new(document: R) -> Self {
        Self::with_limits(document, Limits::default())
    }

    /// Over a document from its first byte.
    pub fn with_limits(document: R, limits: Limits) -> Self {
        let mut tokens = quick_xml::Reader::from_reader(Source::new(document));
        tokens.config_mut().check_comments = true;
        Self {
            tokens,
            limits,
            buffer: Vec::new(),
            raw: Vec::new(),
            text: String::new(),
            text_offset: 0,
            cdata: None,
            namespaces: NamespaceResolver::default(),
            open: Vec::new(),
            empty: false,
            state: State::New,
        }
    }

    /// The root element: the first thing to ask for.
    pub fn root(&mut self) -> Result<Element, Error> {
        match self.token()? {
            Token::Start(root) => Ok(root),
            _ => Err(Error::unexpected(self.position(), "the root element was read already")),
        }
    }

    /// The next element directly within `parent`; none where `parent` ends. What was not read of the last one is skipped. Text between
    /// elements is an error, for nobody would read it. Where the root ends, the rest of the document was checked too.
    pub fn child(&mut self, parent: &Element) -> Result<Option<Element>, Error> {
        self.text.clear();
        while self.is_open(parent) {
            let at = self.position();
            match self.token()? {
                Token::Start(element) if element.depth == parent.depth + 1 => return Ok(Some(element)),
                Token::Text if self.open.len() == parent.depth => {
                    let stray = !self.text.bytes().all(is_space);
                    self.text.clear();
                    if stray {
                        return Err(Error::unexpected(at, format!("`{}` holds text between its elements", shown(&parent.name))));
                    }
                }
                Token::Text => self.text.clear(),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The whole text of an element that has no elements in it. One that is too long, or has elements in it, is an error after which the
    /// reader can go on.
    pub fn text(&mut self, element: &Element) -> Result<String, Error> {
        self.text.clear();
        while self.text_goes_on(element)? {
            if self.text.len() > self.limits.text_bytes {
                let what = format!("the text of `{}` has more than {} bytes", shown(&element.name), self.limits.text_bytes);
                return Err(Error::unexpected(element.offset, what));
            }
        }
        Ok(std::mem::take(&mut self.text))
    }

    /// The text of an element that has no elements in it, in pieces of some 64 KiB and together of any length.
    pub fn text_pieces<E: From<Error>>(&mut self, element: &Element, mut take: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        self.text.clear();
        while self.text_goes_on(element)? {
            take(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    /// The text of an element up to the first element in it, which is given back: in pieces as [`Reader::text_pieces`] has them, each with the
    /// byte at which it begins. (Line ends in it are line feeds: what was written may be longer.)
    pub fn text_to_child<E: From<Error>>(
        &mut self,
        element: &Element,
        mut take: impl FnMut(u64, &str) -> Result<(), E>,
    ) -> Result<Option<Element>, E> {
        self.text.clear();
        while self.is_open(element) {
            match self.token()? {
                Token::Start(inner) => return Ok(Some(inner)),
                Token::Text => {
                    take(self.text_offset, &self.text)?;
                    self.text.clear();
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads an element to its end. [`Reader::position`] is behind it then.
    pub fn skip(&mut self, element: &Element) -> Result<(), Error> {
        while self.is_open(element) {
            self.token()?;
            self.text.clear();
        }
        Ok(())
    }

    /// Bytes read, from the document's start. After the last of an element was read, where the element ends.
    pub fn position(&self) -> u64 {
        self.tokens.get_ref().offset
    }

    fn is_open(&self, element: &Element) -> bool {
        element.depth.checked_sub(1).and_then(|level| self.open.get(level)) == Some(&element.offset)
    }

    /// Whether there was more text, now at the end of `self.text`.
    fn text_goes_on(&mut self, element: &Element) -> Result<bool, Error> {
        while self.is_open(element) {
            match self.token()? {
                Token::Start(inner) => {
                    let what = format!("`{}` holds the element `{}` where its text should be", shown(&element.name), shown(&inner.name));
                    return Err(Error::unexpected(inner.offset, what));
                }
                Token::Text => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    fn failed(&mut self, offset: u64, what: impl Into<String>) -> Error {
        self.state = State::Failed;
        Error::new(offset, what)
    }

    fn token(&mut self) -> Result<Token, Error> {
        match self.state {
            State::New => {
                self.state = State::Prologue;
                match self.tokens.get_mut().begin() {
                    Ok(Ok(())) => {}
                    Ok(Err(what)) => return Err(self.failed(0, what)),
                    Err(e) => return Err(self.unreadable(e)),
                }
            }
            State::Failed => return Err(Error::new(self.position(), "the document cannot be read on after an error")),
            State::Done => return Ok(Token::Last),
            State::Prologue | State::Root => {}
        }
        loop {
            let token = self.next_token().inspect_err(|_| self.state = State::Failed)?;
            match token {
                Token::Aside => {}
                Token::Start(_) => {
                    self.state = State::Root;
                    return Ok(token);
                }
                // The end of the root: what follows must be nothing, and nobody may ask for it.
                Token::End if self.open.is_empty() => {}
                Token::Last => self.state = State::Done,
                Token::End | Token::Text => return Ok(token),
            }
            if self.state == State::Done {
                return Ok(Token::Last);
            }
        }
    }

    /// One token, its form checked, its place in the document too.
    fn next_token(&mut self) -> Result<Token, Error> {
        if self.empty {
            self.empty = false;
            return Ok(self.close());
        }
        if let Some(start) = self.cdata {
            return self.read_cdata(start);
        }
        if self.read_text()? {
            return Ok(if self.open.is_empty() { Token::Aside } else { Token::Text });
        }
        let start = self.position();
        if self.tokens.get_mut().is_next(CDATA).map_err(|e| self.unreadable(e))? {
            if self.open.is_empty() {
                return Err(Error::new(start, outside(self.state)));
            }
            self.tokens.get_mut().consume(CDATA.len());
            self.cdata = Some(start);
            return self.read_cdata(start);
        }
        // One byte is looked at and not taken.
        let max = self.limits.text_bytes.max(self.limits.tag_bytes) as u64;
        self.tokens.get_mut().budget = max + 1;
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let event = self.tokens.read_event_into(&mut buffer);
        self.tokens.get_mut().budget = u64::MAX;
        let token = match event {
            _ if self.position() - start > max => {
                Err(Error::new(start, format!("what begins here has more than {max} bytes: look for a `>` that is missing")))
            }
            Ok(event) => self.understand(event, start),
            Err(e) => Err(Error::tokens(start, e)),
        };
        self.buffer = buffer;
        token
    }

    fn understand(&mut self, event: Event<'_>, start: u64) -> Result<Token, Error> {
        let at = |what: String| Error::new(start, what);
        if self.open.is_empty() && matches!(event, Event::Text(_) | Event::GeneralRef(_)) {
            return Err(at(outside(self.state).to_owned()));
        }
        match event {
            Event::Start(tag) => self.start(&tag, start),
            Event::Empty(tag) => {
                self.empty = true;
                self.start(&tag, start)
            }
            Event::End(_) => Ok(self.close()),
            // Neither comes: both went past the tokenizer.
            Event::Text(text) => self.push(&text, start),
            Event::CData(text) => self.push(&text, start + CDATA.len() as u64),
            Event::GeneralRef(name) => {
                let character = reference(allowed(&name, start + 1)?).map_err(at)?;
                self.text.push(character);
                self.text_offset = start;
                Ok(Token::Text)
            }
            Event::Comment(text) => allowed(&text, start + 4).map(|_| Token::Aside),
            Event::PI(instruction) => {
                let text = allowed(&instruction, start + 2)?;
                let (target, _) = text.split_at(text.bytes().position(is_space).unwrap_or(text.len()));
                match qualified(target) {
                    Some((None, name)) if !name.eq_ignore_ascii_case("xml") => Ok(Token::Aside),
                    _ => Err(at(format!("`<?{}` is no processing instruction", shown(target)))),
                }
            }
            Event::Decl(declaration) => {
                // Only a byte order mark may come before it.
                if !self.tokens.get_ref().is_beginning(start) {
                    return Err(at("an XML declaration must be the first thing in its document".to_owned()));
                }
                match tag::declaration(allowed(&declaration, start + 2)?).map_err(at)? {
                    Some(other) if !AS_UTF8.iter().any(|name| name.eq_ignore_ascii_case(other)) => Err(at(not_utf8(&shown(other)))),
                    _ => Ok(Token::Aside),
                }
            }
            Event::DocType(_) => Err(at("a DOCTYPE is not taken: leave it out, and write out what its entities stand for".to_owned())),
            Event::Eof => match (self.open.last(), self.state) {
                (Some(open), _) => Err(Error::new(*open, "the element that begins here is never closed")),
                (None, State::Root) => Ok(Token::Last),
                (None, _) => Err(at("the document has no element".to_owned())),
            },
        }
    }

    fn start(&mut self, tag: &str, start: u64) -> Result<Token, Error> {
        let at = |what: String| Error::new(start, what);
        if self.position() - start > self.limits.tag_bytes as u64 {
            return Err(at(format!("a tag has more than {} bytes", self.limits.tag_bytes)));
        }
        if self.state == State::Root && self.open.is_empty() {
            return Err(at("a second root element: a document has one".to_owned()));
        }
        let depth = self.open.len() + 1;
        let level = u16::try_from(depth).ok().filter(|level| *level <= self.limits.depth);
        let level = level.ok_or_else(|| at(format!("elements lie more than {} deep in one another", self.limits.depth)))?;
        let (written_name, written) = tag::split(allowed(tag, start + 1)?, self.limits.attributes).map_err(at)?;
        let name = QName(written_name).local_name().into_inner();
        if written_name.starts_with("xmlns:") {
            return Err(at("the prefix `xmlns` is for declarations".to_owned()));
        }
        self.namespaces.set_level(level);
        let mut others = Vec::with_capacity(written.len());
        for attribute in &written {
            let local = qualified(attribute.name).ok_or_else(|| at(format!("`{}` is no name of an attribute", shown(attribute.name))))?.1;
            let value = attribute_value(attribute.value).map_err(at)?;
            let Some(declared) = QName(attribute.name).as_namespace_binding() else {
                others.push((attribute.name, local, value));
                continue;
            };
            if value.is_empty() && attribute.name != "xmlns" {
                return Err(at(format!("the prefix `{}` is declared for nothing", shown(local))));
            }
            self.namespaces.add(declared, Namespace(&value)).map_err(|e| Error::namespaces(start, &e))?;
        }
        let mut attributes: Vec<Attribute> = Vec::with_capacity(others.len());
        for (written_name, name, value) in others {
            let namespace = self.namespace(written_name, false).map_err(at)?;
            attributes.push(Attribute { name: name.to_owned(), namespace, value });
        }
        let twice = written.iter().enumerate().any(|(index, a)| written[..index].iter().any(|b| a.name == b.name))
            || attributes
                .iter()
                .enumerate()
                .any(|(index, a)| attributes[..index].iter().any(|b| a.name == b.name && a.namespace == b.namespace));
        if twice {
            return Err(at(format!("an attribute of `{}` is given twice", shown(written_name))));
        }
        let namespace = self.namespace(written_name, true).map_err(at)?;
        self.open.push(start);
        Ok(Token::Start(Element { name: name.to_owned(), namespace, attributes, offset: start, depth }))
    }

    fn namespace(&self, name: &str, is_element: bool) -> Result<Option<String>, String> {
        match self.namespaces.resolve(QName(name), is_element).0 {
            ResolveResult::Unbound => Ok(None),
            ResolveResult::Bound(Namespace(uri)) => Ok(Some(uri.to_owned())),
            ResolveResult::Unknown(prefix) => Err(format!("the prefix `{}` is declared nowhere", shown(&prefix))),
        }
    }

    fn close(&mut self) -> Token {
        self.open.pop();
        self.namespaces.set_level(u16::try_from(self.open.len()).unwrap_or(u16::MAX));
        Token::End
    }

    pub(super) fn unreadable(&mut self, error: io::Error) -> Error {
        self.state = State::Failed;
        Error::unreadable(self.position(), error)
    }
}

pub(super) fn outside(state: State) -> &'static str {
    match state {
        State::Root => "there is text after the root element",
        _ => "there is text before the root element: this may be no XML",
    }
}

impl<R: BufRead + Seek> Reader<R> {
    /// The line and column of a byte. It reads the document up to there once more, and then stands where it stood.
    pub fn place(&mut self, offset: u64) -> io::Result<Place> {
        self.aside(|document| place(document, offset))
    }

    /// The bytes of a range, at most `max` of them: an element that is read whole, for its rejection, is
    /// `element.offset()..reader.position()`.
    pub fn bytes(&mut self, range: Range<u64>, max: usize) -> io::Result<Vec<u8>> {
        self.aside(|document| {
            document.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            document.take(range.end.saturating_sub(range.start).min(max as u64)).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// The failure of a call whose document cannot be read: it says line and column.
    pub fn failure(&mut self, error: Error) -> Failure {
        match self.place(error.offset()) {
            Ok(place) if !error.is_unreadable() => error.failure(place),
            _ => error.into(),
        }
    }

    fn aside<T>(&mut self, look: impl FnOnce(&mut R) -> io::Result<T>) -> io::Result<T> {
        let document = self.tokens.get_mut().inner_mut();
        let back = document.stream_position()?;
        document.seek(SeekFrom::Start(0))?;
        let seen = look(document);
        document.seek(SeekFrom::Start(back))?;
        seen
    }
}
