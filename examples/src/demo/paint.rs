//! Text with a colour and a width: what a terminal shows is counted in columns, not in bytes or characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a piece of text looks, as far as the terminal has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As text is.
    Plain,
    /// What stands out.
    Bold,
    /// What may be overlooked.
    Dim,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// One line, piece by piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(Style, String)>,
}

impl Line {
    /// A line of one piece.
    pub fn of(style: Style, text: impl Into<String>) -> Self {
        Self::default().then(style, text)
    }

    /// Adds a piece.
    #[must_use]
    pub fn then(mut self, style: Style, text: impl Into<String>) -> Self {
        // Control characters, as an error text from outside may hold, would break the picture.
        let text = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.pieces.push((style, text));
        self
    }

    /// Adds a piece that fills so many columns, flush left.
    #[must_use]
    pub fn left(self, style: Style, text: &str, columns: usize) -> Self {
        let text = cut(text, columns);
        let fill = columns.saturating_sub(text.width());
        self.then(style, text + &" ".repeat(fill))
    }

    /// Adds a piece that fills so many columns, flush right.
    #[must_use]
    pub fn right(self, style: Style, text: &str, columns: usize) -> Self {
        let text = cut(text, columns);
        let fill = columns.saturating_sub(text.width());
        self.then(style, " ".repeat(fill) + &text)
    }

    /// Adds another line's pieces.
    #[must_use]
    pub fn append(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Its width in columns.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    /// The same line, no wider than so many columns.
    #[must_use]
    pub fn within(mut self, columns: usize) -> Self {
        let mut room = columns;
        for (_, text) in &mut self.pieces {
            if text.width() > room {
                *text = cut(text, room);
            }
            room -= text.width();
        }
        self
    }

    /// For the terminal, with or without its codes for colours.
    pub fn render(&self, colours: bool) -> String {
        let mut out = String::new();
        for (style, text) in &self.pieces {
            match style.code() {
                code if colours && !code.is_empty() && !text.is_empty() => {
                    out.push_str(code);
                    out.push_str(text);
                    out.push_str("\x1b[0m");
                }
                _ => out.push_str(text),
            }
        }
        let kept = out.trim_end_matches(' ').len();
        out.truncate(kept);
        out
    }
}

/// As much of a text as fits, with an ellipsis where it was cut.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut room = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > room {
            break;
        }
        room -= width;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A number as people read it: `12,345`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_text_fills_columns_not_bytes() {
        for name in ["Bảo Lộc", "Bảo Lộc", "B'Lao", "Đèo 东"] {
            let line = Line::default().left(Style::Plain, name, 10).then(Style::Plain, "|");
            assert_eq!(line.width(), 11, "{name}");
            let line = Line::default().right(Style::Plain, name, 10);
            assert_eq!(line.width(), 10, "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(
            (cut("Bảo Lộc", 7), cut("Bảo Lộc", 6), cut("东东东", 4), cut("ab", 1), cut("ab", 0)),
            ("Bảo Lộc".into(), "Bảo L…".into(), "东…".into(), "…".into(), String::new())
        );
        let line = Line::of(Style::Bold, "abc").then(Style::Dim, "defg").then(Style::Plain, "h").within(6);
        assert_eq!((line.width(), line.render(false)), (6, "abcde…".to_owned()));
    }

    #[test]
    fn colours_are_codes_only_when_wanted() {
        let line = Line::of(Style::Good, "●").then(Style::Plain, " x  ");
        assert_eq!((line.render(false), line.render(true)), ("● x".to_owned(), "\x1b[32m●\x1b[0m x".to_owned()));
        assert_eq!(Line::of(Style::Plain, "a\x1b[2J\nb").render(true), "a [2J b");
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
