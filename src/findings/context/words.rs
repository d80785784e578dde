//! Words: a context as it is put together, and what strangers chose made fit to stand in it.
//!
//! In: facts, and bytes of the wire. Out: one line of text, its parts joined by semicolons. What
//! always holds: bytes of strangers stand between double quotes, or are tokens; they hold no
//! control, format or bidirectional character and no double quote, so that they cannot pass for
//! words of ours. Capped: [`MOST`] bytes, of which a stranger's text has [`CHARS`] characters.

use std::fmt::{self, Write as _};

use crate::units::FrameRef;
use crate::wire_text::is_unsafe_in_terminal;

/// Bytes of one context, beyond which no part is added.
const MOST: usize = 1200;

/// Characters of a text that a stranger chose.
const CHARS: usize = 80;

/// Characters of a text of which the start tells enough.
const FEW: usize = 40;

/// Characters of a token.
const TOKEN: usize = 48;

/// A context being written.
#[derive(Debug)]
pub(super) struct Words<'a> {
    text: &'a mut String,
    start: usize,
}

impl<'a> Words<'a> {
    /// Writes behind what `text` holds.
    pub(super) const fn new(text: &'a mut String) -> Self {
        let start = text.len();
        Self { text, start }
    }

    /// Whether nothing was written.
    pub(super) const fn is_empty(&self) -> bool {
        self.text.len() == self.start
    }

    /// Adds a part.
    pub(super) fn part(&mut self, part: fmt::Arguments<'_>) {
        if self.text.len() - self.start > MOST {
            return;
        }
        if !self.is_empty() {
            self.text.push_str("; ");
        }
        self.more(part);
    }

    /// Goes on with the last part.
    pub(super) fn more(&mut self, more: fmt::Arguments<'_>) {
        if self.text.len() - self.start <= MOST {
            // Writing to a String cannot fail.
            self.text.write_fmt(more).unwrap_or_default();
        }
    }
}

/// The name of a frame.
pub(super) const fn named(frame: FrameRef) -> Frame {
    Frame { frame }
}

/// `frame 7`, or `frame 1:7` of the second capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    frame: FrameRef,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {}", self.frame)
    }
}

/// A stranger's text between double quotes. Of quoted-pairs the backslash is left out, runs of
/// blanks and folds are one blank, double quotes become single ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(self.0, CHARS, f)
    }
}

/// The same, and shorter: a program's name with all its versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short<'a>(pub(super) &'a [u8]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(self.0, FEW, f)
    }
}

fn quoted(text: &[u8], most: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    let mut written = 0;
    let (mut is_blank, mut is_escaped) = (false, false);
    for c in chars(text) {
        if c == '\\' && !is_escaped {
            is_escaped = true;
            continue;
        }
        is_escaped = false;
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            is_blank = written > 0;
            continue;
        }
        if written >= most {
            f.write_char('…')?;
            break;
        }
        if std::mem::take(&mut is_blank) {
            f.write_char(' ')?;
            written += 1;
        }
        written += 1;
        match c {
            '"' => f.write_char('\'')?,
            c if is_unsafe_in_terminal(c) => write!(f, "{}", c.escape_unicode())?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// A stranger's token: a name, an option tag, a media type. What is no part of one is `?`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a>(pub(super) &'a [u8]);

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index == TOKEN {
                return f.write_char('…');
            }
            let is_safe = byte.is_ascii_alphanumeric() || b"-./_+%*!~:@[]".contains(byte);
            f.write_char(if is_safe { char::from(*byte) } else { '?' })?;
        }
        Ok(())
    }
}

/// Tokens with commas between them, at most [`Tokens::MOST`].
pub(super) struct Tokens<I>(pub(super) I);

impl<I> Tokens<I> {
    /// Tokens of one list.
    const MOST: usize = 16;
}

impl<'a, I: Iterator<Item = &'a [u8]> + Clone> fmt::Display for Tokens<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.clone().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if index == Self::MOST {
                return f.write_char('…');
            }
            write!(f, "{}", Token(token))?;
        }
        Ok(())
    }
}

fn chars(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(broken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_end_its_quotes_or_the_line() {
        let text = b"a\" to \"b\\\"\r\n\tc\x1b[2J\xff\xe2\x80\xae";
        assert_eq!(
            Quoted(text).to_string(),
            "\"a' to 'b' c\\u{1b}[2J\u{fffd}\\u{202e}\""
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(500);
        let quoted = Quoted(text.as_bytes()).to_string();
        assert_eq!(quoted, format!("\"{}…\"", "é".repeat(CHARS)));
        let token = Token(&[b'x'; 500]).to_string();
        assert_eq!(token, format!("{}…", "x".repeat(TOKEN)));
    }

    #[test]
    fn a_token_holds_nothing_that_separates() {
        assert_eq!(Token(b"a;b, \"c\"\x07|d").to_string(), "a?b???c???d");
    }

    #[test]
    fn a_context_ends_somewhere() {
        let mut text = String::from("before");
        let mut words = Words::new(&mut text);
        for _ in 0..1000 {
            words.part(format_args!("{}", Quoted(&[b'x'; 80])));
        }
        assert!(text.len() < MOST + 200, "{}", text.len());
    }
}
