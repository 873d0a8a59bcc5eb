//! The terminal: a table that is drawn again in its place, or, where there is no terminal, a line now and then.

use std::io::{IsTerminal, Write};

use super::draw;
use super::paint::{Line, Style};

/// Standard output, and what stands on it.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    colours: bool,
    size: (usize, usize),
    drawn: Vec<(String, usize)>,
    hidden: bool,
}

impl Screen {
    /// Looks at what standard output is. Colours are for terminals, unless `NO_COLOR` (no-color.org) forbids them.
    pub fn open() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { terminal, colours, size: size(), drawn: Vec::new(), hidden: false }
    }

    /// Whether there is somebody to draw for.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Columns and rows; 80 by 40 where there is no terminal.
    pub fn size(&self) -> (usize, usize) {
        size()
    }

    /// Prints lines below all that stands there; a table that stood there stays.
    pub fn print(&mut self, lines: &[Line]) {
        let mut out = String::new();
        for line in lines {
            out.push_str(&line.render(self.colours));
            out.push('\n');
        }
        self.drawn.clear();
        write(&out);
    }

    /// One step of the demonstration, done.
    pub fn step(&mut self, what: &str, how: &str) {
        self.print(&[Line::of(Style::Good, "  ✓ ").left(Style::Bold, what, 14).then(Style::Plain, how)]);
    }

    /// Draws a table over the one before. Lines that did not change are left alone, so that a marked text stays marked.
    pub fn draw(&mut self, lines: &[Line]) {
        let (columns, _) = size();
        let mut out = String::new();
        if !self.hidden {
            out.push_str("\x1b[?25l");
            self.hidden = true;
        }
        if self.size != size() {
            // The terminal has moved everything about: start from a clean one.
            self.size = size();
            self.drawn.clear();
            out.push_str("\x1b[2J\x1b[H");
        }
        let above: usize = self.drawn.iter().map(|(_, rows)| rows).sum();
        if above > 0 {
            out.push_str(&format!("\x1b[{above}A\r"));
        }
        // Once a line takes more or fewer rows than the one before it, all below it has moved.
        let mut in_place = true;
        let mut next = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let (text, rows) = (line.render(self.colours), draw::rows_of(line, columns));
            let before = self.drawn.get(index);
            if in_place && before.is_some_and(|(old, _)| *old == text) {
                out.push_str(&format!("\x1b[{rows}B\r"));
            } else {
                in_place &= before.is_some_and(|(_, old)| *old == rows);
                // A command that wraps is erased row by row before it is written.
                out.push_str(&"\x1b[2K\n".repeat(rows - 1));
                out.push_str("\x1b[2K");
                if rows > 1 {
                    out.push_str(&format!("\x1b[{}A\r", rows - 1));
                }
                out.push_str(&text);
                out.push('\n');
            }
            next.push((text, rows));
        }
        out.push_str("\x1b[J");
        self.drawn = next;
        write(&out);
    }

    /// Gives the cursor back; the table stays where it is.
    pub fn close(&mut self) {
        if self.hidden {
            self.hidden = false;
            write("\x1b[?25h");
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 40),
    }
}

/// Nobody is helped by an error about a closed terminal: the run goes on, and its exit code says how it went.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
