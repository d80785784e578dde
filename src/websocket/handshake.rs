//! The HTTP exchange that opens a WebSocket connection.
//!
//! In: the first bytes of a direction. Out: a [`Verdict`]. Capped: a head by [`HEAD_BYTES`].
//!
//! # References
//! - RFC 6455 §4.1, §4.2.2

use memchr::memmem;

/// Bytes: browsers send some hundred of cookies and tokens.
const HEAD_BYTES: usize = 16 << 10;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They may become a handshake.
    NeedMore,
    /// A handshake of so many bytes; frames follow.
    Upgrade(usize),
    /// Something else.
    No,
}

/// Judges the first bytes of a direction.
pub(super) fn judge(bytes: &[u8]) -> Verdict {
    let begins = |with: &[u8]| {
        let known = bytes.len().min(with.len());
        bytes.get(..known) == with.get(..known)
    };
    if bytes.is_empty() || !(begins(b"GET ") || begins(b"HTTP/1.1 101 ")) {
        return Verdict::No;
    }
    if let Some(end) = memchr::memchr(b'\n', bytes) {
        let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
        if line.starts_with(b"GET ") && !line.ends_with(b" HTTP/1.1") {
            return Verdict::No;
        }
    }
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES {
            Verdict::No
        } else {
            Verdict::NeedMore
        };
    };
    let head = bytes.get(..end).unwrap_or_default();
    let is_upgrade = head.split(|byte| *byte == b'\n').skip(1).any(|line| {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let mut values = value
            .get(1..)
            .unwrap_or_default()
            .split(|byte| *byte == b',');
        name.trim_ascii().eq_ignore_ascii_case(b"upgrade")
            && values.any(|value| value.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    });
    if is_upgrade {
        Verdict::Upgrade(end + 4)
    } else {
        Verdict::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_upgrade_to_websocket_is_a_handshake() {
        let get = b"GET /ws HTTP/1.1\r\nHost: a\r\nUPGRADE: h2c, WebSocket \r\n\r\n";
        for cut in 1..get.len() {
            assert_eq!(judge(&get[..cut]), Verdict::NeedMore, "{cut}");
        }
        assert_eq!(judge(get), Verdict::Upgrade(get.len()));
        let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81";
        assert_eq!(judge(switching), Verdict::Upgrade(switching.len() - 1));
        for other in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"GET sip:a@b SIP/2.0\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"INVITE",
            b"",
        ] {
            assert_eq!(judge(other), Verdict::No);
        }
        assert_eq!(
            judge(&[&b"GET /"[..], &[b'a'; HEAD_BYTES]].concat()),
            Verdict::No
        );
    }
}
