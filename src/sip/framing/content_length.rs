//! `head_len` and [`ContentLength`]: where the header section ends, and what it says of the body.
//!
//! In: bytes that begin with a start line. Out: lengths. Nothing is allocated.
//!
//! # References
//! - RFC 3261 §7.3.1 (folding, blanks before the colon), §18.3 (framing), §20.14 (Content-Length)

use memchr::{memchr, memchr_iter};

/// What a header section says about the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentLength {
    /// It says nothing.
    Missing,
    /// Not a number, negative, or several that differ.
    Bad,
    /// So many bytes; saturated.
    Is(u64),
}

/// The length of the header section with the empty line that ends it. CRLF and LF end lines, and
/// may be mixed; a CR alone does not. `from`: so many bytes are known not to hold the end.
pub(super) fn head_len(bytes: &[u8], from: usize) -> Option<usize> {
    // An empty line may straddle what is known.
    let from = from.saturating_sub(3);
    let tail = bytes.get(from..)?;
    memchr_iter(b'\n', tail).find_map(|at| match tail.get(at + 1..) {
        Some([b'\n', ..]) => Some(from + at + 2),
        Some([b'\r', b'\n', ..]) => Some(from + at + 3),
        _ => None,
    })
}

/// Reads every Content-Length field of a header section.
pub(super) fn content_length(head: &[u8]) -> ContentLength {
    let mut found = ContentLength::Missing;
    let mut rest = next_line(head);
    while !rest.is_empty() {
        let first = rest.first().copied().unwrap_or(0);
        if matches!(first, b'c' | b'C' | b'l' | b'L') {
            let field = rest.get(..field_len(rest)).unwrap_or(rest);
            if let Some(value) = value_of(field) {
                found = match (found, number(value)) {
                    (ContentLength::Missing, Some(value)) => ContentLength::Is(value),
                    (ContentLength::Is(before), Some(value)) if before == value => found,
                    _ => ContentLength::Bad,
                };
            }
        }
        rest = next_line(rest);
    }
    found
}

/// What follows the first line.
fn next_line(bytes: &[u8]) -> &[u8] {
    memchr(b'\n', bytes)
        .and_then(|end| bytes.get(end + 1..))
        .unwrap_or_default()
}

/// The first line and the lines folded to it (RFC 3261 §7.3.1).
fn field_len(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes)
        .find(|end| !matches!(bytes.get(end + 1), Some(b' ' | b'\t')))
        .unwrap_or(bytes.len())
}

/// The value, if the field is a Content-Length. Blanks and folds around the colon are legal.
fn value_of(field: &[u8]) -> Option<&[u8]> {
    let colon = memchr(b':', field)?;
    let (name, value) = field.split_at(colon);
    let name = name.trim_ascii();
    (name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l"))
        .then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

/// Digits only; leading zeros are legal, and a number too large for us is larger than any body.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_read_however_it_is_written() {
        use ContentLength::{Bad, Is, Missing};
        for (fields, expected) in [
            ("Content-Length: 12\r\n", Is(12)),
            ("content-LENGTH:12\r\n", Is(12)),
            ("l: 12\r\n", Is(12)),
            ("L : 12 \r\n", Is(12)),
            ("Content-Length\r\n :\r\n\t12\r\n", Is(12)),
            ("Content-Length: 0000012\r\n", Is(12)),
            ("Content-Length: 12\n", Is(12)),
            ("a: b\r\nl: 12\r\nc: d\r\n", Is(12)),
            ("l: 12\r\nContent-Length: 12\r\n", Is(12)),
            ("l: 99999999999999999999999\r\n", Is(u64::MAX)),
            ("l: 12\r\nl: 13\r\n", Bad),
            ("Content-Length: -999\r\n", Bad),
            ("Content-Length: +1\r\n", Bad),
            ("Content-Length: 1 2\r\n", Bad),
            ("Content-Length: 1\r\n 2\r\n", Bad),
            ("Content-Length: 5, 5\r\n", Bad),
            ("Content-Length:\r\n", Bad),
            ("Content-Length: 0x10\r\n", Bad),
            ("l: x\r\nl: 4\r\n", Bad),
            ("Content-Lengthy: 12\r\n", Missing),
            ("Subject: a\r\n l: 12\r\n", Missing),
            ("Call-ID: l: 12\r\n", Missing),
            ("", Missing),
        ] {
            let head = format!("INVITE sip:a@b SIP/2.0\r\n{fields}\r\n");
            assert_eq!(content_length(head.as_bytes()), expected, "{fields:?}");
        }
    }

    #[test]
    fn the_start_line_is_no_field() {
        let head = b"l: 3\r\n\r\n";
        assert_eq!(content_length(head), ContentLength::Missing);
    }

    #[test]
    fn an_empty_line_of_any_kind_ends_the_head() {
        for (text, expected) in [
            ("a\r\n\r\nb", Some(5)),
            ("a\n\nb", Some(3)),
            ("a\r\n\nb", Some(4)),
            ("a\n\r\nb", Some(4)),
            ("a\r\rb", None),
            ("a\r\n \r\nb", None),
            ("a\r\n\r", None),
        ] {
            for from in 0..=text.len().min(3) {
                assert_eq!(head_len(text.as_bytes(), from), expected, "{text:?}");
            }
        }
    }
}
