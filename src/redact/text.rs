//! Text: values found in what a header field, an attribute or a line of text says.
//!
//! In: text, and how much of it is said in words of the protocol ([`Say`]). Out: the same, its values
//! replaced by [`Pseudonyms`].
//!
//! Always: what is not known to be nobody's is replaced. A token stays only if all its parts are
//! words ([`super::words`]) or short numbers, and only where words stand; names of parameters stay.
//!
//! # References
//! - RFC 3261 §25.1, RFC 3986 (URIs), RFC 3966 (`tel`), RFC 4122 (UUIDs as instances)

mod parameters;

use self::parameters::{NUMERIC, OPAQUE};
use super::pseudonyms::{Pseudonyms, escape, is_withheld, letters};

/// What may stay of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Say {
    /// Words of the protocol.
    words: bool,
    /// Numbers of so many digits.
    digits: usize,
}

impl Say {
    /// A name, or what somebody wrote: nothing stays.
    pub(super) const NOTHING: Self = Self {
        words: false,
        digits: 0,
    };
    /// Parameters of URIs, fields nobody knows.
    pub(super) const LITTLE: Self = Self {
        words: true,
        digits: 2,
    };
    /// Status codes, causes, versions.
    pub(super) const CODES: Self = Self {
        words: true,
        digits: 4,
    };
    /// Times, ports, counters.
    pub(super) const NUMBERS: Self = Self {
        words: true,
        digits: 10,
    };
}

/// Schemes behind which an authority follows `//`, and those behind which a user does.
const SCHEMES: [(&str, Scheme); 16] = [
    ("sips:", Scheme::User),
    ("sip:", Scheme::User),
    ("tel:", Scheme::Number),
    ("fax:", Scheme::Number),
    ("mailto:", Scheme::User),
    ("im:", Scheme::User),
    ("pres:", Scheme::User),
    ("xmpp:", Scheme::User),
    ("h323:", Scheme::User),
    ("https:", Scheme::Authority),
    ("http:", Scheme::Authority),
    ("wss:", Scheme::Authority),
    ("ws:", Scheme::Authority),
    ("ftp:", Scheme::Authority),
    ("msrps:", Scheme::Authority),
    ("msrp:", Scheme::Authority),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    User,
    Number,
    Authority,
}

/// Goes through `text`.
pub(super) fn scan(text: &mut [u8], say: Say, to: &mut Pseudonyms) {
    let mut at = 0;
    // What a parameter says of its value.
    let mut value: Option<Say> = None;
    while let Some(&byte) = text.get(at) {
        // Tokens are passed whole, so that here one begins, or none.
        let now = value.unwrap_or(say);
        if let Some(end) = scheme(text, at, to) {
            at = end;
            continue;
        }
        if let Some(end) = colons(text, at, to) {
            at = end;
            continue;
        }
        if now.digits <= Say::LITTLE.digits
            && let Some(end) = spaced_number(text, at, to)
        {
            at = end;
            continue;
        }
        if !is_begin(text, at) {
            // The end of a parameter's value.
            let ends = |byte: u8| matches!(byte, b';' | b',' | b'&' | b'?' | b'\n' | b'<' | b'>');
            if ends(byte) || escape(text, at).is_some_and(ends) {
                value = None;
            }
            at += if byte == b'%' && escape(text, at).is_some() {
                3
            } else {
                1
            };
            continue;
        }
        let end = token_end(text, at);
        let next = text.get(end).copied();
        if next == Some(b'=')
            || text
                .get(end..end + 3)
                .is_some_and(|three| three.eq_ignore_ascii_case(b"%3D"))
        {
            if let Some(end) = parameter(text, at, end, now, &mut value, to) {
                at = end;
                continue;
            }
        } else if next == Some(b'@') || text.get(end..end + 3) == Some(b"%40") {
            if let Some(token) = text.get_mut(at..end) {
                user(token, to);
            }
            // What follows is a host, whatever it looks like.
            let from = end + if next == Some(b'@') { 1 } else { 3 };
            if let Some(end) = colons(text, from, to) {
                at = end;
                continue;
            }
            let host_end = token_end(text, from);
            if let Some(host) = text.get_mut(from..host_end) {
                to.host(host);
            }
            at = port_end(text, host_end.max(end + 1));
            continue;
        } else if let Some(token) = text.get_mut(at..end) {
            self::token(token, now, to);
            at = match next {
                // The port of a host.
                Some(b':') if is_host(token_at(text, at, end), to) => port_end(text, end),
                _ => end,
            };
            continue;
        }
        at = end.max(at + 1);
    }
}

