//! Say: facts of the view as words of the page.
//!
//! In: values of the view. Out: text without markup, in which a stranger's control characters are shown.

use super::Options;
use super::words::Words;
use crate::report::table::findings as said;
use crate::report::table::layout::Page;
use crate::report::text;
pub(super) use crate::report::text::safe;
use crate::report::view::{Diagnosis, Response, Time};
use crate::units::Timestamp;

/// [`safe`] of what may be absent.
pub(super) fn optional(prose: Option<&String>) -> Option<String> {
    prose
        .map(|prose| safe(prose))
        .filter(|text| !text.is_empty())
}

/// A frame's number; `file:frame` when there are several files.
pub(super) fn frame(file: u16, frame: u64, options: &Options) -> String {
    said::frame(Page::new(options), file, frame)
}

/// `2026-09-21 14:13:20 - 14:15:20 UTC (120 s)`.
pub(super) fn window(first: Time, last: Time, start: Timestamp, options: &Options) -> String {
    said::window(Page::new(options), first, last, start)
}

/// `12 345`: digits in groups of three from five digits on.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut grouped = String::with_capacity(digits.len() + 8);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes as people say them.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    for (size, unit) in UNITS {
        if bytes >= size {
            return format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size);
        }
    }
    format!("{bytes} bytes")
}

/// `2xx`, as a class of style, for a code.
pub(super) const fn class(code: u16) -> &'static str {
    match code / 100 {
        1 => "c1",
        2 => "c2",
        3 => "c3",
        4 => "c4",
        5 => "c5",
        6 => "c6",
        _ => "c0",
    }
}

/// Repeats, causes and context of a response in a phrase.
pub(super) fn context(response: &Response<'_>, options: &Options) -> String {
    let words = Words::of(options.lang);
    let mut parts = Vec::new();
    parts.extend(response.diagnosis.first().map(|first| {
        let grade = first.grade.map_or("", |grade| grade.name());
        if grade.is_empty() {
            safe(&first.cause)
        } else {
            format!("{} ({grade})", safe(&first.cause))
        }
    }));
    if response.retransmission {
        parts.push(words.labels.retransmission.to_owned());
    }
    if response.duplicate {
        parts.push(words.labels.duplicate.to_owned());
    }
    parts.extend(response.context.as_deref().map(safe));
    parts.join("; ")
}

/// `dest-mismatch (proven), Identity 1, a → b: evidence. To do: …`.
pub(super) fn diagnosis(cause: &Diagnosis<'_>, options: &Options) -> String {
    let to_do = format!(". {}", Words::of(options.lang).labels.to_do);
    text::diagnosis(cause, &to_do, safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_counts_are_grouped() {
        assert_eq!(
            [7, 1234, 12_345, 1_234_567].map(count),
            ["7", "1234", "12\u{202f}345", "1\u{202f}234\u{202f}567"]
        );
    }
}
