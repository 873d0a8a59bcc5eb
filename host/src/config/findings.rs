//! What `check` says: findings with their place, rendered for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::keys::LAKE_SECRETS;
use super::problem::{BucketFault, EgressFault, EndpointFault, Lang, Problem, shown, visible};
use super::source::{FileId, Place, Sources};
use super::{english, vietnamese};

/// Whether a city with this finding may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, though somebody should look.
    Warning,
}

/// A proposal that fits one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Most likely this was meant.
    Nearest(String),
    /// Nothing is near; these exist.
    Known(Vec<String>),
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// Relative to the city's folder; the folder itself where no file is at fault.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub problem: Problem,
    /// What may have been meant.
    pub hint: Option<Hint>,
    /// The line it stands on, as it may be printed, and the width of what is at fault.
    excerpt: Option<Excerpt>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Characters before the caret.
    indent: usize,
    /// Carets.
    width: usize,
}

impl Finding {
    /// What is wrong, in one line without a full stop.
    pub fn message(&self, lang: Lang) -> String {
        match lang {
            Lang::En => english::message(&self.problem),
            Lang::Vi => vietnamese::message(&self.problem),
        }
    }

    /// What to do about it, where that can be said.
    pub fn suggestion(&self, lang: Lang) -> Option<String> {
        match (&self.hint, lang) {
            (Some(hint), Lang::En) => Some(english::hint(hint)),
            (Some(hint), Lang::Vi) => Some(vietnamese::hint(hint)),
            (None, Lang::En) => english::help(&self.problem),
            (None, Lang::Vi) => vietnamese::help(&self.problem),
        }
    }

    /// `file:line:column: error: …`, the line with a caret, and what to do.
    pub fn render(&self, lang: Lang) -> String {
        let (severity, help) = match (lang, self.severity) {
            (Lang::En, Severity::Error) => ("error", "help"),
            (Lang::En, Severity::Warning) => ("warning", "help"),
            (Lang::Vi, Severity::Error) => ("lỗi", "gợi ý"),
            (Lang::Vi, Severity::Warning) => ("cảnh báo", "gợi ý"),
        };
        let mut out = format!("{}:{}:{}: {severity}: {}\n", self.file, self.line, self.column, self.message(lang));
        if let Some(Excerpt { text, indent, width }) = &self.excerpt {
            let number = self.line.to_string();
            let blank = " ".repeat(number.len());
            let _ = writeln!(out, " {number} | {text}\n {blank} | {}{}", " ".repeat(*indent), "^".repeat(*width));
        }
        if let Some(suggestion) = self.suggestion(lang) {
            let _ = writeln!(out, "   {help}: {suggestion}");
        }
        out
    }
}

/// Why a city cannot run: every finding, errors and warnings, in the order of the files.
#[derive(Debug, Clone)]
pub struct Report {
    /// At least one is an error.
    pub findings: Vec<Finding>,
}

impl Report {
    /// All findings and how many, for a terminal.
    pub fn render(&self, lang: Lang) -> String {
        render(&self.findings, lang)
    }

    /// How many errors.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Lang::En))
    }
}

impl std::error::Error for Report {}

/// Renders findings one after another, with a last line that counts them. Empty for none.
pub fn render(findings: &[Finding], lang: Lang) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let mut out = String::new();
    for finding in findings {
        out.push_str(&finding.render(lang));
        out.push('\n');
    }
    if !findings.is_empty() {
        out.push_str(&match lang {
            Lang::En => english::count(errors, findings.len() - errors),
            Lang::Vi => vietnamese::count(errors, findings.len() - errors),
        });
        out.push('\n');
    }
    out
}

/// Findings while they are being gathered.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<(Place, Severity, Problem, Option<Hint>)>,
    /// Files whose end was lost to a syntax error: what seems to be missing there may only be unread.
    cut: BTreeMap<FileId, Option<Place>>,
}