fn token_at(text: &[u8], at: usize, end: usize) -> &[u8] {
    text.get(at..end).unwrap_or_default()
}

/// Passes `:` and a port.
fn port_end(text: &[u8], at: usize) -> usize {
    if text.get(at) != Some(&b':') {
        return at;
    }
    let digits = text.get(at + 1..).unwrap_or_default();
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if (1..=5).contains(&count) {
        at + 1 + count
    } else {
        at
    }
}

/// A parameter's name from `at` to `end`; behind its value, if that is dealt with.
fn parameter(
    text: &mut [u8],
    at: usize,
    end: usize,
    now: Say,
    value: &mut Option<Say>,
    to: &mut Pseudonyms,
) -> Option<usize> {
    let name = token_at(text, at, end).to_ascii_lowercase();
    let name = std::str::from_utf8(&name).unwrap_or_default();
    let sign = if text.get(end) == Some(&b'=') { 1 } else { 3 };
    let from = end + sign;
    let is_name = OPAQUE.contains(&name)
        || NUMERIC.contains(&name)
        || is_all_words(name.as_bytes(), Say::LITTLE, to);
    if !is_name {
        token(text.get_mut(at..end)?, now, to);
        return Some(end);
    }
    if OPAQUE.contains(&name) {
        let (from, end) = value_range(text, from);
        // RFC 3261 §8.1.1.7: the branches that obey it begin alike.
        let cookie = if text.get(from..end).is_some_and(|value| {
            value
                .get(..7)
                .is_some_and(|head| head.eq_ignore_ascii_case(b"z9hG4bK"))
        }) {
            7
        } else {
            0
        };
        if let Some(value) = text.get_mut(from + cookie..end) {
            to.opaque(value);
        }
        return Some(end);
    }
    if NUMERIC.contains(&name) {
        // No further than its value: what follows may be what somebody wrote.
        let (from, end) = value_range(text, from);
        let say = if now.words { Say::NUMBERS } else { now };
        if let Some(value) = text.get_mut(from..end) {
            scan(value, say, to);
        }
        return Some(end);
    }
    *value = Some(
        if matches!(
            name,
            "username"
                | "realm"
                | "cname"
                | "name"
                | "display"
                | "cnam"
                | "replaces"
                | "join"
                | "in-reply-to"
                | "target-dialog"
                | "call-id"
                | "callid"
        ) {
            Say::NOTHING
        } else {
            now
        },
    );
    if matches!(name, "username" | "realm") {
        let (from, end) = value_range(text, from);
        if let Some(text) = text.get_mut(from..end) {
            match name {
                "realm" if !text.contains(&b' ') && !text.contains(&b'@') => to.host(text),
                "username" if !text.contains(&b'@') => user(text, to),
                _ => scan(text, Say::NOTHING, to),
            }
        }
        *value = None;
        return Some(end);
    }
    Some(from)
}

/// Where the value at `from` lies: inside its quotes, or up to the next delimiter.
pub(super) fn value_range(text: &[u8], from: usize) -> (usize, usize) {
    let rest = text.get(from..).unwrap_or_default();
    if let [b'"', inside @ ..] = rest {
        let len = inside.iter().position(|byte| *byte == b'"');
        return (from + 1, from + 1 + len.unwrap_or(inside.len()));
    }
    let mut len = 0;
    while let Some(byte) = rest.get(len) {
        let is_end = match byte {
            b';' | b',' | b'"' | b'<' | b'>' | b'?' | b'&' | b'\r' | b'\n' | b' ' | b'\t' => true,
            b'%' => escape(rest, len).is_some_and(|byte| b";,\"<>?& =".contains(&byte)),
            _ => false,
        };
        if is_end {
            break;
        }
        len += 1;
    }
    (from, from + len)
}

