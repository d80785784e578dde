//! Paint: which colour stands for what, and the ANSI sequences of it.
//!
//! In: a meaning (a severity, a class of code, a heading). Out: a [`Style`], which is the empty
//! sequence when colours are off. Colour only repeats what the words say.

use comfy_table::{Attribute, Cell, Color};

use crate::report::view::Severity;

/// A look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Style {
    /// As it is.
    Plain,
    /// Headings.
    Bold,
    /// Labels and what matters little.
    Dim,
    /// A colour.
    Color(Color),
    /// A colour, bold.
    Strong(Color),
}

impl Style {
    /// The style of a severity.
    pub(in crate::report) const fn severity(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Strong(Color::DarkRed),
            Severity::Error => Self::Color(Color::DarkRed),
            Severity::Warning => Self::Color(Color::DarkYellow),
            Severity::Info => Self::Color(Color::DarkCyan),
        }
    }

    /// The style of a status code, by class.
    pub(in crate::report) const fn code(code: u16) -> Self {
        match code / 100 {
            2 => Self::Color(Color::DarkGreen),
            3 => Self::Color(Color::DarkCyan),
            4 => Self::Color(Color::DarkYellow),
            5 => Self::Color(Color::DarkRed),
            6 => Self::Color(Color::DarkMagenta),
            _ => Self::Dim,
        }
    }

    /// `text` in this style.
    pub(in crate::report) fn paint(self, text: &str, color: bool) -> String {
        let codes = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1".to_owned(),
            Self::Dim => "2".to_owned(),
            Self::Color(color) => sgr(color).to_string(),
            Self::Strong(color) => format!("1;{}", sgr(color)),
        };
        if color && !text.is_empty() {
            format!("\u{1b}[{codes}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A cell in this style; the table drops it when colours are off.
    pub(in crate::report) fn cell(self, text: String) -> Cell {
        let cell = Cell::new_owned(text);
        match self {
            Self::Plain => cell,
            Self::Bold => cell.add_attribute(Attribute::Bold),
            Self::Dim => cell.add_attribute(Attribute::Dim),
            Self::Color(color) => cell.fg(color),
            Self::Strong(color) => cell.fg(color).add_attribute(Attribute::Bold),
        }
    }
}

/// The foreground code of the few colours in use (ECMA-48 §8.3.117).
const fn sgr(color: Color) -> u8 {
    match color {
        Color::DarkRed => 31,
        Color::DarkGreen => 32,
        Color::DarkYellow => 33,
        Color::DarkMagenta => 35,
        Color::DarkCyan => 36,
        _ => 39,
    }
}
