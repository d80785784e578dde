//! Header field values, read in place: Via, addresses, URIs, CSeq, parameters, lists.
//!
//! Everything borrows from the wire and nothing fails on what can still be used; what cannot is
//! `None`. White space includes the line folds of RFC 3261 §7.3.1.
//!
//! # References
//! - RFC 3261 §25.1 (grammar), RFC 3581 (rport), RFC 5118 (IPv6 in SIP)

use std::net::{IpAddr, Ipv6Addr};

/// White space inside a value, line folds included.
#[inline]
pub const fn is_space(byte: u8) -> bool {
    // Nearly all bytes are beyond the blank.
    byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space at its ends.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// Where `byte` first stands in `text` outside quoted strings and outside `<>`.
pub(super) fn find_outside(text: &[u8], byte: u8) -> Option<usize> {
    if text.first() == Some(&byte) {
        return Some(0);
    }
    let mut at = 0;
    loop {
        at += memchr::memchr3(byte, b'"', b'<', text.get(at..)?)?;
        let behind = text.get(at + 1..)?;
        at += match text.get(at)? {
            found if *found == byte => return Some(at),
            b'"' => quoted_len(behind)?,
            _ => memchr::memchr(b'>', behind)? + 1,
        } + 1;
    }
}

/// The length of the rest of a quoted string with the quote that ends it.
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        // What an escape hides is passed with it.
        at += 2;
    }
}

/// The values of a comma-separated list; commas in quoted strings and in `<>` do not separate.
/// Empty items are passed over (RFC 4475 `badinv01`).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let item = match find_outside(text, b',').and_then(|at| text.split_at_checked(at)) {
                Some((item, tail)) => {
                    rest = tail.get(1..);
                    item
                }
                None => {
                    rest = None;
                    text
                }
            };
            let item = trim(item);
            if !item.is_empty() {
                return Some(item);
            }
        }
    })
}

/// Whether an item of a comma-separated list, or a parameter of one, is empty: `;;`, `,,`, or a
/// separator at an end (RFC 4475 `badinv01`).
pub fn has_extra_separator(value: &[u8]) -> bool {
    let is_separator = |b: u8| matches!(b, b';' | b',');
    let is_suspect = memchr::memchr2_iter(b';', b',', value).any(|at| {
        let behind = value.get(at + 1..).unwrap_or_default();
        match behind.first() {
            Some(&b) if !is_space(b) => is_separator(b),
            _ => trim(behind).first().is_none_or(|&b| is_separator(b)),
        }
    });
    // It may stand in a quoted string or in a URI.
    (is_suspect || value.first() == Some(&b','))
        && parts(value, b',').any(|item| {
            trim(item).is_empty() || parts(item, b';').skip(1).any(|part| trim(part).is_empty())
        })
}

/// What stands between the separators that are outside quoted strings and outside `<>`.
fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = find_outside(text, separator);
        rest = end.and_then(|at| text.get(at + 1..));
        text.get(..end.unwrap_or(text.len()))
    })
}

/// The value of parameter `name` (lower case) in `;name=value;…`; empty where it has no value.
/// `params` may start anywhere before the first `;`. Quotes around the value are taken off.
pub fn param<'a>(params: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    parameters(params)
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The parameters of `;name=value;…` in order, names and values trimmed, quotes around a value
/// taken off; a value that is missing is empty.
pub fn parameters(params: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = find_outside(params, b';').and_then(|at| params.get(at + 1..));
    std::iter::from_fn(move || {
        let text = rest?;
        let end = find_outside(text, b';').unwrap_or(text.len());
        rest = text.get(end + 1..);
        Some(parameter(text.get(..end)?))
    })
}

/// One of them.
fn parameter(text: &[u8]) -> (&[u8], &[u8]) {
    let equals = text.iter().position(|&b| b == b'=').unwrap_or(text.len());
    let (key, value) = text.split_at_checked(equals).unwrap_or((text, &[]));
    let value = trim(value.get(1..).unwrap_or_default());
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""));
    (trim(key), unquoted.unwrap_or(value))
}

/// A run of digits as a number; `None` if it is empty, has another character or is over 2³²−1.
pub fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |sum, &b| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// `host` or `host:port`, IPv6 in brackets or (RFC 5118 §4.5) without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// Without brackets.
    pub host: &'a [u8],
    /// As sent; `None` where absent or no number.
    pub port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Reads `host[:port]`.
    pub fn parse(text: &'a [u8]) -> Self {
        let text = trim(text);
        if let Some(rest) = text.strip_prefix(b"[")
            && let Some(end) = rest.iter().position(|&b| b == b']')
        {
            let (host, tail) = rest.split_at(end);
            return Self {
                host,
                port: tail.strip_prefix(b"]:").and_then(port),
            };
        }
        let Some((host, tail)) = text
            .iter()
            .position(|&b| b == b':')
            .and_then(|at| text.split_at_checked(at))
        else {
            return Self {
                host: text,
                port: None,
            };
        };
        let tail = tail.get(1..).unwrap_or_default();
        let port = port(tail);
        // A number holds no further colon.
        if port.is_none() && tail.contains(&b':') {
            return bare_v6_with_port(text).unwrap_or(Self {
                host: text,
                port: None,
            });
        }
        Self {
            host: trim(host),
            port,
        }
    }

    /// The host as an address, if it is a literal.
    pub fn addr(&self) -> Option<IpAddr> {
        std::str::from_utf8(self.host).ok()?.parse().ok()
    }
}