/// Whether a token begins at `at`.
fn is_begin(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        Some(b'+') => text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric),
        Some(b'%') => escape(text, at).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(byte) => byte.is_ascii_alphanumeric() || *byte >= 0x80,
        None => false,
    }
}

fn token_end(text: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(&byte) = text.get(end) {
        if byte == b'%' {
            match escape(text, end) {
                Some(escaped) if escaped.is_ascii_alphanumeric() || b"#._-~".contains(&escaped) => {
                    end += 3;
                }
                _ => break,
            }
        } else if byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._-~+*#!'".contains(&byte) {
            end += 1;
        } else {
            break;
        }
    }
    // A full stop or dash at the end is the sentence's.
    while end > at + 1
        && text
            .get(end - 1)
            .is_some_and(|byte| b"._-~+*!'".contains(byte))
    {
        end -= 1;
    }
    end
}

/// A URI at `at` of a known scheme; behind its host.
fn scheme(text: &mut [u8], at: usize, to: &mut Pseudonyms) -> Option<usize> {
    let rest = text.get(at..)?;
    let (name, kind) = SCHEMES.iter().find(|(name, _)| {
        rest.get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    let mut from = at + name.len();
    if *kind == Scheme::Authority {
        // A slash in JSON may be escaped.
        while text
            .get(from)
            .is_some_and(|byte| matches!(byte, b'/' | b'\\'))
        {
            from += 1;
        }
    }
    Some(match kind {
        Scheme::Number => {
            let end = delimiter(text, from, b";,?<>\" \t\r\n&'");
            user(text.get_mut(from..end)?, to);
            end
        }
        Scheme::User | Scheme::Authority => {
            let end = delimiter(text, from, b"<>\" \t\r\n");
            authority(text, from, end, *kind, to)
        }
    })
}

fn delimiter(text: &[u8], from: usize, ends: &[u8]) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .position(|byte| ends.contains(byte))
        .unwrap_or(rest.len())
}

/// User, password, host and port, at `from` and not beyond `end`; behind them.
fn authority(text: &mut [u8], from: usize, end: usize, kind: Scheme, to: &mut Pseudonyms) -> usize {
    let whole = text.get(from..end).unwrap_or_default();
    // Only a user part may hold these before its `@`.
    let ends: &[u8] = match kind {
        Scheme::Authority => b"/?#\\",
        _ => b">",
    };
    let limit = whole
        .iter()
        .position(|byte| ends.contains(byte))
        .unwrap_or(whole.len());
    let sign = whole
        .get(..limit)
        .and_then(|whole| whole.iter().position(|byte| *byte == b'@'));
    // A comma before it begins another value, where the part before it has no user.
    let sign = sign.filter(|sign| {
        let before = whole.get(..*sign).unwrap_or_default();
        !before.contains(&b',') || !before.contains(&b'.')
    });
    let mut host = from;
    if let Some(sign) = sign {
        if let Some(userinfo) = text.get_mut(from..from + sign) {
            self::userinfo(userinfo, to);
        }
        host = from + sign + 1;
    }
    if text.get(host) == Some(&b'[') {
        let close = delimiter(text, host, b"]");
        if let Some(inside) = text.get_mut(host + 1..close)
            && !to.address(inside)
        {
            to.opaque(inside);
        }
        return port_end(text, close + 1).min(text.len());
    }
    // An IPv6 address whose brackets were left out.
    if let Some(end) = colons(text, host, to) {
        return port_end(text, end);
    }
    let host_end = host_end(text, host, end);
    if let Some(name) = text.get_mut(host..host_end) {
        if sign.is_none() && kind == Scheme::User && is_dialable(name) {
            // A number without a host.
            user(name, to);
        } else {
            to.host(name);
        }
    }
    port_end(text, host_end)
}

fn host_end(text: &[u8], host: usize, end: usize) -> usize {
    let rest = text.get(host..end).unwrap_or_default();
    host + rest
        .iter()
        .position(|byte| {
            !(byte.is_ascii_alphanumeric() || b"._-~+%!*".contains(byte) || *byte >= 0x80)
        })
        .unwrap_or(rest.len())
}

/// User, parameters and password.
fn userinfo(text: &mut [u8], to: &mut Pseudonyms) {
    let name_end = delimiter(text, 0, b";:");
    if let Some(name) = text.get_mut(..name_end) {
        user(name, to);
    }
    match text.get(name_end) {
        Some(b';') => {
            if let Some(parameters) = text.get_mut(name_end..) {
                scan(parameters, Say::LITTLE, to);
            }
        }
        Some(b':') => {
            if let Some(password) = text.get_mut(name_end..) {
                to.opaque(password);
            }
        }
        _ => {}
    }
}

/// A user: a number, or a name.
pub(super) fn user(text: &mut [u8], to: &mut Pseudonyms) {
    if is_dialable(text) {
        to.extension(text);
        to.number(text);
    } else if token_end(text, 0) == text.len() {
        to.name(text);
    } else {
        // With an `@` in it, escaped, or other things.
        scan(text, Say::NOTHING, to);
    }
}

/// Whether it could be dialled: digits with or without visual separators (RFC 3966 §5.1.1).
pub(super) fn is_dialable(text: &[u8]) -> bool {
    let digits = letters(text);
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match escape(text, at) {
            Some(escaped) if escaped.is_ascii_digit() || b"#*+-.()".contains(&escaped) => at += 3,
            None if byte.is_ascii_digit() || b"+-.()#*".contains(byte) => at += 1,
            _ => return false,
        }
    }
    !digits.is_empty() && digits.len() <= 40 && super::address::parse(text).is_none()
}

