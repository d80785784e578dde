//! `Head`: the lines of a message's head, found in one pass.
//!
//! In: bytes that begin with a start line. Out: where the start line and the head end, each header
//! field's name and value, and what Content-Length says. Framing and [`super::Message`] both read
//! it, so that no line is looked for twice. Always: what is told lies within the bytes that were
//! read; the storage is used again for every message, so reading one allocates nothing. Capped:
//! [`crate::limits::Limits::header_fields`] fields; later ones are not kept and the head is marked.
//!
//! # References
//! - RFC 3261 §7.3.1 (folding, blanks before the colon), §20.14 (Content-Length)

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::field::{NAMES, Name};
use super::message::Oddities;
use super::value::{is_space, trim};

/// What a head says about the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// It says nothing.
    Missing,
    /// Not a number, negative, or several that differ.
    Bad,
    /// So many bytes; saturated.
    Is(u64),
}

/// One header field: its name and where its value lies.
#[derive(Clone, Debug)]
struct Field {
    name: Name,
    /// Index of the next field of the same name, [`NONE`] at the last.
    next: u16,
    /// Where in the message the name and the value lie.
    name_at: Range<usize>,
    value_at: Range<usize>,
}

const NONE: u16 = u16::MAX;

/// A message's head: start line, header fields, empty line.
#[derive(Debug)]
pub struct Head {
    fields: Vec<Field>,
    /// Of each name its first field and its last.
    first: [u16; NAMES],
    last: [u16; NAMES],
    max_fields: usize,
    /// Bytes of the start line without its line end.
    start_line: usize,
    /// Bytes up to and with the empty line; all that were read where there is none.
    len: usize,
    is_ended: bool,
    content_length: ContentLength,
    oddities: Oddities,
}

impl Head {
    /// Storage for at most `max_fields` header fields a message.
    pub fn new(max_fields: usize) -> Self {
        let max_fields = max_fields.min(usize::from(NONE) - 1);
        Self {
            fields: Vec::with_capacity(max_fields),
            first: [NONE; NAMES],
            last: [NONE; NAMES],
            max_fields,
            start_line: 0,
            len: 0,
            is_ended: false,
            content_length: ContentLength::Missing,
            oddities: Oddities::default(),
        }
    }

    /// Reads the head that `bytes` begin with, up to its empty line. CRLF and LF end lines, and may
    /// be mixed; a CR alone does not.
    pub fn read(&mut self, bytes: &[u8]) {
        self.fields.clear();
        self.first = [NONE; NAMES];
        self.last = [NONE; NAMES];
        self.len = bytes.len();
        self.is_ended = false;
        self.content_length = ContentLength::Missing;
        self.oddities = Oddities::default();
        self.start_line = memchr(b'\n', bytes).unwrap_or(bytes.len());
        let mut rest = bytes.get(self.start_line + 1..).unwrap_or_default();
        loop {
            let empty_line = match rest {
                [] => return,
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => 0,
            };
            if empty_line > 0 {
                self.len = bytes.len() - rest.len() + empty_line;
                self.is_ended = true;
                return;
            }
            let (field, behind) = rest
                .split_at_checked(field_len(rest))
                .unwrap_or((rest, &[]));
            self.field(bytes, field);
            rest = behind;
        }
    }

    /// Bytes up to and with the empty line; all that were read where there is none.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was read.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether an empty line ends it.
    pub const fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// What it says about the length of the body.
    pub const fn content_length(&self) -> ContentLength {
        self.content_length
    }

    /// What is odd about its lines.
    pub(super) const fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// The start line of the message that it was read from, without its LF.
    pub(super) fn start_line<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(..self.start_line).unwrap_or(bytes)
    }

    /// The values of all fields of `name` in the message that it was read from, one a field,
    /// trimmed, in order.
    pub(super) fn values<'a>(
        &'a self,
        name: Name,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut next = self.first.get(name as usize).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let field = self.fields.get(usize::from(next))?;
            next = field.next;
            bytes.get(field.value_at.clone())
        })
    }

    /// Every field of the message that it was read from, in order: name as sent, value.
    pub(super) fn fields<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (Name, &'a [u8], &'a [u8])> + use<'a> {
        self.fields.iter().filter_map(move |field| {
            let name = bytes.get(field.name_at.clone())?;
            Some((field.name, name, bytes.get(field.value_at.clone())?))
        })
    }

    /// Takes a field, with its folds, of `bytes`.
    fn field(&mut self, bytes: &[u8], field: &[u8]) {
        let Some((name, name_text, value)) = usual(field).or_else(|| unusual(field)) else {
            if !is_blank(field) {
                self.oddities.add(Oddities::BAD_HEADER_LINE);
            }
            return;
        };
        // Mostly a blank stands before it and a line end behind it, and nothing else.
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let value = trim(value.strip_suffix(b"\r\n").unwrap_or(value));
        // What begins with a blank behind the start line or a blank line is nobody's length.
        if name == Name::ContentLength && field.first().is_some_and(|&b| !is_space(b)) {
            self.content_length = match (self.content_length, number(value)) {
                (ContentLength::Missing, Some(value)) => ContentLength::Is(value),
                (ContentLength::Is(before), Some(value)) if before == value => {
                    ContentLength::Is(value)
                }
                _ => ContentLength::Bad,
            };
        }
        if self.fields.len() == self.max_fields {
            self.oddities.add(Oddities::TOO_MANY_HEADERS);
            return;
        }
        self.add(name, range_in(bytes, name_text), range_in(bytes, value));
    }

    fn add(&mut self, name: Name, name_at: Range<usize>, value_at: Range<usize>) {
        // max_fields is below u16::MAX.
        let index = u16::try_from(self.fields.len()).unwrap_or(NONE);
        self.fields.push(Field {
            name,
            next: NONE,
            name_at,
            value_at,
        });
        let slot = name as usize;
        let previous = self.last.get(slot).copied().unwrap_or(NONE);
        if let Some(field) = self.fields.get_mut(usize::from(previous)) {
            field.next = index;
            if name.is_single() {
                self.oddities.add(Oddities::DUPLICATE_HEADER);
            }
        } else if let Some(first) = self.first.get_mut(slot) {
            *first = index;
        }
        if let Some(last) = self.last.get_mut(slot) {
            *last = index;
        }
    }
}