/// A bare IPv6 address has room for a port only if it is one without its last group and none
/// with it: eight groups and a ninth. `2001:db8::1:5060` is all address (RFC 5118 §4.3).
fn bare_v6_with_port(text: &[u8]) -> Option<HostPort<'_>> {
    let is_v6 =
        |text: &[u8]| std::str::from_utf8(text).is_ok_and(|t| t.parse::<Ipv6Addr>().is_ok());
    let colon = text.iter().rposition(|&b| b == b':')?;
    let (host, tail) = text.split_at(colon);
    let port = port(tail.get(1..)?)?;
    (is_v6(host) && !is_v6(text)).then_some(HostPort {
        host,
        port: Some(port),
    })
}

fn port(text: &[u8]) -> Option<u16> {
    digits(trim(text)).and_then(|port| u16::try_from(port).ok())
}

/// One Via value (RFC 3261 §20.42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS` …, as sent.
    pub transport: &'a [u8],
    /// Who sent the request, in its own words.
    pub sent_by: HostPort<'a>,
    /// The transaction's name; with [`MAGIC_COOKIE`] unique, else RFC 2543 rules apply.
    pub branch: Option<&'a [u8]>,
    /// All its parameters, from their first `;` on.
    pub params: &'a [u8],
    /// Nothing stands behind one of the separators of its parameters.
    pub has_empty_parameter: bool,
}

/// What a branch begins with that names its transaction alone (RFC 3261 §8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

impl<'a> Via<'a> {
    /// Reads one Via value (not a list).
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        // SIP / 2.0 / UDP host:port ;params, with white space allowed around the slashes.
        let rest = match value.strip_prefix(b"SIP/2.0/") {
            Some(rest) => rest,
            None => {
                let slash = memchr::memchr(b'/', value)?;
                let rest = value.get(slash + 1..)?;
                let slash = memchr::memchr(b'/', rest)?;
                rest.get(slash + 1..)?
            }
        };
        let rest = trim(rest);
        let blank = rest.iter().position(|&b| is_space(b))?;
        let (transport, rest) = rest.split_at(blank);
        let params_at = find_outside(rest, b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(params_at);
        let mut via = Self {
            transport,
            sent_by: HostPort::parse(sent_by),
            branch: None,
            params,
            has_empty_parameter: false,
        };
        let mut rest = params.get(1..);
        while let Some(text) = rest {
            let end = find_outside(text, b';').unwrap_or(text.len());
            rest = text.get(end + 1..);
            match text.get(..end) {
                // Not a branch, and not empty.
                Some([b'a' | b'c'..=b'z' | b'A' | b'C'..=b'Z', ..]) | None => {}
                Some(text) => {
                    let (key, value) = parameter(text);
                    if key.eq_ignore_ascii_case(b"branch") {
                        via.branch.get_or_insert(value);
                    }
                    via.has_empty_parameter |= key.is_empty() && value.is_empty();
                }
            }
        }
        Some(via)
    }

    /// Where the receiver saw the request come from, if that differs.
    pub fn received(&self) -> Option<&'a [u8]> {
        param(self.params, b"received")
    }

    /// `;rport`: asked for (`Some` and empty) or filled in by the receiver (RFC 3581 §4).
    pub fn rport(&self) -> Option<&'a [u8]> {
        param(self.params, b"rport")
    }

    /// The branch, if it names the transaction alone: the cookie and something behind it
    /// (RFC 4475 `badbranch` has nothing behind it).
    pub fn unique_branch(&self) -> Option<&'a [u8]> {
        self.branch.filter(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch
                    .get(..MAGIC_COOKIE.len())
                    .is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }
}

/// A name-addr or addr-spec with its header parameters (From, To, Contact, Route, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// Display name as sent, quotes included; empty where there is none.
    pub display: &'a [u8],
    /// The URI without `<>`.
    pub uri: &'a [u8],
    /// Header parameters, from their first `;` on.
    pub params: &'a [u8],
}

