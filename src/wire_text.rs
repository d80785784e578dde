//! `WireText`: bytes a stranger chose, on their way into a report.
//!
//! The type has no `Display`. Whoever prints it names the sink, and the sink's escape is applied:
//! a terminal never sees a control character, a spreadsheet never sees a formula.

use std::borrow::Cow;

/// Bytes from the wire that are shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireText<'a>(pub &'a [u8]);

impl<'a> WireText<'a> {
    /// For a terminal or a plain text file: one line, valid UTF-8, no control, escape, format or
    /// bidirectional override character; each of those is written as `\u{1b}`, and a byte that is
    /// not UTF-8 as U+FFFD.
    pub fn terminal(self) -> Cow<'a, str> {
        terminal(String::from_utf8_lossy(self.0))
    }

    /// For a spreadsheet: what [`Self::terminal`] gives, and nothing that is taken for a formula;
    /// see [`spreadsheet`].
    pub fn spreadsheet(self) -> Cow<'a, str> {
        spreadsheet(String::from_utf8_lossy(self.0))
    }

    /// For the comments of a pcapng: what a terminal gets, because Wireshark shows them and tshark
    /// prints them.
    pub fn pcapng(self) -> Cow<'a, str> {
        self.terminal()
    }

    /// For JSON strings: valid UTF-8 with U+FFFD for what is not (CONTRACT, JSON); the
    /// report's writer escapes the rest.
    pub fn json(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// Whether [`Self::json`] lost something, so that `<field>_bytes` must stand beside it.
    pub fn is_utf8(self) -> bool {
        std::str::from_utf8(self.0).is_ok()
    }
}

/// The terminal escape for text that is already UTF-8.
pub fn terminal(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(is_unsafe_in_terminal) {
        Cow::Owned(escape(&text))
    } else {
        text
    }
}

/// The spreadsheet escape for text that is already UTF-8: the terminal's, and an apostrophe before
/// what a spreadsheet would compute: text that begins, behind blanks and quotation marks, with `=`,
/// `+`, `-` or `@`. The same holds behind a semicolon, at which some countries' spreadsheets cut.
pub fn spreadsheet(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = terminal(text);
    if !text.split(';').any(is_formula) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 4);
    for (index, part) in text.split(';').enumerate() {
        if index > 0 {
            safe.push(';');
        }
        if is_formula(part) {
            safe.push('\'');
        }
        safe.push_str(part);
    }
    Cow::Owned(safe)
}

fn is_formula(text: &str) -> bool {
    let is_passed_over = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let first = text.trim_start_matches(is_passed_over).chars().next();
    // The wide forms are taken for the narrow ones.
    matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    )
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe_in_terminal(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Control characters, and the characters that reorder or hide text around them.
pub(crate) fn is_unsafe_in_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_text_has_no_escape_sequence() {
        assert_eq!(
            WireText(b"a\x1b[31mb\r\n").terminal(),
            "a\\u{1b}[31mb\\u{d}\\u{a}"
        );
    }

    #[test]
    fn terminal_text_cannot_be_reordered() {
        assert_eq!(WireText("a\u{202e}b".as_bytes()).terminal(), "a\\u{202e}b");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(
            WireText("Prüfung".as_bytes()).terminal(),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_spreadsheet_never_sees_a_formula() {
        let check = |text: &str, expected: &str| {
            assert_eq!(spreadsheet(text.into()), expected, "{text}");
        };
        for harmless in [
            "",
            "sip:+1555@a.example",
            "a=b",
            "1-2@host",
            "'quoted'",
            "a; b",
        ] {
            check(harmless, harmless);
        }
        for first in ['=', '+', '-', '@', '＝'] {
            check(&format!("{first}1"), &format!("'{first}1"));
            check(&format!(" \"'{first}1"), &format!("' \"'{first}1"));
            check(&format!("a; {first}1;b"), &format!("a;' {first}1;b"));
        }
        // What is not printable is spelled out, so that it begins no cell.
        check("\t=1", "\\u{9}=1");
        check("\r\n=1", "\\u{d}\\u{a}=1");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(WireText(b"caf\xe9").terminal(), "caf\u{fffd}");
        assert!(!WireText(b"caf\xe9").is_utf8());
    }
}
