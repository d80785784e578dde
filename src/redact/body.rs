//! Bodies: session descriptions, documents, parts, text.
//!
//! In: a body and what its message says that it is. Out: the same with pseudonyms, as long.
//!
//! Always: of SDP the lines that say how media are sent stay, of XML the names of elements and
//! attributes; of text nothing but its form; what is no text is blotted out.
//!
//! # References
//! - RFC 4566 §5 (SDP), RFC 8839 (ICE), RFC 4568 (crypto), RFC 8122 (fingerprints)
//! - RFC 2045 §6.7 (quoted-printable), RFC 2046 §5.1 (parts), RFC 3863 (PIDF), RFC 3420 (sipfrag)

use super::message;
use super::passport;
use super::pseudonyms::Pseudonyms;
use super::text::{self, Say, value_range};

/// How often parts may lie in parts.
const MOST_NESTING: u8 = 8;

/// What a head says of its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Kind {
    pub(super) content_type: Vec<u8>,
    /// It is compressed, or encoded as nobody here reads it.
    pub(super) is_encoded: bool,
    /// It is quoted-printable.
    pub(super) is_quoted: bool,
}

/// Replaces the values of a body.
pub(super) fn replace(body: &mut [u8], kind: &Kind, to: &mut Pseudonyms) {
    nested(body, kind, MOST_NESTING, to);
}

fn nested(body: &mut [u8], kind: &Kind, depth: u8, to: &mut Pseudonyms) {
    if body.is_empty() {
        return;
    }
    if kind.is_encoded || depth == 0 || is_binary(body) {
        return blot(body, to);
    }
    if kind.is_quoted {
        let plain = Kind {
            is_quoted: false,
            ..kind.clone()
        };
        return quoted(body, |body| nested(body, &plain, depth - 1, to));
    }
    let lower = kind.content_type.to_ascii_lowercase();
    let is = |what: &str| memchr::memmem::find(&lower, what.as_bytes()).is_some();
    let start = body.trim_ascii_start();
    if is("application/sdp") || start.starts_with(b"v=0") {
        sdp(body, to);
    } else if is("multipart/") {
        match boundary(&kind.content_type) {
            Some(boundary) => parts(body, &boundary, depth, to),
            None => text::scan(body, Say::NOTHING, to),
        }
    } else if is("sipfrag") || is("message/sip") {
        message::replace(body, to);
    } else if is("xml") || start.starts_with(b"<?xml") {
        xml(body, to);
    } else if is("json") || start.starts_with(b"{") {
        passport::json(body, to);
    } else {
        text::scan(body, Say::NOTHING, to);
    }
}

/// Replaces what a quoted-printable body stands for, and puts it where it stood: an escape stays an escape,
/// and lines stay broken where they were.
fn quoted(body: &mut [u8], replace: impl FnOnce(&mut [u8])) {
    let hex = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    // Where each byte stands, and whether as an escape.
    let mut places = Vec::with_capacity(body.len());
    let mut plain = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let rest = body.get(at..).unwrap_or_default();
        let escaped = hex(body.get(at + 1)).zip(hex(body.get(at + 2)));
        let escaped = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match (byte, escaped) {
            (b'=', Some(escaped)) => {
                places.push((at, true));
                plain.push(escaped);
                at += 3;
            }
            (b'=', None) if rest.starts_with(b"=\r\n") => at += 3,
            (b'=', None) if rest.starts_with(b"=\n") => at += 2,
            _ => {
                places.push((at, false));
                plain.push(*byte);
                at += 1;
            }
        }
    }
    let old = plain.clone();
    replace(&mut plain);
    for (((at, is_escaped), old), new) in places.into_iter().zip(old).zip(plain) {
        if old == new {
            continue;
        }
        if is_escaped {
            let digits = format!("{new:02X}");
            if let Some(place) = body.get_mut(at + 1..at + 3) {
                place.copy_from_slice(digits.as_bytes());
            }
        } else if let Some(place) = body.get_mut(at) {
            // What would be an escape, or break a line, has no room to be escaped.
            *place = if new == b'=' || new < b' ' { b'x' } else { new };
        }
    }
}

/// Whether it is anything but text.
fn is_binary(body: &[u8]) -> bool {
    body.iter().any(|byte| *byte < 9 || (14..32).contains(byte))
        || std::str::from_utf8(body).is_err()
}

/// What cannot be read: text as text, anything else by one letter throughout.
pub(super) fn blot(bytes: &mut [u8], to: &mut Pseudonyms) {
    if is_binary(bytes) {
        bytes.fill(b'x');
    } else {
        text::scan(bytes, Say::NOTHING, to);
    }
}

fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let lower = content_type.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"boundary=")? + b"boundary=".len();
    let (from, end) = value_range(content_type, at);
    content_type
        .get(from..end)
        .filter(|value| !value.is_empty())
        .map(<[u8]>::to_vec)
}

/// Bytes of a line with its end.
fn line_len(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)
}

fn parts(body: &mut [u8], boundary: &[u8], depth: u8, to: &mut Pseudonyms) {
    let is_border = |line: &[u8]| {
        line.strip_prefix(b"--")
            .is_some_and(|line| line.starts_with(boundary))
    };
    let mut rest = body;
    let mut is_first = true;
    loop {
        let mut len = 0;
        while let Some(line) = rest.get(len..).filter(|line| !line.is_empty()) {
            if is_border(line) {
                break;
            }
            len += line_len(line);
        }
        let (part, behind) = rest.split_at_mut(len);
        if is_first {
            text::scan(part, Say::NOTHING, to);
        } else {
            let head_len = if part.starts_with(b"\r\n") || part.starts_with(b"\n") {
                line_len(part)
            } else {
                message::head_len(part)
            };
            let (head, content) = part.split_at_mut(head_len);
            let kind = message::head_kind(head);
            message::fields(head, to);
            nested(content, &kind, depth - 1, to);
        }
        is_first = false;
        if behind.is_empty() {
            return;
        }
        let (border, next) = behind.split_at_mut(line_len(behind));
        if let Some(border) = border.get_mut(2..2 + boundary.len()) {
            to.opaque(border);
        }
        rest = next;
    }
}

/// Names of elements and attributes stay, and the addresses of their schemas.
fn xml(body: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = body;
    while !rest.is_empty() {
        let open = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        let (text, behind) = rest.split_at_mut(open);
        spelled(text, Say::NOTHING, to);
        let is_prolog = behind.starts_with(b"<?xml");
        let is_comment = behind.starts_with(b"<!");
        let close = memchr::memchr(b'>', behind).map_or(behind.len(), |at| at + 1);
        let (tag, next) = behind.split_at_mut(close);
        if is_comment {
            text::scan(tag, Say::NOTHING, to);
        } else if is_prolog {
            text::scan(tag, Say::NUMBERS, to);
        } else {
            self::tag(tag, to);
        }
        rest = next;
    }
}

/// Goes through a text; letters written as `&#65;` all become question marks.
fn spelled(text: &mut [u8], say: Say, to: &mut Pseudonyms) {
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"&#") {
        let (before, behind) = rest.split_at_mut(at);
        text::scan(before, say, to);
        let (_, behind) = behind.split_at_mut(2);
        let len = memchr::memchr(b';', behind).filter(|len| (2..=8).contains(len));
        let (reference, next) = behind.split_at_mut(len.unwrap_or(0));
        rest = next;
        let is_hex = matches!(reference.first(), Some(b'x' | b'X'));
        let digits = reference.get_mut(usize::from(is_hex)..).unwrap_or_default();
        let mark: &[u8] = if is_hex { b"3F" } else { b"63" };
        let is_number = digits.iter().all(u8::is_ascii_hexdigit);
        match digits.len().checked_sub(mark.len()) {
            Some(zeros) if is_number => {
                let (zeros, place) = digits.split_at_mut(zeros);
                zeros.fill(b'0');
                place.copy_from_slice(mark);
            }
            _ => text::scan(reference, Say::NOTHING, to),
        }
    }
    text::scan(rest, say, to);
}

fn tag(tag: &mut [u8], to: &mut Pseudonyms) {
    let name = tag
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at_mut(name);
    text::keep(name, to);
    loop {
        let Some(quote) = rest.iter().position(|byte| matches!(byte, b'"' | b'\'')) else {
            return text::keep(rest, to);
        };
        let mark = rest.get(quote).copied().unwrap_or(b'"');
        let attribute = rest.get(..quote).unwrap_or_default().trim_ascii();
        let is_schema = attribute.starts_with(b"xmlns") || attribute.starts_with(b"xsi:schema");
        let (attribute, inside) = rest.split_at_mut(quote + 1);
        text::keep(attribute, to);
        let end = memchr::memchr(mark, inside).unwrap_or(inside.len());
        let (value, next) = inside.split_at_mut(end);
        let is_public =
            is_schema && (value.starts_with(b"urn:") || value.starts_with(b"http://www.w3.org/"));
        if !is_public {
            spelled(value, Say::LITTLE, to);
        }
        rest = next.get_mut(1..).unwrap_or_default();
    }
}

