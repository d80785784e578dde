//! The head that a load balancer puts before what it forwards, and that its target takes off.
//!
//! In: the first bytes of a stream, or a datagram. Out: what stands behind the head. The addresses
//! stay those of the packet: between balancer and target that is who spoke. A head comes in one
//! piece; one that a segment cuts is not taken for a head.
//!
//! # References
//! - <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>

use memchr::memmem;

/// The longest line of version 1.
const LINE: usize = 107;

/// What stands behind a head; `None` where there is none.
#[inline]
pub(crate) fn behind_head(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [b'P', b'R', b'O', b'X', b'Y', b' ', ..] => behind_line(bytes),
        [b'\r', b'\n', b'\r', b'\n', 0, ..] => behind_binary(bytes),
        _ => None,
    }
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 49152 5060` and a line end.
#[cold]
fn behind_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = memmem::find(bytes.get(..LINE).unwrap_or(bytes), b"\r\n")?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let is_head = [&b"PROXY TCP4 "[..], b"PROXY TCP6 ", b"PROXY UNKNOWN"]
        .iter()
        .any(|head| line.starts_with(head));
    if is_head { rest.get(2..) } else { None }
}

/// Version 2: a signature, version and command, family and transport, the length of the rest.
#[cold]
fn behind_binary(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let &[0x20 | 0x21, _, high, low] = rest.first_chunk::<4>()? else {
        return None;
    };
    rest.get(4 + usize::from(u16::from_be_bytes([high, low]))..)
}

#[cfg(test)]
mod tests {
    use super::behind_head;

    #[test]
    fn heads_of_both_versions_are_taken_off() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 49152 5060\r\nINVITE";
        assert_eq!(behind_head(line).unwrap(), b"INVITE");
        assert_eq!(behind_head(b"PROXY UNKNOWN\r\n").unwrap(), b"");
        let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x01\x02\x03\x05\xc0\0\x13\xc4\x16\x03";
        assert_eq!(behind_head(binary).unwrap(), b"\x16\x03");
        for none in [
            &b"PROXY sip:a@b SIP/2.0\r\n"[..],
            b"PROXY TCP4 192.0.2.1",
            b"\r\n\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01",
        ] {
            assert_eq!(behind_head(none), None, "{}", none.escape_ascii());
        }
    }
}
