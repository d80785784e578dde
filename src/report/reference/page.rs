//! Typography of the text pages: titles, ruled headings, wrapped paragraphs, lists and columns.

use std::io::{self, Write};

use super::Layout;
use crate::catalogue::Class;

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// Columns of prose on a wide page: a longer line is hard to follow to the next.
const PROSE_WIDTH: usize = 110;

/// A page being written.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
    color: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(layout: &Layout, out: &'a mut dyn Write) -> Self {
        Self {
            out,
            width: layout.width.max(40),
            color: layout.color,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Columns of prose.
    pub(super) fn prose_width(&self) -> usize {
        self.width.min(PROSE_WIDTH)
    }

    /// The first line of a page and its underline, coloured by class.
    pub(super) fn title(&mut self, text: &str, class: Option<Class>) -> io::Result<()> {
        let rule = "═".repeat(columns(text).min(self.width));
        for line in wrap(text, self.width).iter().chain([&rule]) {
            let (on, off) = self.style(&format!("{BOLD}{}", class.map_or("", ansi)));
            writeln!(self.out, "{on}{line}{off}")?;
        }
        Ok(())
    }

    /// An empty line, then the heading with a rule to the right margin.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let rule = "─".repeat(self.prose_width().saturating_sub(columns(text) + 1));
        let (bold, off) = self.style(BOLD);
        let (dim, _) = self.style(DIM);
        writeln!(self.out, "\n{bold}{text}{off} {dim}{rule}{off}")
    }

    /// Wrapped text; an empty line in it starts a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) -> io::Result<()> {
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                writeln!(self.out)?;
            }
            self.hanging("", paragraph)?;
        }
        Ok(())
    }

    /// `mark` at the left margin, the text wrapped beside it.
    pub(super) fn hanging(&mut self, mark: &str, text: &str) -> io::Result<()> {
        let indent = columns(mark);
        let lines = wrap(text, self.prose_width().saturating_sub(indent));
        for (at, line) in lines.iter().enumerate() {
            let lead = if at == 0 { mark } else { "" };
            writeln!(self.out, "{lead}{:1$}{line}", "", indent - columns(lead))?;
        }
        Ok(())
    }

    /// A bullet a text.
    pub(super) fn bullets<T: AsRef<str>>(&mut self, texts: &[T]) -> io::Result<()> {
        texts
            .iter()
            .try_for_each(|text| self.hanging("• ", text.as_ref()))
    }

    /// A number a text; a single one is a paragraph.
    pub(super) fn steps(&mut self, texts: &[String]) -> io::Result<()> {
        if let [only] = texts {
            return self.paragraph(only);
        }
        texts
            .iter()
            .enumerate()
            .try_for_each(|(at, text)| self.hanging(&format!("{}. ", at + 1), text))
    }

    /// Labels and their values, values aligned.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) -> io::Result<()> {
        let widest = facts.iter().map(|(label, _)| columns(label)).max();
        for (label, value) in facts {
            let pad = widest.unwrap_or(0) - columns(label) + 2;
            self.hanging(&format!("{label}{:pad$}", ""), value)?;
        }
        Ok(())
    }

    /// Cells side by side, each wrapped to its width, two blanks between; the first cell of
    /// `class` is coloured.
    pub(super) fn row(&mut self, cells: &[(&str, usize)], class: Option<Class>) -> io::Result<()> {
        let wrapped: Vec<Vec<String>> = cells.iter().map(|(text, w)| wrap(text, *w)).collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut pending = 0;
            for (at, (cell, (_, width))) in wrapped.iter().zip(cells).enumerate() {
                let text = cell.get(line).map_or("", String::as_str);
                let (on, off) = match class {
                    Some(class) if at == 0 && !text.is_empty() => self.style(ansi(class)),
                    _ => (String::new(), ""),
                };
                if !text.is_empty() {
                    write!(self.out, "{:pending$}{on}{text}{off}", "")?;
                    pending = 0;
                }
                pending += width.saturating_sub(columns(text)) + 2;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn style(&self, codes: &str) -> (String, &'static str) {
        if self.color {
            (codes.to_owned(), RESET)
        } else {
            (String::new(), "")
        }
    }
}

/// The colour of a class.
fn ansi(class: Class) -> &'static str {
    match class {
        Class::Provisional => "\u{1b}[36m",
        Class::Success => "\u{1b}[32m",
        Class::Redirection => "\u{1b}[34m",
        Class::RequestFailure => "\u{1b}[33m",
        Class::ServerFailure => "\u{1b}[31m",
        Class::GlobalFailure => "\u{1b}[35m",
    }
}

/// Columns a terminal needs for `text`: Chinese characters take two.
pub(super) fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}' => 2,
            _ => 1,
        })
        .sum()
}

/// Lines of at most `width` columns; a longer word stands alone.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
