//! YAML text to a [`Node`] tree, with limits, reporting what it cannot read and keeping the rest.
//!
//! Anchors, aliases and merge keys (`<<`) work. Tags, several documents in a file and keys that are not texts do not.

use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span, StrInput};

use super::findings::Findings;
use super::node::{Entry, Kind, Node, Scalar};
use super::problem::Problem;
use super::source::{FileId, Place};

/// Levels of lists and maps.
pub const MAX_DEPTH: usize = 32;
/// Nodes of one file, each alias counted as all that it stands for.
pub const MAX_NODES: usize = 50_000;

/// Reads one document. `None` where the file holds none, or where not even a part of it could be kept.
pub(super) fn read(file: FileId, text: &str, findings: &mut Findings) -> Option<Node> {
    let mut options = Options::default();
    options.emit_unresolved_aliases = true;
    options.set_emit_comments(false);
    // The builder below says it better, naming its own limit; the parser's limits only bound its memory.
    options.flow_nesting_limit = MAX_DEPTH + 2;
    options.block_nesting_limit = MAX_DEPTH + 2;
    let mut builder = Builder { file, findings, open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0, documents: 0 };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str_with_options(text, options);
    // Line (from 1) and column (from 0) behind the last event.
    let mut read_to = (1, 0);
    loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => break,
            Some(Ok((event, span))) => {
                read_to = (span.end.line(), span.end.col());
                if builder.take(event, span).is_err() {
                    return None;
                }
            }
            Some(Err(error)) => {
                let mark = error.marker();
                let mut place = Place { file, line: line(mark.line()), column: line(mark.col() + 1), width: 1 };
                if matches!(error.kind(), ErrorKind::UnclosedQuotedScalar) {
                    let (line_number, column) = open_quote(text, read_to, (mark.line(), mark.col())).unwrap_or((mark.line(), mark.col()));
                    place = Place { line: line(line_number), column: line(column + 1), ..place };
                }
                let problem = match error.kind() {
                    // The parser looks ahead, so it may meet its own limit before the builder does.
                    ErrorKind::RecursionLimitExceeded => Problem::TooDeep { limit: MAX_DEPTH },
                    kind => Problem::Syntax(kind.clone()),
                };
                builder.findings.syntax(place, problem);
                break;
            }
        }
    }
    builder.finish()
}

/// The parser notices a missing quote where the text ends or cannot go on, often lines below; what is to be mended is where
/// it was opened: the first quote between two places (lines from 1, columns from 0) that none closes before the second.
fn open_quote(text: &str, from: (usize, usize), to: (usize, usize)) -> Option<(usize, usize)> {
    let mut open: Option<(char, (usize, usize))> = None;
    for (number, content) in (1..).zip(text.lines()).skip(from.0.saturating_sub(1)).take_while(|(number, _)| *number <= to.0) {
        let mut previous = ' ';
        let mut characters = content.chars().enumerate().peekable();
        while let Some((column, c)) = characters.next() {
            let within = (number, column) >= from && (number, column) < to;
            match open {
                _ if !within => {}
                None if c == '#' && previous.is_whitespace() => break,
                None if matches!(c, '"' | '\'') && !previous.is_alphanumeric() => open = Some((c, (number, column))),
                Some(('"', _)) if c == '\\' => drop(characters.next()),
                Some(('\'', _)) if c == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') => drop(characters.next()),
                Some((quote, _)) if c == quote => open = None,
                _ => {}
            }
            previous = c;
        }
    }
    open.map(|(_, place)| place)
}

fn line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reading must not go on: a limit was passed and reported.
struct Stop;

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// A key whose value has not come yet; the inner `None` is a key that was reported and is dropped with its value.
        key: Option<Option<(String, Place)>>,
        seen: HashSet<String>,
    },
}