fn is_host(token: &[u8], to: &Pseudonyms) -> bool {
    let mut labels = token.rsplit(|byte| *byte == b'.');
    super::address::parse(token).is_some()
        || (labels.next().is_some_and(|top| to.words.is_top_level(top)) && labels.next().is_some())
}

/// A token.
fn token(text: &mut [u8], say: Say, to: &mut Pseudonyms) {
    if to.address(text) {
        return;
    }
    if is_dialable(text) {
        let count = letters(text).len();
        // Digits with dots are a version, or an address with too few or too many.
        let is_code = count <= say.digits && (count < 7 || !text.contains(&b'-'));
        // One or two digits are nobody's; a counter may be what is somebody's number elsewhere.
        let is_known =
            to.values.has_number(text) || (say.digits < 10 && count > 3 && to.is_extension(text));
        if count <= 2 || (say.words && is_code && !is_known) {
            return;
        }
        return to.number(text);
    }
    if is_withheld(text) {
        return;
    }
    let top = text.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    if text.contains(&b'.') && to.words.is_top_level(top) && !is_all_words(text, say, to) {
        return to.host(text);
    }
    if say.words && is_all_words(text, say, to) && !to.values.has_name(text) {
        return;
    }
    if say.words {
        to.opaque(text);
    } else {
        to.name(text);
    }
}

/// Replaces those words of what is to stay that are names of somebody.
pub(super) fn keep(text: &mut [u8], to: &mut Pseudonyms) {
    for word in text.split_mut(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80) {
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        if to.values.has_name(word) || digits >= 7 {
            to.opaque(word);
        }
    }
}

/// Whether all parts of it are words or short numbers.
fn is_all_words(text: &[u8], say: Say, to: &Pseudonyms) -> bool {
    if to.words.has(text) {
        return true;
    }
    if is_dashed_address(text) {
        return false;
    }
    // An address with something behind it.
    let mut pieces = text.split(|byte| b"_-~+*#!'".contains(byte));
    if pieces.any(|piece| super::address::parse(piece).is_some()) {
        return false;
    }
    let top_level = |part: &[u8]| {
        ["com", "net", "org"]
            .iter()
            .any(|top| part.eq_ignore_ascii_case(top.as_bytes()))
    };
    text.split(|byte| b"._-~+*#!'".contains(byte)).all(|part| {
        part.is_empty()
            || (to.words.has(part) && !top_level(part))
            || (part.len() <= say.digits.min(5) && part.iter().all(u8::is_ascii_digit))
            || is_version(part, to)
    })
}