/// A field of a usual name in its usual spelling: its name, that as sent, and what stands behind
/// the colon. Nothing is searched for and nothing folded to lower case, which is most of what a
/// field costs.
fn usual(field: &[u8]) -> Option<(Name, &[u8], &[u8])> {
    macro_rules! usual {
        ($($first:literal: $($name:ident $spelled:literal),*;)*) => {
            match field.first()? {
                $($first => {
                    $(if let Some((name, [b':', value @ ..])) = field.split_first_chunk()
                        && name == $spelled
                    {
                        return Some((Name::$name, name, value));
                    })*
                })*
                _ => {}
            }
        };
    }
    usual! {
        b'A': Allow b"Allow";
        b'C': CallId b"Call-ID", CSeq b"CSeq", Contact b"Contact",
            ContentLength b"Content-Length", ContentType b"Content-Type";
        b'E': Expires b"Expires";
        b'F': From b"From";
        b'M': MaxForwards b"Max-Forwards";
        b'P': PAssertedIdentity b"P-Asserted-Identity";
        b'R': RecordRoute b"Record-Route", Route b"Route";
        b'S': Server b"Server", SessionExpires b"Session-Expires", Supported b"Supported";
        b'T': To b"To";
        b'U': UserAgent b"User-Agent";
        b'V': Via b"Via";
    }
    None
}

/// The same of any other field.
fn unusual(field: &[u8]) -> Option<(Name, &[u8], &[u8])> {
    let colon = field.iter().position(|&b| b == b':')?;
    let (name, value) = field.split_at_checked(colon)?;
    let name = trim(name);
    Some((Name::of(name), name, value.get(1..)?))
}

/// The length of the head with the empty line that ends it, found without reading fields. `from`:
/// so many bytes are known not to hold the end.
pub(super) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    // An empty line may straddle what is known.
    let from = from.saturating_sub(3);
    let tail = bytes.get(from..)?;
    memchr_iter(b'\n', tail).find_map(|at| match tail.get(at + 1..) {
        Some([b'\n', ..]) => Some(from + at + 2),
        Some([b'\r', b'\n', ..]) => Some(from + at + 3),
        _ => None,
    })
}

/// The length of the first line and of the lines folded to it: a field ends at the first line end
/// that no blank follows (RFC 3261 §7.3.1).
fn field_len(text: &[u8]) -> usize {
    let mut end = 0;
    while let Some(lf) = text.get(end..).and_then(|rest| memchr(b'\n', rest)) {
        end += lf + 1;
        let is_folded = matches!(text.get(end), Some(b' ' | b'\t'));
        // A blank line cannot be a field that is continued.
        if !is_folded || is_blank(text.get(..end).unwrap_or_default()) {
            return end;
        }
    }
    text.len()
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&b| is_space(b))
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

/// Where `part`, a subslice of `whole`, lies in it.
pub(super) fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Head {
        let mut head = Head::new(8);
        head.read(text.as_bytes());
        head
    }

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
            (" l: 12\r\n", Missing),
            (" \r\n l: 12\r\n", Missing),
            ("Call-ID: l: 12\r\n", Missing),
            ("", Missing),
        ] {
            let head = read(&format!("INVITE sip:a@b SIP/2.0\r\n{fields}\r\n"));
            assert_eq!(head.content_length(), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_usual_field_is_read_as_any_other() {
        for text in ["Via: a", "Call-ID:b", "Content-Length:", "Route: <sip:c>"] {
            let field = text.as_bytes();
            assert!(usual(field).is_some(), "{text}");
            assert_eq!(usual(field), unusual(field), "{text}");
        }
        for text in ["Via : a", "via: a", "Viaa: a", "Via", ""] {
            assert_eq!(usual(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_start_line_is_no_field() {
        assert_eq!(
            read("l: 3\r\n\r\n").content_length(),
            ContentLength::Missing
        );
    }

    #[test]
    fn content_length_counts_beyond_the_fields_that_are_kept() {
        let head = read(&format!("a b\r\n{}l: 7\r\n\r\n", "x: y\r\n".repeat(20)));
        assert_eq!(head.content_length(), ContentLength::Is(7));
        assert!(head.oddities().has(Oddities::TOO_MANY_HEADERS));
    }

    #[test]
    fn an_empty_line_of_any_kind_ends_the_head() {
        for (text, expected) in [
            ("a\r\n\r\nb", Some(5)),
            ("a\n\nb", Some(3)),
            ("a\r\n\nb", Some(4)),
            ("a\n\r\nb", Some(4)),
            ("a\r\nb: c\r\n\r\nd", Some(11)),
            ("a\r\nb: c\n d\n\nd", Some(12)),
            ("a\r\rb", None),
            ("a\r\n \r\nb", None),
            ("a\r\n\r", None),
            ("a\r\n", None),
            ("a", None),
            ("", None),
        ] {
            let head = read(text);
            assert_eq!(head.is_ended().then_some(head.len()), expected, "{text:?}");
            assert_eq!(head.len(), expected.unwrap_or(text.len()), "{text:?}");
            for from in 0..=text.len().min(3) {
                assert_eq!(end_of_head(text.as_bytes(), from), expected, "{text:?}");
            }
        }
    }
}