/// Attributes that say how media are coded and sent, and nothing of anybody.
const MEDIA: [&[u8]; 26] = [
    b"rtpmap",
    b"ptime",
    b"maxptime",
    b"sendrecv",
    b"sendonly",
    b"recvonly",
    b"inactive",
    b"rtcp-mux",
    b"rtcp-rsize",
    b"rtcp-fb",
    b"setup",
    b"connection",
    b"framerate",
    b"framesize",
    b"silenceSupp",
    b"ecan",
    b"end-of-candidates",
    b"ice-lite",
    b"ice2",
    b"T38FaxVersion",
    b"T38MaxBitRate",
    b"T38FaxRateManagement",
    b"T38FaxMaxBuffer",
    b"T38FaxMaxDatagram",
    b"T38FaxUdpEC",
    b"extmap-allow-mixed",
];

fn sdp(body: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = body;
    while !rest.is_empty() {
        let (line, next) = rest.split_at_mut(line_len(rest));
        rest = next;
        let len = line.trim_ascii_end().len();
        let Some(line) = line.get_mut(..len) else {
            continue;
        };
        let [kind, b'=', value @ ..] = line else {
            text::scan(line, Say::NOTHING, to);
            continue;
        };
        match kind {
            b'v' | b't' | b'r' | b'z' | b'b' | b'm' => text::scan(value, Say::NUMBERS, to),
            b'c' => text::scan(value, Say::CODES, to),
            b'o' => origin(value, to),
            b'k' => secret(value, to),
            b'a' => attribute(value, to),
            _ => text::scan(value, Say::NOTHING, to),
        }
    }
}

/// User, session, version, network, kind of address, address. The version stays: it is compared.
fn origin(value: &mut [u8], to: &mut Pseudonyms) {
    for (at, word) in value.split_mut(|byte| *byte == b' ').enumerate() {
        match at {
            0 if word == b"-" => {}
            0 => text::user(word, to),
            1 => to.opaque(word),
            2 if word.len() <= 20
                && word.iter().all(u8::is_ascii_digit)
                && !to.values.has_number(word) => {}
            3 | 4 => text::scan(word, Say::LITTLE, to),
            _ if to.address(word) => {}
            _ => to.host(word),
        }
    }
}

/// A method, then what is secret.
fn secret(value: &mut [u8], to: &mut Pseudonyms) {
    let colon = value.iter().position(|byte| *byte == b':').unwrap_or(0);
    if let Some(secret) = value.get_mut(colon..) {
        to.opaque(secret);
    }
}

fn attribute(value: &mut [u8], to: &mut Pseudonyms) {
    let colon = value
        .iter()
        .position(|byte| *byte == b':')
        .unwrap_or(value.len());
    let (name, value) = value.split_at_mut(colon);
    let is_plain = |value: &[u8]| {
        // Names of codecs and their rates; nothing as long as a telephone number.
        let longest = value
            .split(|byte| !byte.is_ascii_digit())
            .map(<[u8]>::len)
            .max();
        longest.unwrap_or(0) <= 6 && value.len() <= 128 && value.is_ascii()
    };
    if MEDIA.contains(&&*name) && is_plain(value) {
        return text::keep(value, to);
    }
    match &*name {
        b"fmtp" => text::scan(value, Say::NUMBERS, to),
        b"candidate" => {
            // The foundation may be a checksum of the address (RFC 8839 §5.1).
            let blank = value.iter().position(|byte| *byte == b' ');
            let (foundation, rest) = value.split_at_mut(blank.unwrap_or(value.len()));
            to.opaque(foundation);
            candidate(rest, to);
        }
        b"rtcp" | b"remote-candidates" | b"rtcp-xr" => candidate(value, to),
        b"curr" | b"des" | b"conf" | b"mid" | b"group" | b"extmap" | b"tcap" | b"pcfg"
        | b"acfg" | b"csup" | b"creq" | b"ice-options" | b"rtpmap" | b"simulcast" | b"rid"
        | b"sqn" | b"cdsc" | b"cpar" | b"lang" | b"orient" | b"type" | b"charset" | b"content" => {
            text::scan(value, Say::CODES, to);
        }
        b"fingerprint" => {
            // The hash function stays.
            let blank = value.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
            if let Some(digest) = value.get_mut(blank..) {
                to.opaque(digest);
            }
        }
        b"crypto" => crypto(value, to),
        b"ice-ufrag" | b"ice-pwd" | b"key-mgmt" | b"tls-id" | b"identity" | b"msid" | b"label"
        | b"mslabel" | b"cname" => to.opaque(value),
        b"ssrc" | b"ssrc-group" => {
            // The number of the source is a number of RTP.
            let blank = value
                .iter()
                .position(|byte| *byte == b' ')
                .unwrap_or(value.len());
            let (source, rest) = value.split_at_mut(blank);
            text::scan(source, Say::NUMBERS, to);
            let colon = rest.iter().position(|byte| *byte == b':').unwrap_or(0);
            if let Some(value) = rest.get_mut(colon..) {
                to.opaque(value);
            }
        }
        _ => {
            text::scan(name, Say::LITTLE, to);
            text::scan(value, Say::LITTLE, to);
        }
    }
}

