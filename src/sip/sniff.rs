//! `sniff`: is this datagram, or this start of a stream, SIP?
//!
//! In: bytes, the two ports, and whether the 5-tuple has given a message before. Out: a
//! [`Verdict`]. Always: media and other binary payloads are refused on their first byte; nothing
//! is allocated. Capped: a start line at [`START_LINE_BYTES`], the look at header fields at
//! [`SCORED_BYTES`].
//!
//! # References
//! - RFC 3261 §7.1, §7.2 (start lines), §7.5 (leading CRLF)
//! - RFC 5626 §3.5.1, §3.5.2 (keep-alives)

use memchr::memchr;

use super::method::MethodKind;
use crate::units::is_sip_port;

/// Bytes: a longer first line is no start line.
pub const START_LINE_BYTES: usize = 8 << 10;

/// Bytes in which the header fields that prove a message must begin.
pub const SCORED_BYTES: usize = 4 << 10;

/// Bytes of CR and LF passed over before a datagram's start line.
const LEADING_LINE_ENDS: usize = 64;

/// Bytes of the longest method that is registered, SUBSCRIBE.
const LONGEST_METHOD: usize = 9;

/// A method name longer than this on an unfinished line is waited for no further.
const UNFINISHED_TOKEN_BYTES: usize = 32;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A message begins here.
    Sip,
    /// A start line, but on a port where that is not proof enough, and without the header fields.
    SipLike,
    /// A filler that keeps a NAT binding or a connection open.
    Keepalive,
    /// Anything else.
    No,
    /// Of a stream: too early to tell.
    NeedMore,
}

/// What a first line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// A response, or a request whose method is registered.
    Known,
    /// A request with a method that is not registered.
    Extension,
    /// No line end yet, and so far it can become one.
    Unfinished,
    /// Neither.
    No,
}

impl StartLine {
    /// Whether a message can begin with it.
    pub const fn is_one(self) -> bool {
        matches!(self, Self::Known | Self::Extension)
    }
}

/// What a datagram is. `ports`: source and destination; `sticky`: the 5-tuple gave a message.
pub fn datagram(payload: &[u8], ports: (u16, u16), sticky: bool) -> Verdict {
    let expected = sticky || is_expected(ports);
    let Some(first) = payload.first() else {
        return filler(expected);
    };
    if !(is_token(*first) || matches!(first, b'\r' | b'\n')) {
        return if expected && is_filler(payload) {
            Verdict::Keepalive
        } else {
            Verdict::No
        };
    }
    let text = skip_line_ends(payload, LEADING_LINE_ENDS);
    if text.is_empty() || is_filler(payload) {
        return filler(expected);
    }
    // A datagram brings all it has: a line that does not end is judged as it stands.
    judge(text, expected, true)
}

/// Whether a datagram that the capture cut short is proof all the same: of its header fields one is
/// there, and others may have been behind it.
pub fn is_cut_message(payload: &[u8]) -> bool {
    let text = skip_line_ends(payload, LEADING_LINE_ENDS);
    start_line(text) == StartLine::Known && essential_fields(text).0 > 0
}

/// Whether bytes that are no message begin as one does: with a status line, be its code or its
/// characters what they may, or with a method that is registered and, on the same line, the version.
/// `cut`: the capture cut them, so that the line need not go on so far.
pub fn is_refused_message(bytes: &[u8], cut: bool) -> bool {
    if !matches!(bytes.first(), Some(b'A'..=b'Z' | b'\r' | b'\n')) {
        return false;
    }
    let text = skip_line_ends(bytes, LEADING_LINE_ENDS);
    if let Some(code) = text.strip_prefix(b"SIP/2.0 ") {
        return code.first().is_some_and(u8::is_ascii_digit) || cut && code.is_empty();
    }
    if cut && text.len() >= 4 && b"SIP/2.0 ".starts_with(text) {
        return true;
    }
    let token = token_len(text.get(..LONGEST_METHOD + 1).unwrap_or(text));
    let (method, rest) = text.split_at(token);
    if rest.first() != Some(&b' ') || MethodKind::of(method) == MethodKind::Other {
        return false;
    }
    match memchr(b'\n', rest) {
        None if cut => [&b" sip:"[..], b" sips:", b" tel:"]
            .iter()
            .any(|start| rest.starts_with(start) || start.starts_with(rest)),
        end => {
            let line = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            memchr::memmem::find(line, b" SIP/2.0").is_some()
        }
    }
}

