//! Where in a message's body its session description is.
//!
//! Always: what is found is a part of the body's bytes. Capped: bodies inside bodies by [`DEPTH`],
//! the parts of one by [`PARTS`].
//!
//! # References
//! - RFC 5621 (message bodies in SIP), RFC 3261 §7.4

use crate::sip::value::{param, trim};
use crate::sip::{Message, Name};

/// Multipart bodies inside each other that are opened.
const DEPTH: usize = 4;

/// Parts looked at of one multipart body.
const PARTS: usize = 32;

/// The description in the body of `message`.
pub(super) fn description<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    if message.body.is_empty() {
        return None;
    }
    let Some(kind) = message.header(Name::ContentType) else {
        let is_description = trim(message.body).starts_with(b"v=0");
        return is_description.then_some(message.body);
    };
    let is_packed = |(kind, name, value): (Name, &[u8], &[u8])| {
        // Most names are known by their number.
        let is_encoding = kind == Name::Other
            && (name.eq_ignore_ascii_case(b"content-encoding") || name.eq_ignore_ascii_case(b"e"));
        is_encoding && !value.eq_ignore_ascii_case(b"identity")
    };
    if message.fields().any(is_packed) {
        return None;
    }
    within(kind, message.body, DEPTH)
}

/// The description in `body`, whose Content-Type is `kind`.
fn within<'a>(kind: &'a [u8], body: &'a [u8], depth: usize) -> Option<&'a [u8]> {
    let end = memchr::memchr(b';', kind).unwrap_or(kind.len());
    let name = trim(kind.get(..end)?);
    if name.eq_ignore_ascii_case(b"application/sdp") {
        return Some(body);
    }
    let is_multipart = name
        .get(..10)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    if !is_multipart || depth == 0 {
        return None;
    }
    let boundary = param(kind, b"boundary").filter(|boundary| !boundary.is_empty())?;
    parts(body, boundary).take(PARTS).find_map(|part| {
        let head = Head::parse(part);
        let is_plain = head.encoding.is_none_or(|encoding| {
            [b"7bit".as_slice(), b"8bit", b"binary"]
                .iter()
                .any(|plain| plain.eq_ignore_ascii_case(encoding))
        });
        let is_early = head.disposition.is_some_and(|disposition| {
            let end = memchr::memchr(b';', disposition).unwrap_or(disposition.len());
            let name = disposition.get(..end).unwrap_or_default();
            trim(name).eq_ignore_ascii_case(b"early-session")
        });
        if !is_plain || is_early {
            return None;
        }
        within(head.kind?, head.body, depth - 1)
    })
}

/// What stands between the delimiter lines.
fn parts<'a>(body: &'a [u8], boundary: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = delimiter(body, boundary).map(|(_, behind)| behind);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        // The last delimiter has `--` behind it.
        if text.starts_with(b"--") {
            return None;
        }
        // What stands behind a delimiter on its line is padding.
        let start = memchr::memchr(b'\n', text)? + 1;
        let text = text.get(start..)?;
        match delimiter(text, boundary) {
            Some((before, behind)) => {
                rest = Some(behind);
                Some(before)
            }
            // Cut off; what there is of it is of use.
            None => Some(text),
        }
    })
}

/// What stands before and behind the first delimiter, `--` and `boundary` at a line's start.
/// line end before it belongs to it.
fn delimiter<'a>(text: &'a [u8], boundary: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        if let Some(behind) = rest
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary))
        {
            let before = text.get(..at)?;
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            return Some((before.strip_suffix(b"\r").unwrap_or(before), behind));
        }
        at += memchr::memchr(b'\n', rest)? + 1;
    }
}

/// The header fields of a part that matter here.
struct Head<'a> {
    kind: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    body: &'a [u8],
}

impl<'a> Head<'a> {
    fn parse(part: &'a [u8]) -> Self {
        let mut head = Self {
            kind: None,
            encoding: None,
            disposition: None,
            body: &[],
        };
        let mut rest = part;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, behind) = rest.split_at(end);
            rest = behind;
            if trim(line).is_empty() {
                break;
            }
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = line.split_at(colon);
            let value = Some(trim(value.get(1..).unwrap_or_default()));
            let is = |full: &[u8]| trim(name).eq_ignore_ascii_case(full);
            if is(b"content-type") || is(b"c") {
                head.kind = value;
            } else if is(b"content-transfer-encoding") {
                head.encoding = value;
            } else if is(b"content-disposition") {
                head.disposition = value;
            }
        }
        head.body = rest;
        head
    }
}