/// An IPv4 address in the name of a machine: `ip-10-1-2-3`.
fn is_dashed_address(text: &[u8]) -> bool {
    let mut octets = 0;
    text.split(|byte| matches!(byte, b'-' | b'_')).any(|part| {
        let digits = part.iter().rev().take_while(|byte| byte.is_ascii_digit());
        // The first may stand behind letters, the last before a label.
        let behind = digits.count();
        let before = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        octets = match (behind, before) {
            (1..=3, _) if behind == part.len() => octets + 1,
            (_, 1..=3) if octets == 3 => 4,
            (1..=3, _) => 1,
            _ => 0,
        };
        octets >= 4
    })
}

/// A word with a short number behind it: `sofia2`, `v4`.
fn is_version(part: &[u8], to: &Pseudonyms) -> bool {
    let digits = part
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let Some((word, number)) = part.split_at_checked(part.len() - digits) else {
        return false;
    };
    number.len() <= 4
        && !number.is_empty()
        && (to.words.has(word) || matches!(word, b"v" | b"V" | b"r" | b"R"))
}

/// IPv6 addresses, and MAC addresses, which have colons in them; behind it.
fn colons(text: &mut [u8], at: usize, to: &mut Pseudonyms) -> Option<usize> {
    let rest = text.get(at..)?;
    let is_first = rest
        .first()
        .is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    if !is_first {
        return None;
    }
    let mut len = rest
        .iter()
        .position(|byte| !(byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'-')))
        .unwrap_or(rest.len())
        .min(64);
    let colons = rest
        .get(..len)?
        .iter()
        .filter(|byte| **byte == b':')
        .count();
    let dashes = rest
        .get(..len)?
        .iter()
        .filter(|byte| **byte == b'-')
        .count();
    if colons < 2 && dashes < 5 {
        return None;
    }
    while len > 0
        && rest
            .get(len - 1)
            .is_some_and(|byte| matches!(byte, b'.' | b'-'))
    {
        len -= 1;
    }
    // A port may follow an address whose brackets somebody left out; the longest that is one counts.
    let behind = text.get(at..at + len)?;
    let port = behind.iter().rposition(|byte| *byte == b':');
    let port = port.filter(|colon| behind.len() - colon <= 6);
    if to.address(text.get_mut(at..at + len)?) {
        return Some(at + len);
    }
    if let Some(port) = port
        && to.address(text.get_mut(at..at + port)?)
    {
        return Some(at + port);
    }
    let candidate = text.get_mut(at..at + len)?;
    let parts: Vec<usize> = candidate
        .split(|byte| matches!(byte, b':' | b'-'))
        .map(<[u8]>::len)
        .collect();
    // A MAC address, or a fingerprint.
    if parts.len() >= 6 && parts.iter().all(|len| *len == 2) {
        to.opaque(candidate);
        return Some(at + len);
    }
    None
}

/// A telephone number with blanks or brackets, as people write it; behind it.
fn spaced_number(text: &mut [u8], at: usize, to: &mut Pseudonyms) -> Option<usize> {
    let rest = text.get(at..)?;
    if !matches!(rest.first(), Some(b'+' | b'(' | b'0'..=b'9')) {
        return None;
    }
    let mut len = 0;
    let mut digits = 0;
    let mut last = 0;
    while let Some(byte) = rest.get(len) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                last = len + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' => {}
            b'+' if len == 0 => {}
            _ => break,
        }
        len += 1;
    }
    let candidate = rest.get(..last)?;
    let is_end = !rest
        .get(last)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'@');
    let is_number = (7..=15).contains(&digits)
        && is_end
        && candidate
            .iter()
            .any(|byte| matches!(byte, b' ' | b'(' | b'/'))
        && !candidate.windows(2).any(|pair| pair == b"  ")
        && candidate
            .split(|byte| *byte == b' ')
            .all(|part| super::address::parse(part).is_none());
    if !is_number {
        return None;
    }
    to.number(text.get_mut(at..at + last)?);
    Some(at + last)
}

#[cfg(test)]
mod tests;