/// What a capture left of a message that it cut: a header field that it cut is none, since half a
/// tag or number is another one.
pub fn whole_lines(payload: &[u8]) -> &[u8] {
    let text = skip_line_ends(payload, LEADING_LINE_ENDS);
    let is_ended = [&b"\n\r\n"[..], b"\n\n"]
        .iter()
        .any(|end| memchr::memmem::find(text, end).is_some());
    match memchr::memrchr(b'\n', text) {
        Some(last) if !is_ended => text.get(..=last).unwrap_or(text),
        _ => payload,
    }
}

/// What the start of a stream is, from the bytes known so far.
pub fn stream_start(bytes: &[u8], ports: (u16, u16), sticky: bool) -> Verdict {
    let expected = sticky || is_expected(ports);
    let text = skip_line_ends(bytes, usize::MAX);
    match text.first() {
        None => filler(expected),
        Some(first) if is_token(*first) => judge(text, expected, false),
        Some(_) => Verdict::No,
    }
}

/// Whether SIP is expected between two ports.
pub const fn is_expected(ports: (u16, u16)) -> bool {
    is_sip_port(ports.0) || is_sip_port(ports.1)
}

/// Whether bytes that begin no message can be the middle of one: text, and not another protocol's.
pub fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..256).unwrap_or(bytes);
    let line = first_line(head).unwrap_or(head);
    let other = line
        .windows(5)
        .any(|window| matches!(window, b"HTTP/" | b"RTSP/"));
    !head.is_empty() && !other && !has_controls(head)
}

/// Whether bytes are the head of an HTTP message.
pub fn is_http(bytes: &[u8]) -> bool {
    let head = bytes.get(..SCORED_BYTES).unwrap_or(bytes);
    let line = first_line(head).unwrap_or(head);
    line.starts_with(b"HTTP/1.") || memchr::memmem::find(line, b" HTTP/1.").is_some()
}

/// Whether bytes that are not SIP say nothing about what comes behind them in their stream:
/// fillers, and how one asks a proxy for a way through (RFC 1928, RFC 9110 §9.3.6).
pub fn may_precede_sip(bytes: &[u8]) -> bool {
    let is_answer = || {
        let answers = [&b"HTTP/1.1 200 "[..], b"HTTP/1.0 200 "];
        answers.iter().any(|answer| bytes.starts_with(answer))
            && bytes.ends_with(b"\r\n\r\n")
            && memchr::memmem::find(bytes, b"ontent-").is_none()
            && memchr::memmem::find(bytes, b"ransfer-").is_none()
    };
    let is_socks = matches!(bytes, [4 | 5, ..]) && bytes.len() <= 64;
    is_filler(bytes) || is_socks || bytes.starts_with(b"CONNECT ") || is_answer()
}

fn judge(text: &[u8], expected: bool, whole: bool) -> Verdict {
    let line = match start_line(text) {
        StartLine::Unfinished if whole => complete_line(text),
        line => line,
    };
    let needed = match line {
        StartLine::No => return Verdict::No,
        StartLine::Unfinished => return Verdict::NeedMore,
        StartLine::Known | StartLine::Extension if expected => return Verdict::Sip,
        StartLine::Known => 2,
        StartLine::Extension => 3,
    };
    let (found, ended) = essential_fields(text);
    if found >= needed {
        Verdict::Sip
    } else if ended || whole {
        Verdict::SipLike
    } else {
        Verdict::NeedMore
    }
}

const fn filler(expected: bool) -> Verdict {
    if expected {
        Verdict::Keepalive
    } else {
        Verdict::No
    }
}

