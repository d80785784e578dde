//! Checks: what can be said of a message only once all its fields are indexed.
//!
//! In: a [`Message`] whose fields are indexed. Out: the values every reader asks for (Via, From,
//! To, CSeq) and the [`Oddities`] of its fields. Always: a field that is absent costs one look at
//! the index, and nothing is allocated.
//!
//! # References
//! - RFC 3261 §8.1.1, §20, §25.1; RFC 4475 §3.1.2

use super::{Message, Oddities, StartLine};
use crate::sip::field::Name;
use crate::sip::head::range_in;
use crate::sip::value::{
    Address, CSeq, MAGIC_COOKIE, Via, digits, find_outside, has_extra_separator, is_space, list,
    param, trim,
};

/// The largest Max-Forwards (RFC 3261 §20.22).
const MAX_FORWARDS: u32 = 255;

/// Reads the fields every message needs, and marks what is odd about them and others.
pub(super) fn run(message: &mut Message<'_>) {
    let mut odd = Oddities::default();
    via(message, &mut odd);
    message.from = address(message, Name::From, &mut odd);
    message.to = address(message, Name::To, &mut odd);
    message.from_tag = message.from.and_then(|from| from.tag());
    message.to_tag = message.to.and_then(|to| to.tag());
    cseq(message, &mut odd);
    if message.call_id().is_none() {
        odd.add(Oddities::INSUFFICIENT);
    }
    for value in message.headers(Name::Contact) {
        contacts(value, &mut odd);
    }
    numbers(message, &mut odd);
    if let Some(date) = message.header(Name::Date)
        && !date.ends_with(b"GMT")
    {
        odd.add(Oddities::DATE_NOT_GMT);
    }
    message.oddities.add(odd);
}

fn via(message: &mut Message<'_>, odd: &mut Oddities) {
    let mut count = 0;
    let mut top = None;
    for value in message.headers(Name::Via) {
        // Mostly a line has one value, and nothing in it that could hide or part another.
        if memchr::memchr3(b',', b'"', b'<', value).is_none() {
            if is_hop(value) {
                top = top.or(Some(value));
                count += 1;
            }
            continue;
        }
        let before = count;
        for item in list(value).filter(|item| is_hop(item)) {
            top = top.or(Some(item));
            count += 1;
        }
        let is_one = count == before + 1 && memchr::memchr(b',', value).is_none();
        if !is_one && has_extra_separator(value) {
            odd.add(Oddities::EXTRA_SEPARATORS);
        }
    }
    message.vias = count;
    message.via = top.and_then(Via::parse);
    if let Some(via) = &message.via {
        if via.branch == Some(MAGIC_COOKIE) {
            odd.add(Oddities::BAD_BRANCH);
        }
        if via.has_empty_parameter {
            odd.add(Oddities::EXTRA_SEPARATORS);
        }
    }
}

/// What is only separators is no hop (RFC 4475 `badinv01`).
fn is_hop(item: &[u8]) -> bool {
    !matches!(item, [] | [b';', ..])
}

/// From or To.
fn address<'a>(message: &Message<'a>, name: Name, odd: &mut Oddities) -> Option<Address<'a>> {
    let Some(value) = message.header(name).filter(|value| !value.is_empty()) else {
        odd.add(Oddities::INSUFFICIENT);
        return None;
    };
    let address = Address::parse(value);
    match &address {
        Some(address) => parts(value, address, odd),
        None => odd.add(Oddities::BAD_ADDRESS),
    }
    address
}

/// What is odd about the parts of an address that could be read.
fn parts(value: &[u8], address: &Address<'_>, odd: &mut Oddities) {
    if !address.display.is_empty() && !is_display_name(address.display) {
        odd.add(Oddities::UNQUOTED_NAME);
    }
    if is_blank_in_angles(value, address.uri) {
        odd.add(Oddities::BLANK_IN_ANGLES);
    }
    // Every From and most To have parameters; looking at their ends costs next to nothing.
    if let [b';', first, .., last] = address.params
        && (matches!(first, b';' | b',') || matches!(last, b';' | b','))
        && has_extra_separator(address.params)
    {
        odd.add(Oddities::EXTRA_SEPARATORS);
    }
}

fn cseq(message: &mut Message<'_>, odd: &mut Oddities) {
    let Some(value) = message.header(Name::CSeq) else {
        odd.add(Oddities::INSUFFICIENT);
        return;
    };
    message.cseq = CSeq::parse(value);
    if message.cseq.number.is_none() {
        odd.add(Oddities::OUT_OF_RANGE);
    }
    if let StartLine::Request { method, .. } = message.start
        && method.text != message.cseq.method
    {
        odd.add(Oddities::METHOD_MISMATCH);
    }
}

/// The values of one Contact line.
fn contacts(value: &[u8], odd: &mut Oddities) {
    // Most are a URI in <> and nothing else.
    if let [b'<', first, .., b'>'] = value
        && !is_space(*first)
        && memchr::memchr(b'>', value) == Some(value.len() - 1)
        && value.iter().rev().nth(1).is_some_and(|&b| !is_space(b))
    {
        return;
    }
    if has_extra_separator(value) {
        odd.add(Oddities::EXTRA_SEPARATORS);
    }
    for item in list(value) {
        let Some(address) = Address::parse(item) else {
            continue;
        };
        let is_bare = address.display.is_empty() && item.first() != Some(&b'<');
        if is_bare && find_outside(item, b'?').is_some() {
            odd.add(Oddities::BARE_CONTACT_WITH_HEADERS);
        }
        parts(item, &address, odd);
        if param(address.params, b"expires").is_some_and(is_too_large) {
            odd.add(Oddities::OUT_OF_RANGE);
        }
    }
}

/// Numbers that have a range.
fn numbers(message: &Message<'_>, odd: &mut Oddities) {
    let hops = message.header(Name::MaxForwards);
    let is_odd = hops.is_some_and(|text| digits(text).is_none_or(|hops| hops > MAX_FORWARDS))
        || message.header(Name::Expires).is_some_and(is_too_large)
        || message
            .header(Name::RetryAfter)
            .is_some_and(|value| is_too_large(leading_digits(value)))
        || message.header(Name::Warning).is_some()
            && message.items(Name::Warning).any(|warning| {
                // warn-code is three digits (RFC 3261 §20.43).
                !matches!(leading_digits(warning).len(), 0 | 3)
            });
    if is_odd {
        odd.add(Oddities::OUT_OF_RANGE);
    }
}

fn leading_digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| !b.is_ascii_digit());
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// A number over 2³²−1. A time that is no number at all is read as the default, not refused
/// (RFC 3261 §20.10).
fn is_too_large(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit) && digits(text).is_none()
}

/// Whether blanks stand between `<>` and the `uri` that was read from `value`.
fn is_blank_in_angles(value: &[u8], uri: &[u8]) -> bool {
    let at = range_in(value, uri);
    let Some(before) = at.start.checked_sub(1) else {
        return false;
    };
    [value.get(before), value.get(at.end)]
        .into_iter()
        .flatten()
        .any(|&b| is_space(b))
}

/// Whether it is a quoted string, or tokens with blanks between them.
fn is_display_name(display: &[u8]) -> bool {
    display.first() == Some(&b'"')
        || trim(display).iter().all(|&b| {
            b.is_ascii_alphanumeric()
                || is_space(b)
                || matches!(
                    b,
                    b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
                )
        })
}