struct Builder<'f> {
    file: FileId,
    findings: &'f mut Findings,
    open: Vec<Open>,
    root: Option<Node>,
    /// Finished anchored nodes and their size. An alias inside its own anchor finds nothing here.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = self.place(&span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.findings.syntax(place, Problem::SeveralDocuments);
                    return Err(Stop);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    self.findings.error(place, Problem::Tag(tag.original()));
                }
                let plain = style == ScalarStyle::Plain;
                let node = Node { place, kind: Kind::Scalar(Scalar { text: text.into_owned(), plain }) };
                self.count(1, place)?;
                self.put(node, anchor, plain);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(place, anchor, tag.map(|t| t.original()), OpenKind::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let kind = OpenKind::Map { entries: Vec::new(), key: None, seen: HashSet::new() };
                self.begin(place, anchor, tag.map(|t| t.original()), kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => {
                let node = match self.anchors.get(&id) {
                    Some((node, size)) => {
                        let (node, size) = (node.clone(), *size);
                        self.count(size, place)?;
                        self.depth(depth_of(&node), place)?;
                        node
                    }
                    None => {
                        self.findings.error(place, Problem::AliasInItself);
                        Node { place, kind: Kind::Broken }
                    }
                };
                // A finding about an alias' content belongs to the anchor, where it can be mended; the alias keeps those places.
                self.put(node, 0, false);
            }
            Event::UnresolvedAlias(name) => {
                self.findings.error(place, Problem::UnknownAnchor(name.into_owned()));
                self.put(Node { place, kind: Kind::Broken }, 0, false);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, place: Place, anchor: usize, tag: Option<String>, kind: OpenKind) -> Result<(), Stop> {
        if let Some(tag) = tag {
            self.findings.error(place, Problem::Tag(tag));
        }
        self.count(1, place)?;
        self.open.push(Open { place: Place { width: 1, ..place }, anchor, kind });
        self.depth(0, place)
    }

    fn end(&mut self) {
        let Some(Open { place, anchor, kind }) = self.open.pop() else { return };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { entries, .. } => Kind::Map(self.merge(entries)),
        };
        self.put(Node { place, kind }, anchor, false);
    }

    /// Hands a finished node to what it stands in.
    fn put(&mut self, node: Node, anchor: usize, plain: bool) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size_of(&node)));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(node),
            Some(Open { kind: OpenKind::Map { entries, key, seen }, .. }) => match key.take() {
                Some(Some((key, key_place))) => entries.push(Entry { key, key_place, value: node }),
                Some(None) => {}
                None => {
                    *key = Some(match node.kind {
                        Kind::Scalar(scalar) => {
                            let merge = plain && scalar.text == "<<";
                            if merge || seen.insert(scalar.text.clone()) {
                                Some((scalar.text, node.place))
                            } else {
                                let first = entries.iter().find(|e| e.key == scalar.text).map_or(node.place.line, |e| e.key_place.line);
                                self.findings.error(node.place, Problem::DuplicateKey { key: scalar.text, first });
                                None
                            }
                        }
                        Kind::Broken => None,
                        Kind::List(_) | Kind::Map(_) => {
                            self.findings.error(node.place, Problem::KeyNotText);
                            None
                        }
                    });
                }
            },
        }
    }

    /// Spreads `<<: *anchor`; what is written in the map itself wins.
    fn merge(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        if entries.iter().all(|entry| entry.key != "<<") {
            return entries;
        }
        let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
        let mut names: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
        for merge in merges {
            let maps = match merge.value.kind {
                Kind::List(items) => items,
                _ => vec![merge.value],
            };
            for map in maps {
                match map.kind {
                    Kind::Map(entries) => own.extend(entries.into_iter().filter(|entry| names.insert(entry.key.clone()))),
                    Kind::Broken => {}
                    _ => self.findings.error(merge.key_place, Problem::MergeNotMap),
                }
            }
        }
        own
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Stop> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            self.findings.syntax(place, Problem::TooManyNodes { limit: MAX_NODES });
            return Err(Stop);
        }
        Ok(())
    }

    fn depth(&mut self, more: usize, place: Place) -> Result<(), Stop> {
        if self.open.len() + more > MAX_DEPTH {
            self.findings.syntax(place, Problem::TooDeep { limit: MAX_DEPTH });
            return Err(Stop);
        }
        Ok(())
    }

    fn place(&self, span: &Span) -> Place {
        let (start, end) = (&span.start, &span.end);
        let width = if start.line() == end.line() { end.col().saturating_sub(start.col()).max(1) } else { 1 };
        Place { file: self.file, line: line(start.line()), column: line(start.col() + 1), width: line(width) }
    }

    /// After a syntax error: what had been read by then, closed where it broke.
    fn finish(mut self) -> Option<Node> {
        while !self.open.is_empty() {
            self.end();
        }
        self.root
    }
}

fn size_of(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) | Kind::Broken => 1,
        Kind::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| 1 + size_of(&entry.value)).sum::<usize>(),
    }
}

fn depth_of(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) | Kind::Broken => 0,
        Kind::List(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| depth_of(&entry.value)).max().unwrap_or(0),
    }
}