/// Fillers met on SIP ports (DOMAIN F.1), and STUN Binding as RFC 5626 §3.5.2 uses it.
fn is_filler(payload: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n' | b' ' | b'\t');
    payload.len() <= LEADING_LINE_ENDS && payload.iter().all(blank)
        || payload.len() <= 8
            && (payload.starts_with(b"jaK") || payload.eq_ignore_ascii_case(b"hello"))
        || matches!(payload, [0 | 1, 1 | 0x11, _, _, 0x21, 0x12, 0xa4, 0x42, ..])
}

/// What a STUN message is recognised by on a stream: the length of its whole, `None` if it is none,
/// and 0 where more bytes are needed to tell (RFC 8489 §5).
pub fn stun_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0 | 1, _, high, low, 0x21, 0x12, 0xa4, 0x42, ..] => {
            Some(20 + usize::from(u16::from_be_bytes([*high, *low])))
        }
        [0 | 1, rest @ ..] if rest.len() < 7 => {
            let magic = rest.get(3..).unwrap_or_default();
            [0x21, 0x12, 0xa4, 0x42].starts_with(magic).then_some(0)
        }
        _ => None,
    }
}

/// `bytes` without its leading CRs and LFs, at most `most` of them.
pub fn skip_line_ends(bytes: &[u8], most: usize) -> &[u8] {
    let skip = bytes
        .iter()
        .take(most)
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    bytes.get(skip..).unwrap_or_default()
}

/// What the first line of `bytes` is; there must be no line ends before it.
pub fn start_line(bytes: &[u8]) -> StartLine {
    match first_line(bytes) {
        Some(line) => complete_line(line),
        None if bytes.len() >= START_LINE_BYTES => StartLine::No,
        None => unfinished_line(bytes),
    }
}

/// Up to the first LF within [`START_LINE_BYTES`].
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let window = bytes.get(..START_LINE_BYTES).unwrap_or(bytes);
    window.get(..memchr(b'\n', window)?)
}

fn complete_line(line: &[u8]) -> StartLine {
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
    // What most responses begin with needs no closer look.
    if let Some(rest) = line.strip_prefix(b"SIP/2.0")
        && is_status(rest)
        && !has_controls(line)
    {
        return StartLine::Known;
    }
    let token = token_len(line);
    let Some((token, rest)) = line.split_at_checked(token) else {
        return StartLine::No;
    };
    if token.is_empty() {
        return StartLine::No;
    }
    let shaped = if rest.first() == Some(&b'/') {
        let (version, rest) = line.split_at_checked(version_len(line)).unwrap_or_default();
        is_version(version) && is_status(rest)
    } else {
        is_request_rest(rest)
    };
    if !shaped || has_controls(line) {
        StartLine::No
    } else if rest.first() == Some(&b'/') || MethodKind::of(token) != MethodKind::Other {
        StartLine::Known
    } else {
        StartLine::Extension
    }
}

/// Three digits or more behind the version. Codes beyond 699 are for the annotator to judge.
fn is_status(rest: &[u8]) -> bool {
    let code = rest.trim_ascii_start();
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    code.len() < rest.len()
        && digits >= 3
        && code
            .get(digits)
            .is_none_or(|byte| matches!(byte, b' ' | b'\t'))
}

/// Blanks, something with a colon, blanks, version.
fn is_request_rest(rest: &[u8]) -> bool {
    let Some(b' ' | b'\t') = rest.first() else {
        return false;
    };
    let rest = rest.trim_ascii();
    let Some((uri, version)) = rest
        .iter()
        .rposition(u8::is_ascii_whitespace)
        .and_then(|last_blank| rest.split_at_checked(last_blank))
    else {
        return false;
    };
    is_version(version.trim_ascii()) && uri.contains(&b':')
}

/// `SIP/2.0`, or another number: a wrong version is a fault of a message, not proof of none.
fn is_version(token: &[u8]) -> bool {
    if token == b"SIP/2.0" {
        return true;
    }
    let Some((name, number)) = token.split_at_checked(4) else {
        return false;
    };
    let Some(dot) = memchr(b'.', number) else {
        return false;
    };
    let (major, minor) = number.split_at(dot);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    name.eq_ignore_ascii_case(b"SIP/")
        && digits(major)
        && digits(minor.get(1..).unwrap_or_default())
}

