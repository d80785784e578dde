//! Message: a SIP message with its values replaced.
//!
//! In: the bytes of one message, whole or cut. Out: the same with pseudonyms, byte for byte as long,
//! so that Content-Length and all that counts bytes stay true.
//!
//! Always: no byte of a header field's value stays because its field is not known; a body that is
//! no text is blotted out.
//!
//! # References
//! - RFC 3261 §7, §20, §25.1; RFC 7616 (digest); RFC 8224 §4 (Identity)

use super::body;
use super::passport;
use super::pseudonyms::Pseudonyms;
use super::text::{self, Say};

/// What a field's value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Words and numbers of the protocol.
    Numbers,
    /// Words, and numbers of codes.
    Codes,
    /// Name, URI in angle brackets, parameters; several.
    Addresses,
    Via,
    CallId,
    Identity,
    /// Credentials and challenges.
    Digest,
    /// What a person wrote.
    Prose,
    /// One identifier.
    Opaque,
    /// Not known.
    Other,
}

/// Replaces the values of the messages that `bytes` hold.
pub(super) fn replace(bytes: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = bytes;
    loop {
        let lead = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n' | 0))
            .count();
        let Some(message) = rest.get_mut(lead..).filter(|message| !message.is_empty()) else {
            return;
        };
        let head_len = head_len(message);
        let length = content_length(message.get(..head_len).unwrap_or_default());
        let behind = message.len() - head_len;
        let body_len = length.unwrap_or(behind).min(behind);
        let (one, next) = message.split_at_mut(head_len + body_len);
        let (head, body) = one.split_at_mut(head_len);
        let kind = head_kind(head);
        self::head(head, to);
        body::replace(body, &kind, to);
        // A datagram may hold another message; what is none is text of nobody knows what.
        if !is_start(next) && !next.is_empty() {
            return body::blot(next, to);
        }
        rest = next;
    }
}

/// Whether a message may begin here, behind line ends.
fn is_start(bytes: &[u8]) -> bool {
    let skipped = crate::sip::sniff::skip_line_ends(bytes, bytes.len());
    skipped.is_empty() || crate::sip::sniff::start_line(skipped).is_one()
}

/// Bytes up to and with the empty line; all if there is none.
pub(super) fn head_len(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = memchr::memchr(b'\n', message.get(at..).unwrap_or_default()) {
        let end = at + line + 1;
        match message.get(end..) {
            Some([b'\r', b'\n', ..]) => return end + 2,
            Some([b'\n', ..]) => return end + 1,
            _ => at = end,
        }
    }
    message.len()
}

/// What the head says of the body's length.
pub(super) fn content_length(head: &[u8]) -> Option<usize> {
    let mut length = None;
    each_field(head, |name, value| {
        if length.is_none()
            && (name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l"))
        {
            length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.trim().parse().ok());
        }
    });
    length
}

/// Content-Type, and whether Content-Encoding says that the body cannot be read.
pub(super) fn head_kind(head: &[u8]) -> body::Kind {
    let mut kind = body::Kind::default();
    each_field(head, |name, value| match &*name.to_ascii_lowercase() {
        b"content-type" | b"c" => kind.content_type = value.to_vec(),
        b"content-encoding" | b"e" => {
            kind.is_encoded = !value.trim_ascii().eq_ignore_ascii_case(b"identity");
        }
        b"content-transfer-encoding" => {
            let value = value.trim_ascii();
            kind.is_quoted = value.eq_ignore_ascii_case(b"quoted-printable");
        }
        _ => {}
    });
    kind
}

fn each_field(head: &[u8], mut each: impl FnMut(&[u8], &[u8])) {
    let mut rest = head;
    while !rest.is_empty() {
        let (line, next) = rest
            .split_at_checked(field_len(rest))
            .unwrap_or((rest, &[]));
        rest = next;
        if let Some(colon) = memchr::memchr(b':', line) {
            let name = line.get(..colon).unwrap_or_default().trim_ascii();
            each(name, line.get(colon + 1..).unwrap_or_default());
        }
    }
}

