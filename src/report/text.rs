//! Text: widths, wrapping and shortening for reports of a fixed width.
//!
//! In: text that is already safe for a terminal ([`crate::wire_text`]). Out: lines of at most the
//! width asked for. Widths are those of a terminal: CJK and emoji take two columns.
//!
//! What always holds: wrapping loses no character but the spaces at a break; a run of digits is
//! cut only where nothing else fits in a line.

use std::borrow::Cow;
use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::view::Diagnosis;
use crate::wire_text;

/// Appends to `line` what `format_args!` makes.
pub fn push(line: &mut String, args: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    fmt::Write::write_fmt(line, args).unwrap_or_default();
}

/// A sentence of ours, which may quote a stranger.
pub fn safe(prose: &str) -> String {
    wire_text::terminal(prose.into()).into_owned()
}

/// `dest-mismatch (proven), Identity 1, a → b: evidence`, then `to_do`, which leads to what to do. `say` makes each
/// part fit for its sink: [`safe`], or one that also bounds it.
pub fn diagnosis(cause: &Diagnosis<'_>, to_do: &str, say: impl Fn(&str) -> String) -> String {
    let mut line = say(&cause.cause);
    if let Some(grade) = cause.grade {
        push(&mut line, format_args!(" ({})", grade.name()));
    }
    if let Some(header) = cause.header {
        push(&mut line, format_args!(", Identity {}", header + 1));
    }
    if let Some(hop) = &cause.hop {
        push(&mut line, format_args!(", {}", say(hop)));
    }
    if let Some(evidence) = &cause.evidence {
        push(&mut line, format_args!(": {}", say(evidence)));
    }
    if let Some(remediation) = &cause.remediation {
        push(&mut line, format_args!("{to_do}: {}", say(remediation)));
    }
    line
}

/// Terminal columns of `text`.
pub fn width(text: &str) -> usize {
    text.width()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Units that stay in one line with their number.
const UNITS: [&str; 10] = [
    "%", "s", "ms", "min", "h", "days", "bytes", "kB", "MB", "GB",
];

/// The words of a paragraph; a number and its unit are one, unless that is wider than `max`.
fn words(paragraph: &str, max: usize) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        if let Some(last) = words.last_mut()
            && UNITS.contains(&bare)
            && last.ends_with(|c: char| c.is_ascii_digit())
            && width(last) + 1 + width(word) <= max
        {
            let last = last.to_mut();
            last.push(' ');
            last.push_str(word);
        } else {
            words.push(Cow::Borrowed(word));
        }
    }
    words
}

/// Breaks `text` into lines of at most `max` columns: at spaces, else behind punctuation or
/// between wide characters, else between a letter and a digit, else anywhere.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        wrap_paragraph(paragraph, max, &mut lines);
    }
    // Unicode has more blanks than the one that parts words.
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

fn wrap_paragraph(paragraph: &str, max: usize, lines: &mut Vec<String>) {
    let mut line = String::new();
    let mut used = 0;
    for word in &words(paragraph, max) {
        let needed = width(word);
        let gap = usize::from(!line.is_empty());
        if used + gap + needed <= max {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            used += gap + needed;
            continue;
        }
        // Chinese has no spaces: such a word goes on in the line it does not fit into.
        let mut rest: &str = word;
        let flows = word.chars().any(|c| char_width(c) == 2);
        if !line.is_empty() {
            if flows && used + 1 + 8 <= max {
                let (head, tail) = split_word(rest, max - used - 1);
                if !head.is_empty() {
                    line.push(' ');
                    line.push_str(head);
                    rest = tail;
                }
            }
            lines.push(std::mem::take(&mut line));
        }
        while width(rest) > max {
            let (head, tail) = split_word(rest, max);
            if head.is_empty() {
                break;
            }
            lines.push(head.to_owned());
            rest = tail;
        }
        line.push_str(rest);
        used = width(rest);
    }
    lines.push(line);
}