fn version_len(line: &[u8]) -> usize {
    line.iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .count()
}

/// Whether a line that has not ended can become a start line.
fn unfinished_line(bytes: &[u8]) -> StartLine {
    let token = token_len(bytes);
    let Some((name, rest)) = bytes.split_at_checked(token) else {
        return StartLine::No;
    };
    let possible = match rest.first() {
        None => token <= UNFINISHED_TOKEN_BYTES,
        Some(b'/') => {
            let version = b"SIP/2.0 ";
            let known = bytes.len().min(version.len());
            name.eq_ignore_ascii_case(b"SIP")
                && rest
                    .get(1..)
                    .unwrap_or_default()
                    .first()
                    .is_none_or(u8::is_ascii_digit)
                && known > 0
        }
        Some(b' ' | b'\t') => {
            let uri = rest.trim_ascii_start();
            let uri = uri.strip_prefix(b"<").unwrap_or(uri);
            let scheme = uri
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                .count();
            scheme <= UNFINISHED_TOKEN_BYTES
                && uri
                    .get(scheme)
                    .is_none_or(|byte| *byte == b':' && scheme > 0)
        }
        Some(_) => false,
    };
    if possible && token > 0 && !has_controls(bytes) {
        StartLine::Unfinished
    } else {
        StartLine::No
    }
}

/// A NUL, or over 5 % control characters: binary, or another protocol's framing.
fn has_controls(line: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
    // Whether there is any is asked of all lines, and without branches it costs next to nothing.
    if !line.iter().fold(false, |any, byte| any | is_control(byte)) {
        return false;
    }
    let controls = line.iter().filter(|byte| is_control(byte)).count();
    memchr(0, line).is_some() || controls * 20 > line.len()
}

/// `token` of RFC 3261 §25.1.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_token(**byte)).count()
}

/// How many of Via, Call-ID, `CSeq`, From and To begin a line of the header section, and whether
/// that section, or what is looked at of it, ended.
fn essential_fields(text: &[u8]) -> (u32, bool) {
    let window = text.get(..SCORED_BYTES).unwrap_or(text);
    let mut found = 0_u32;
    let mut rest = window;
    while let Some(end) = memchr(b'\n', rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        if matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
            return (found.count_ones(), true);
        }
        let name = rest.get(..token_len(rest)).unwrap_or_default();
        let after = rest.get(name.len()..).unwrap_or_default();
        let colon = after.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        if colon == Some(&b':') {
            found |= essential(name);
        }
    }
    (found.count_ones(), text.len() >= SCORED_BYTES)
}