/// Bytes of the line that begins here, with the lines that continue it (RFC 3261 §7.3.1).
fn field_len(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = memchr::memchr(b'\n', rest.get(at..).unwrap_or_default()) {
        at += line + 1;
        if !matches!(rest.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
    rest.len()
}

/// Replaces the values of a start line and header fields.
pub(super) fn head(head: &mut [u8], to: &mut Pseudonyms) {
    let line = field_len(head);
    let (start, mut rest) = head.split_at_mut(line);
    start_line(start, to);
    while !rest.is_empty() {
        let len = field_len(rest);
        let (line, next) = rest.split_at_mut(len);
        field(line, to);
        rest = next;
    }
}

/// Replaces the values of header fields alone, as a part of a body has them.
pub(super) fn fields(head: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = head;
    while !rest.is_empty() {
        let len = field_len(rest);
        let (line, next) = rest.split_at_mut(len);
        field(line, to);
        rest = next;
    }
}

fn start_line(line: &mut [u8], to: &mut Pseudonyms) {
    if line
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
    {
        // Version and code, then words.
        let code = line.iter().take(12).count();
        let (_, phrase) = line.split_at_mut(code);
        return text::scan(phrase, Say::CODES, to);
    }
    let method = line
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(line.len());
    let (method, rest) = line.split_at_mut(method);
    text::scan(method, Say::LITTLE, to);
    text::scan(rest, Say::LITTLE, to);
}

fn field(line: &mut [u8], to: &mut Pseudonyms) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return text::scan(line, Say::NOTHING, to);
    };
    let (name, value) = line.split_at_mut(colon + 1);
    let plain = name
        .get(..colon)
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase();
    let is_name = plain.len() <= 48
        && plain
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && plain.iter().filter(|byte| byte.is_ascii_digit()).count() <= 4;
    if !is_name {
        text::scan(name, Say::NOTHING, to);
    }
    if is_name && form(&plain) == Form::Other {
        text::keep(name, to);
    }
    match form(&plain) {
        Form::Numbers => text::scan(value, Say::NUMBERS, to),
        Form::Codes => text::scan(value, Say::CODES, to),
        Form::Addresses => addresses(value, to),
        Form::Via => via(value, to),
        Form::CallId => call_id(value, to),
        Form::Identity => passport::identity(value, to),
        Form::Digest => digest(value, to),
        Form::Prose => text::scan(value, Say::NOTHING, to),
        Form::Opaque => to.opaque(value),
        Form::Other => text::scan(value, Say::LITTLE, to),
    }
}

fn form(name: &[u8]) -> Form {
    match name {
        b"cseq" | b"max-forwards" | b"content-length" | b"l" | b"expires" | b"min-expires"
        | b"session-expires" | b"x" | b"min-se" | b"rseq" | b"rack" | b"timestamp"
        | b"retry-after" | b"flow-timer" | b"o" | b"event" | b"max-breadth" | b"session-timer" => {
            Form::Numbers
        }
        b"reason"
        | b"date"
        | b"subscription-state"
        | b"content-type"
        | b"c"
        | b"allow"
        | b"supported"
        | b"k"
        | b"require"
        | b"proxy-require"
        | b"unsupported"
        | b"accept"
        | b"accept-encoding"
        | b"accept-language"
        | b"allow-events"
        | b"u"
        | b"content-disposition"
        | b"content-encoding"
        | b"e"
        | b"content-language"
        | b"privacy"
        | b"priority"
        | b"recv-info"
        | b"info-package"
        | b"mime-version"
        | b"warning"
        | b"user-agent"
        | b"server"
        | b"reject-contact"
        | b"j"
        | b"accept-contact"
        | b"a"
        | b"request-disposition"
        | b"d"
        | b"p-early-media"
        | b"answer-mode"
        | b"security-client"
        | b"security-server"
        | b"security-verify" => Form::Codes,
        b"from"
        | b"f"
        | b"to"
        | b"t"
        | b"contact"
        | b"m"
        | b"route"
        | b"record-route"
        | b"p-asserted-identity"
        | b"p-preferred-identity"
        | b"remote-party-id"
        | b"diversion"
        | b"history-info"
        | b"refer-to"
        | b"r"
        | b"referred-by"
        | b"b"
        | b"reply-to"
        | b"path"
        | b"service-route"
        | b"p-associated-uri"
        | b"p-called-party-id"
        | b"call-info"
        | b"alert-info"
        | b"error-info"
        | b"geolocation"
        | b"p-served-user"
        | b"feature-caps"
        | b"permission-missing"
        | b"trigger-consent"
        | b"p-profile-key" => Form::Addresses,
        b"via" | b"v" => Form::Via,
        b"call-id" | b"i" | b"in-reply-to" | b"replaces" | b"join" | b"target-dialog"
        | b"content-id" | b"session-id" | b"same-session" => Form::CallId,
        b"identity" | b"y" => Form::Identity,
        b"authorization"
        | b"proxy-authorization"
        | b"www-authenticate"
        | b"proxy-authenticate"
        | b"authentication-info"
        | b"proxy-authentication-info" => Form::Digest,
        b"subject" | b"s" | b"organization" | b"caller-id" | b"x-caller" => Form::Prose,
        b"sip-etag" | b"sip-if-match" | b"suppress-if-match" => Form::Opaque,
        _ => Form::Other,
    }
}