/// The longest good head of `word` that fits `max` columns, and the rest.
fn split_word(word: &str, max: usize) -> (&str, &str) {
    let mut used = 0;
    let mut hard = 0;
    let mut soft = 0;
    let mut kind = 0;
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        used += char_width(c);
        if used > max {
            break;
        }
        let end = at + c.len_utf8();
        hard = end;
        let Some(&(_, next)) = chars.peek() else {
            break;
        };
        if char_width(next) == 0 {
            continue; // A combining mark stays with its letter.
        }
        let wide = char_width(c) == 2 && !is_closing(next);
        if wide || (is_break_after(c) && !is_break_after(next)) {
            soft = end;
        } else if c.is_ascii_digit() != next.is_ascii_digit() {
            kind = end;
        }
    }
    // A break near the start would waste the line.
    let good = |at: usize| at * 3 >= hard;
    let at = if soft > 0 && good(soft) {
        soft
    } else if kind > 0 && good(kind) {
        kind
    } else {
        hard
    };
    word.split_at_checked(at).unwrap_or((word, ""))
}

fn is_break_after(c: char) -> bool {
    matches!(
        c,
        '@' | ':' | ';' | ',' | '/' | '-' | '_' | '=' | '&' | '?' | '.' | '|' | ')' | '>'
    )
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        '。' | '，' | '、' | '；' | '：' | '）' | '！' | '？' | '”' | '」'
    )
}

/// `text` in at most `max` columns, with `…` in its middle where something was left out.
pub fn shorten(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let keep = max.saturating_sub(1);
    let tail_max = keep / 2;
    let head_max = keep - tail_max;
    let mut head = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += char_width(c);
        if used > head_max {
            break;
        }
        head.push(c);
    }
    let mut tail = Vec::new();
    used = 0;
    for c in text.chars().rev() {
        used += char_width(c);
        if used > tail_max {
            break;
        }
        tail.push(c);
    }
    while tail.last().is_some_and(|&c| char_width(c) == 0) {
        tail.pop(); // Its letter was left out.
    }
    head.push('…');
    head.extend(tail.iter().rev());
    head
}

/// `27.3%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        "-".to_owned()
    } else if percent > 0.0 && percent < 0.05 {
        "<0.1%".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        ">99.9%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, max: usize, expected: &[&str]) {
        assert_eq!(wrap(text, max), expected);
    }

    #[test]
    fn lines_break_at_spaces() {
        check("one two three", 7, &["one two", "three"]);
        check("", 7, &[""]);
        check("a\nb", 7, &["a", "b"]);
    }

    #[test]
    fn a_number_and_its_unit_stay_together() {
        check("refused in 58.6 s", 16, &["refused in", "58.6 s"]);
        check("all (100 %), or 5 ms.", 9, &["all", "(100 %),", "or 5 ms."]);
        check("it is 5 s", 6, &["it is", "5 s"]);
        // A blank between is better than a line too wide.
        check("1234567 ms", 8, &["1234567", "ms"]);
    }

    #[test]
    fn long_words_break_behind_punctuation_and_not_inside_numbers() {
        check(
            "sip:+15551234567@gw.example.net",
            20,
            &["sip:+15551234567@gw.", "example.net"],
        );
        check(
            "[2001:db8:aaaa:bbbb::1]:5060",
            16,
            &["[2001:db8:aaaa:", "bbbb::1]:5060"],
        );
    }

    #[test]
    fn chinese_breaks_anywhere_but_before_closing_punctuation() {
        check("主叫拒绝，重试。", 8, &["主叫拒", "绝，重", "试。"]);
    }

    #[test]
    fn shortening_keeps_both_ends() {
        assert_eq!(shorten("abcdefghij", 5), "ab…ij");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("电话号码电话号码", 7), "电…码");
        assert_eq!(shorten("😀", 1), "…");
    }

    #[test]
    fn shares_never_round_to_none_or_all() {
        let said = [0.0, 0.0001, 0.273, 0.9999, 1.0, f64::NAN].map(percent);
        assert_eq!(said, ["0.0%", "<0.1%", "27.3%", ">99.9%", "100.0%", "-"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_nothing_is_lost(text in "\\PC{0,80}", max in 2_usize..40) {
            let lines = wrap(&text, max);
            for line in &lines {
                // A cluster may be narrower or wider than its characters one by one.
                prop_assert!(line.chars().map(char_width).sum::<usize>() <= max.max(line.chars().count().min(2) * 2));
            }
            // Blanks of any kind may go at the end of a line.
            let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }

        #[test]
        fn shortened_text_fits(text in "[a-z0-9电话@.]{0,60}", max in 3_usize..30) {
            prop_assert!(width(&shorten(&text, max)) <= max);
        }
    }
}