fn essential(name: &[u8]) -> u32 {
    let names: [&[u8]; 10] = [
        b"via", b"v", b"call-id", b"i", b"cseq", b"cseq", b"from", b"f", b"to", b"t",
    ];
    names
        .iter()
        .position(|its| name.eq_ignore_ascii_case(its))
        .map_or(0, |index| 1 << (index / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str =
        "Via: SIP/2.0/UDP a\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nf: <sip:a@b>\r\n\r\n";
    const RTP_PORTS: (u16, u16) = (16_384, 30_000);
    const SIP_PORTS: (u16, u16) = (5060, 30_000);

    #[test]
    fn odd_but_real_start_lines_pass_on_every_port() {
        for line in [
            "INVITE sip:a@b SIP/2.0",
            "INVITE  sip:a@b  SIP/2.0",
            "INVITE <sip:a@b> SIP/2.0",
            "INVITE sip:a@b; lr SIP/2.0",
            "OPTIONS sip:a@b SIP/7.0",
            "OPTIONS sip:a@b SIP/2.0  ",
            "NEWMETHOD sip:a@b SIP/2.0",
            "!interesting-Method0123456789_*+`.%indeed'~ sip:a@b SIP/2.0",
            "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
            "INVITE tel:+12125550100 sip/2.0",
            "SIP/2.0 100 Trying",
            "SIP/2.0 100 ",
            "SIP/2.0 100",
            "sip/2.0 200 OK",
            "SIP/2.0 4294967301 better not break",
            "\r\n\r\nSIP/2.0 200 OK",
        ] {
            let text = format!("{line}\r\n{FIELDS}");
            for ports in [RTP_PORTS, SIP_PORTS] {
                assert_eq!(
                    datagram(text.as_bytes(), ports, false),
                    Verdict::Sip,
                    "{line}"
                );
                assert_eq!(
                    stream_start(text.as_bytes(), ports, false),
                    Verdict::Sip,
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn other_protocols_are_refused_even_on_sip_ports() {
        let cases: [&[u8]; 16] = [
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a:5060\r\n\r\n",
            b"GET http://a:80/ HTTP/1.1\r\n\r\n",
            b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
            b"OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"RTSP/1.0 200 OK\r\n\r\n",
            b"RQNT 1200 aaln/1@gw MGCP 1.0\r\n",
            b"200 1200 OK\r\n",
            b"\x80\x60\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78",
            b"\x16\x03\x01\x02\x00\x01",
            b"\xf8\x01SIP/2.0 200 OK\r\n",
            b"HEP3\x00\x40SIP/2.0 200 OK",
            b"$\x00\x01\x02",
            b"220 mail.example.com ESMTP\r\n",
            b"INVITE sip:a@b\x00 SIP/2.0\r\n",
            b"INVITE sip:\x01\x02\x03\x04\x05 SIP/2.0\r\n",
        ];
        for case in cases {
            let text = String::from_utf8_lossy(case);
            assert_eq!(datagram(case, SIP_PORTS, true), Verdict::No, "{text}");
            assert_eq!(stream_start(case, SIP_PORTS, true), Verdict::No, "{text}");
        }
    }

    #[test]
    fn what_begins_like_a_message_and_is_refused_is_told_from_other_protocols() {
        let long = format!("INVITE sip:{}@b SIP/2.0\r\n", "a".repeat(START_LINE_BYTES));
        let refused: [&[u8]; 6] = [
            b"SIP/2.0 486 Busy Here\0\r\n",
            b"SIP/2.0 99 x\r\n",
            b"\r\nSIP/2.0 438x\r\n",
            b"ACK sip:u\0@b SIP/2.0\r\n",
            b"INVITE sip:a@b\x00 SIP/2.0\r\n",
            long.as_bytes(),
        ];
        for case in refused {
            let text = String::from_utf8_lossy(case);
            assert_eq!(datagram(case, SIP_PORTS, true), Verdict::No, "{text}");
            assert!(is_refused_message(case, false), "{text}");
        }
        let others: [&[u8]; 7] = [
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
            b"OPTIONS rtsp://a/b RTSP/1.0\r\nX: SIP/2.0\r\n\r\n",
            b"SIP/2.0\r\n",
            b"INVITE sip:a@b SI",
            b"PUBLISH",
            b"\x80\x60SIP/2.0 200 OK",
        ];
        for case in others {
            let text = String::from_utf8_lossy(case);
            assert!(!is_refused_message(case, false), "{text}");
        }
        let cut: [&[u8]; 4] = [b"INVITE sip:a@b SI", b"ACK s", b"BYE ", b"SIP/2.0 20"];
        for case in cut {
            let text = String::from_utf8_lossy(case);
            assert_eq!(datagram(case, SIP_PORTS, true), Verdict::No, "{text}");
            assert!(is_refused_message(case, true), "{text}");
        }
        assert!(!is_refused_message(b"NOTIFY * HTTP", true));
    }

    #[test]
    fn http_with_a_sip_status_line_is_not_sip() {
        let trap = b"SIP/2.0 200 ok\r\nHTTP/1.1 200 ok\r\nContent-Type: a\r\nDate: b\r\n\r\nbody";
        assert_eq!(stream_start(trap, (80, 40_000), false), Verdict::SipLike);
    }

    #[test]
    fn a_start_line_alone_is_enough_on_a_sip_port_or_a_known_flow() {
        let line = b"INVITE sip:a@b SIP/2.0\r\n\r\n";
        assert_eq!(datagram(line, SIP_PORTS, false), Verdict::Sip);
        assert_eq!(datagram(line, RTP_PORTS, true), Verdict::Sip);
        assert_eq!(datagram(line, RTP_PORTS, false), Verdict::SipLike);
    }

    #[test]
    fn an_unknown_method_needs_more_proof_on_other_ports() {
        let two = b"HELLO sip:a@b SIP/2.0\r\nVia: a\r\nTo: b\r\n\r\n";
        assert_eq!(datagram(two, RTP_PORTS, false), Verdict::SipLike);
        let three = b"HELLO sip:a@b SIP/2.0\r\nVia: a\r\nTo : b\r\nI: c\r\n\r\n";
        assert_eq!(datagram(three, RTP_PORTS, false), Verdict::Sip);
    }

    #[test]
    fn the_same_field_twice_counts_once() {
        let text = b"BYE sip:a@b SIP/2.0\r\nVia: a\r\nv: b\r\nVia: c\r\n\r\n";
        assert_eq!(datagram(text, RTP_PORTS, false), Verdict::SipLike);
    }

    #[test]
    fn fields_in_the_body_do_not_count() {
        let text = b"BYE sip:a@b SIP/2.0\r\nVia: a\r\n\r\nTo: b\r\nFrom: c\r\n";
        assert_eq!(datagram(text, RTP_PORTS, false), Verdict::SipLike);
    }

    #[test]
    fn fillers_are_keepalives_where_sip_is_expected_only() {
        let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa";
        let cases: [&[u8]; 8] = [
            b"",
            b"\0",
            b"\0\0\0\0",
            b"\r\n\r\n",
            b"\r\n",
            b"  ",
            b"jaK\0",
            stun,
        ];
        for case in cases {
            assert_eq!(
                datagram(case, SIP_PORTS, false),
                Verdict::Keepalive,
                "{case:?}"
            );
            assert_eq!(
                datagram(case, RTP_PORTS, true),
                Verdict::Keepalive,
                "{case:?}"
            );
            assert_eq!(datagram(case, RTP_PORTS, false), Verdict::No, "{case:?}");
        }
        assert_eq!(
            stream_start(b"\r\n\r\n", SIP_PORTS, false),
            Verdict::Keepalive
        );
    }

    #[test]
    fn a_stream_is_waited_for_at_every_cut_of_a_message() {
        for line in ["INVITE  <sip:a b@c> SIP/2.0", "SIP/2.0 200 OK"] {
            let text = format!("{line}\r\n{FIELDS}");
            for cut in 1..line.len() + 2 {
                let got = stream_start(&text.as_bytes()[..cut], RTP_PORTS, false);
                assert_eq!(got, Verdict::NeedMore, "{line} cut at {cut}");
            }
            let all = stream_start(text.as_bytes(), RTP_PORTS, false);
            assert_eq!(all, Verdict::Sip);
        }
    }

    #[test]
    fn a_stream_that_cannot_become_sip_is_not_waited_for() {
        for text in [
            "GET /",
            "HTTP/",
            "220 mail.example.com E",
            "a(b",
            "POST http/",
        ] {
            let got = stream_start(text.as_bytes(), RTP_PORTS, false);
            assert_eq!(got, Verdict::No, "{text}");
        }
        let long = [b'A'; UNFINISHED_TOKEN_BYTES + 1];
        assert_eq!(stream_start(&long, RTP_PORTS, false), Verdict::No);
    }

    #[test]
    fn a_first_line_without_end_is_refused() {
        let mut text = b"INVITE sip:".to_vec();
        text.resize(START_LINE_BYTES, b'a');
        assert_eq!(stream_start(&text, SIP_PORTS, false), Verdict::No);
    }

    #[test]
    fn a_datagram_cut_in_its_start_line_is_judged_as_it_stands() {
        assert_eq!(datagram(b"SIP/2.0 200 OK", SIP_PORTS, false), Verdict::Sip);
        assert_eq!(
            datagram(b"INVITE sip:a@b SI", SIP_PORTS, false),
            Verdict::No
        );
    }
}