/// Tag and suite stay, the key does not (RFC 4568 §9.1).
fn crypto(value: &mut [u8], to: &mut Pseudonyms) {
    for word in value.split_mut(|byte| *byte == b' ') {
        let Some(colon) = word.iter().position(|byte| *byte == b':') else {
            text::scan(word, Say::CODES, to);
            continue;
        };
        if word.first() == Some(&b':') {
            // What follows the attribute's own colon.
            continue;
        }
        // Lifetime and key index stand behind bars.
        let end = word
            .iter()
            .position(|byte| *byte == b'|')
            .unwrap_or(word.len());
        if let Some(key) = word.get_mut(colon..end) {
            to.opaque(key);
        }
    }
}

/// Numbers, addresses, and words between them.
fn candidate(value: &mut [u8], to: &mut Pseudonyms) {
    let mut is_secret = false;
    for word in value.split_mut(|byte| *byte == b' ') {
        let is_name = word == b"ufrag" || word == b"pwd";
        let is_number = word
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b':');
        if is_secret {
            to.opaque(word);
        } else if !(is_number && word.len() <= 11 || to.address(word)) {
            text::scan(word, Say::CODES, to);
        }
        is_secret = is_name;
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn what_quoted_printable_spells_is_replaced_where_it_stands() {
        let mut to = Pseudonyms::new(Key::new(b"k"), &Limits::default());
        let spelled =
            "call =31=32=31=35=35=35=35=31=32=31=32 or +1 21=\r\n55551212=2C zo=72ro=\n ends=3D";
        let kind = Kind {
            content_type: b"text/plain".to_vec(),
            is_quoted: true,
            ..Kind::default()
        };
        let mut body = spelled.as_bytes().to_vec();
        replace(&mut body, &kind, &mut to);
        to.settle();
        let mut body = spelled.as_bytes().to_vec();
        replace(&mut body, &kind, &mut to);
        let text = String::from_utf8(body).unwrap();
        assert_eq!(text.len(), spelled.len());
        assert!(
            text.contains("=\r\n") && text.contains("=2C ") && text.ends_with("=3D"),
            "{text}"
        );
        let plain = |text: &str| {
            let mut plain = text.replace("=\r\n", "").replace("=\n", "");
            for byte in b' '..=b'~' {
                plain = plain.replace(&format!("={byte:02X}"), &char::from(byte).to_string());
            }
            plain
        };
        assert!(plain(spelled).contains("12155551212 or +1 2155551212, zorro"));
        let said = plain(&text);
        assert!(
            !said.contains("5551212") && !said.contains("zorro"),
            "{said}"
        );
        // The two forms of the number are still the same.
        let digits: Vec<&str> = said
            .split(|c: char| !c.is_ascii_digit() && c != ' ')
            .map(str::trim)
            .filter(|run| run.len() > 9)
            .collect();
        let [one, other] = digits.as_slice() else {
            panic!("{said}");
        };
        assert_eq!(one.replace(' ', ""), other.replace(' ', ""));
    }

    fn replaced(content_type: &str, body: &str) -> String {
        let mut pseudonyms = Pseudonyms::new(Key::new(b"k"), &Limits::default());
        pseudonyms.settle();
        let kind = Kind {
            content_type: content_type.into(),
            ..Kind::default()
        };
        let mut bytes = body.as_bytes().to_vec();
        replace(&mut bytes, &kind, &mut pseudonyms);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_foundation_and_a_fragment_of_a_candidate_do_not_stay() {
        let new = replaced(
            "application/sdp",
            "v=0\r\na=rtcp:49171 IN IP4 10.0.0.1\r\n\
             a=candidate:842163049 1 udp 1677729535 10.0.0.1 3478 typ srflx rport 46154 ufrag 4021\r\n",
        );
        assert!(!new.contains("842163049") && !new.contains("4021"), "{new}");
        assert!(new.contains("a=rtcp:49171 IN IP4 "), "{new}");
        assert!(new.contains(" 1 udp 1677729535 "), "{new}");
        assert!(new.contains(" 3478 typ srflx rport 46154 ufrag "), "{new}");
    }

    #[test]
    fn letters_of_xml_that_are_spelled_as_numbers_do_not_stay() {
        let new = replaced(
            "application/pidf+xml",
            "<note a='&#x41;&#0066;'>&#50;&#49;&#53;&#122;</note><n2155551246/>",
        );
        assert!(
            new.starts_with("<note a='&#x3F;&#0063;'>&#63;&#63;&#63;&#063;</note><"),
            "{new}"
        );
        assert!(!new.contains("2155551246"), "{new}");
    }
}