impl Findings {
    pub(super) fn error(&mut self, place: Place, problem: Problem) {
        self.list.push((place, Severity::Error, problem, None));
    }

    pub(super) fn error_with(&mut self, place: Place, problem: Problem, hint: Option<Hint>) {
        self.list.push((place, Severity::Error, problem, hint));
    }

    pub(super) fn warning(&mut self, place: Place, problem: Problem) {
        self.list.push((place, Severity::Warning, problem, None));
    }

    /// An error after which the rest of the file is unread.
    pub(super) fn syntax(&mut self, place: Place, problem: Problem) {
        self.cut.insert(place.file, Some(place));
        self.error(place, problem);
    }

    /// Something is not there: said only where all of the file was read.
    pub(super) fn missing(&mut self, place: Place, problem: Problem) {
        if !self.cut.contains_key(&place.file) {
            self.error(place, problem);
        }
    }

    /// Marks a file as not read to its end.
    pub(super) fn cut(&mut self, file: FileId) {
        self.cut.entry(file).or_default();
    }

    /// Every file was read to its end, so what no file defines does not exist.
    pub(super) fn complete(&self) -> bool {
        self.cut.is_empty()
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|(_, severity, ..)| *severity == Severity::Error)
    }

    /// In the order of files, lines and columns.
    pub(super) fn finish(mut self, sources: &Sources) -> Vec<Finding> {
        // What was read of the line that broke is half a thought.
        let broken = |place: &Place| self.cut.get(&place.file).copied().flatten().filter(|cut| cut.line == place.line && cut != place);
        self.list.retain(|(place, ..)| broken(place).is_none());
        self.list.sort_by_key(|(place, severity, ..)| (*place, *severity));
        let mut out: Vec<Finding> = Vec::with_capacity(self.list.len());
        let mut lines: (Option<FileId>, Vec<&str>) = (None, Vec::new());
        for (place, severity, problem, hint) in self.list {
            let source = sources.get(place.file);
            if lines.0 != Some(place.file) {
                lines = (Some(place.file), source.text.lines().collect());
            }
            let (line, column) = (place.line, place.column);
            let excerpt = lines.1.get(place.line as usize - 1).filter(|_| !shows_secret(&problem)).and_then(|text| excerpt(text, place));
            let finding = Finding { severity, file: shown(&source.name), line, column, problem, hint, excerpt };
            // An alias shows its anchor's fault once for each use.
            if out.last() != Some(&finding) {
                out.push(finding);
            }
        }
        out
    }
}

/// Whether the line at fault may hold a key or a password, so that it is not repeated.
fn shows_secret(problem: &Problem) -> bool {
    match problem {
        Problem::BadEgress { fault: EgressFault::UserInfo, .. }
        | Problem::BadBucket { fault: BucketFault::Extra, .. }
        | Problem::BadEndpoint { fault: EndpointFault::UserInfo | EndpointFault::Extra, .. } => true,
        Problem::KeyOfOtherFile { file, .. } => *file == LAKE_SECRETS,
        _ => false,
    }
}

/// Characters of a line that are shown at most.
const LINE_WIDTH: usize = 120;

fn excerpt(line: &str, place: Place) -> Option<Excerpt> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    if line.trim().is_empty() {
        return None;
    }
    let column = place.column as usize - 1;
    // A window around the fault, so that a line of a megabyte stays readable.
    let from = if column < LINE_WIDTH - 20 { 0 } else { column - LINE_WIDTH / 2 };
    let window: Vec<char> = line.chars().skip(from).take(LINE_WIDTH).map(visible).collect();
    let indent = window.iter().take(column - from).filter(|c| !is_combining(**c)).count();
    let left = window.iter().skip(column - from).take(place.width as usize).filter(|c| !is_combining(**c)).count();
    Some(Excerpt { text: window.iter().collect::<String>().trim_end().to_owned(), indent, width: left.max(1) })
}

/// Vietnamese written in decomposed form has marks that take no column of their own.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}