/// `Call-ID`, and dialogs named by theirs: identifiers, then parameters.
pub(super) fn call_id(value: &mut [u8], to: &mut Pseudonyms) {
    let end = value
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(value.len());
    let (ids, parameters) = value.split_at_mut(end);
    text::scan(ids, Say::NOTHING, to);
    text::scan(parameters, Say::LITTLE, to);
}

/// Names are replaced whole, URIs and parameters by their parts.
fn addresses(value: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = value;
    loop {
        let Some(open) = outside_quotes(rest, b'<') else {
            return text::scan(rest, Say::LITTLE, to);
        };
        let (name, behind) = rest.split_at_mut(open);
        // A list may have begun with a URI without brackets.
        if name.contains(&b':') && !name.contains(&b'"') {
            text::scan(name, Say::LITTLE, to);
        } else {
            text::scan(name, Say::NOTHING, to);
        }
        let close = behind
            .iter()
            .position(|byte| *byte == b'>')
            .map_or(behind.len(), |at| at + 1);
        let (uri, behind) = behind.split_at_mut(close);
        text::scan(uri, Say::LITTLE, to);
        let comma = outside_quotes(behind, b',').unwrap_or(behind.len());
        let (parameters, next) = behind.split_at_mut(comma);
        text::scan(parameters, Say::LITTLE, to);
        rest = next;
    }
}

fn outside_quotes(text: &[u8], sought: u8) -> Option<usize> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            byte if *byte == sought && !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Protocol, host and port, parameters; several.
fn via(value: &mut [u8], to: &mut Pseudonyms) {
    let mut rest = value;
    while !rest.is_empty() {
        let comma = outside_quotes(rest, b',').map_or(rest.len(), |at| at + 1);
        let (one, next) = rest.split_at_mut(comma);
        rest = next;
        let end = one
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(one.len());
        let (sent, parameters) = one.split_at_mut(end);
        // The sent-by is what follows the last blank.
        let len = sent.trim_ascii_end().len();
        let blank = sent
            .get(..len)
            .and_then(|sent| sent.iter().rposition(u8::is_ascii_whitespace))
            .map_or(0, |at| at + 1);
        let (protocol, sent_by) = sent.split_at_mut(blank);
        text::scan(protocol, Say::LITTLE, to);
        let len = sent_by.trim_ascii_end().len();
        if let Some(sent_by) = sent_by.get_mut(..len) {
            self::sent_by(sent_by, to);
        }
        text::scan(parameters, Say::LITTLE, to);
    }
}

fn sent_by(text: &mut [u8], to: &mut Pseudonyms) {
    if text.first() == Some(&b'[') || text.iter().filter(|byte| **byte == b':').count() > 1 {
        return text::scan(text, Say::LITTLE, to);
    }
    let end = text
        .iter()
        .position(|byte| matches!(byte, b':' | b','))
        .unwrap_or(text.len());
    if let Some(host) = text.get_mut(..end) {
        to.host(host);
    }
}

/// `Digest` and its parameters; credentials of other schemes are replaced whole.
fn digest(value: &mut [u8], to: &mut Pseudonyms) {
    let start = value
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(0);
    let scheme = value.get(start..).unwrap_or_default();
    let is_digest = scheme
        .get(..6)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"Digest"));
    let end = scheme
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(scheme.len());
    let has_parameters = scheme
        .get(..end)
        .is_some_and(|scheme| scheme.contains(&b'='));
    if is_digest || has_parameters {
        text::scan(value, Say::LITTLE, to);
    } else if let Some(credentials) = value.get_mut(start + end..) {
        text::scan(credentials, Say::NOTHING, to);
    }
}
