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

    /// For Markdown: a code span, in which nothing is markup, link or mention, on one line; also for
    /// a table's cell. What would end the span or the cell is written as `\u{60}` or `\u{7c}`, as
    /// [`Self::terminal`] writes control characters. A dash where there is nothing.
    pub fn markdown(self) -> String {
        if self.0.is_empty() {
            return "-".to_owned();
        }
        let safe = self.terminal();
        let mut span = String::with_capacity(safe.len() + 2);
        span.push('`');
        for c in safe.chars() {
            if matches!(c, '`' | '|') {
                span.extend(c.escape_unicode());
            } else {
                span.push(c);
            }
        }
        span.push('`');
        span
    }

    /// For the text of a Mermaid diagram, behind a colon: letters, digits and harmless punctuation,
    /// all else as Mermaid's entities (`#35;`).
    pub fn mermaid(self) -> String {
        mermaid(&self.terminal())
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

/// The Markdown escape for sentences of ours that quote strangers: one line, in which no character is
/// markup. A word that a reader of Markdown would make a link or a mention of is a code span.
pub fn markdown(prose: &str) -> String {
    let prose = prose.replace(['\n', '\r', '\t'], " ");
    let prose = terminal(prose.into());
    let mut safe = String::with_capacity(prose.len() + 16);
    for (index, word) in prose.split(' ').enumerate() {
        if index > 0 {
            safe.push(' ');
        }
        let is_outside = |c: char| matches!(c, '(' | ')' | ',' | '.' | ';' | '"');
        let inner = word.trim_matches(is_outside);
        let bare = inner.trim_end_matches(':');
        let reference = [bare, inner, word]
            .into_iter()
            .find(|inner| is_reference(inner));
        let parts = reference.and_then(|inner| Some((inner, word.split_once(inner)?)));
        match parts {
            Some((inner, (before, behind))) => {
                push_plain(&mut safe, before);
                safe.push_str(&WireText(inner.as_bytes()).markdown());
                push_plain(&mut safe, behind);
            }
            None => push_plain(&mut safe, word),
        }
    }
    safe
}

/// Whether somebody's Markdown makes a link, a mention, a reference or a picture of a bare word:
/// addresses, issue and commit numbers, emoji.
fn is_reference(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let has_digit_behind = |mark: &str| {
        lower
            .match_indices(mark)
            .any(|(at, _)| lower.get(at + mark.len()..).is_some_and(starts_with_digit))
    };
    let is_hex = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut colons = word.matches(':');
    let is_time = word
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b',' | b';'));
    word.contains('@')
        || word.contains("://")
        || lower.contains("www.")
        || has_digit_behind("#")
        || has_digit_behind("gh-")
        || (is_hex && !word.bytes().all(|b| b.is_ascii_digit()))
        || (colons.nth(1).is_some() && !is_time)
}

fn starts_with_digit(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

/// Appends text with a backslash before what could be markup.
fn push_plain(safe: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '&' | '#' | '@'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
}

/// The escape for the text of a Mermaid diagram, of text that is already safe for a terminal.
/// Semicolons and double quotes, which end statements and names, become their neighbours, for a diagram
/// is read as text, too; whoever needs the very bytes finds them beside it.
pub fn mermaid(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    // Mermaid takes what follows these words, a colon and an entity for a style.
    let lower = text.to_lowercase();
    let has_colon = !(lower.contains("style") || lower.contains("classdef"));
    for c in text.chars() {
        match c {
            ';' => safe.push(','),
            '"' => safe.push('\''),
            ' ' | '.' | ',' | '-' | '_' | '/' | '(' | ')' | '+' | '=' | '\'' | '×' | '…' | '→' =>
            {
                safe.push(c);
            }
            ':' if has_colon => safe.push(c),
            c if c.is_alphanumeric() => safe.push(c),
            c => safe.extend(entity(c)),
        }
    }
    safe
}

/// `#35;`, as Mermaid writes a character by its number.
fn entity(c: char) -> impl Iterator<Item = char> {
    let number = u32::from(c).to_string().into_bytes();
    let digits = number.into_iter().map(char::from);
    std::iter::once('#')
        .chain(digits)
        .chain(std::iter::once(';'))
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
    fn markdown_text_is_one_code_span() {
        let span = |text: &[u8]| WireText(text).markdown();
        assert_eq!(span(b"<b>@a *x* #1"), "`<b>@a *x* #1`");
        assert_eq!(span(b"a`b|c\r\n# d"), "`a\\u{60}b\\u{7c}c\\u{d}\\u{a}# d`");
        assert_eq!(span(b""), "-");
    }

    #[test]
    fn markdown_sentences_have_no_markup() {
        #[track_caller]
        fn check(prose: &str, expected: &str) {
            assert_eq!(markdown(prose), expected);
        }
        check(
            "46 of 66 (69.7 %), 14:13:20 UTC",
            "46 of 66 (69.7 %), 14:13:20 UTC",
        );
        check("a minute at 14:13:20; and", "a minute at 14:13:20; and");
        check(
            "says \"<b>*x*\" [a](b)",
            "says \"\\<b\\>\\*x\\*\" \\[a\\](b)",
        );
        check(
            "(From sip:bob@example.net, see https://x.example).",
            "(From `sip:bob@example.net`, see `https://x.example`).",
        );
        check(
            "@team #12 GH-7 deadbeef1 x::y",
            "`@team` `#12` `GH-7` `deadbeef1` `x::y`",
        );
        check("no `;` here", "no \\`;\\` here");
        check("a\n# b | c\u{1b}", "a \\# b \\| c\\\\u{1b}");
        check("\"@x\" :tada: a:tada:", "\"`@x`\" `:tada:` `a:tada:`");
        check("x5u https://x.example/y: 3", "x5u `https://x.example/y`: 3");
    }

    #[test]
    fn mermaid_text_is_no_style() {
        assert_eq!(WireText(b"restyle:#1;").mermaid(), "restyle#58;#35;1,");
    }

    #[test]
    fn mermaid_text_ends_nothing() {
        assert_eq!(
            WireText(b"a;b#c:d%%{end}\n-->>").mermaid(),
            "a,b#35;c:d#37;#37;#123;end#125;#92;u#123;a#125;--#62;#62;"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(WireText(b"caf\xe9").terminal(), "caf\u{fffd}");
        assert!(!WireText(b"caf\xe9").is_utf8());
    }
}