impl<'a> Address<'a> {
    /// Reads one value (not a list). A parameter without `<>` around the URI belongs to the
    /// header (RFC 3261 §20, RFC 4475 `cparam01`).
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        if let Some(open) = open_angle(value) {
            let (display, rest) = value.split_at(open);
            let rest = rest.get(1..)?;
            let close = memchr::memchr(b'>', rest)?;
            let (uri, params) = rest.split_at_checked(close)?;
            return Some(Self {
                display: trim(display),
                uri: trim(uri),
                params: params.get(1..).unwrap_or_default(),
            });
        }
        if value.first() == Some(&b'"') {
            return None;
        }
        let end = value.iter().position(|&b| b == b';').unwrap_or(value.len());
        let (uri, params) = value.split_at(end);
        let uri = trim(uri);
        (!uri.is_empty()).then_some(Self {
            display: &[],
            uri,
            params,
        })
    }

    /// The `tag` parameter: absent in RFC 2543 messages and in requests that make a dialog.
    pub fn tag(&self) -> Option<&'a [u8]> {
        // Mostly it is the only one, as it is.
        let tag = match self.params.strip_prefix(b";tag=") {
            Some(tag) if memchr::memchr3(b';', b'"', b'<', tag).is_none() => Some(trim(tag)),
            _ => param(self.params, b"tag"),
        };
        tag.filter(|tag| !tag.is_empty())
    }
}

/// Where `<` opens the URI, outside a quoted display name.
///
/// A quoted-string is all of a display name or no part of it (RFC 3261 §25.1): where the value
/// begins with another byte, quotes hide nothing. Senders are seen that write `\"name\" <sip:…>`.
fn open_angle(value: &[u8]) -> Option<usize> {
    match value.first() {
        Some(b'<') => return Some(0),
        Some(b'"') => {}
        _ => return memchr::memchr(b'<', value),
    }
    // Mostly the first quoted string is all there is before the bracket, and nothing is escaped.
    let name = value.get(1..)?;
    let end = memchr::memchr2(b'"', b'\\', name)?;
    match name.get(end..) {
        Some([b'"', b'<', ..]) => return Some(end + 2),
        Some([b'"', b' ', b'<', ..]) => return Some(end + 3),
        _ => {}
    }
    let (mut quoted, mut escaped) = (false, false);
    for (index, &b) in value.iter().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

/// The parts of a SIP, SIPS or tel URI (RFC 3261 §19.1, RFC 3966 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sip`, `sips`, `tel`, …, as sent.
    pub scheme: &'a [u8],
    /// Before `@`, without password; of `tel:` the number. Escapes are kept.
    pub user: &'a [u8],
    /// Host and port; empty for `tel:`.
    pub host: HostPort<'a>,
    /// URI parameters, from their first `;` on.
    pub params: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI. Unknown schemes give what follows the colon as `user`.
    pub fn parse(uri: &'a [u8]) -> Option<Self> {
        let colon = uri.iter().position(|&b| b == b':')?;
        let (scheme, rest) = uri.split_at(colon);
        let rest = rest.get(1..)?;
        let is_sip = scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips");
        if !is_sip {
            let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
            let (user, params) = rest.split_at(end);
            return Some(Self {
                scheme,
                user,
                host: HostPort {
                    host: &[],
                    port: None,
                },
                params,
            });
        }
        // The user part may hold `;` and `?` (RFC 4475 `semiuri`), so `@` is looked for first;
        // the last one counts, since hosts cannot hold it.
        let headers_free = rest;
        let (user, host) = match headers_free.iter().rposition(|&b| b == b'@') {
            Some(at) => (headers_free.get(..at)?, headers_free.get(at + 1..)?),
            None => (&[] as &[u8], headers_free),
        };
        let user = user
            .iter()
            .position(|&b| b == b':')
            .and_then(|at| user.get(..at))
            .unwrap_or(user);
        let end = host
            .iter()
            .position(|&b| matches!(b, b';' | b'?'))
            .unwrap_or(host.len());
        let (host, tail) = host.split_at(end);
        let params_end = tail.iter().position(|&b| b == b'?').unwrap_or(tail.len());
        Some(Self {
            scheme,
            user,
            host: HostPort::parse(host),
            params: tail.get(..params_end).unwrap_or_default(),
        })
    }
}

/// CSeq: its number and the method behind it (RFC 3261 §20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// `None` where it is no number or over 2³²−1 (RFC 4475 `scalar02`).
    pub number: Option<u32>,
    /// The method, as sent.
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads `number method`.
    pub fn parse(value: &'a [u8]) -> Self {
        let value = trim(value);
        let end = value
            .iter()
            .position(|&b| is_space(b))
            .unwrap_or(value.len());
        let (number, method) = value.split_at(end);
        Self {
            number: digits(number),
            method: trim(method),
        }
    }
}

#[cfg(test)]
#[path = "value/tests.rs"]
mod tests;
